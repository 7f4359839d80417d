//! The admin endpoint of a role: `/healthz` (alive), `/readyz` (able to work, and if not why), `/metrics`.
//!
//! **Invariant:** `/readyz` tells the truth. A probe starts down, and whoever owns the thing it stands for moves it;
//! nothing here assumes that silence means well.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing::error;

use crate::Shutdown;
use crate::telemetry::metrics;

/// How often the metrics recorder tidies up, or its histograms would grow between two scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// What the parts of this process say about themselves. Clones are the same health.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Condition>>>);

/// How a part is.
#[derive(Clone, Debug)]
struct Condition {
    /// `None`: up. Else the reason why not.
    down: Option<String>,
    /// What goes on without it; `None`: nothing, the process is not ready without it.
    without: Option<&'static str>,
}

impl Condition {
    fn is_ready(&self) -> bool {
        self.down.is_none() || self.without.is_some()
    }
}

/// One part's line in the report, held by whoever knows. Clones are the same probe.
#[derive(Clone, Debug)]
pub struct Probe {
    health: Health,
    name: Arc<str>,
    without: Option<&'static str>,
}

impl Health {
    /// Without any probe, which counts as ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a probe, down until it says otherwise.
    pub fn probe(&self, name: &str) -> Probe {
        self.added(name, None)
    }

    /// Adds a probe of a part that the process is ready without; `without` says what goes on then.
    pub fn advisory(&self, name: &str, without: &'static str) -> Probe {
        self.added(name, Some(without))
    }

    fn added(&self, name: &str, without: Option<&'static str>) -> Probe {
        let probe = Probe {
            health: self.clone(),
            name: name.into(),
            without,
        };
        probe.down("still starting");
        probe
    }

    /// Whether every probe is up that the process needs.
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(Condition::is_ready)
    }

    /// `{"ready": …, "probes": {"<name>": {"up": …, "reason": …, "without": …}}}`.
    pub fn report(&self) -> Value {
        let probes = self.lock();
        let ready = probes.values().all(Condition::is_ready);
        let lines = probes.iter().map(|(name, condition)| {
            let line = match (&condition.down, condition.without) {
                (None, _) => json!({"up": true}),
                (Some(reason), None) => json!({"up": false, "reason": reason}),
                (Some(reason), Some(without)) => json!({"up": false, "reason": reason, "without": without}),
            };
            (name.clone(), line)
        });
        json!({"ready": ready, "probes": lines.collect::<serde_json::Map<_, _>>()})
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Condition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe {
    /// The part works.
    pub fn up(&self) {
        self.set(None);
    }

    /// The part does not work. The reason is shown to the operator: no secrets, no phone numbers.
    pub fn down(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, down: Option<String>) {
        ::metrics::gauge!("turnpike_up", "probe" => self.name.to_string()).set(f64::from(u8::from(down.is_none())));
        let condition = Condition {
            down,
            without: self.without,
        };
        self.health.lock().insert(self.name.to_string(), condition);
    }
}

/// Serves the endpoint until the process ends, and returns the address it got (port 0 takes a free one).
///
/// It goes on through the drain on purpose: `/readyz` then says 503 `stopping`, and `/healthz` still says alive.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(addr: SocketAddr, health: Health, shutdown: &Shutdown) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    let router = router(health, shutdown.clone());
    // Neither is tracked by the shutdown: they are to outlive it and hold nothing that could be lost.
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            error!(%error, "the admin endpoint ended");
        }
    });
    tokio::spawn(async {
        loop {
            tokio::time::sleep(UPKEEP).await;
            metrics::install().upkeep();
        }
    });
    Ok(addr)
}

fn router(health: Health, shutdown: Shutdown) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state((health, shutdown))
}

async fn readyz(State((health, shutdown)): State<(Health, Shutdown)>) -> impl IntoResponse {
    let mut report = health.report();
    if shutdown.is_requested() {
        report["ready"] = json!(false);
        report["stopping"] = json!(true);
    }
    let status = if report["ready"] == json!(true) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}

async fn render() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        metrics::install().render(),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Status and body of a GET, over a plain socket.
    async fn fetch(addr: SocketAddr, path: &str) -> (u16, String) {
        let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    async fn served() -> (SocketAddr, Health, Shutdown) {
        let (health, shutdown) = (Health::new(), Shutdown::new());
        let addr = serve("127.0.0.1:0".parse().unwrap(), health.clone(), &shutdown)
            .await
            .unwrap();
        (addr, health, shutdown)
    }

    #[tokio::test]
    async fn readiness_follows_the_probes_and_names_the_one_that_is_down() {
        let (addr, health, _shutdown) = served().await;
        let (database, broker) = (health.probe("database"), health.probe("broker"));
        assert_eq!(fetch(addr, "/readyz").await.0, 503);

        database.up();
        broker.up();
        assert_eq!(
            fetch(addr, "/readyz").await,
            (
                200,
                r#"{"probes":{"broker":{"up":true},"database":{"up":true}},"ready":true}"#.into()
            )
        );

        broker.down("connection refused");
        let (status, body) = fetch(addr, "/readyz").await;
        assert_eq!(status, 503);
        assert!(
            body.contains(r#""broker":{"reason":"connection refused","up":false}"#),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_part_that_others_go_on_without_is_told_and_does_not_make_the_process_unready() {
        let (addr, health, _shutdown) = served().await;
        let intake = health.advisory("intake", "HTTP goes on");
        intake.down("connection refused");

        let (status, body) = fetch(addr, "/readyz").await;

        assert_eq!(status, 200);
        assert!(
            body.contains(r#""intake":{"reason":"connection refused","up":false,"without":"HTTP goes on"}"#),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_stopping_role_is_alive_but_not_ready() {
        let (addr, _health, shutdown) = served().await;
        assert_eq!(fetch(addr, "/readyz").await.0, 200);

        shutdown.trigger();

        assert_eq!(fetch(addr, "/healthz").await, (200, "alive\n".into()));
        let (status, body) = fetch(addr, "/readyz").await;
        assert_eq!(status, 503);
        assert!(body.contains(r#""stopping":true"#), "{body}");
    }

    #[tokio::test]
    async fn metrics_show_what_was_counted() {
        let (addr, _health, _shutdown) = served().await;
        metrics::install();
        ::metrics::counter!("turnpike_test_things_total", "kind" => "round").increment(3);
        ::metrics::histogram!("turnpike_test_wait_seconds").record(0.02);

        let (status, body) = fetch(addr, "/metrics").await;

        assert_eq!(status, 200);
        assert!(body.contains(r#"turnpike_test_things_total{kind="round"} 3"#), "{body}");
        assert!(
            body.contains(r#"turnpike_test_wait_seconds_bucket{le="0.025"} 1"#),
            "{body}"
        );
    }
}
