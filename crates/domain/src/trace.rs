//! Traces: which request some work belongs to, as W3C Trace Context writes it (`traceparent`), and the spans that tell of it.

use std::fmt;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;

/// A place in a trace: the trace, and the span that further work belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`; `None` when it is none, or of a version that cannot be read. The specification wants such a header
    /// ignored rather than refused.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may say more behind the flags, this one may not.
        if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) || flags.len() != 2 {
            return None;
        }
        let bytes = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        bytes(version)?;
        let trace: [u8; 16] = bytes(trace)?.try_into().ok()?;
        let span: [u8; 8] = bytes(span)?.try_into().ok()?;
        let flags = bytes(flags)?;
        (trace != [0; 16] && span != [0; 8]).then_some(Self {
            trace,
            span,
            sampled: flags[0] & 1 == 1,
        })
    }

    /// The same trace, further work belonging to this span.
    #[must_use]
    pub fn child(self, span: [u8; 8]) -> Self {
        Self { span, ..self }
    }

    /// Whether anybody records the trace.
    pub fn is_sampled(self) -> bool {
        self.sampled
    }
}

impl fmt::Display for TraceContext {
    /// As a `traceparent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (HEXLOWER.encode(&self.trace), HEXLOWER.encode(&self.span));
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

/// Whose work a span tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// We were called.
    Server,
    /// We called.
    Client,
    /// We took a message of a queue.
    Consumer,
}

impl SpanKind {
    /// OTLP's code.
    pub fn code(self) -> u8 {
        match self {
            Self::Server => 2,
            Self::Client => 3,
            Self::Consumer => 5,
        }
    }
}

/// A piece of work that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// What it belongs to.
    pub parent: TraceContext,
    /// Itself: what its own work belongs to.
    pub context: TraceContext,
    /// What was done, from a short list.
    pub name: &'static str,
    /// Whose work.
    pub kind: SpanKind,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// What it was done with: ids and codes, never a person, a text or a token.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it did not go well.
    pub failure: Option<String>,
}

impl Span {
    /// As OTLP's JSON has it.
    pub fn to_json(&self) -> serde_json::Value {
        let nanos = |at: DateTime<Utc>| at.timestamp_nanos_opt().unwrap_or(0).to_string();
        let attribute =
            |(key, value): &(&'static str, String)| serde_json::json!({"key": key, "value": {"stringValue": value}});
        let status = match &self.failure {
            None => serde_json::json!({"code": 0}),
            Some(why) => serde_json::json!({"code": 2, "message": why}),
        };
        serde_json::json!({
            "traceId": HEXLOWER.encode(&self.context.trace),
            "spanId": HEXLOWER.encode(&self.context.span),
            "parentSpanId": HEXLOWER.encode(&self.parent.span),
            "name": self.name,
            "kind": self.kind.code(),
            "startTimeUnixNano": nanos(self.began),
            "endTimeUnixNano": nanos(self.ended),
            "attributes": self.attributes.iter().map(attribute).collect::<Vec<_>>(),
            "status": status,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_it_is_written() {
        let context = TraceContext::parse(EXAMPLE).unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(
            context.child([1; 8]).to_string(),
            "00-0af7651916cd43dd8448eb211c80319c-0101010101010101-01"
        );
        // A version to come, which may say more.
        assert_eq!(
            TraceContext::parse(&format!("cc-{}-more", &EXAMPLE[3..])),
            Some(context)
        );
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = TraceContext::parse(&text);
        }
    }
}
