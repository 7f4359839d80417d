//! A button that opens a list to choose one row from.

use std::collections::HashSet;

use serde::Serialize;

use crate::content::reader::At;

/// Longest label of the button, in characters.
const MAX_BUTTON: usize = 20;
/// Most sections, and most rows of all sections together.
const MAX_ROWS: usize = 10;
/// Longest title of a section, in characters.
pub(super) const MAX_SECTION_TITLE: usize = 24;
/// Longest id of a row, in characters.
const MAX_ROW_ID: usize = 200;
/// Longest title of a row, in characters.
const MAX_ROW_TITLE: usize = 24;
/// Longest description of a row, in characters.
const MAX_DESCRIPTION: usize = 72;

/// `{"button": …, "sections": [{"title", "rows": [{"id", "title", "description"}]}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct List {
    button: String,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Section {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl List {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let button = fields.need("button").text(MAX_BUTTON);
            let list = fields.need("sections");
            let sections = list.clone().list(1..=MAX_ROWS, Section::read)?;
            let rows: Vec<&Row> = sections.iter().flat_map(|section| &section.rows).collect();
            if rows.len() > MAX_ROWS {
                list.fault(format!("at most {MAX_ROWS} rows in all sections, given {}", rows.len()));
            }
            let ids: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
            if ids.len() < rows.len() {
                list.fault("rows whose ids differ from each other");
            }
            if sections.len() > 1 && sections.iter().any(|section| section.title.is_none()) {
                list.fault("a title on every section where there are several");
            }
            Some(Self {
                button: button?,
                sections,
            })
        })
    }
}

impl Section {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let title = fields.find("title").map(|at| at.text(MAX_SECTION_TITLE));
            let rows = fields.need("rows").list(1..=MAX_ROWS, Row::read);
            // A title that is wrong costs the section: it is not one without.
            let title = match title {
                None => None,
                Some(read) => Some(read?),
            };
            Some(Self { title, rows: rows? })
        })
    }
}

impl Row {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let id = fields.need("id").text(MAX_ROW_ID);
            let title = fields.need("title").text(MAX_ROW_TITLE);
            let description = fields.find("description").and_then(|at| at.text(MAX_DESCRIPTION));
            Some(Self {
                id: id?,
                title: title?,
                description,
            })
        })
    }
}
