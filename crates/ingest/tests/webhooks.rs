//! Meta's webhook endpoint over real sockets and a real database.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use ingest::webhooks::{Webhooks, routes};
use runtime::{Clock, Drained, Shutdown};
use secrecy::SecretString;
use sha2::Sha256;
use store::Store;
use testkit::database::{self, TestDatabase};
use testkit::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DEADLINE: Duration = Duration::from_secs(20);
const BODY: &str = r#"{"object":"whatsapp_business_account","entry":[]}"#;

struct Server {
    addr: SocketAddr,
    shutdown: Shutdown,
}

/// The endpoint under two app secrets: one is being replaced.
async fn served(store: Store) -> Server {
    let shutdown = Shutdown::new();
    let webhooks = Webhooks {
        store,
        app_secrets: vec![SecretString::from("new secret"), SecretString::from("old secret")],
        verify_token: SecretString::from("let me in"),
        clock: Clock::system(),
    };
    let router = routes(webhooks, &shutdown);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = shutdown.clone();
    shutdown.spawn("server", async move {
        let stopped = async move { stop.requested().await };
        axum::serve(listener, router)
            .with_graceful_shutdown(stopped)
            .await
            .unwrap();
    });
    Server { addr, shutdown }
}

impl Server {
    async fn begin(&self, head: &str, body: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        let length = body.len();
        let request = format!("{head}host: turnpike\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        socket.write_all(request.as_bytes()).await.unwrap();
        socket
    }

    async fn post(&self, body: &str, signature: Option<String>) -> (u16, String) {
        read(self.begin(&post_head(signature), body).await).await
    }

    async fn get(&self, query: &str) -> (u16, String) {
        read(
            self.begin(&format!("GET /webhooks/meta?{query} HTTP/1.1\r\n"), "")
                .await,
        )
        .await
    }
}

fn post_head(signature: Option<String>) -> String {
    let header = signature.map_or_else(String::new, |text| format!("x-hub-signature-256: {text}\r\n"));
    format!("POST /webhooks/meta HTTP/1.1\r\n{header}")
}

async fn read(mut socket: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

fn signed(secret: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    Some(format!("sha256={hex}"))
}

async fn kept(database: &TestDatabase) -> Vec<String> {
    let rows = database
        .store
        .raw("SELECT convert_from(body, 'UTF8') AS body FROM webhook_inbox ORDER BY id")
        .await
        .unwrap();
    rows.iter()
        .map(|row| row["body"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_subscription_is_answered_with_the_challenge_only_for_the_right_word() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;
    let asked = |mode: &str, word: &str| format!("hub.mode={mode}&hub.challenge=1158201444&hub.verify_token={word}");

    assert_eq!(
        server.get(&asked("subscribe", "let%20me%20in")).await,
        (200, "1158201444".to_owned())
    );
    for (mode, word) in [("subscribe", "let%20me"), ("subscribe", ""), ("other", "let%20me%20in")] {
        assert_eq!(server.get(&asked(mode, word)).await.0, 403, "{mode} {word}");
    }
    assert_eq!(server.get("").await.0, 403);
}

#[tokio::test]
async fn a_delivery_signed_with_any_of_our_secrets_is_kept_as_it_came() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;
    let not_even_json = "{ \"entry\" :";

    assert_eq!(server.post(BODY, signed("new secret", BODY)).await.0, 200);
    assert_eq!(
        server.post(not_even_json, signed("old secret", not_even_json)).await.0,
        200
    );

    assert_eq!(kept(&database).await, [BODY, not_even_json]);
}

#[tokio::test]
async fn a_bad_signature_is_refused_and_nothing_is_kept() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;

    for signature in [
        None,
        signed("another", BODY),
        signed("new secret", "other"),
        Some("sha256=".to_owned()),
    ] {
        assert_eq!(server.post(BODY, signature).await.0, 401);
    }

    assert_eq!(kept(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_body_larger_than_meta_sends_is_refused() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;
    let large = " ".repeat((4 << 20) + 1);

    assert_eq!(server.post(&large, signed("new secret", &large)).await.0, 413);

    assert_eq!(kept(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_answer_comes_only_after_the_commit() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;
    // A pool of one: both statements run on the same connection, and the lock is held between them.
    let locker = database::store(&database.url, 1);
    locker
        .raw("BEGIN; LOCK TABLE webhook_inbox IN SHARE MODE")
        .await
        .unwrap();

    let socket = server.begin(&post_head(signed("new secret", BODY)), BODY).await;
    until(DEADLINE, "the insert to wait for the lock", async || {
        let waiting = "SELECT 1 AS one FROM pg_locks WHERE NOT granted AND relation = 'webhook_inbox'::regclass";
        (!database.store.raw(waiting).await.unwrap().is_empty()).then_some(())
    })
    .await;
    let early = socket.try_read(&mut [0; 1]);
    assert!(early.is_err(), "answered before the commit");

    locker.raw("COMMIT").await.unwrap();
    assert_eq!(read(socket).await.0, 200);
    assert_eq!(kept(&database).await, [BODY]);
}

#[tokio::test]
async fn without_a_database_meta_is_told_to_try_again() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let server = served(database::store(&format!("postgres://u@127.0.0.1:{port}/none"), 2)).await;

    assert_eq!(server.post(BODY, signed("new secret", BODY)).await.0, 503);
    assert_eq!(server.post(BODY, signed("another", BODY)).await.0, 401);
}

#[tokio::test]
async fn many_deliveries_share_a_commit_and_each_is_kept_once() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;
    let bodies: Vec<String> = (0..300).map(|n| format!("{{\"entry\":[],\"n\":{n}}}")).collect();

    let mut sockets = Vec::new();
    for body in &bodies {
        sockets.push(server.begin(&post_head(signed("new secret", body)), body).await);
    }
    for socket in sockets {
        assert_eq!(read(socket).await.0, 200);
    }

    let mut all = kept(&database).await;
    all.sort();
    let mut expected = bodies.clone();
    expected.sort();
    assert_eq!(all, expected);
    let commits = database
        .store
        .raw("SELECT count(DISTINCT xmin::text) AS n FROM webhook_inbox")
        .await
        .unwrap();
    assert!(commits[0]["n"].as_i64().unwrap() <= 200, "{commits:?}");
}

#[tokio::test]
async fn a_drain_ends_the_endpoint_and_its_task() {
    let database = database::fresh().await;
    let server = served(database.store.clone()).await;
    assert_eq!(server.post(BODY, signed("new secret", BODY)).await.0, 200);

    assert_eq!(server.shutdown.drain(DEADLINE).await, Drained::Clean);
}
