//! Reading an answer, and naming what kept it from being read.

use reqwest::Response;

/// No answer of Meta's that we read is near this size, in bytes; a longer one is not read further.
const ANSWER_CAP: usize = 256 * 1024;

/// The whole body of an answer, or why it could not be read.
pub(super) async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_CAP => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err("answer too large".to_owned()),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("answer cut short, {}", cause(&error))),
        }
    }
}

/// Why a call failed, in a few words made of kinds only: the errors' own texts may hold addresses.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let phase = match (error.is_connect(), error.is_timeout()) {
        (true, true) => return "connect timeout".to_owned(),
        (false, true) => return "response timeout".to_owned(),
        (true, false) => "connect failed",
        (false, false) => "connection broke",
    };
    if error.is_dns() {
        return "name not resolved".to_owned();
    }
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return format!("{phase}: TLS, {}", tls_kind(tls));
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            // TLS errors come wrapped into IO errors, which hide them from `source`.
            match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(tls) => return format!("{phase}: TLS, {}", tls_kind(tls)),
                None => return format!("{phase}: {}", io.kind()),
            }
        }
        source = error.source();
    }
    phase.to_owned()
}

fn tls_kind(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => "the certificate is not valid",
        rustls::Error::AlertReceived(_) => "the server refused",
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        _ => "the handshake failed",
    }
}
