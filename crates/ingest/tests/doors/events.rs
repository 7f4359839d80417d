//! Events over HTTP: the list from any number on, and the stream that goes on where it was cut off.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Request;
use crate::rig::{MESSAGES, Rig, SOON, hello, person};

const EVENTS: &str = "/api/v1/events";

impl Rig {
    /// Messages that make an event each, all with their numbers.
    async fn told(&self, count: usize) {
        for n in 0..count {
            let mut message = hello(&person(n));
            message["metadata"] = json!({"order": n});
            self.post(MESSAGES, &message).await.data(202);
        }
        self.database.store.number_events(1000).await.unwrap();
    }
}

/// A reader of the stream over a plain socket.
struct Reader {
    socket: TcpStream,
    text: String,
}

impl Reader {
    async fn open(rig: &Rig, query: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(rig.addr).await.unwrap();
        let key = &rig.tenant.api_key;
        let head =
            format!("GET {EVENTS}/stream{query} HTTP/1.1\r\nhost: turnpike\r\nx-api-key: {key}\r\n{headers}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        Self {
            socket,
            text: String::new(),
        }
    }

    /// Reads until so many events are there; their ids and bodies.
    async fn events(&mut self, count: usize) -> Vec<(String, Value)> {
        loop {
            let found: Vec<(String, Value)> = self
                .text
                .split("id: ")
                .skip(1)
                .filter_map(|event| {
                    let (id, rest) = event.split_once('\n')?;
                    let (_, data) = rest.split_once("data: ")?;
                    let (data, _) = data.split_once("\n\n")?;
                    Some((id.to_owned(), serde_json::from_str(data).ok()?))
                })
                .collect();
            if found.len() >= count {
                return found;
            }
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(SOON, self.socket.read(&mut buffer))
                .await
                .expect("an event comes soon")
                .unwrap();
            assert!(read > 0, "the stream ended: {}", self.text);
            self.text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
    }
}

#[tokio::test]
async fn events_are_listed_from_any_number_on_with_who_and_the_callers_own() {
    let rig = Rig::start().await;
    rig.sql("TRUNCATE event").await;
    rig.told(5).await;

    let all = rig.get(EVENTS).await;
    assert_eq!(
        all.body["meta"]["pagination"],
        json!({"cursor": "5", "has_more": false})
    );
    let events = all.data(200);
    assert_eq!(events.as_array().unwrap().len(), 5);
    assert_eq!(events[1]["id"], "acme0-2");
    assert_eq!(
        (&events[1]["sequence"], &events[1]["type"]),
        (&json!(2), &json!("message.pending"))
    );
    let data = &events[1]["data"];
    assert_eq!(
        (&data["to"], &data["from"]),
        (&json!(person(1)), &json!(rig.tenant.phone))
    );
    assert_eq!(data["metadata"], json!({"order": 1}));

    let page = rig.get(&format!("{EVENTS}?after=1&limit=2")).await;
    assert_eq!(
        page.body["meta"]["pagination"],
        json!({"cursor": "3", "has_more": true})
    );
    assert_eq!(
        (&page.body["data"][0]["sequence"], &page.body["data"][1]["sequence"]),
        (&json!(2), &json!(3))
    );
    let rest = rig.get(&format!("{EVENTS}?cursor=3")).await.data(200);
    assert_eq!(rest[0]["sequence"], 4);

    assert_eq!(rig.get(&format!("{EVENTS}?types=number.*")).await.data(200), json!([]));
    rig.sql("UPDATE sender_number SET throughput = 7").await;
    rig.database.store.number_events(1000).await.unwrap();
    let numbers = rig
        .get(&format!("{EVENTS}?types=number.*,template.created"))
        .await
        .data(200);
    assert_eq!(
        (&numbers[0]["type"], &numbers[0]["sequence"]),
        (&json!("number.throughput_changed"), &json!(6))
    );
    rig.get(&format!("{EVENTS}?types=message.opened"))
        .await
        .error(422, "VALIDATION_ERROR");
    rig.get(&format!("{EVENTS}?cursor=-1"))
        .await
        .error(400, "INVALID_CURSOR");
    rig.finish().await;
}

#[tokio::test]
async fn a_neighbours_events_are_not_told() {
    let rig = Rig::start().await;
    rig.told(2).await;
    let neighbour = rig.neighbour().await;
    rig.database.store.number_events(1000).await.unwrap();

    let answer = Request::new(rig.addr, "GET", EVENTS)
        .header("x-api-key", &neighbour.api_key)
        .send()
        .await
        .data(200);

    let events = answer.as_array().unwrap();
    assert!(!events.is_empty());
    assert!(
        events
            .iter()
            .all(|event| event["id"].as_str().unwrap().starts_with("acme1-")),
        "{answer}"
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_stream_tells_what_comes_and_goes_on_behind_the_last_id() {
    let rig = Rig::start().await;
    rig.sql("TRUNCATE event").await;
    rig.told(3).await;

    let mut reader = Reader::open(&rig, "?after=1", "").await;
    let first = reader.events(2).await;
    assert_eq!([first[0].0.as_str(), first[1].0.as_str()], ["2", "3"]);
    assert!(
        reader.text.contains("content-type: text/event-stream"),
        "{}",
        reader.text
    );
    assert!(reader.text.contains("event: message.pending"), "{}", reader.text);
    assert_eq!(first[0].1["sequence"], 2);

    rig.told(2).await;
    let more = reader.events(4).await;
    assert_eq!([more[2].0.as_str(), more[3].0.as_str()], ["4", "5"]);
    drop(reader);

    let mut again = Reader::open(&rig, "", "last-event-id: 4\r\n").await;
    assert_eq!(again.events(1).await[0].0, "5");
    let mut numbers = Reader::open(&rig, "?types=number.*", "").await;
    rig.sql("UPDATE sender_number SET throughput = 7").await;
    rig.database.store.number_events(1000).await.unwrap();
    assert_eq!(numbers.events(1).await[0].0, "6");
    // The role stops although readers are connected.
    tokio::time::timeout(Duration::from_secs(15), rig.finish())
        .await
        .expect("streams end with the role");
}

#[tokio::test]
async fn there_is_an_end_to_how_many_streams_one_organization_reads() {
    let rig = Rig::start().await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(Reader::open(&rig, "", "").await);
    }
    rig.told(1).await;
    for reader in &mut readers {
        reader.events(1).await;
    }

    rig.get(&format!("{EVENTS}/stream")).await.error(429, "RATE_LIMITED");
    rig.finish().await;
}
