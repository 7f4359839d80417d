//! Meta's table of plain message objects.

use serde_json::Value;

use super::schema::Rule::{self, Degrees, Flag, Link, List, MaybeEmpty, Object, Text};
use super::schema::{Field, check, may, need};
use crate::graph_error::GraphError;

/// Where Meta documents no limit, this one only keeps bodies small.
const LOOSE: usize = 4096;

const TEXT: Rule = Object(&[need("body", Text(4096)), may("preview_url", Flag)]);
const ID: Field = may("id", Text(LOOSE));
const LINK: Field = may("link", Link);
const CAPTION: Field = may("caption", Text(1024));
const PICTURE: Rule = Object(&[ID, LINK, CAPTION]);
const AUDIO: Rule = Object(&[ID, LINK, may("voice", Flag)]);
const DOCUMENT: Rule = Object(&[ID, LINK, CAPTION, may("filename", Text(LOOSE))]);
const STICKER: Rule = Object(&[ID, LINK]);
/// A file in a header: no caption.
pub(super) const FILE: Rule = Object(&[ID, LINK, may("filename", Text(LOOSE))]);
pub(super) const LOCATION: Rule = Object(&[
    need("latitude", Degrees(90)),
    need("longitude", Degrees(180)),
    may("name", Text(LOOSE)),
    may("address", Text(LOOSE)),
]);
const REACTION: Rule = Object(&[need("message_id", Text(LOOSE)), may("emoji", MaybeEmpty(32))]);

const fn word(name: &'static str) -> Field {
    may(name, Text(LOOSE))
}

const NAME: Rule = Object(&[
    need("formatted_name", Text(LOOSE)),
    word("first_name"),
    word("last_name"),
    word("middle_name"),
    word("suffix"),
    word("prefix"),
]);
const PHONES: Rule = List(0, 100, &Object(&[word("phone"), word("type"), word("wa_id")]));
const EMAILS: Rule = List(0, 100, &Object(&[word("email"), word("type")]));
const URLS: Rule = List(0, 100, &Object(&[word("url"), word("type")]));
const ADDRESSES: Rule = List(
    0,
    100,
    &Object(&[
        word("street"),
        word("city"),
        word("state"),
        word("zip"),
        word("country"),
        word("country_code"),
        word("type"),
    ]),
);
const ORG: Rule = Object(&[word("company"), word("department"), word("title")]);
const CONTACTS: Rule = List(
    1,
    257,
    &Object(&[
        need("name", NAME),
        may("phones", PHONES),
        may("emails", EMAILS),
        may("addresses", ADDRESSES),
        may("urls", URLS),
        may("org", ORG),
        may("birthday", Text(10)),
    ]),
);

/// Checks the object of a type; `None` when there is no such type.
pub(super) fn check_object(kind: &str, object: &Value) -> Option<Result<(), GraphError>> {
    let rule = match kind {
        "text" => TEXT,
        "image" | "video" => PICTURE,
        "audio" => AUDIO,
        "document" => DOCUMENT,
        "sticker" => STICKER,
        "location" => LOCATION,
        "contacts" => CONTACTS,
        "reaction" => REACTION,
        _ => return None,
    };
    let is_file = matches!(kind, "image" | "video" | "audio" | "document" | "sticker");
    Some(check(object, rule, kind).and_then(|()| match is_file {
        true => one_source(object, kind),
        false => Ok(()),
    }))
}

/// A file is an upload or a link, and not both.
pub(super) fn one_source(file: &Value, path: &str) -> Result<(), GraphError> {
    match (file["id"].is_string(), file["link"].is_string()) {
        (true, true) => Err(GraphError::bad_value(format!(
            "Param {path} must have either id or link, not both"
        ))),
        (false, false) => Err(GraphError::missing(&format!("{path}['id'] or {path}['link']"))),
        _ => Ok(()),
    }
}
