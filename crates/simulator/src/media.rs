//! Files with Meta: uploaded for a number, or sent by a user; gone when their time is over.
//!
//! Of a large file only its length and hash are kept: the simulator must not be what fills the memory of a test.

use std::collections::HashMap;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};

use crate::graph_error::GraphError;

/// Files up to this size can be downloaded again.
pub(crate) const KEPT_BYTES: usize = 1024 * 1024;

/// How long things live, and how strictly ids are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaRules {
    /// An uploaded file: 30 days.
    pub upload_ms: u64,
    /// A file that a user sent: 7 days.
    pub inbound_ms: u64,
    /// The address of a file: 5 minutes.
    pub url_ms: u64,
    /// Refuse ids that were never given out, too. Ids of other numbers and ids that are over are always refused.
    pub strict_ids: bool,
}

impl Default for MediaRules {
    fn default() -> Self {
        Self {
            upload_ms: 30 * 24 * 3_600_000,
            inbound_ms: 7 * 24 * 3_600_000,
            url_ms: 300_000,
            strict_ids: false,
        }
    }
}

/// What happened to files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaReport {
    /// Files taken.
    pub uploaded: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files refused.
    pub refused: u64,
    /// Files given out.
    pub downloaded: u64,
}

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) phone_number_id: String,
    pub(crate) mime: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) until_ns: u64,
    /// `None` when it is too large to be kept.
    pub(crate) content: Option<Bytes>,
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    files: HashMap<String, File>,
    next: u64,
    pub(crate) report: MediaReport,
}

impl Shelf {
    /// Puts a file there; its id.
    pub(crate) fn put(&mut self, file: File) -> String {
        self.next += 1;
        let id = format!("99{:014}", self.next);
        self.files.insert(id.clone(), file);
        id
    }

    /// A file that is there now, if it belongs to the number, where that is asked.
    pub(crate) fn find(&self, id: &str, phone_number_id: Option<&str>, now_ns: u64) -> Option<&File> {
        let file = self.files.get(id)?;
        let is_owner = phone_number_id.is_none_or(|number| number == file.phone_number_id);
        (is_owner && now_ns < file.until_ns).then_some(file)
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.files.remove(id).is_some()
    }

    /// Lets every file be over.
    pub(crate) fn expire_all(&mut self) {
        self.files.values_mut().for_each(|file| file.until_ns = 0);
    }

    /// Whether a message from this number may name these files.
    pub(crate) fn check(
        &self,
        ids: &[String],
        phone_number_id: &str,
        strict: bool,
        now_ns: u64,
    ) -> Result<(), GraphError> {
        for id in ids {
            let known = self.files.contains_key(id);
            if (known || strict) && self.find(id, Some(phone_number_id), now_ns).is_none() {
                return Err(GraphError::of(131_053).with_details(format!("Media file with id {id} does not exist.")));
            }
        }
        Ok(())
    }
}

/// The largest file of a MIME type, after Meta's table; `None` for a type that Meta does not take.
pub(crate) fn most_bytes(mime: &str) -> Option<u64> {
    const MB: u64 = 1024 * 1024;
    let mime = mime.split(';').next().unwrap_or_default().trim();
    match mime {
        "image/jpeg" | "image/png" => Some(5 * MB),
        "image/webp" => Some(500 * 1024),
        "video/mp4" | "video/3gpp" | "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" => {
            Some(16 * MB)
        }
        "text/plain"
        | "application/pdf"
        | "application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        | "application/vnd.openxmlformats-officedocument.presentationml.presentation" => Some(100 * MB),
        _ => None,
    }
}
