//! Meta's check of a callback URL: a GET that must be answered with the challenge.

use crate::config::Config;
use crate::error::Error;

/// Calls the webhook as Meta does when its URL is saved.
///
/// # Errors
/// [`Error::NoWebhook`], or [`Error::Verification`] with what the receiver did instead.
pub(super) async fn verify(config: &Config, client: &reqwest::Client) -> Result<(), Error> {
    let url = config.webhook_url.as_deref().ok_or(Error::NoWebhook)?;
    let mut url: reqwest::Url = url
        .parse()
        .map_err(|_| Error::Config("webhook_url: not a URL".into()))?;
    let challenge = rand::random::<u32>().to_string();
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &challenge)
        .append_pair("hub.verify_token", &config.verify_token);

    let unreachable = |error: reqwest::Error| Error::Verification(format!("the receiver did not answer: {error}"));
    let response = client.get(url).send().await.map_err(unreachable)?;
    let status = response.status();
    let body = response.text().await.map_err(unreachable)?;
    if status != reqwest::StatusCode::OK {
        return Err(Error::Verification(format!(
            "the receiver answered {status}; is its verify token the same?"
        )));
    }
    if body != challenge {
        return Err(Error::Verification(
            "the receiver did not answer with the plain challenge".into(),
        ));
    }
    Ok(())
}
