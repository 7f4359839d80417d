//! Templates with Meta: listed page by page, created, changed, deleted.

use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Client, Error, lenient};

const FIELDS: &str = "id,name,language,status,category,components,parameter_format,quality_score,rejected_reason";

/// Templates per page: an answer that is longer than a client reads helps nobody, and components are long.
const PAGE: &str = "25";

/// A WABA has 6,000 templates at most.
const MAX_PAGES: usize = 6_000 / 25 + 1;

/// A template as Meta has it. Meta's words are kept as texts, because their lists grow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ListedTemplate {
    /// Meta's id.
    #[serde(deserialize_with = "lenient::text")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// As in `en_US`.
    pub language: String,
    /// `APPROVED`, `PENDING`, `PAUSED` …
    pub status: String,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION`.
    pub category: String,
    /// `POSITIONAL` or `NAMED`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub parameter_format: Option<String>,
    /// As in Meta's API.
    #[serde(default)]
    pub components: Value,
    /// How people take it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub quality_score: Quality,
    /// Why it was rejected; `NONE` when it was not.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub rejected_reason: Option<String>,
}

/// How people take a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Quality {
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub score: Option<String>,
}

/// What Meta says of a new template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CreatedTemplate {
    /// Meta's id.
    #[serde(deserialize_with = "lenient::text")]
    pub id: String,
    /// Usually `PENDING`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub status: Option<String>,
    /// Meta may put it into another one than was asked for.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub category: Option<String>,
}

impl Client {
    /// All templates of a WABA.
    pub async fn templates(&self, waba_id: &str, token: &SecretString) -> Result<Vec<ListedTemplate>, Error> {
        self.pages(&[waba_id, "message_templates"], FIELDS, PAGE, MAX_PAGES, token)
            .await
    }

    /// Hands a new template in for review; `template` is an object as in Meta's API.
    pub async fn create_template(
        &self,
        waba_id: &str,
        template: &Value,
        token: &SecretString,
    ) -> Result<CreatedTemplate, Error> {
        self.ask(
            Method::POST,
            &[waba_id, "message_templates"],
            &[],
            Some(template),
            token,
        )
        .await
    }

    /// Changes a template by Meta's id; it goes to review again.
    pub async fn edit_template(&self, template_id: &str, change: &Value, token: &SecretString) -> Result<(), Error> {
        self.change(Method::POST, &[template_id], &[], Some(change), token)
            .await
    }

    /// Deletes a template in one language, by Meta's id; without one, in all languages.
    pub async fn delete_template(
        &self,
        waba_id: &str,
        name: &str,
        template_id: Option<&str>,
        token: &SecretString,
    ) -> Result<(), Error> {
        let mut query = vec![("name", name)];
        query.extend(template_id.map(|id| ("hsm_id", id)));
        self.change(Method::DELETE, &[waba_id, "message_templates"], &query, None, token)
            .await
    }

    /// Registers a sender number, with its PIN of six digits.
    pub async fn register_number(&self, phone_number_id: &str, pin: &str, token: &SecretString) -> Result<(), Error> {
        let body = json!({"messaging_product": "whatsapp", "pin": pin});
        self.change(Method::POST, &[phone_number_id, "register"], &[], Some(&body), token)
            .await
    }

    /// Takes a sender number off the Cloud API.
    pub async fn deregister_number(&self, phone_number_id: &str, token: &SecretString) -> Result<(), Error> {
        let body = json!({"messaging_product": "whatsapp"});
        self.change(Method::POST, &[phone_number_id, "deregister"], &[], Some(&body), token)
            .await
    }

    /// Lets Meta send a code to a number: `method` is `SMS` or `VOICE`.
    pub async fn request_code(
        &self,
        phone_number_id: &str,
        method: &str,
        language: &str,
        token: &SecretString,
    ) -> Result<(), Error> {
        let body = json!({"code_method": method, "language": language});
        self.change(
            Method::POST,
            &[phone_number_id, "request_code"],
            &[],
            Some(&body),
            token,
        )
        .await
    }

    /// Shows Meta the code that came.
    pub async fn verify_code(&self, phone_number_id: &str, code: &str, token: &SecretString) -> Result<(), Error> {
        let body = json!({"code": code});
        self.change(Method::POST, &[phone_number_id, "verify_code"], &[], Some(&body), token)
            .await
    }

    /// Sets the PIN of two-step verification.
    pub async fn set_pin(&self, phone_number_id: &str, pin: &str, token: &SecretString) -> Result<(), Error> {
        self.change(Method::POST, &[phone_number_id], &[], Some(&json!({"pin": pin})), token)
            .await
    }
}
