//! A receiver of webhooks that checks every signature with code of its own and can be told to refuse.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::caller::SOON;

/// One POST as it came.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) signature_ok: bool,
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

#[derive(Debug)]
struct Inner {
    app_secret: String,
    /// Answers to the next POSTs; 200 when there are no more.
    answers: Mutex<VecDeque<StatusCode>>,
    deliveries: watch::Sender<Vec<Delivery>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

impl Receiver {
    pub(crate) async fn start(app_secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/meta", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            app_secret: app_secret.to_owned(),
            answers: Mutex::new(VecDeque::new()),
            deliveries: watch::Sender::new(Vec::new()),
        });
        let routes = Router::new()
            .route("/webhooks/meta", get(verify).post(receive))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, inner }
    }

    /// Answers the next POSTs so.
    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        let statuses = statuses.iter().map(|&status| StatusCode::from_u16(status).unwrap());
        self.inner.answers.lock().unwrap().extend(statuses);
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.inner.deliveries.borrow().clone()
    }

    /// Every element of `statuses[]` of the POSTs answered with 200.
    pub(crate) fn statuses(&self) -> Vec<Value> {
        elements(&self.deliveries(), "statuses")
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        elements(&self.deliveries(), "messages")
    }

    /// Waits until what was delivered satisfies the predicate.
    pub(crate) async fn wait_for(&self, mut predicate: impl FnMut(&[Delivery]) -> bool) -> Vec<Delivery> {
        let mut receiver = self.inner.deliveries.subscribe();
        let reached = tokio::time::timeout(SOON, receiver.wait_for(|deliveries| predicate(deliveries))).await;
        reached.expect("the webhooks waited for did not come").unwrap().clone()
    }

    /// Waits for so many statuses.
    pub(crate) async fn wait_for_statuses(&self, count: usize) -> Vec<Value> {
        elements(
            &self
                .wait_for(|deliveries| elements(deliveries, "statuses").len() >= count)
                .await,
            "statuses",
        )
    }
}

fn elements(deliveries: &[Delivery], list: &str) -> Vec<Value> {
    deliveries
        .iter()
        .filter(|delivery| delivery.status == StatusCode::OK)
        .flat_map(|delivery| delivery.body["entry"].as_array().unwrap())
        .flat_map(|entry| entry["changes"].as_array().unwrap())
        .filter_map(|change| change["value"][list].as_array())
        .flatten()
        .cloned()
        .collect()
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut mac = Hmac::<Sha256>::new_from_slice(inner.app_secret.as_bytes()).unwrap();
    mac.update(&body);
    let claimed = headers["x-hub-signature-256"]
        .to_str()
        .unwrap()
        .strip_prefix("sha256=")
        .unwrap();
    let signature_ok = mac.verify_slice(&HEXLOWER.decode(claimed.as_bytes()).unwrap()).is_ok();
    let told = inner.answers.lock().unwrap().pop_front();
    let status = told.unwrap_or(if signature_ok {
        StatusCode::OK
    } else {
        StatusCode::UNAUTHORIZED
    });
    let body = serde_json::from_slice(&body).unwrap();
    inner.deliveries.send_modify(|deliveries| {
        deliveries.push(Delivery {
            signature_ok,
            status,
            body,
        })
    });
    status
}

/// Meta's verification: the challenge back when the token is `the-token`.
async fn verify(RawQuery(query): RawQuery) -> (StatusCode, String) {
    let query = query.unwrap_or_default();
    let field = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    };
    match (field("hub.mode"), field("hub.verify_token"), field("hub.challenge")) {
        (Some("subscribe"), Some("the-token"), Some(challenge)) => (StatusCode::OK, challenge.to_owned()),
        _ => (StatusCode::FORBIDDEN, String::new()),
    }
}
