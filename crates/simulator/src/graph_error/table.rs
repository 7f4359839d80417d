//! Codes with the HTTP status of Meta's table (late 2025) and words of the same meaning.

/// What is known of a code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    code: i64,
    pub(super) status: u16,
    pub(super) title: &'static str,
    pub(super) details: &'static str,
}

const fn row_of(code: i64, status: u16, title: &'static str, details: &'static str) -> Row {
    Row {
        code,
        status,
        title,
        details,
    }
}

const UNLISTED: Row = row_of(0, 400, "Error", "The simulator was told to answer with this code.");

/// Sorted by code.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row_of(0, 401, "AuthException", "The app user could not be authenticated."),
    row_of(1, 400, "API Unknown", "Invalid request or possible server error."),
    row_of(2, 503, "API Service", "Temporary issue due to downtime or being overloaded."),
    row_of(3, 500, "API Method", "Capability or permissions issue."),
    row_of(4, 400, "API Too Many Calls", "The app has reached its API call rate limit."),
    row_of(10, 403, "Permission Denied", "Permission is either not granted or has been removed."),
    row_of(33, 400, "Parameter value is not valid", "The business phone number has been deleted."),
    row_of(100, 400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters."),
    row_of(190, 401, "Access token has expired", "The access token has expired."),
    row_of(200, 403, "API Permission", "Permission is either not granted or has been removed."),
    row_of(368, 403, "Temporarily blocked for policies violations", "The business account has been restricted or disabled."),
    row_of(613, 429, "Calls to this api have exceeded the rate limit.", "Too many calls."),
    row_of(80007, 400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    row_of(130_403, 400, "Business has blocked this user", "Unblock the user before sending."),
    row_of(130_429, 400, "Rate limit hit", "Cloud API message throughput has been reached."),
    row_of(130_472, 400, "User's number is part of an experiment", "The message was not sent as part of an experiment."),
    row_of(130_497, 403, "Business account is restricted from messaging users in this country.", "The account may not message users in this country."),
    row_of(131_000, 500, "Something went wrong", "Message failed to send due to an unknown error."),
    row_of(131_005, 403, "Access denied", "Permission is either not granted or has been removed."),
    row_of(131_008, 400, "Required parameter is missing", "The request is missing a required parameter."),
    row_of(131_009, 400, "Parameter value is not valid", "One or more parameter values are invalid."),
    row_of(131_016, 503, "Service unavailable", "A service is temporarily unavailable."),
    row_of(131_021, 400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
    row_of(131_026, 400, "Message undeliverable", "Unable to deliver message."),
    row_of(131_030, 400, "Recipient phone number not in allowed list", "Add the recipient phone number to the allowed list and try again."),
    row_of(131_031, 403, "Account has been locked", "The WhatsApp Business Account has been restricted or disabled."),
    row_of(131_042, 400, "Business eligibility payment issue", "There was an error related to the payment method."),
    row_of(131_045, 500, "Incorrect certificate", "The message failed due to a phone number registration error."),
    row_of(131_047, 400, "Re-engagement message", "More than 24 hours have passed since the recipient last replied to the sender number."),
    row_of(131_048, 400, "Spam rate limit hit", "There are restrictions on how many messages can be sent from this phone number."),
    row_of(131_049, 400, "Meta chose not to deliver", "This message was not delivered to maintain healthy ecosystem engagement."),
    row_of(131_050, 400, "User has stopped receiving marketing messages from you", "The recipient chose to stop marketing messages from this business."),
    row_of(131_051, 400, "Unsupported message type", "Message type is currently not supported."),
    row_of(131_053, 400, "Media upload error", "Unable to upload the media used in the message."),
    row_of(131_055, 400, "Method not allowed", "Only marketing templates may be sent by the Marketing Messages API."),
    row_of(131_056, 400, "(Business Account, Consumer Account) pair rate limit hit", "Too many messages sent from the sender number to the same recipient in a short time."),
    row_of(131_057, 500, "Account in maintenance mode", "The business account is in maintenance mode."),
    row_of(131_059, 400, "Invalid cursor", "The pagination cursor is not valid; start again without it."),
    row_of(132_000, 400, "Number of parameters does not match the expected number of params", "The number of variables does not match the template."),
    row_of(132_001, 404, "Template name does not exist in the translation", "The template does not exist in the language or has not been approved."),
    row_of(132_005, 400, "Translated text too long", "The text of the template with its variables is too long."),
    row_of(132_007, 400, "Template format character policy violated", "Template content violates a WhatsApp policy."),
    row_of(132_012, 400, "Parameter format does not match format in the created template", "Variable values are formatted incorrectly."),
    row_of(132_015, 400, "Template is paused", "The template is paused due to low quality."),
    row_of(132_016, 400, "Template is disabled", "The template has been paused too often and is permanently disabled."),
    row_of(132_018, 400, "Template validation error", "The template message contains errors."),
    row_of(132_068, 400, "Flow is blocked", "The flow is in blocked state."),
    row_of(132_069, 400, "Flow is throttled", "The flow is throttled; 10 messages were sent in the last hour."),
    row_of(133_004, 503, "Server temporarily unavailable", "Server is temporarily unavailable."),
    row_of(133_006, 400, "Phone number re-verification needed", "The phone number needs to be verified before registering."),
    row_of(133_010, 400, "Phone number not registered", "The phone number is not registered on the WhatsApp Business Platform."),
    row_of(134_011, 400, "Payments terms not accepted", "Accept the terms of service for payments."),
    row_of(135_000, 400, "Generic user error", "Message failed to send because of an unknown error with the request parameters."),
    row_of(137_000, 400, "Identity check failed", "The recipient's identity key hash does not match."),
];

pub(super) fn row(code: i64) -> Row {
    match ROWS.binary_search_by_key(&code, |row| row.code) {
        Ok(place) => ROWS[place],
        Err(_) => UNLISTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(ROWS.is_sorted_by_key(|row| row.code));
        assert_eq!(row(132_001).status, 404);
        assert_eq!(row(137_000).title, "Identity check failed");
    }
}
