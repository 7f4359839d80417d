//! The fraud guard: rules that an organization sets up against the abuse of its own keys. Where messages may go, how fast new people
//! are written to, how often the same text goes out, which links nobody of it would send.
//!
//! Each check blocks, or only flags: the message goes, and carries the check's name. Asked at the door, where the caller hears the no;
//! what was let in is not asked again.

mod premium;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Facts, Verdict};
use crate::reason::Reason;
use crate::recipient::Recipient;
use premium::PREMIUM;

/// The longest look back for new recipients, in minutes: what is older is forgotten.
pub const LONGEST_MINUTES: u32 = 24 * 60;
/// The longest look back for repeated contents, in hours.
pub const LONGEST_HOURS: u32 = 7 * 24;

/// What an organization looks out for. Declared as `[organization.fraud_guard]`; a check that is not mentioned is not made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FraudGuard {
    /// Only to these.
    pub allow_destinations: Option<Destinations>,
    /// Never to these.
    pub deny_destinations: Option<Destinations>,
    /// Never to premium-rate, satellite and other numbers that nobody has WhatsApp on, from a list of our own.
    pub premium_destinations: Option<Premium>,
    /// Not too many people at once that the organization never wrote to.
    pub new_recipients: Option<NewRecipients>,
    /// Not the same text too often.
    pub repeated_content: Option<RepeatedContent>,
    /// No links to these.
    pub links: Option<Links>,
}

/// Numbers by how they begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destinations {
    /// As in `+49` or `+4990`.
    pub prefixes: Vec<String>,
    /// What then.
    #[serde(default)]
    pub action: Action,
}

/// The list of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Premium {
    /// What then.
    #[serde(default)]
    pub action: Action,
}

/// How fast new people may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRecipients {
    /// So many messages to people whom no number of the organization ever wrote to or heard from.
    pub max: u32,
    /// In so many minutes, looking back.
    pub minutes: u32,
    /// What then.
    #[serde(default)]
    pub action: Action,
}

/// How often the same may be said in a session message. Templates are made to be repeated, and are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatedContent {
    /// So many messages that say exactly the same, to whomever.
    pub max: u32,
    /// In so many hours, looking back.
    pub hours: u32,
    /// What then.
    #[serde(default)]
    pub action: Action,
}

/// Links by domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// Domains, as in `bit.ly`; those under them are meant too.
    pub deny: Vec<String>,
    /// What then.
    #[serde(default)]
    pub action: Action,
}

/// What becomes of a message that a check finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It fails.
    #[default]
    Block,
    /// It goes, and is marked.
    Flag,
}

/// A message, as far as the guard looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// To whom.
    pub to: &'a Recipient,
    /// What it says, as Meta takes it.
    pub content: &'a Value,
    /// Other messages to new people in the time that counts; `None` when this person is not new.
    pub new_recipients: Option<u64>,
    /// Other messages in the time that counts which say the same.
    pub same_content: u64,
}

/// Tells one content from another, without keeping it: the beginning of its SHA-256. What it quotes makes no difference.
pub fn fingerprint(content: &Value) -> i64 {
    let mut hash = Sha256::new();
    for (name, said) in content.as_object().into_iter().flatten() {
        if name != "context" {
            hash.update(name);
            hash.update(said.to_string());
        }
    }
    i64::from_be_bytes(
        *hash
            .finalize()
            .first_chunk()
            .expect("a hash of 32 bytes begins with eight"),
    )
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name: the flag of a message, and what the caller of a blocked one is told.
    pub check: &'static str,
    /// What becomes of the message.
    pub action: Action,
}

pub(super) fn rule(facts: &Facts, _now: DateTime<Utc>) -> Option<Verdict> {
    let blocks = |finding: &Finding| finding.action == Action::Block;
    if facts.policies.findings.iter().any(blocks) {
        Verdict::drop(Reason::FraudGuard)
    } else {
        None
    }
}

impl FraudGuard {
    /// Makes every check that is set up. Checks that block come first.
    pub fn inspect(&self, sight: &Sight<'_>) -> Vec<Finding> {
        let to = sight.to.as_str();
        let checks = [
            found("destination_not_allowed", &self.allow_destinations, |allow| {
                (!allow.contain(to)).then_some(allow.action)
            }),
            found("destination_denied", &self.deny_destinations, |deny| {
                deny.contain(to).then_some(deny.action)
            }),
            found("premium_destination", &self.premium_destinations, |premium| {
                PREMIUM
                    .iter()
                    .any(|prefix| to.starts_with(prefix))
                    .then_some(premium.action)
            }),
            found("new_recipients", &self.new_recipients, |velocity| {
                let others = sight.new_recipients?;
                (others >= u64::from(velocity.max)).then_some(velocity.action)
            }),
            found("repeated_content", &self.repeated_content, |repeated| {
                (sight.same_content >= u64::from(repeated.max)).then_some(repeated.action)
            }),
            found("denied_link", &self.links, |links| {
                links
                    .deny
                    .iter()
                    .any(|domain| links_to(sight.content, domain))
                    .then_some(links.action)
            }),
        ];
        let mut findings: Vec<Finding> = checks.into_iter().flatten().collect();
        findings.sort_by_key(|finding| finding.action == Action::Flag);
        findings
    }
}

fn found<T>(check: &'static str, set_up: &Option<T>, look: impl FnOnce(&T) -> Option<Action>) -> Option<Finding> {
    let action = look(set_up.as_ref()?)?;
    Some(Finding { check, action })
}

impl Destinations {
    fn contain(&self, number: &str) -> bool {
        self.prefixes.iter().any(|prefix| number.starts_with(prefix.as_str()))
    }
}

/// Whether any text in a content names a domain, or one under it, with or without `https://` before it.
fn links_to(content: &Value, domain: &str) -> bool {
    match content {
        Value::String(text) => names(&text.to_ascii_lowercase(), &domain.to_ascii_lowercase()),
        Value::Array(items) => items.iter().any(|item| links_to(item, domain)),
        Value::Object(fields) => fields.values().any(|field| links_to(field, domain)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn names(text: &str, domain: &str) -> bool {
    let in_a_label = |c: char| c.is_alphanumeric() || c == '-';
    text.match_indices(domain).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + domain.len()..]);
        let mut follows = after.chars();
        let goes_on = match follows.next() {
            // The end of a sentence, or another domain that only begins like this one.
            Some('.') => follows.next().is_some_and(in_a_label),
            Some(next) => in_a_label(next),
            None => false,
        };
        !before.chars().next_back().is_some_and(in_a_label) && !goes_on
    })
}

#[cfg(test)]
mod tests;
