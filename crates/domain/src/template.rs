//! A template as Meta approved it, and what its placeholders ask for.

mod fit;
pub mod parameters;
pub mod shape;

use serde::{Deserialize, Serialize};

use crate::category::Category;
use crate::ids::TemplateId;
pub use parameters::{Mismatch, Parameters};
pub use shape::Shape;

/// A pre-approved text: one name in one language of one WABA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Our row.
    pub id: TemplateId,
    /// Lowercase letters, digits and `_`, at most 512.
    pub name: String,
    /// Meta's language code, as in `en_US`.
    pub language: String,
    /// Decides price, limits and the length of the hold.
    pub category: Category,
    /// Only an approved template may be sent.
    pub status: TemplateStatus,
    /// What the placeholders ask for.
    pub shape: Shape,
}

/// Where a template stands with Meta. Unknown words are not sendable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateStatus {
    /// May be sent.
    Approved,
    /// Paused for its quality; comes back.
    Paused,
    /// In review, rejected, disabled, archived, deleted or a word that is newer than this build.
    NotSendable(String),
}

impl TemplateStatus {
    /// Reads Meta's word.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "APPROVED" | "REINSTATED" | "UNARCHIVED" => Self::Approved,
            "PAUSED" => Self::Paused,
            other => Self::NotSendable(other.to_owned()),
        }
    }

    /// Meta's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Approved => "APPROVED",
            Self::Paused => "PAUSED",
            Self::NotSendable(word) => word,
        }
    }
}

/// How placeholders are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ParameterFormat {
    /// `{{1}}`, `{{2}}`.
    Positional,
    /// `{{first_name}}`.
    Named,
}

impl ParameterFormat {
    /// Meta's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positional => "POSITIONAL",
            Self::Named => "NAMED",
        }
    }

    /// Reads Meta's word; Meta's default is positional.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "POSITIONAL" => Some(Self::Positional),
            "NAMED" => Some(Self::Named),
            _ => None,
        }
    }
}
