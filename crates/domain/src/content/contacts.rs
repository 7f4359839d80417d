//! Address-book entries.

use chrono::NaiveDate;
use serde::Serialize;

use super::reader::{At, Fields};

/// Most entries of one message, by Meta's documentation (its schema says 5, which is not what is enforced).
pub const MAX_CONTACTS: usize = 257;
/// Longest single field, in characters; Meta documents none.
pub const MAX_FIELD: usize = 1000;
/// Most phones, addresses … of one entry; Meta documents none.
const MAX_ITEMS: usize = 50;

/// One entry of `contacts`. All texts up to 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// Only `formatted_name` is required.
    pub name: Name,
    /// Phone numbers; without `wa_id` WhatsApp shows "invite".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Item>,
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Item>,
    /// Postal addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Item>,
    /// Web addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<Item>,
    /// Where they work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<Item>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<NaiveDate>,
}

/// The parts of a name.
pub type Name = Item;

/// An object of texts, in the order Meta documents them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item(Vec<(&'static str, String)>);

const NAME: &[&str] = &[
    "formatted_name",
    "first_name",
    "last_name",
    "middle_name",
    "suffix",
    "prefix",
];
const PHONE: &[&str] = &["phone", "type", "wa_id"];
const EMAIL: &[&str] = &["email", "type"];
const ADDRESS: &[&str] = &["street", "city", "state", "zip", "country", "country_code", "type"];
const URL: &[&str] = &["url", "type"];
const ORG: &[&str] = &["company", "department", "title"];

/// Reads the list of entries.
pub(super) fn read(at: At<'_>) -> Option<Vec<Contact>> {
    at.list(1..=MAX_CONTACTS, Contact::read)
}

impl Contact {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let name = Item::read(fields.need("name"), NAME, &["formatted_name"]);
            let phones = items(fields, "phones", PHONE, &[]);
            let emails = items(fields, "emails", EMAIL, &[]);
            let addresses = items(fields, "addresses", ADDRESS, &[]);
            let urls = items(fields, "urls", URL, &[]);
            let org = fields.find("org").and_then(|at| Item::read(at, ORG, &[]));
            let birthday = fields.find("birthday").and_then(|at| {
                let date = at.value().as_str().filter(|text| text.len() == 10);
                let date = date.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
                if date.is_none() {
                    at.fault("a date, as in 1990-01-31");
                }
                date
            });
            Some(Self {
                name: name?,
                phones,
                emails,
                addresses,
                urls,
                org,
                birthday,
            })
        })
    }
}

fn items(
    fields: &Fields<'_>,
    name: &'static str,
    parts: &'static [&'static str],
    needed: &'static [&'static str],
) -> Vec<Item> {
    fields
        .find(name)
        .and_then(|at| at.list(0..=MAX_ITEMS, |item| Item::read(item, parts, needed)))
        .unwrap_or_default()
}

impl Item {
    fn read(at: At<'_>, parts: &'static [&'static str], needed: &[&str]) -> Option<Self> {
        at.object(|fields| {
            let texts = parts.iter().filter_map(|part| {
                let at = match needed.contains(part) {
                    true => Some(fields.need(part)),
                    false => fields.find(part),
                };
                at.and_then(|at| at.text(MAX_FIELD)).map(|text| (*part, text))
            });
            Some(Self(texts.collect()))
        })
    }
}

impl Serialize for Item {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(part, text)| (part, text)))
    }
}
