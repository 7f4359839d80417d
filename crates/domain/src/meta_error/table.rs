//! The table itself, sorted by code. Two lines a row: `codes, disposition, scope, category, title`, then the advice.
//!
//! Sources: Meta's error reference (2025 and 2026 texts), its changelog, and codes that production gateways meet; pauses are
//! ours. Rows about registration, groups, calling or template management never answer a send, but an operator may meet them.

use super::Disposition::{Fail, StopScope};
use super::{Disposition, ErrorCategory, MetaError, Scope};

const fn soon(first_seconds: u32, cap_seconds: u32, retries: u32) -> Disposition {
    Disposition::RetrySoon {
        first_seconds,
        cap_seconds,
        retries,
    }
}

const fn hold(first_seconds: u32, factor: u32, cap_seconds: u32) -> Disposition {
    Disposition::Hold {
        first_seconds,
        factor,
        cap_seconds,
    }
}

const fn not_before(hours: u32) -> Disposition {
    Disposition::NotBefore { hours }
}

const HOUR: u32 = 3600;

macro_rules! row {
    ($first:literal, $last:expr, $disposition:expr, $scope:ident, $category:ident, $title:literal, $advice:literal) => {
        MetaError {
            code: $first,
            last: $last,
            title: $title,
            disposition: $disposition,
            scope: Scope::$scope,
            category: ErrorCategory::$category,
            advice: $advice,
        }
    };
}

macro_rules! rows {
    ($($first:literal $(..= $last:literal)?, $disposition:expr, $scope:ident, $category:ident, $title:literal,
        $advice:literal;)*) => {
        &[$(row!($first, rows!(@last $first $($last)?), $disposition, $scope, $category, $title, $advice)),*]
    };
    (@last $first:literal) => { $first };
    (@last $first:literal $last:literal) => { $last };
}

/// A code that is not in the table.
pub(super) static UNKNOWN: MetaError = row!(
    0,
    0,
    Fail,
    Message,
    Other,
    "an error this version does not know",
    "Look the code up in Meta's error reference; the message was not sent."
);

/// The same, with HTTP 429.
pub(super) static UNKNOWN_THROTTLE: MetaError = row!(
    0,
    0,
    hold(30, 2, HOUR),
    Number,
    Throttle,
    "a rate limit this version does not know",
    "Wait: the number slows down by itself; lower its throughput if this comes back."
);

/// The same, where Meta says that it will pass.
pub(super) static UNKNOWN_TRANSIENT: MetaError = row!(
    0,
    0,
    soon(5, 60, 3),
    Message,
    Service,
    "a passing error this version does not know",
    "Wait: it is tried again a few times; look the code up if it stays."
);

/// Every documented code, sorted, without overlap.
pub(super) static TABLE: &[MetaError] = rows! {
    // Graph API: tokens, permissions, platform.
    0, StopScope, Waba, Authentication, "Meta could not authenticate the access token",
        "Create a new system-user token and apply it.";
    1, soon(5, 60, 2), Message, Service, "unknown API error: a bad request or a fault at Meta",
        "Wait: it is tried again; if it stays, check Meta's status page and the message's content.";
    2, soon(10, 300, 5), Message, Service, "Meta's API is down or overloaded",
        "Wait: it is tried again for some minutes; check Meta's status page.";
    3, StopScope, Waba, Authentication, "the app lacks a capability or permission",
        "Give the app and its token whatsapp_business_messaging, then resume.";
    4, hold(30, 2, HOUR), App, Throttle, "the app's call rate limit is reached",
        "Wait: everything pauses and goes on by itself; look for another program that uses the same app.";
    10, StopScope, Waba, Authentication, "permission denied",
        "Give the token's system user access to the WABA and check that the business may use this feature.";
    33, StopScope, Number, Account, "the sender number does not exist or was deleted",
        "Check phone_number_id and that the token's WABA owns it.";
    100, Fail, Message, Parameters, "invalid parameter",
        "Correct the field that the details name; the same request cannot succeed.";
    104, StopScope, Waba, Authentication, "the access token is missing or its proof is wrong",
        "Check the access token, and that the app secret belongs to the token's app.";
    190, StopScope, Waba, Authentication, "the access token is expired or invalid",
        "Create a new system-user token (one that does not expire) and apply it.";
    200, StopScope, Waba, Authentication, "no token, or its user has no access to the WABA",
        "Assign the WABA to the token's system user, then resume.";
    201..=299, StopScope, Waba, Authentication, "an API permission is missing",
        "Give the token whatsapp_business_messaging and whatsapp_business_management, then resume.";
    368, StopScope, Waba, Account, "the WABA is blocked for a time for violating a policy",
        "Read the violation in WhatsApp Manager, appeal or wait for its end, then resume.";
    613, hold(60, 2, HOUR), Number, Throttle, "a Graph call limit is reached",
        "Wait: the number pauses and goes on by itself.";
    803, StopScope, Number, Account, "Meta does not know the id in the request's path",
        "Check phone_number_id and the API version.";
    2500, StopScope, Waba, Authentication, "an active access token must be used",
        "Create a new system-user token and apply it.";
    80007, hold(60, 2, HOUR), Waba, Throttle, "the WABA's call rate limit is reached",
        "Wait: the WABA pauses and goes on by itself.";

    // Sending.
    130403, Fail, Recipient, Recipient, "your business has blocked this user",
        "Unblock the user first if the message should go out.";
    130429, hold(1, 2, 5), Number, Throttle, "the sender number's throughput is reached",
        "Nothing to do: the pace falls and the message goes out by itself; lower the number's throughput if it stays.";
    130472, Fail, Recipient, Recipient, "the user is in one of Meta's marketing experiments",
        "Do not send again; marketing may reach this user only as an answer inside an open window.";
    130497, Fail, Message, Account, "the WABA may not message users in this country",
        "Remove recipients of this country, or clear the restriction with Meta.";
    131000, soon(5, 60, 3), Message, Service, "something went wrong at Meta",
        "Wait: where it is known that nothing was sent it is tried again.";
    131005, StopScope, Waba, Authentication, "access denied",
        "Check the token's permissions and that its user may use this WABA.";
    131008, Fail, Message, Parameters, "a required parameter is missing",
        "Add the field that the details name.";
    131009, Fail, Message, Parameters, "a parameter's value is invalid",
        "Correct the field that the details name; a reaction needs a message that still exists.";
    131014, soon(10, 300, 3), Message, Media, "Meta could not request the media's address",
        "Check that the link answers quickly and without a login.";
    131016, soon(10, 300, 5), Message, Service, "a Meta service is unavailable",
        "Wait: where it is known that nothing was sent it is tried again; check Meta's status page.";
    131020, Fail, Recipient, Recipient, "the group has no other member",
        "Wait until somebody has joined the group.";
    131021, Fail, Recipient, Recipient, "the recipient is the sender number itself",
        "Send to another number.";
    131026, Fail, Recipient, Recipient, "undeliverable: not on WhatsApp, an old app, or terms not accepted",
        "Check the number with its owner; do not send again until something changed.";
    131030, Fail, Recipient, Recipient, "the recipient is not on the test number's allowed list",
        "Add the recipient in the app's test settings, or use a real sender number.";
    131031, StopScope, Waba, Account, "the account is locked",
        "Read the account's health status in WhatsApp Manager and resolve what it names, then resume.";
    131037, StopScope, Number, Account, "the number's display name is not approved yet",
        "Get the display name approved in WhatsApp Manager, then resume.";
    131041, Fail, Recipient, Recipient, "the group is not known",
        "Check the group's id.";
    131042, StopScope, Waba, Account, "a payment problem: no method, over the credit line, or not eligible",
        "Fix the payment method of the WABA, then resume.";
    131044, Fail, Message, Account, "a payment problem with calling",
        "Fix the payment method of the WABA.";
    131045, StopScope, Number, Account, "the number's registration or certificate is wrong",
        "Register the number again, then resume.";
    131047, Fail, Pair, Window, "more than 24 hours since the user last wrote to this number",
        "Send a template instead, or wait until the user writes.";
    131048, hold(6 * HOUR, 2, 24 * HOUR), Number, Throttle, "too many of this number's messages were blocked or called spam",
        "Stop campaigns on this number and check its quality; it is tried again after hours.";
    131049, not_before(24), Recipient, Recipient, "Meta chose not to deliver: the user gets too much marketing",
        "Wait at least 24 hours before marketing to this user again; sooner leads to a block.";
    131050, Fail, Recipient, Recipient, "the user stopped marketing from your business",
        "Do not send marketing to this user until they allow it again.";
    131051, Fail, Message, Parameters, "the type of message is not supported",
        "Send another type.";
    131052, Fail, Message, Media, "the user's media could not be downloaded",
        "Ask the user to send it again, smaller.";
    131053, soon(10, 300, 3), Message, Media, "the media could not be uploaded",
        "Check its type and size, and that the link answers without a login.";
    131055, Fail, Message, Parameters, "the method is not allowed",
        "Only marketing templates may go through the marketing messages API.";
    131056, hold(1, 4, 256), Pair, Throttle, "too many messages from this number to this recipient",
        "Nothing to do: only this recipient waits, and the message goes out by itself.";
    131057, hold(90, 2, 600), Number, Service, "the number is in maintenance, for example a throughput upgrade",
        "Nothing to do: the number pauses for a minute or two.";
    131059, Fail, Message, Parameters, "the page cursor is invalid",
        "Read the list again from its beginning.";
    131060, Fail, Message, Recipient, "the message is not available on this device",
        "Nothing to do: the user's app does not support it.";
    131062, Fail, Recipient, Recipient, "this message cannot go to a user id",
        "Send it to the user's phone number.";
    131063, StopScope, Template, Template, "marketing templates are switched off for the Cloud API on this WABA",
        "Switch disable_marketing_messages_on_cloud_api off, or use the marketing messages API.";
    131064, StopScope, Waba, Account, "the WABA is limited because templates have the wrong category",
        "Correct the templates' categories; Meta lifts the limit by itself, then resume.";

    // Groups.
    131201, Fail, Message, Recipient, "the group action worked for some members only",
        "Read the details for the members that failed.";
    131202, Fail, Message, Recipient, "the participant is in the group twice",
        "Remove the duplicate participant.";
    131203, Fail, Message, Recipient, "the group action failed",
        "Read the details and correct the request.";
    131204, Fail, Message, Recipient, "the group has too many participants",
        "Remove participants, or start another group.";
    131205..=131206, Fail, Message, Recipient, "the group action failed",
        "Read the details and correct the request.";
    131207, Fail, Recipient, Recipient, "the group is suspended",
        "Use another group.";
    131208, hold(60, 2, HOUR), Number, Throttle, "too many group calls",
        "Wait: the number pauses and goes on by itself.";
    131209..=131210, Fail, Message, Media, "the group's picture cannot be used",
        "Check the picture's type and size.";
    131211, Fail, Message, Account, "no more groups may be created",
        "Delete a group first.";
    131212..=131213, Fail, Message, Recipient, "the participant cannot join, or is not in the group",
        "Check the participant with the group's list.";
    131214, Fail, Message, Account, "creating groups is switched off",
        "Ask Meta why group creation is off for this number.";
    131215, Fail, Message, Account, "this number may not use groups",
        "Use a number that is eligible for groups.";

    // Templates.
    132000, Fail, Message, Template, "the number of template parameters is wrong",
        "Give exactly the parameters the approved template has.";
    132001, Fail, Template, Template, "the template does not exist in this language, or is not approved",
        "Check name and language, and that Meta has approved the template.";
    132005, Fail, Message, Template, "the template's text is too long with these parameters",
        "Shorten the parameters.";
    132007, Fail, Template, Template, "the template's content violates a policy",
        "Change the template and have it approved again.";
    132008, Fail, Message, Template, "a template parameter's value is invalid",
        "Correct the parameter that the details name.";
    132012, Fail, Message, Template, "a template parameter has the wrong format",
        "Give each parameter the kind (text, image, named or by position) the template was approved with.";
    132015, StopScope, Template, Template, "the template is paused for low quality",
        "Wait for Meta to resume it, or change its content; waiting messages then go out.";
    132016, StopScope, Template, Template, "the template is disabled for low quality",
        "Create another template; this one does not come back.";
    132018, Fail, Message, Template, "the template's parameters did not pass validation",
        "Correct the parameter that the details name.";
    132068, StopScope, Template, Template, "the template's interactive flow is blocked",
        "Correct the flow in WhatsApp Manager, then resume.";
    132069, not_before(1), Message, Throttle, "the interactive flow is throttled: 10 messages in an hour already",
        "Correct the flow in WhatsApp Manager; the message waits an hour.";

    // Registration of numbers.
    133000, Fail, Number, Account, "an earlier deregistration is not complete",
        "Deregister the number again, then register it.";
    133004, soon(10, 300, 5), Message, Service, "Meta's server is unavailable for a short time",
        "Wait: where it is known that nothing was sent it is tried again.";
    133005, Fail, Number, Account, "the two-step PIN is wrong",
        "Use the right PIN, or reset it in WhatsApp Manager.";
    133006, StopScope, Number, Account, "the number must be verified again",
        "Request and enter a new code for the number, then resume.";
    133008, hold(HOUR, 2, 24 * HOUR), Number, Account, "too many guesses of the PIN",
        "Wait as long as the details say before trying again.";
    133009, hold(300, 2, HOUR), Number, Account, "the PIN was guessed too fast",
        "Wait as long as the details say before trying again.";
    133010, StopScope, Number, Account, "the number is not registered",
        "Register the number for the Cloud API, then resume.";
    133015, hold(300, 2, HOUR), Number, Account, "the number was deleted a moment ago",
        "Wait five minutes, then register it.";
    133016, not_before(72), Number, Throttle, "the number was registered too often: 10 times in 72 hours",
        "Wait 72 hours before registering it again.";

    // Marketing messages API.
    134011, StopScope, Waba, Account, "the payments terms are not accepted",
        "Accept the terms in WhatsApp Manager, then resume.";
    134100, Fail, Template, Template, "only marketing templates may go this way",
        "Send this template through the messages API.";
    134101, hold(600, 1, 600), Template, Template, "the template is still being synchronized",
        "Nothing to do: it goes out in about ten minutes.";
    134102, StopScope, Template, Template, "the template is not available for the marketing messages API",
        "Send it through the messages API, or ask Meta why it is not eligible.";
    134103, Fail, Template, Template, "the marketing messages API refused the template",
        "Send it through the messages API.";

    // Everything else.
    135000, Fail, Message, Parameters, "the request's parameters are wrong",
        "Compare the request with Meta's reference; the same request cannot succeed.";
    137000, Fail, Recipient, Recipient, "the user's identity has changed",
        "Verify the user again and store their new identity hash.";
    138000..=138018, Fail, Message, Parameters, "a calling error",
        "Read the details; messages are not concerned.";
    138024..=138025, Fail, Message, Parameters, "a calling error",
        "Read the details; messages are not concerned.";
    139000..=139004, Fail, Template, Template, "the interactive flow cannot be used",
        "Correct and publish the flow in WhatsApp Manager.";
    139100..=139103, Fail, Recipient, Recipient, "blocking or unblocking the user failed",
        "Block only users who wrote in the last 24 hours; check the details.";
    139200, StopScope, Waba, Account, "direct send is blocked for this WABA",
        "Send a template instead, or accept the terms of direct send.";
    141000, Fail, Message, Account, "the health status names a problem",
        "Read the health status in WhatsApp Manager.";
    141002, Fail, Template, Template, "the template is not approved",
        "Wait until Meta has approved the template.";
    147001..=147005, Fail, Message, Account, "a business username error",
        "Read the details; messages are not concerned.";
    200_005..=200_007, Fail, Template, Template, "template insights are not available",
        "Switch insights on for the WABA; messages are not concerned.";
    1_752_041, Fail, Message, Account, "the WABA was onboarded to the marketing messages API before",
        "Nothing to do: it is onboarded.";
    2_388_001, Fail, Number, Account, "the number cannot be migrated",
        "Read the details in WhatsApp Manager.";
    2_388_012, Fail, Number, Account, "the number cannot be migrated",
        "Read the details in WhatsApp Manager.";
    2_388_019, Fail, Template, Template, "the WABA has too many templates",
        "Delete templates, or verify the business for a higher limit.";
    2_388_039, Fail, Template, Template, "the template's status cannot be changed now",
        "Wait until Meta has reviewed it.";
    2_388_040, Fail, Template, Template, "a field of the new template is too long",
        "Shorten the field that the details name.";
    2_388_047, Fail, Template, Template, "the new template's header is wrong",
        "Correct the header.";
    2_388_072, Fail, Template, Template, "the new template's body is wrong",
        "Correct the body.";
    2_388_073, Fail, Template, Template, "the new template's footer is wrong",
        "Correct the footer.";
    2_388_091, Fail, Number, Account, "the number cannot be migrated",
        "Read the details in WhatsApp Manager.";
    2_388_093, Fail, Number, Account, "the number cannot be migrated",
        "Read the details in WhatsApp Manager.";
    2_388_103, Fail, Number, Account, "the number cannot be migrated",
        "Read the details in WhatsApp Manager.";
    2_388_293, Fail, Template, Template, "the new template has too many variables for its length",
        "Add words, or remove variables.";
    2_388_299, Fail, Template, Template, "the new template begins or ends with a variable",
        "Put words around the variable.";
    2_494_100, hold(90, 2, 600), Number, Service, "the number is in maintenance",
        "Nothing to do: the number pauses for some minutes.";
    2_593_079, Fail, Number, Account, "the number's coexistence set-up failed",
        "Onboard the number again in WhatsApp Manager.";
    2_593_085, Fail, Number, Account, "the number's coexistence set-up failed",
        "Onboard the number again in WhatsApp Manager.";
    2_593_107, Fail, Number, Account, "contacts or history can be synchronized only once",
        "Onboard the number again to synchronize again.";
    2_593_108, Fail, Number, Account, "the time to synchronize contacts or history is over",
        "Onboard the number again to synchronize.";
};
