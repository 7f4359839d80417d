//! Files: an image, a video, a voice, a document, a sticker; by Meta's id of an upload or by a link that Meta fetches.

use serde::Serialize;

use super::reader::{At, Fields};

/// Meta's limit for a caption, in characters.
pub const MAX_CAPTION: usize = 1024;
/// Longest file name, in characters. Meta documents none; this is what others keep to.
pub const MAX_FILENAME: usize = 240;
/// Longest id of an upload. Meta's are some sixteen digits.
const MAX_ID: usize = 128;

/// Where the file is: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Meta's id of an upload.
    Id(String),
    /// A public address.
    Link(String),
}

/// `image`, `video`, `audio`, `document` or `sticker`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Media {
    /// The file.
    #[serde(flatten)]
    pub source: Source,
    /// Words below it: image, video and document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// What a document is called; its ending picks the icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Audio as a voice note (Ogg with Opus, one channel).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<bool>,
}

impl Media {
    /// Reads the object of this message type.
    pub(super) fn read(kind: &str, at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let source = Source::read(fields);
            let caption = match kind {
                "image" | "video" | "document" => fields.find("caption").and_then(|at| at.text(MAX_CAPTION)),
                _ => None,
            };
            let filename = match kind {
                "document" => fields.find("filename").and_then(|at| at.text(MAX_FILENAME)),
                _ => None,
            };
            let voice = match kind {
                "audio" => fields.find("voice").and_then(At::flag),
                _ => None,
            };
            Some(Self {
                source: source?,
                caption,
                filename,
                voice,
            })
        })
    }

    /// Reads a file in a header, where there is no caption; a document may have its name.
    pub(super) fn read_bare(kind: &str, at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let source = Source::read(fields);
            let filename = match kind {
                "document" => fields.find("filename").and_then(|at| at.text(MAX_FILENAME)),
                _ => None,
            };
            Some(Self {
                source: source?,
                caption: None,
                filename,
                voice: None,
            })
        })
    }
}

impl Source {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let (id, link) = (fields.find("id"), fields.find("link"));
        match (id, link) {
            (Some(id), None) => id
                .text_that(MAX_ID, |id| !id.contains(char::is_whitespace), "Meta's id of an upload")
                .map(Self::Id),
            (None, Some(link)) => link.link().map(Self::Link),
            (None, None) => {
                fields.fault("one of id (an upload) and link (a public address)");
                None
            }
            (Some(_), Some(_)) => {
                fields.fault("only one of id and link");
                None
            }
        }
    }
}
