//! Meta's errors are data: for every documented code what it means, whom it is about, what the pipeline does and what a
//! person should do.
//!
//! **Invariant:** a decision about an error is made on its code, by this table, never on HTTP statuses or texts (Meta's own
//! advice: statuses disagree between its pages, and texts are to be removed). The one exception is a code this table does
//! not know: see [`MetaError::of`].

mod table;

use chrono::TimeDelta;

use crate::attempt::GraphError;

/// The sender number's throughput is reached.
pub const TOO_FAST: i64 = 130_429;
/// The recipient stopped marketing from this business.
pub const STOPPED_MARKETING: i64 = 131_050;
/// The service window is closed, by Meta's clock.
pub const WINDOW_CLOSED: i64 = 131_047;

/// What is known about one code, or about a short range of codes that mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaError {
    /// Meta's code; the first one of a range. Zero, and not meant, in the answer for a code that is not in the table.
    pub code: i64,
    /// The last code of the range; equals `code` for a single one.
    last: i64,
    /// What happened, in a few words; lower case.
    pub title: &'static str,
    /// What the pipeline does about it.
    pub disposition: Disposition,
    /// What a hold or a stop holds or stops; with [`Disposition::Fail`], whom the error is about.
    pub scope: Scope,
    /// The family it belongs to, for filters and charts.
    pub category: ErrorCategory,
    /// What a person should do: one sentence.
    pub advice: &'static str,
}

/// What the pipeline does after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The message fails: sending the same again cannot succeed.
    Fail,
    /// Meta's own trouble. Try again with growing pauses, only where the attempt was provably rejected; every try is an attempt.
    RetrySoon {
        /// Pause before the first retry, in seconds; doubles with each one.
        first_seconds: u32,
        /// The longest pause, in seconds.
        cap_seconds: u32,
        /// At most so many retries.
        retries: u32,
    },
    /// A throttle. The scope waits and the message with it; this burns no attempt.
    Hold {
        /// The first pause, in seconds.
        first_seconds: u32,
        /// Each pause in a row is so many times the one before.
        factor: u32,
        /// The longest pause, in seconds.
        cap_seconds: u32,
    },
    /// The scope stops until a webhook or an operator clears it. The message is parked.
    StopScope,
    /// Not again to this scope before so many hours have passed; sooner makes it worse.
    NotBefore {
        /// Hours to wait.
        hours: u32,
    },
}

/// Whom an error is about, from narrow to wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// This message only.
    Message,
    /// Everything to this recipient from this WABA.
    Recipient,
    /// Everything from this sender number to this recipient.
    Pair,
    /// Everything that uses this template.
    Template,
    /// Everything from this sender number.
    Number,
    /// Everything from this WABA, and with its access token.
    Waba,
    /// Everything: the whole Meta app.
    App,
}

/// The family of an error, as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCategory {
    /// The recipient cannot, or does not want to, get the message.
    Recipient,
    /// The service window is closed.
    Window,
    /// The template's state, parameters or content.
    Template,
    /// An image, video, document or audio.
    Media,
    /// One of Meta's rates or limits.
    Throttle,
    /// The state of the WABA, its number, its billing.
    Account,
    /// The request's own content.
    Parameters,
    /// The access token and its permissions.
    Authentication,
    /// Meta itself is in trouble.
    Service,
    /// Not in the table.
    Other,
}

impl ErrorCategory {
    /// The word in the API and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Window => "window",
            Self::Template => "template",
            Self::Media => "media",
            Self::Throttle => "throttle",
            Self::Account => "account",
            Self::Parameters => "parameters",
            Self::Authentication => "authentication",
            Self::Service => "service",
            Self::Other => "other",
        }
    }
}

impl Disposition {
    /// How long to pause after the `nth` error of this kind in a row, counted from 0. `None` where time alone heals nothing
    /// ([`Disposition::Fail`], [`Disposition::StopScope`]) or the retries are used up.
    pub fn pause(self, nth: u32) -> Option<TimeDelta> {
        let grown = |first: u32, factor: u32, cap: u32| {
            let seconds = u64::from(factor)
                .saturating_pow(nth)
                .saturating_mul(first.into())
                .min(cap.into());
            TimeDelta::seconds(i64::try_from(seconds).expect("capped by a u32"))
        };
        match self {
            Self::Fail | Self::StopScope => None,
            Self::RetrySoon { retries, .. } if nth >= retries => None,
            Self::RetrySoon {
                first_seconds,
                cap_seconds,
                ..
            } => Some(grown(first_seconds, 2, cap_seconds)),
            Self::Hold {
                first_seconds,
                factor,
                cap_seconds,
            } => Some(grown(first_seconds, factor, cap_seconds)),
            Self::NotBefore { hours } => Some(TimeDelta::hours(hours.into())),
        }
    }
}

impl MetaError {
    /// What to do about an error object Meta sent. Looks at the subcode where it says more than the code, and where the
    /// table does not know the code, at HTTP 429 (a throttle by definition) and at Meta's own `is_transient`.
    pub fn of(error: &GraphError) -> &'static Self {
        let known = match (error.code, error.subcode) {
            (100, Some(33)) => find(33),
            (100, Some(subcode)) => find(subcode).or_else(|| find(100)),
            (code, _) => find(code),
        };
        known.unwrap_or(match error {
            GraphError { http_status: 429, .. } => &table::UNKNOWN_THROTTLE,
            GraphError { transient: true, .. } => &table::UNKNOWN_TRANSIENT,
            GraphError { .. } => &table::UNKNOWN,
        })
    }

    /// Whether sending the same message again later can succeed: by itself, or after somebody has done what `advice` says.
    pub fn retriable(&self) -> bool {
        self.disposition != Disposition::Fail
    }

    fn covers(&self, code: i64) -> bool {
        (self.code..=self.last).contains(&code)
    }
}

/// What is known about a code. A code that is not in the table gets an answer too: it fails the message, because a blind
/// retry of something not understood is how accounts get blocked.
pub fn lookup(code: i64) -> &'static MetaError {
    find(code).unwrap_or(&table::UNKNOWN)
}

/// The stable reason of a message that ended with this code: `meta_131026`.
pub fn reason_code(code: i64) -> String {
    format!("meta_{code}")
}

fn find(code: i64) -> Option<&'static MetaError> {
    let after = table::TABLE.partition_point(|row| row.code <= code);
    let row = &table::TABLE[after.checked_sub(1)?];
    row.covers(code).then_some(row)
}

#[cfg(test)]
mod tests;
