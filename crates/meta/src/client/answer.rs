//! Reading an answer, and naming what kept it from being read.

use std::error::Error;

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
    match root(error) {
        Root::Tls(error) => format!("{phase}: TLS, {}", tls_kind(error)),
        Root::Io(error) => format!("{phase}: {}", error.kind()),
        Root::Other => phase.to_owned(),
    }
}

enum Root<'a> {
    Tls(&'a rustls::Error),
    Io(&'a std::io::Error),
    Other,
}

/// The innermost TLS or IO error. Layers wrap IO errors into IO errors, which `source` steps over, so this looks into them.
fn root<'a>(error: &'a (dyn Error + 'static)) -> Root<'a> {
    let io = error.downcast_ref::<std::io::Error>();
    let inner = match io {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    };
    match (
        error.downcast_ref::<rustls::Error>(),
        inner.map_or(Root::Other, root),
        io,
    ) {
        (Some(tls), _, _) => Root::Tls(tls),
        (None, Root::Other, Some(io)) => Root::Io(io),
        (None, inner, _) => inner,
    }
}

fn tls_kind(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => "the certificate is not valid",
        rustls::Error::AlertReceived(_) => "the server refused",
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        _ => "the handshake failed",
    }
}
