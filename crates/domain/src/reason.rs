//! Why a message is not going, or not yet: stable codes that other systems may switch on, and a sentence for people.

use std::borrow::Cow;
use std::fmt;

/// A reason code (contract, "Reason codes"). Extended, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The WABA of the sender number has no template of that name and language.
    TemplateNotFound,
    /// In review, rejected, disabled or archived.
    TemplateNotApproved,
    /// Paused by Meta; opens again by itself or by webhook.
    TemplatePaused,
    /// The parameters do not fit the template's placeholders.
    TemplateParameterMismatch,
    /// The last inbound message is older than 24 hours.
    WindowExpired,
    /// This person never wrote to this number.
    NoInboundHistory,
    /// The recipient asked not to be written to.
    OptedOut,
    /// A rule of the organization's own against abuse.
    FraudGuard,
    /// The organization's messages of this day or month are used up.
    QuotaExceeded,
    /// Marketing to this person, more often than the organization allows itself.
    FrequencyCap,
    /// It is night at the recipient's.
    QuietHours,
    /// The organization's prepaid balance does not cover it.
    InsufficientBalance,
    /// The messaging limit of the scope is used up.
    TierLimit,
    /// The number's messages per second.
    Throughput,
    /// Messages to one person in a short time.
    PairLimit,
    /// No such sender number in this organization.
    SenderNotFound,
    /// Meta does not let the number send.
    SenderNotConnected,
    /// Paused: by an operator, or because Meta asked us to slow down.
    SenderPaused,
    /// Meta restricted the account.
    AccountRestricted,
    /// The flow is paused.
    FlowPaused,
    /// A file of it is on its way to Meta.
    MediaUpload,
    /// A file of it was deleted.
    MediaNotFound,
    /// Called back.
    Canceled,
    /// Not sent before `expires_at`.
    Expired,
    /// An answer from Meta, by its code.
    Meta(i64),
    /// The connection to Meta could not be made.
    NotSent,
    /// Too many calls to Meta failed; new ones wait.
    MetaUnavailable,
    /// Whether Meta has it cannot be learned.
    OutcomeUnknown,
    /// An operator said that Meta does not have it.
    ResolvedFailed,
    /// Set aside because handling it failed again and again.
    Quarantined,
    /// A code written by a newer version, kept as it is.
    Other(String),
}

impl Reason {
    /// The stable code.
    pub fn code(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::TemplateNotFound => "template_not_found",
            Self::TemplateNotApproved => "template_not_approved",
            Self::TemplatePaused => "template_paused",
            Self::TemplateParameterMismatch => "template_parameter_mismatch",
            Self::WindowExpired => "window_expired",
            Self::NoInboundHistory => "no_inbound_history",
            Self::OptedOut => "opted_out",
            Self::FraudGuard => "fraud_guard",
            Self::QuotaExceeded => "quota_exceeded",
            Self::FrequencyCap => "frequency_cap",
            Self::QuietHours => "quiet_hours",
            Self::InsufficientBalance => "insufficient_balance",
            Self::TierLimit => "tier_limit",
            Self::Throughput => "throughput",
            Self::PairLimit => "pair_limit",
            Self::SenderNotFound => "sender_not_found",
            Self::SenderNotConnected => "sender_not_connected",
            Self::SenderPaused => "sender_paused",
            Self::AccountRestricted => "account_restricted",
            Self::FlowPaused => "flow_paused",
            Self::MediaUpload => "media_upload",
            Self::MediaNotFound => "media_not_found",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Meta(code) => return Cow::Owned(format!("meta_{code}")),
            Self::NotSent => "not_sent",
            Self::MetaUnavailable => "meta_unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::ResolvedFailed => "resolved_failed",
            Self::Quarantined => "quarantined",
            Self::Other(code) => code,
        })
    }

    /// The reason of a stored code.
    pub fn parse(code: &str) -> Self {
        if let Some(meta) = code.strip_prefix("meta_").and_then(|code| code.parse().ok()) {
            return Self::Meta(meta);
        }
        NAMED
            .iter()
            .find(|reason| reason.code() == code)
            .cloned()
            .unwrap_or_else(|| Self::Other(code.to_owned()))
    }

    /// The gate whose no it is; none where no gate of ours decided.
    pub fn gate(&self) -> Option<&'static str> {
        match self {
            Self::TemplateNotFound
            | Self::TemplateNotApproved
            | Self::TemplatePaused
            | Self::TemplateParameterMismatch => Some("template"),
            Self::WindowExpired | Self::NoInboundHistory => Some("window"),
            Self::OptedOut => Some("opt_out"),
            Self::FraudGuard => Some("fraud_guard"),
            Self::QuotaExceeded => Some("quota"),
            Self::FrequencyCap => Some("frequency_cap"),
            Self::QuietHours => Some("quiet_hours"),
            Self::InsufficientBalance => Some("balance"),
            Self::TierLimit => Some("tier"),
            Self::Throughput => Some("throughput"),
            Self::PairLimit => Some("pair_rate"),
            Self::SenderNotFound | Self::SenderNotConnected | Self::SenderPaused => Some("sender_number"),
            Self::AccountRestricted => Some("account"),
            Self::FlowPaused | Self::Canceled => Some("flow"),
            Self::MediaUpload | Self::MediaNotFound => Some("media"),
            Self::Expired => Some("expiry"),
            Self::MetaUnavailable => Some("circuit_breaker"),
            Self::Meta(_)
            | Self::NotSent
            | Self::OutcomeUnknown
            | Self::ResolvedFailed
            | Self::Quarantined
            | Self::Other(_) => None,
        }
    }

    /// One sentence for people, with the next step.
    pub fn sentence(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::TemplateNotFound => {
                "The sender number's account has no template of this name and language; create it, or correct the name."
            }
            Self::TemplateNotApproved => "The template is not approved by Meta; wait for its review, or use another.",
            Self::TemplatePaused => "Meta paused the template because of its quality; it opens again by itself.",
            Self::TemplateParameterMismatch => "The parameters do not fit the template's placeholders.",
            Self::WindowExpired => "The last message from this person is older than 24 hours; send a template.",
            Self::NoInboundHistory => "This person has never written to this number; send a template.",
            Self::OptedOut => "The recipient asked not to be written to.",
            Self::FraudGuard => {
                "A rule of the organization's fraud guard stops it; its flags say which. Correct the message, or the rule."
            }
            Self::QuotaExceeded => "The organization's quota is used up; send again in the next period, or raise it.",
            Self::FrequencyCap => "This person had as much marketing in this time as the organization allows itself.",
            Self::QuietHours => "It is within the quiet hours at the recipient's; it waits for their end.",
            Self::InsufficientBalance => "The prepaid balance does not cover it; top it up and send again.",
            Self::TierLimit => "The account may not write to more new people in these 24 hours; it waits for room.",
            Self::Throughput => "The sender number is at its messages per second; it waits for its slot.",
            Self::PairLimit => "Too many messages to this person in a short time; it waits.",
            Self::SenderNotFound => "No such sender number in this organization; see the numbers you declared.",
            Self::SenderNotConnected => "Meta does not let this number send; check its status in the WhatsApp Manager.",
            Self::SenderPaused => "The sender number is paused; it waits.",
            Self::AccountRestricted => "Meta restricted the account; see the WhatsApp Manager.",
            Self::FlowPaused => "The broadcast or campaign is paused; it waits.",
            Self::MediaUpload => "A file of it is on its way to Meta; it goes when the file is there.",
            Self::MediaNotFound => "A file that it names was deleted; upload it again and send a new message.",
            Self::Canceled => "It was called back before it was handed over.",
            Self::Expired => "It could not be sent before its expires_at.",
            Self::Meta(code) => return Cow::Borrowed(crate::meta_error::lookup(*code).advice),
            Self::NotSent => "No connection to Meta could be made; it is tried again.",
            Self::MetaUnavailable => {
                "Meta's servers are out of order for now; it waits, and goes when they answer again."
            }
            Self::OutcomeUnknown => {
                "Whether Meta has it could not be learned: no answer and no webhook came. It is not sent again by itself."
            }
            Self::ResolvedFailed => "Its outcome was not known, and an operator resolved it as failed.",
            Self::Quarantined => "Handling it failed again and again; it was set aside for an operator.",
            Self::Other(_) => "See the release notes of the version that wrote this reason.",
        })
    }
}

const NAMED: &[Reason] = &[
    Reason::TemplateNotFound,
    Reason::TemplateNotApproved,
    Reason::TemplatePaused,
    Reason::TemplateParameterMismatch,
    Reason::WindowExpired,
    Reason::NoInboundHistory,
    Reason::OptedOut,
    Reason::FraudGuard,
    Reason::QuotaExceeded,
    Reason::FrequencyCap,
    Reason::QuietHours,
    Reason::InsufficientBalance,
    Reason::TierLimit,
    Reason::Throughput,
    Reason::PairLimit,
    Reason::SenderNotFound,
    Reason::SenderNotConnected,
    Reason::SenderPaused,
    Reason::AccountRestricted,
    Reason::FlowPaused,
    Reason::MediaUpload,
    Reason::MediaNotFound,
    Reason::Canceled,
    Reason::Expired,
    Reason::NotSent,
    Reason::MetaUnavailable,
    Reason::OutcomeUnknown,
    Reason::ResolvedFailed,
    Reason::Quarantined,
];

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for reason in NAMED
            .iter()
            .cloned()
            .chain([Reason::Meta(131_026), Reason::Other("later_version".into())])
        {
            assert_eq!(Reason::parse(&reason.code()), reason);
        }
    }
}
