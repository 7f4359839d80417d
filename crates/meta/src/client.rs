//! The HTTP client for Meta's Graph API, set up so that the outcome of a POST can be judged.
//!
//! HTTP/1.1 keep-alive: one broken connection makes one outcome uncertain, where a broken HTTP/2 connection would make hundreds.
//! No redirects (a 307 would POST again), no retries inside the client, no proxy taken from the environment. Idle
//! connections are dropped early, because writing into one that the server is just closing makes an outcome uncertain for nothing.

mod answer;
mod handed_over;
mod paging;
mod send;

pub use send::{Step, Watch};

use std::time::Duration;

use data_encoding::HEXLOWER;
use domain::attempt::GraphError;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;

use crate::graph;
pub use send::judge;

/// Where Meta is and how long to wait for it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `https://graph.facebook.com`, or the address of a stand-in.
    pub base_url: String,
    /// The Graph version that every call names: `v26.0`.
    pub version: String,
    /// When set, every call carries `appsecret_proof`, so that a stolen access token alone is worth nothing.
    pub app_secret: Option<SecretString>,
    /// For DNS, TCP and TLS together. Running into it is provably "not sent".
    pub connect_timeout: Duration,
    /// For a whole call. Running into it after the request went out leaves the outcome unknown.
    pub total_timeout: Duration,
    /// An unused connection is closed after this long.
    pub pool_idle_timeout: Duration,
}

impl ClientConfig {
    /// Meta at `base_url`, with the timeouts of the design: connect 3 s, total 30 s, idle connections 10 s.
    pub fn new(base_url: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            version: version.into(),
            app_secret: None,
            connect_timeout: Duration::from_secs(3),
            total_timeout: Duration::from_secs(30),
            pool_idle_timeout: Duration::from_secs(10),
        }
    }
}

/// What can go wrong outside of sending, which has [`domain::attempt::Outcome`] instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address cannot be used.
    #[error("reading Meta's base address: {reason}; set it to something like https://graph.facebook.com")]
    BaseUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client could not be built, for example because the system has no CA certificates.
    #[error("setting up the HTTP client for Meta; are the system's CA certificates (ca-certificates) installed?")]
    Setup(#[source] reqwest::Error),
    /// The access token cannot be put into a header.
    #[error("the access token holds characters that no HTTP header may; apply it again")]
    Token,
    /// No answer.
    #[error("calling Meta: {cause}; check the network and Meta's address")]
    NoAnswer {
        /// What failed, without personal data.
        cause: String,
    },
    /// Meta answered with an error object.
    #[error("Meta refused the call with code {}: {}; {}", .0.code, .0.title, domain::meta_error::MetaError::of(.0).advice)]
    Graph(GraphError),
    /// An answer that is not Meta's.
    #[error(
        "calling Meta: HTTP {http_status} without a readable answer; check Meta's address and what stands in between"
    )]
    Unreadable {
        /// The answer's status.
        http_status: u16,
    },
}

impl Error {
    pub(crate) fn no_answer(error: &reqwest::Error) -> Self {
        Self::NoAnswer {
            cause: answer::cause(error),
        }
    }
}

/// A Graph API client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// `<base>/<version>`; always a base.
    root: Url,
    app_secret: Option<SecretString>,
}

/// Makes ring the process's TLS provider, unless one is installed already. [`Client::new`] does it too; a program that opens other TLS
/// connections first calls it at start.
pub fn install_crypto() {
    // An error means that somebody else installed a provider before, which is all that is needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Client {
    /// A client for one Meta app.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let root = root(&config)?;
        install_crypto();
        let mut http = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("turnpike/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .timeout(config.total_timeout)
            .pool_idle_timeout(config.pool_idle_timeout)
            .pool_max_idle_per_host(256)
            .tcp_nodelay(true);
        if root.scheme() == "http" {
            // A stand-in needs no certificates, and must work on a machine that has none.
            http = http.tls_certs_only([]);
        }
        Ok(Self {
            http: http.build().map_err(Error::Setup)?,
            root,
            app_secret: config.app_secret,
        })
    }

    /// GETs a node or edge.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        token: &SecretString,
    ) -> Result<T, Error> {
        self.answer_to(self.request(Method::GET, path, query, token)?).await
    }

    /// Changes something, and reads what Meta says of it.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        token: &SecretString,
    ) -> Result<T, Error> {
        let mut request = self.request(method, path, query, token)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer_to(request).await
    }

    /// Changes something; Meta says `{"success": true}`.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        token: &SecretString,
    ) -> Result<(), Error> {
        #[derive(serde::Deserialize)]
        struct Answer {
            #[serde(default)]
            success: bool,
        }
        match self.ask::<Answer>(method, path, query, body, token).await? {
            Answer { success: true } => Ok(()),
            Answer { success: false } => Err(Error::Unreadable { http_status: 200 }),
        }
    }

    /// A call, ready but for its body.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        token: &SecretString,
    ) -> Result<RequestBuilder, Error> {
        let mut url = self.address(path, token);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let authorization = bearer(token).ok_or(Error::Token)?;
        Ok(self.http.request(method, url).header(AUTHORIZATION, authorization))
    }

    /// Makes a call and reads its answer.
    pub(crate) async fn answer_to<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let answer = request.send().await.map_err(|error| Error::no_answer(&error))?;
        let http_status = answer.status().as_u16();
        let body = answer::read(answer).await.map_err(|cause| Error::NoAnswer { cause })?;
        if let Some(error) = graph::parse_error(http_status, &body) {
            return Err(Error::Graph(error));
        }
        match serde_json::from_slice(&body) {
            Ok(json) if (200..300).contains(&http_status) => Ok(json),
            _ => Err(Error::Unreadable { http_status }),
        }
    }

    /// GETs an address that Meta named, with the token; the body is left to be read.
    pub(crate) async fn fetch(&self, url: Url, token: &SecretString, patience: Duration) -> Result<Response, Error> {
        let authorization = bearer(token).ok_or(Error::Token)?;
        let request = self
            .http
            .get(url)
            .header(AUTHORIZATION, authorization)
            .timeout(patience);
        request.send().await.map_err(|error| Error::no_answer(&error))
    }

    /// Whether this is a stand-in without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.root.scheme() == "http"
    }

    /// The address of a node or edge (`["2000001", "messages"]`), with the proof of the app secret where there is one.
    fn address(&self, path: &[&str], token: &SecretString) -> Url {
        let mut url = self.root.clone();
        url.path_segments_mut()
            .expect("checked in new: the root is a base")
            .extend(path);
        if let Some(secret) = &self.app_secret {
            url.query_pairs_mut()
                .append_pair("appsecret_proof", &appsecret_proof(token, secret));
        }
        url
    }
}

fn root(config: &ClientConfig) -> Result<Url, Error> {
    let bad = |reason: &str| Error::BaseUrl {
        reason: reason.to_owned(),
    };
    let mut url = Url::parse(&config.base_url).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad("it is not an http or https address"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds more than a host and a path"));
    }
    url.path_segments_mut()
        .map_err(|()| bad("it is not an http or https address"))?
        .pop_if_empty()
        .push(&config.version);
    Ok(url)
}

/// HMAC-SHA256 of the token under the app secret, in hex (Graph API, "Securing requests").
fn appsecret_proof(token: &SecretString, app_secret: &SecretString) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes()).expect("HMAC takes any key length");
    mac.update(token.expose_secret().as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// `Authorization`, marked so that nothing prints it. `None` when the token cannot be a header.
fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base_url: &str, app_secret: Option<&str>) -> Result<Client, Error> {
        let app_secret = app_secret.map(SecretString::from);
        Client::new(ClientConfig {
            app_secret,
            ..ClientConfig::new(base_url, "v26.0")
        })
    }

    fn address(base_url: &str, path: &[&str]) -> String {
        client(base_url, None)
            .unwrap()
            .address(path, &"token".into())
            .to_string()
    }

    #[test]
    fn addresses_name_the_version_and_escape_ids() {
        let expected = "http://127.0.0.1:9/v26.0/2000001/messages";
        assert_eq!(address("http://127.0.0.1:9", &["2000001", "messages"]), expected);
        assert_eq!(address("http://127.0.0.1:9/", &["2000001", "messages"]), expected);
        assert_eq!(
            address("http://127.0.0.1:9/a/b/", &["1"]),
            "http://127.0.0.1:9/a/b/v26.0/1"
        );
        assert_eq!(
            address("http://127.0.0.1:9", &["../x?y", "messages"]),
            "http://127.0.0.1:9/v26.0/..%2Fx%3Fy/messages"
        );
    }

    #[test]
    fn a_base_address_that_is_none_is_refused_with_the_next_step() {
        for base_url in [
            "",
            "graph.facebook.com",
            "ftp://127.0.0.1",
            "http://user:pw@127.0.0.1",
            "http://127.0.0.1/?a=b",
        ] {
            let error = client(base_url, None).expect_err(base_url);
            assert!(error.to_string().contains("set it to something like"), "{error}");
        }
    }

    #[test]
    fn the_proof_is_the_tokens_hmac_under_the_app_secret() {
        let client = client("http://127.0.0.1:9", Some("key")).unwrap();

        let address = client.address(&["1"], &"The quick brown fox jumps over the lazy dog".into());

        // The well known test vector of HMAC-SHA256.
        let proof = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        assert_eq!(
            address.as_str(),
            format!("http://127.0.0.1:9/v26.0/1?appsecret_proof={proof}")
        );
    }

    #[test]
    fn nothing_secret_shows_in_debug_output() {
        let client = client("http://127.0.0.1:9", Some("hush-hush")).unwrap();
        let header = bearer(&"EAAB-token".into()).unwrap();

        assert!(!format!("{client:?} {header:?}").contains("hush-hush"));
        assert!(!format!("{header:?}").contains("EAAB"));
    }
}
