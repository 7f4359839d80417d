//! The client against a server that answers, refuses, breaks off and keeps silent: what each of them proves, and that nothing is
//! ever said twice.

#![expect(clippy::unwrap_used, reason = "a test program: what fails here fails the test")]

mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::attempt::{Outcome, Rejection};
use meta::message::{Composed, Edge};
use meta::{Client, ClientConfig, Error, Step, Watch};
use secrecy::SecretString;
use server::{Server, Then};

const ACCEPTED: &str = r#"{"messages":[{"id":"wamid.1"}]}"#;
const REFUSED: &str = r#"{"error":{"message":"Invalid parameter","code":100,"fbtrace_id":"A"}}"#;

fn token() -> SecretString {
    "EAAB-token".into()
}

fn client(base_url: String) -> Client {
    let mut config = ClientConfig::new(base_url, "v26.0");
    config.total_timeout = Duration::from_millis(300);
    Client::new(config).unwrap()
}

fn message(body: impl Into<Vec<u8>>) -> Composed {
    Composed {
        edge: Edge::Messages,
        body: body.into(),
    }
}

async fn send(base_url: String) -> Outcome {
    let client = client(base_url);
    // In a task of its own, as the sender does it.
    tokio::spawn(async move { client.send_message("2000001", &token(), message("{}")).await })
        .await
        .unwrap()
}

/// What a POST came to, in one line.
fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Accepted(accepted) => format!("accepted {}", accepted.wamid),
        Outcome::Rejected(Rejection::Graph(error)) => format!("rejected {}", error.code),
        Outcome::Rejected(Rejection::NotSent { cause }) => format!("not sent: {cause}"),
        Outcome::Unknown(uncertainty) => format!("unknown: {}", uncertainty.cause),
    }
}

/// POSTs once to a server that reads the request and then does that; checks the outcome and that there was one POST only.
async fn check(then: Then, expected: &str) {
    let server = Server::start(then.clone()).await;

    let told = told(send(server.base_url()).await);

    assert!(told.starts_with(expected), "{then:?}: expected {expected}, got {told}");
    assert_eq!(server.requests().len(), 1, "{then:?}: one POST, whatever happens");
}

#[tokio::test]
async fn a_complete_answer_is_judged_by_what_it_says() {
    check(Then::answer(200, ACCEPTED), "accepted wamid.1").await;
    check(Then::answer(400, REFUSED), "rejected 100").await;
    check(Then::answer(429, REFUSED), "rejected 100").await;
    check(Then::answer(400, "<html>Bad Request</html>"), "unknown: HTTP 400").await;
    check(
        Then::answer(200, "<html>Sign in to this hotel's network</html>"),
        "unknown: HTTP 200 without a message id",
    )
    .await;
    check(Then::answer(500, REFUSED), "unknown: HTTP 500, code 100").await;
    check(Then::answer(503, ""), "unknown: HTTP 503").await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(Then::answer(200, ACCEPTED)).await;
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {}/x\r\ncontent-length: 0\r\n\r\n",
            elsewhere.base_url()
        );
        check(Then::Bytes(head), &format!("unknown: HTTP {status}")).await;
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_proves_nothing() {
    let head = |status: u16| format!("HTTP/1.1 {status} X\r\ncontent-length: 1000\r\n\r\n");
    check(Then::Bytes(head(200) + ACCEPTED), "unknown: answer cut short").await;
    check(Then::Bytes(head(400) + REFUSED), "unknown: answer cut short").await;
    check(
        Then::Bytes("HTTP/1.1 200 OK\r\ncontent-le".to_owned()),
        "unknown: connection broke",
    )
    .await;
    check(
        Then::Bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()),
        "unknown: connection broke",
    )
    .await;
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_for_ever() {
    let body = " ".repeat(300 * 1024);
    check(Then::answer(200, &body), "unknown: answer too large").await;
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_leaves_it_unknown() {
    check(Then::Close, "unknown: connection broke").await;
    check(Then::Reset, "unknown: connection broke").await;
}

#[tokio::test]
async fn silence_after_the_request_leaves_it_unknown() {
    check(Then::Silence, "unknown: response timeout").await;
    check(
        Then::BytesThenSilence("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_owned()),
        "unknown: answer cut short",
    )
    .await;
}

#[tokio::test]
async fn nobody_listening_is_provably_not_sent() {
    let server = Server::start(Then::Close).await;
    let base_url = server.base_url();
    server.stop().await;

    assert_eq!(
        told(send(base_url).await),
        "not sent: connect failed: connection refused"
    );
}

#[tokio::test]
async fn a_failed_tls_handshake_is_provably_not_sent() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;

    let told = told(send(server.base_url().replace("http://", "https://")).await);

    assert_eq!(told, "not sent: connect failed: TLS, the server does not speak TLS");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_provably_not_sent() {
    let nobody_accepts = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = ClientConfig::new(format!("https://{}", nobody_accepts.local_addr().unwrap()), "v26.0");
    config.connect_timeout = Duration::from_millis(200);

    let outcome = Client::new(config)
        .unwrap()
        .send_message("2000001", &token(), message("{}"))
        .await;

    assert_eq!(told(outcome), "not sent: connect timeout");
}

#[tokio::test]
async fn a_token_that_is_no_header_is_provably_not_sent() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;

    let outcome = client(server.base_url())
        .send_message("2000001", &"two\nlines".into(), message("{}"))
        .await;

    assert!(told(outcome).starts_with("not sent: the access token"));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn the_request_is_one_plain_post_with_the_body_as_given() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;
    let mut config = ClientConfig::new(server.base_url(), "v26.0");
    config.app_secret = Some("secret".into());
    let body = format!("{{\"text\":\"{}\"}}", "é".repeat(50_000));

    let outcome = Client::new(config)
        .unwrap()
        .send_message("2000001", &token(), message(body.clone()))
        .await;

    assert_eq!(told(outcome), "accepted wamid.1");
    let request = server.requests().remove(0);
    let (head, sent) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /v26.0/2000001/messages?appsecret_proof="),
        "{head}"
    );
    let lines: Vec<String> = head.lines().map(str::to_ascii_lowercase).collect();
    assert!(lines.contains(&"authorization: bearer eaab-token".to_owned()), "{head}");
    assert!(lines.contains(&"content-type: application/json".to_owned()), "{head}");
    assert!(lines.contains(&format!("content-length: {}", body.len())), "{head}");
    assert!(!head.contains("secret="), "{head}");
    assert_eq!(sent, body);
}

#[tokio::test]
async fn connections_are_kept_for_the_next_message() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;
    let client = client(server.base_url());

    for _ in 0..20 {
        assert_eq!(
            told(client.send_message("2000001", &token(), message("{}")).await),
            "accepted wamid.1"
        );
    }

    assert_eq!(server.requests().len(), 20);
    assert!(
        server.connections() < 10,
        "{} connections for 20 messages",
        server.connections()
    );
}

#[tokio::test]
async fn all_numbers_of_a_waba_are_read_page_by_page() {
    let first = r#"{"data":[{"id":"2000001","display_phone_number":"+1 555-000-1111","status":"CONNECTED","throughput":{"level":"HIGH"},"whatsapp_business_manager_messaging_limit":"TIER_100K"}],
        "paging":{"cursors":{"before":"a","after":"b c"},"next":"https://example.com/?after=b"}}"#;
    let second = r#"{"data":[{"id":2000002,"status":"BANNED","quality_rating":null}],"paging":{"cursors":{"before":"c","after":"d"}}}"#;
    let server = Server::start_with(vec![Then::answer(200, first), Then::answer(200, second)]).await;

    let numbers = client(server.base_url())
        .phone_numbers("1000001", &token())
        .await
        .unwrap();

    assert_eq!(
        numbers.iter().map(|number| number.id.as_str()).collect::<Vec<_>>(),
        ["2000001", "2000002"]
    );
    assert_eq!(numbers[0].throughput.as_ref().unwrap().level, "HIGH");
    assert_eq!(numbers[0].messaging_limit.as_deref(), Some("TIER_100K"));
    assert_eq!([numbers[0].may_send(), numbers[1].may_send()], [true, false]);
    let requests = server.requests();
    assert!(
        requests[0].starts_with("GET /v26.0/1000001/phone_numbers?fields=id"),
        "{}",
        requests[0]
    );
    assert!(
        !requests[0].contains("after=") && requests[1].contains("&after=b+c "),
        "{}",
        requests[1]
    );
}

#[tokio::test]
async fn a_number_that_cannot_be_read_says_what_to_do() {
    let refused = r#"{"error":{"message":"Error validating access token","type":"OAuthException","code":190}}"#;
    let server = Server::start_with(vec![Then::answer(401, refused), Then::answer(200, "<html>")]).await;
    let client = client(server.base_url());

    let error = client.phone_number("2000001", &token()).await.unwrap_err();
    assert!(matches!(&error, Error::Graph(graph) if graph.code == 190), "{error}");
    assert!(error.to_string().contains("Create a new system-user token"), "{error}");

    let error = client.phone_number("2000001", &token()).await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { http_status: 200 }), "{error}");
}

#[tokio::test]
async fn a_marketing_message_goes_to_its_own_edge() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;
    let message = Composed {
        edge: Edge::MarketingMessages,
        ..message("{}")
    };

    let outcome = client(server.base_url())
        .send_message("2000001", &token(), message)
        .await;

    assert_eq!(told(outcome), "accepted wamid.1");
    let request = server.requests().remove(0);
    assert!(
        request.starts_with("POST /v26.0/2000001/marketing_messages "),
        "{request}"
    );
}

/// A POST that is followed; the steps that were told, and the outcome.
async fn followed(server: &Server, go_on: bool) -> (Vec<Step>, String) {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let told_to = Arc::clone(&steps);
    let watch: Arc<Watch> = Arc::new(move |step| {
        told_to.lock().unwrap().push(step);
        go_on
    });
    let outcome = client(server.base_url())
        .send_message_watched("2000001", &token(), message("{}"), watch)
        .await;
    let steps = steps.lock().unwrap().clone();
    (steps, told(outcome))
}

#[tokio::test]
async fn whoever_follows_a_call_hears_of_every_step_in_order() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;

    let (steps, told) = followed(&server, true).await;

    assert_eq!(steps, [Step::Connected, Step::HandedOver, Step::Answered, Step::Read]);
    assert_eq!(told, "accepted wamid.1");
}

#[tokio::test]
async fn a_call_that_is_called_off_when_it_is_connected_was_not_sent() {
    let server = Server::start(Then::answer(200, ACCEPTED)).await;

    let (steps, told) = followed(&server, false).await;

    assert_eq!(steps, [Step::Connected]);
    assert!(told.starts_with("not sent"), "{told}");
    assert_eq!(server.requests().len(), 0, "not one whole request came");
}
