//! A request that belongs to a trace: its own span, and what its message belongs to from then on.

use chrono::{DateTime, Utc};
use domain::trace::{Span, SpanKind, TraceContext};
use runtime::telemetry::traces;

use crate::answer::{Answer, message_ids};

/// A request whose caller said `traceparent`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Followed {
    parent: TraceContext,
    context: TraceContext,
    began: DateTime<Utc>,
}

impl Followed {
    /// What was said, if it can be read; the specification wants anything else ignored.
    pub(crate) fn of(traceparent: Option<&str>, now: DateTime<Utc>) -> Option<Self> {
        let parent = TraceContext::parse(traceparent?)?;
        Some(Self {
            parent,
            context: parent.child(rand::random()),
            began: now,
        })
    }

    /// What the message belongs to.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    /// Tells of a request that was answered.
    pub(crate) fn end(self, name: &'static str, kind: SpanKind, answer: &Answer, now: DateTime<Utc>) {
        self.tell(name, kind, now, || {
            let mut attributes = vec![("http.response.status_code", answer.status.to_string())];
            attributes.extend(message_ids(answer).first().map(|id| ("message.id", id.to_string())));
            (
                attributes,
                (answer.status >= 500).then(|| "answered with an error of ours".to_owned()),
            )
        });
    }

    /// Tells of a message that was taken from the broker.
    pub(crate) fn taken(self, name: &'static str, kind: SpanKind, now: DateTime<Utc>) {
        self.tell(name, kind, now, || (Vec::new(), None));
    }

    fn tell(
        self,
        name: &'static str,
        kind: SpanKind,
        ended: DateTime<Utc>,
        more: impl FnOnce() -> (Vec<(&'static str, String)>, Option<String>),
    ) {
        if !self.parent.is_sampled() {
            return;
        }
        traces::record(|| {
            let (attributes, failure) = more();
            let span = Span {
                parent: self.parent,
                context: self.context,
                name,
                kind,
                began: self.began,
                ended,
                attributes,
                failure,
            };
            span.to_json()
        });
    }
}
