//! What people write to us, and what they say about being written to.

use chrono::{DateTime, Utc};
use domain::{MessageId, hold};

use super::Application;
use crate::Error;
use crate::statement::statement;

/// A sender number, by Meta's id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderNumber {
    /// Meta's id.
    pub phone_number_id: String,
    /// Its row.
    pub id: i64,
    /// Whose it is.
    pub organization_id: i64,
}

/// One inbound message, to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound<'a> {
    /// The sender number it was written to.
    pub number_id: i64,
    /// Meta's id of it.
    pub wamid: &'a str,
    /// Who wrote: E.164, or a business-scoped user id where the number is not shown.
    pub recipient: &'a str,
    /// When, by Meta's clock.
    pub at: DateTime<Utc>,
    /// When we got it.
    pub received_at: DateTime<Utc>,
    /// Meta's word for its kind.
    pub kind: &'a str,
    /// The element as it came, in JSON.
    pub content: &'a str,
    /// Ours.
    pub id: MessageId,
    /// Meta's id of who wrote.
    pub user_id: Option<&'a str>,
}

/// Two names of one person of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// Whose person.
    pub organization_id: i64,
    /// The one.
    pub one: &'a str,
    /// The other.
    pub other: &'a str,
    /// When the person gave the one up for the other; `None` while they go by both.
    pub moved_at: Option<DateTime<Utc>>,
}

/// A person of an organization under a second name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherName {
    /// Whose person.
    pub organization_id: i64,
    /// The name asked for.
    pub recipient: String,
    /// The other one.
    pub other: String,
    /// What is said under the name asked for counts for the other until then, where there is an end.
    pub until: Option<DateTime<Utc>>,
}

/// What somebody said about being written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// To whom they said it.
    pub organization_id: i64,
    /// Who, E.164.
    pub recipient: &'a str,
    /// Not to be written to; else: again, please.
    pub stop: bool,
    /// When, by Meta's clock.
    pub at: DateTime<Utc>,
    /// `stop_word`, `user_preferences` or `meta_131050`.
    pub source: &'static str,
    /// About marketing, and nothing else.
    pub marketing_only: bool,
}

impl Application<'_> {
    /// The numbers of these ids of Meta's; those that are nobody's are missing.
    pub async fn numbers(&self, phone_number_ids: &[&str]) -> Result<Vec<SenderNumber>, Error> {
        let rows = statement!("receipts/numbers", "looking up sender numbers")
            .rows(self.tx(), &[&phone_number_ids])
            .await?;
        let numbers = rows.iter().map(|row| SenderNumber {
            phone_number_id: row.get("phone_number_id"),
            id: row.get("id"),
            organization_id: row.get("organization_id"),
        });
        Ok(numbers.collect())
    }

    /// The organizations of these WABAs, by Meta's ids.
    pub async fn organizations(&self, waba_ids: &[&str]) -> Result<Vec<(String, i64)>, Error> {
        let rows = statement!("receipts/organizations", "looking up organizations of accounts")
            .rows(self.tx(), &[&waba_ids])
            .await?;
        Ok(rows
            .iter()
            .map(|row| (row.get("meta_id"), row.get("organization_id")))
            .collect())
    }

    /// Webhooks of these numbers came, in these stretches (first and last of each, in order).
    pub async fn hear(&self, stretches: &[(i64, DateTime<Utc>, DateTime<Utc>)]) -> Result<(), Error> {
        let numbers: Vec<_> = stretches.iter().map(|(number, _, _)| *number).collect();
        let firsts: Vec<_> = stretches.iter().map(|(_, first, _)| *first).collect();
        let lasts: Vec<_> = stretches.iter().map(|(_, _, last)| *last).collect();
        let (grace, kept) = (hold::GRACE.as_seconds_f64(), (hold::LONGEST * 2).as_seconds_f64());
        statement!("receipts/hear", "noting that webhooks come")
            .row(self.tx(), &[&numbers, &firsts, &lasts, &grace, &kept])
            .await?;
        Ok(())
    }

    /// Keeps messages, and returns number and wamid of those that are new.
    pub async fn keep_inbound(&self, messages: &[Inbound<'_>]) -> Result<Vec<(i64, String)>, Error> {
        let numbers: Vec<_> = messages.iter().map(|message| message.number_id).collect();
        let wamids: Vec<_> = messages.iter().map(|message| message.wamid).collect();
        let recipients: Vec<_> = messages.iter().map(|message| message.recipient).collect();
        let times: Vec<_> = messages.iter().map(|message| message.at).collect();
        let received: Vec<_> = messages.iter().map(|message| message.received_at).collect();
        let kinds: Vec<_> = messages.iter().map(|message| message.kind).collect();
        let contents: Vec<_> = messages.iter().map(|message| message.content).collect();
        let ids: Vec<_> = messages.iter().map(|message| message.id.0).collect();
        let user_ids: Vec<_> = messages.iter().map(|message| message.user_id).collect();
        let rows = statement!("receipts/keep_inbound", "keeping inbound messages")
            .rows(
                self.tx(),
                &[
                    &numbers,
                    &wamids,
                    &recipients,
                    &times,
                    &received,
                    &kinds,
                    &contents,
                    &ids,
                    &user_ids,
                ],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| (row.get("number_id"), row.get("wamid")))
            .collect())
    }

    /// Keeps that two names are of one person.
    pub async fn keep_names(&self, names: &[Name<'_>]) -> Result<(), Error> {
        let organizations: Vec<_> = names.iter().map(|name| name.organization_id).collect();
        let ones: Vec<_> = names.iter().map(|name| name.one).collect();
        let others: Vec<_> = names.iter().map(|name| name.other).collect();
        let moved: Vec<_> = names.iter().map(|name| name.moved_at).collect();
        statement!("receipts/keep_names", "writing by which names a person goes")
            .run(self.tx(), &[&organizations, &ones, &others, &moved])
            .await?;
        Ok(())
    }

    /// The other names of these (organization, person), each with the one asked for.
    pub async fn other_names(&self, people: &[(i64, &str)]) -> Result<Vec<OtherName>, Error> {
        let organizations: Vec<_> = people.iter().map(|(organization, _)| *organization).collect();
        let recipients: Vec<_> = people.iter().map(|(_, recipient)| *recipient).collect();
        let rows = statement!("receipts/other_names", "reading by which names a person goes")
            .rows(self.tx(), &[&organizations, &recipients])
            .await?;
        let names = rows.iter().map(|row| OtherName {
            organization_id: row.get("organization_id"),
            recipient: row.get("recipient"),
            other: row.get("other"),
            until: row.get("until"),
        });
        Ok(names.collect())
    }

    /// Opens the service window of each (number, person) from that time on, unless it was opened later already.
    pub async fn open_windows(&self, inbound: &[(i64, &str, DateTime<Utc>)]) -> Result<(), Error> {
        let numbers: Vec<_> = inbound.iter().map(|(number, _, _)| *number).collect();
        let recipients: Vec<_> = inbound.iter().map(|(_, recipient, _)| *recipient).collect();
        let times: Vec<_> = inbound.iter().map(|(_, _, at)| *at).collect();
        statement!("receipts/open_windows", "opening service windows")
            .run(self.tx(), &[&numbers, &recipients, &times])
            .await?;
        Ok(())
    }

    /// Suppresses people, or takes their suppression back; the newest word of each counts, in whatever order words come.
    pub async fn keep_choices(&self, choices: &[Choice<'_>]) -> Result<(), Error> {
        let organizations: Vec<_> = choices.iter().map(|choice| choice.organization_id).collect();
        let recipients: Vec<_> = choices.iter().map(|choice| choice.recipient).collect();
        let stops: Vec<_> = choices.iter().map(|choice| choice.stop).collect();
        let times: Vec<_> = choices.iter().map(|choice| choice.at).collect();
        let sources: Vec<_> = choices.iter().map(|choice| choice.source).collect();
        let marketing: Vec<_> = choices.iter().map(|choice| choice.marketing_only).collect();
        statement!("receipts/keep_choices", "writing who does not want to be written to")
            .run(
                self.tx(),
                &[&organizations, &recipients, &stops, &times, &sources, &marketing],
            )
            .await?;
        Ok(())
    }
}
