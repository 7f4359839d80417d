//! A caller of the Cloud API, and a simulator with one number to call.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use simulator::{Config, Number, Running, Simulator, Webhooks};

/// Long enough for a loaded machine; nothing waits this long when all is well.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const NUMBER: &str = "2000001";
pub(crate) const WABA: &str = "1000001";
pub(crate) const ANA: &str = "+14155550100";
pub(crate) const BOB: &str = "+14155550107";

/// One number, fast webhooks, no templates registered.
pub(crate) fn config() -> Config {
    use simulator::Delay::Fixed;
    Config {
        numbers: vec![Number::new(NUMBER, "+15550001111", WABA)],
        webhooks: Webhooks {
            sent_after: Fixed(0),
            delivered_after: Fixed(1),
            read_after: Fixed(1),
            batch_flush_ms: 1,
            retry_first_ms: 5,
            ..Webhooks::default()
        },
        ..Config::default()
    }
}

/// A client that waits long enough for a loaded machine.
pub(crate) fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(SOON).build().unwrap()
}

/// A running simulator and a client with keep-alive.
pub(crate) struct Meta {
    pub(crate) sim: Running,
    client: Client,
}

impl Meta {
    pub(crate) async fn start(config: Config) -> Self {
        let sim = Simulator::start(config).await.unwrap();
        Self { sim, client: client() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sim.base_url())
    }

    pub(crate) async fn try_post(&self, body: &Value) -> Result<Response, reqwest::Error> {
        let url = self.url(&format!("/v26.0/{NUMBER}/messages"));
        self.client.post(url).bearer_auth("token").json(body).send().await
    }

    /// Posts a message and reads the JSON answer.
    pub(crate) async fn post(&self, body: &Value) -> (StatusCode, Value) {
        let response = self.try_post(body).await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Posts and returns Meta's error code.
    pub(crate) async fn refused(&self, body: &Value) -> (u16, i64) {
        let (status, answer) = self.post(body).await;
        (
            status.as_u16(),
            answer["error"]["code"]
                .as_i64()
                .unwrap_or_else(|| panic!("an error, not {answer}")),
        )
    }

    /// Posts a message that must be accepted; returns its wamid.
    pub(crate) async fn accepted(&self, body: &Value) -> String {
        let (status, answer) = self.post(body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self
            .client
            .get(self.url(path))
            .bearer_auth("token")
            .send()
            .await
            .unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// A request to the control interface with a JSON body.
    pub(crate) async fn control(&self, method: reqwest::Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let response = self
            .client
            .request(method, self.url(path))
            .json(body)
            .send()
            .await
            .unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

/// A template message with an opaque string of Turnpike's form.
pub(crate) fn template(to: &str, id: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "to": to,
        "type": "template",
        "template": {
            "name": "order_update",
            "language": { "code": "en_US" },
            "components": [{ "type": "body", "parameters": [{ "type": "text", "text": "Ana" }] }],
        },
        "biz_opaque_callback_data": format!("1.{id}.1.mac"),
    })
}

pub(crate) fn text(to: &str, id: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "to": to,
        "type": "text",
        "text": { "body": "hello" },
        "biz_opaque_callback_data": format!("1.{id}.1.mac"),
    })
}
