//! Names to addresses, and no address that is not allowed.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use domain::destination::{Network, objection};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Asks somebody for the addresses of a name.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `name`; the ports mean nothing.
    fn lookup(&self, name: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// A name pointed to an address that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("the name points to an address that is not public: {what}")]
pub struct NotPublic {
    /// What the address is instead.
    pub what: &'static str,
}

/// A resolver for the HTTP client, which connects to what this answers and to nothing else.
pub(crate) struct Resolver<L> {
    lookup: Arc<L>,
    allowed: Arc<[Network]>,
}

impl<L: Lookup> Resolver<L> {
    pub(crate) fn new(lookup: L, allowed: Vec<Network>) -> Self {
        Self {
            lookup: Arc::new(lookup),
            allowed: allowed.into(),
        }
    }
}

impl<L: Lookup> Resolve for Resolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, allowed) = (Arc::clone(&self.lookup), Arc::clone(&self.allowed));
        Box::pin(async move {
            let addresses = lookup.lookup(name.as_str()).await?;
            judge(&addresses, &allowed)?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// One bad address spoils a name: a mixture of inside and outside is how rebinding looks, never an honest service.
fn judge(addresses: &[SocketAddr], allowed: &[Network]) -> Result<(), Box<dyn Error + Send + Sync>> {
    if addresses.is_empty() {
        return Err("the name has no address".into());
    }
    let objection = addresses.iter().find_map(|address| objection(address.ip(), allowed));
    objection.map_or(Ok(()), |what| Err(NotPublic { what }.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use crate::{Client, ClientConfig, is_refusal};

    use super::*;

    /// A name server that answers what it is told, the first time and then.
    struct Told {
        first: Vec<SocketAddr>,
        then: Vec<SocketAddr>,
        asked: AtomicUsize,
    }

    impl Lookup for Told {
        async fn lookup(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
            match self.asked.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(self.first.clone()),
                _ => Ok(self.then.clone()),
            }
        }
    }

    struct Broken;

    impl Lookup for Broken {
        async fn lookup(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
            Err(io::Error::other("no name server"))
        }
    }

    fn told(addresses: &[&str]) -> Told {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Told {
            first: addresses.clone(),
            then: addresses,
            asked: AtomicUsize::new(0),
        }
    }

    fn client(policy: &str, lookup: impl Lookup) -> Client {
        Client::with_lookup(ClientConfig::new(policy.parse().unwrap()), lookup).unwrap()
    }

    /// A server that answers every connection with `answer` and counts them.
    async fn server(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, calls)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

    #[tokio::test]
    async fn a_name_that_points_inside_is_not_called() {
        let (port, calls) = server(OK).await;
        for addresses in [
            &["127.0.0.1:0"][..],
            &["[::1]:0"],
            &["[::ffff:127.0.0.1]:0"],
            &["8.8.8.8:0", "127.0.0.1:0"],
            &["169.254.169.254:0"],
        ] {
            let client = client("http, any-port", told(addresses));
            let url = format!("http://inside.example.com:{port}/");

            let error = client
                .request(reqwest::Method::GET, &url)
                .unwrap()
                .send()
                .await
                .unwrap_err();

            assert!(is_refusal(&error), "{addresses:?}: {error:?}");
        }
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_name_without_an_answer_is_not_called() {
        for client in [client("", told(&[])), client("", Broken)] {
            let call = client.request(reqwest::Method::GET, "https://example.com/").unwrap();

            assert!(call.send().await.is_err_and(|error| error.is_connect()));
        }
    }

    #[tokio::test]
    async fn the_connection_goes_to_the_address_that_was_judged() {
        let (port, calls) = server(OK).await;
        // The name points to the server once, and to a metadata service ever after.
        let rebinding = Told {
            first: vec!["127.0.0.1:0".parse().unwrap()],
            then: vec!["169.254.169.254:0".parse().unwrap()],
            asked: AtomicUsize::new(0),
        };
        let client = client("http, any-port, 127.0.0.1", rebinding);
        let url = format!("http://rebinding.example.com:{port}/");
        let get = || client.request(reqwest::Method::GET, &url).unwrap().send();

        assert_eq!(get().await.unwrap().status(), 200);
        let error = get().await.unwrap_err();

        assert!(is_refusal(&error), "{error:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let (inner, calls) = server(OK).await;
        let answer = format!(
            "HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:{inner}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (port, _) = server(answer.leak()).await;
        let client = client("http, any-port, 127.0.0.1", SystemLookup);
        let url = format!("http://127.0.0.1:{port}/");

        let answer = client
            .request(reqwest::Method::POST, &url)
            .unwrap()
            .send()
            .await
            .unwrap();

        assert_eq!(answer.status(), 307);
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_the_cap() {
        let (port, _) = server(OK).await;
        let client = client("http, any-port, 127.0.0.1", SystemLookup);
        let url = format!("http://127.0.0.1:{port}/");

        let answer = client
            .request(reqwest::Method::GET, &url)
            .unwrap()
            .send()
            .await
            .unwrap();

        assert_eq!(crate::read_at_most(answer, 1).await.unwrap(), b"o");
    }

    #[test]
    fn literal_addresses_are_judged_before_any_call() {
        let client = client("http, any-port", SystemLookup);

        assert!(client.request(reqwest::Method::GET, "http://0x7f.1/").is_err());
        assert!(
            client
                .request(reqwest::Method::GET, "http://[::ffff:7f00:1]:80/")
                .is_err()
        );
    }
}
