//! Every fault, seen from both ends, against a small echo server.

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing must come before it counts as nothing.
const SILENCE: Duration = Duration::from_millis(60);

/// Sends back what it gets, piece by piece.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    addr
}

async fn proxy() -> Proxy {
    Proxy::start(echo().await.to_string()).await.unwrap()
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.addr).await.unwrap()
}

async fn says(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap()?;
    Ok(String::from_utf8(answer).unwrap())
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read(&mut [0; 16])).await.is_err()
}

/// The bytes until the stream ends, and how it ended.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
    (bytes, ended.map(|_| ()))
}

fn ends(after: u64, how: Ending) -> Way {
    Way {
        ends: Some(Ends { after, how }),
        ..Way::default()
    }
}

#[tokio::test]
async fn without_faults_everything_passes_and_both_ends_close_in_peace() {
    let proxy = proxy().await;
    let mut client = client(&proxy).await;
    let much = vec![7; 1_000_000];

    let (mut from, mut to) = client.split();
    let mut back = Vec::new();
    let writing = async {
        to.write_all(&much).await.unwrap();
        to.shutdown().await.unwrap();
    };
    tokio::join!(writing, async { from.read_to_end(&mut back).await.unwrap() });

    assert_eq!(back, much);
    let tally = proxy.tally();
    assert_eq!((tally.connections, tally.broken), (1, 0));
    assert_eq!((tally.to_upstream, tally.to_client), (1_000_000, 1_000_000));
}

#[tokio::test]
async fn a_url_leads_through_the_proxy() {
    let upstream = echo().await;

    let (proxy, url) = Proxy::before(&format!("postgres://user:word@{upstream}/name?sslmode=disable"))
        .await
        .unwrap();

    assert_eq!(url, format!("postgres://user:word@{}/name?sslmode=disable", proxy.addr));
    assert_eq!(says(&mut client(&proxy).await, "hello").await.unwrap(), "hello");
    assert_eq!(server_of("amqp://localhost"), Some("localhost"));
    assert_eq!(default_port("amqp://localhost"), Some(5672));
}

#[tokio::test]
async fn latency_delays_each_direction_and_keeps_the_order() {
    let proxy = proxy().await;
    let (there, back) = (Duration::from_millis(30), Duration::from_millis(50));
    proxy
        .set(Faults {
            to_upstream: Way {
                latency: Latency::fixed(there),
                ..Way::default()
            },
            to_client: Way {
                latency: Latency::between(back, back * 2),
                ..Way::default()
            },
            ..Faults::default()
        })
        .await;
    let mut client = client(&proxy).await;

    let begun = Instant::now();
    let text: String = (0..200).map(|n| format!("{n} ")).collect();
    for piece in text.split_inclusive(' ') {
        client.write_all(piece.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = vec![0; text.len()];
    timeout(PATIENCE, client.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();

    assert!(begun.elapsed() >= there + back, "{:?}", begun.elapsed());
    assert_eq!(String::from_utf8(answer).unwrap(), text);
}

#[tokio::test]
async fn a_black_hole_takes_everything_and_stays_one_after_it_is_healed() {
    let proxy = proxy().await;
    proxy
        .set(Faults {
            arrivals: Arrivals::Swallowed,
            ..Faults::default()
        })
        .await;
    let mut lost = client(&proxy).await;

    lost.write_all(b"hello").await.unwrap();
    assert!(is_silent(&mut lost).await);
    proxy.heal().await;

    assert!(is_silent(&mut lost).await);
    assert_eq!(says(&mut client(&proxy).await, "hello").await.unwrap(), "hello");
    assert_eq!(proxy.tally().swallowed, 1);
    proxy.cut();
    assert_eq!(rest(&mut lost).await.1.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn refused_connections_fail_at_once_and_old_ones_go_on() {
    let proxy = proxy().await;
    let mut old = client(&proxy).await;
    assert_eq!(says(&mut old, "one").await.unwrap(), "one");

    for _ in 0..3 {
        proxy
            .set(Faults {
                arrivals: Arrivals::Refused,
                ..Faults::default()
            })
            .await;
        let refused = TcpStream::connect(proxy.addr).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(says(&mut old, "two").await.unwrap(), "two");

        proxy.heal().await;
        assert_eq!(says(&mut client(&proxy).await, "three").await.unwrap(), "three");
    }
}

#[tokio::test]
async fn a_cut_resets_every_connection_and_welcomes_new_ones() {
    let proxy = proxy().await;
    let (mut one, mut two) = (client(&proxy).await, client(&proxy).await);
    says(&mut one, "hello").await.unwrap();
    says(&mut two, "hello").await.unwrap();

    proxy.cut();

    for stream in [&mut one, &mut two] {
        assert_eq!(rest(stream).await.1.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(says(&mut client(&proxy).await, "hello").await.unwrap(), "hello");
    assert_eq!(proxy.tally().broken, 2);
}

#[tokio::test]
async fn the_server_sees_a_cut_too() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await.unwrap();
    let mut client = client(&proxy).await;
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"x").await.unwrap();
    server.read_exact(&mut [0]).await.unwrap();

    proxy.cut();

    assert_eq!(
        rest(&mut server).await.1.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_connection_is_reset_after_exactly_so_many_bytes_of_one_direction() {
    let proxy = proxy().await;
    proxy
        .set(Faults {
            to_client: ends(5, Ending::Reset),
            ..Faults::default()
        })
        .await;
    let mut client = client(&proxy).await;

    client.write_all(b"hello, world").await.unwrap();
    let (bytes, ended) = rest(&mut client).await;

    assert!(
        b"hello".starts_with(&bytes),
        "a reset may overtake what was not read yet: {bytes:?}"
    );
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!((proxy.tally().to_client, proxy.tally().broken), (5, 1));
}

#[tokio::test]
async fn bytes_are_counted_anew_from_each_change_of_the_faults() {
    let proxy = proxy().await;
    let mut client = client(&proxy).await;
    assert_eq!(says(&mut client, "a long hello").await.unwrap(), "a long hello");

    proxy
        .set(Faults {
            to_upstream: ends(4, Ending::HalfClose),
            ..Faults::default()
        })
        .await;
    client.write_all(b"good bye").await.unwrap();

    let (bytes, ended) = rest(&mut client).await;
    assert_eq!(
        bytes, b"good",
        "the echo of what came through before the server saw the end"
    );
    assert!(ended.is_ok());
}

#[tokio::test]
async fn a_half_closed_connection_still_carries_the_other_direction() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await.unwrap();
    proxy
        .set(Faults {
            to_upstream: ends(3, Ending::HalfClose),
            ..Faults::default()
        })
        .await;
    let mut client = client(&proxy).await;
    let (mut server, _) = listener.accept().await.unwrap();

    client.write_all(b"hello").await.unwrap();
    let (bytes, ended) = rest(&mut server).await;
    assert_eq!(bytes, b"hel");
    assert!(ended.is_ok(), "the end of a stream, not a reset");

    server.write_all(b"I hear you badly").await.unwrap();
    drop(server);
    assert_eq!(rest(&mut client).await.0, b"I hear you badly");
}

#[tokio::test]
async fn a_stalled_direction_keeps_its_bytes_until_it_is_healed() {
    let proxy = proxy().await;
    let mut client = client(&proxy).await;
    says(&mut client, "hello").await.unwrap();

    proxy
        .set(Faults {
            to_client: Way {
                stalled: true,
                ..Way::default()
            },
            ..Faults::default()
        })
        .await;
    client.write_all(b"anybody?").await.unwrap();
    assert!(is_silent(&mut client).await);
    assert_eq!(proxy.tally().to_upstream, 13, "the other direction is open");
    proxy.heal().await;

    let mut answer = [0; 8];
    timeout(PATIENCE, client.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"anybody?");
}

#[tokio::test]
async fn slices_arrive_as_single_bytes_and_complete() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await.unwrap();
    proxy
        .set(Faults::both_ways(Way {
            slice: NonZeroUsize::new(1),
            ..Way::default()
        }))
        .await;
    let mut client = client(&proxy).await;
    let (mut server, _) = listener.accept().await.unwrap();

    client.write_all(b"in pieces").await.unwrap();
    let mut first = [0; 9];
    let count = server.read(&mut first).await.unwrap();
    server.read_exact(&mut first[count..]).await.unwrap();

    assert!(count < 9, "the first read got all {count} bytes at once");
    assert_eq!(&first, b"in pieces");
}

#[tokio::test]
async fn without_a_server_the_client_is_reset() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let proxy = Proxy::start(gone.local_addr().unwrap().to_string()).await.unwrap();
    drop(gone);
    let mut client = client(&proxy).await;

    assert_eq!(
        rest(&mut client).await.1.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}
