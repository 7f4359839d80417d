//! A customer's system that receives webhooks: keeps what comes and answers what it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use chrono::{DateTime, Utc};
use domain::webhook::{ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A webhook as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) id: String,
    timestamp: i64,
    signatures: Vec<String>,
    raw: Bytes,
    pub(crate) body: Value,
    came: DateTime<Utc>,
}

impl Received {
    /// Whether one of its signatures was made with this secret.
    pub(crate) fn is_signed_with(&self, secret: &Secret) -> bool {
        self.signatures
            .contains(&secret.sign(&self.id, self.timestamp, &self.raw))
    }

    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }
}

#[derive(Debug)]
struct Inside {
    received: Vec<Received>,
    answers: VecDeque<u16>,
    /// Whether it answers.
    open: watch::Sender<bool>,
    under_way: usize,
    most_under_way: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inside: Arc<Mutex<Inside>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inside = Arc::new(Mutex::new(Inside {
            received: Vec::new(),
            answers: VecDeque::new(),
            open: watch::Sender::new(true),
            under_way: 0,
            most_under_way: 0,
        }));
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inside }
    }

    /// The next answers; then 200 again.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.inside.lock().unwrap().answers.extend(statuses);
    }

    /// Nothing is answered from now on, until it is let go.
    pub(crate) fn hang(&self) {
        self.inside.lock().unwrap().open.send_replace(false);
    }

    /// Answers what waits, and everything from now on.
    pub(crate) fn let_go(&self) {
        self.inside.lock().unwrap().open.send_replace(true);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inside.lock().unwrap().received.clone()
    }

    /// When each event happened, and when its webhook came.
    pub(crate) fn arrivals(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let inside = self.inside.lock().unwrap();
        let at = |webhook: &Received| webhook.body["at"].as_str().unwrap().parse().unwrap();
        inside
            .received
            .iter()
            .map(|webhook| (at(webhook), webhook.came))
            .collect()
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.inside.lock().unwrap().most_under_way
    }
}

/// A call that is not over; it is when whoever called hangs up, too.
struct UnderWay(Arc<Mutex<Inside>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().unwrap().under_way -= 1;
    }
}

async fn receive(
    State(inside): State<Arc<Mutex<Inside>>>,
    uri: Uri,
    headers: HeaderMap,
    raw: Bytes,
) -> (StatusCode, HeaderMap) {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (status, mut open) = {
        let mut inside = inside.lock().unwrap();
        inside.received.push(Received {
            path: uri.to_string(),
            id: text(ID_HEADER),
            timestamp: text(TIMESTAMP_HEADER).parse().unwrap(),
            signatures: text(SIGNATURE_HEADER).split(' ').map(str::to_owned).collect(),
            body: serde_json::from_slice(&raw).unwrap(),
            came: crate::load::now(),
            raw,
        });
        inside.under_way += 1;
        inside.most_under_way = inside.most_under_way.max(inside.under_way);
        (inside.answers.pop_front().unwrap_or(200), inside.open.subscribe())
    };
    let _under_way = UnderWay(inside);
    open.wait_for(|open| *open).await.unwrap();
    let mut answer = HeaderMap::new();
    if (300..400).contains(&status) {
        answer.insert("location", "http://169.254.169.254/latest/meta-data".parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), answer)
}
