//! One attempt: sign, POST, judge the answer.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::trace::{Span, SpanKind, TraceContext};
use domain::webhook::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, next, signature_header};
use outbound::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use outbound::{Client, Method, StatusCode, is_refusal, read_at_most};
use runtime::Clock;
use runtime::telemetry::traces;
use store::webhooks::{Outcome, Parcel, Told};

/// So much of an answer is read, so that its connection can be used again; nobody looks at it.
const ANSWER: usize = 16 * 1024;

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Taken,
    /// Not taken, and whether another attempt has a point.
    Refused {
        why: String,
        wish: Option<TimeDelta>,
        is_final: bool,
    },
    Gone,
}

/// Makes the attempt. Never fails: how it ended is the outcome.
pub(super) async fn make(client: &Client, clock: &Clock, parcel: &Parcel) -> Outcome {
    let (started, now) = (Instant::now(), clock.now());
    let context = followed(parcel).map(|parent| (parent, parent.child(rand::random())));
    let (http_status, answer) = match &parcel.told {
        Some(told) => post(client, parcel, told, context.map(|(_, own)| own), now).await,
        None => (
            None,
            refused(
                "the event is older than what is kept, so there is nothing to tell",
                true,
            ),
        ),
    };
    let took = started.elapsed();
    let label = match &answer {
        Answer::Taken => "delivered",
        Answer::Refused { .. } => "failed",
        Answer::Gone => "gone",
    };
    metrics::counter!("turnpike_deliveries_total", "outcome" => label).increment(1);
    metrics::histogram!("turnpike_delivery_seconds", "outcome" => label).record(took);
    let ended = clock.now();
    trace(parcel, http_status, label, context, now, ended);
    if answer == Answer::Taken && parcel.attempt == 1 {
        let lag = (ended - parcel.since).to_std().unwrap_or(Duration::ZERO);
        metrics::histogram!("turnpike_delivery_lag_seconds").record(lag);
    }
    outcome(parcel, answer, http_status, took, ended)
}

fn outcome(parcel: &Parcel, answer: Answer, http_status: Option<u16>, took: Duration, now: DateTime<Utc>) -> Outcome {
    let attempts = u32::try_from(parcel.attempt).unwrap_or(u32::MAX);
    let (delivered, gone, error, again_at) = match answer {
        Answer::Taken => (true, false, None, None),
        Answer::Gone => (
            false,
            true,
            Some("answered 410, wants no more webhooks".to_owned()),
            None,
        ),
        Answer::Refused { why, wish, is_final } => {
            let again_at = next(attempts, rand::random(), wish, now).filter(|_| !is_final);
            (false, false, Some(why), again_at)
        }
    };
    Outcome {
        endpoint: parcel.endpoint,
        sequence: parcel.sequence,
        attempt: parcel.attempt,
        delivered,
        again_at,
        gone,
        http_status,
        took_ms: i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
        error,
    }
}

/// The trace of the message that is told of.
fn followed(parcel: &Parcel) -> Option<TraceContext> {
    TraceContext::parse(parcel.told.as_ref()?.traceparent.as_deref()?)
}

fn trace(
    parcel: &Parcel,
    http_status: Option<u16>,
    label: &'static str,
    context: Option<(TraceContext, TraceContext)>,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
) {
    let Some((parent, context)) = context.filter(|(parent, _)| parent.is_sampled()) else {
        return;
    };
    traces::record(|| {
        let mut attributes = vec![
            ("webhook.endpoint", parcel.endpoint.to_string()),
            ("webhook.sequence", parcel.sequence.to_string()),
            ("attempt", parcel.attempt.to_string()),
        ];
        attributes.extend(http_status.map(|status| ("http.response.status_code", status.to_string())));
        let span = Span {
            parent,
            context,
            name: "webhook to a customer",
            kind: SpanKind::Client,
            began,
            ended,
            attributes,
            failure: (label != "delivered").then(|| label.to_owned()),
        };
        span.to_json()
    });
}

fn refused(why: impl Into<String>, is_final: bool) -> Answer {
    Answer::Refused {
        why: why.into(),
        wish: None,
        is_final,
    }
}

async fn post(
    client: &Client,
    parcel: &Parcel,
    told: &Told,
    trace: Option<TraceContext>,
    now: DateTime<Utc>,
) -> (Option<u16>, Answer) {
    let timestamp = now.timestamp();
    let request = match client.request(Method::POST, &parcel.url) {
        Ok(request) => request,
        Err(error) => return (None, refused(error.to_string(), true)),
    };
    let request = request
        .header(CONTENT_TYPE, "application/json")
        .header(ID_HEADER, &told.id)
        .header(TIMESTAMP_HEADER, timestamp)
        .header(
            SIGNATURE_HEADER,
            signature_header(&parcel.secrets, &told.id, timestamp, &told.body),
        )
        .body(told.body.clone());
    let request = match trace {
        Some(trace) => request.header("traceparent", trace.to_string()),
        None => request,
    };
    match request.send().await {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            // Whether the rest of the answer comes changes nothing.
            let _ = read_at_most(answer, ANSWER).await;
            (Some(status.as_u16()), judge(status, &headers))
        }
        Err(error) => (None, no_answer(&error)),
    }
}

fn judge(status: StatusCode, headers: &HeaderMap) -> Answer {
    if status.is_success() {
        return Answer::Taken;
    }
    if status == StatusCode::GONE {
        return Answer::Gone;
    }
    let why = match status {
        status if status.is_redirection() => format!("answered {}; redirects are not followed", status.as_u16()),
        status => format!("answered {}", status.as_u16()),
    };
    let wish = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Answer::Refused {
        why,
        wish: wish.map(|seconds: u32| TimeDelta::seconds(seconds.into())),
        is_final: false,
    }
}

fn no_answer(error: &outbound::CallError) -> Answer {
    // A name that points inside today may be a mistake of today, so it is asked again as any failure.
    if is_refusal(error) {
        return refused(
            "the name points to an address that is not public, so it was not called",
            false,
        );
    }
    let why = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection; is the address right, does it listen, is its certificate valid?"
    } else {
        "the connection broke before the answer"
    };
    refused(why, false)
}

#[cfg(test)]
mod tests {
    use domain::EndpointId;
    use uuid::Uuid;

    use super::*;

    fn judged(status: u16, retry_after: Option<&str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(wish) = retry_after {
            headers.insert(RETRY_AFTER, wish.parse().unwrap());
        }
        judge(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn success_is_2xx_and_nothing_else() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judged(status, None), Answer::Taken, "{status}");
        }
        assert_eq!(judged(410, None), Answer::Gone);
        for status in [301, 302, 307, 308, 400, 401, 404, 429, 500, 503] {
            assert!(
                matches!(judged(status, None), Answer::Refused { is_final: false, .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn a_receiver_may_say_when_in_seconds() {
        let wish = |text| match judged(503, Some(text)) {
            Answer::Refused { wish, .. } => wish,
            other => panic!("{other:?}"),
        };
        assert_eq!(wish("120"), Some(TimeDelta::seconds(120)));
        assert_eq!(wish("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(wish("-1"), None);
    }

    #[test]
    fn the_last_attempt_and_a_forbidden_address_are_not_tried_again() {
        let parcel = |attempt| Parcel {
            endpoint: EndpointId(Uuid::from_u128(1)),
            sequence: 7,
            attempt,
            url: String::new(),
            secrets: Vec::new(),
            since: DateTime::UNIX_EPOCH,
            told: None,
        };
        let again = |attempt, is_final| {
            let answer = refused("no", is_final);
            outcome(&parcel(attempt), answer, None, Duration::ZERO, DateTime::UNIX_EPOCH).again_at
        };
        let last = i32::try_from(domain::webhook::ATTEMPTS).unwrap();
        assert!(again(1, false).is_some() && again(last - 1, false).is_some());
        assert_eq!((again(last, false), again(1, true)), (None, None));
    }
}
