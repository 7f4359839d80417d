//! A message on its way through the sender: from the ledger's words to what the rules look at, and to what is posted.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::rules::{Facts, FlowStatus};
use domain::template::Shape;
use domain::trace::TraceContext;
use domain::{Category, MessageId, NumberId, Recipient, TemplateId, WabaId};
use secrecy::SecretString;
use store::admission::{Candidate, Unreadable};

use crate::media::Attached;

/// A message that every rule let through: all that is needed to post it and to judge what came of it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) number: NumberId,
    pub(crate) waba: WabaId,
    pub(crate) template: Option<TemplateId>,
    pub(crate) category: Category,
    pub(crate) failures: i32,
    /// A template is to be sent should the service window be closed.
    pub(crate) has_fallback: bool,
    /// It goes to a stand-in for Meta.
    pub(crate) test: bool,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) recipient: Recipient,
    /// As it is stored, which is as Meta takes it.
    pub(crate) content: String,
    /// Files that it names, with the ids that Meta knows them by; in the content already.
    pub(crate) attached: Vec<Attached>,
    pub(crate) phone_number_id: String,
    pub(crate) token: Arc<SecretString>,
    /// The sender number's messages per second.
    pub(crate) throughput: u32,
    /// How long its job was in the queue.
    pub(crate) waited: TimeDelta,
    /// When it was accepted, if it was to go at once and was not tried yet.
    pub(crate) prompt_since: Option<DateTime<Utc>>,
    /// The trace that it belongs to.
    pub(crate) trace: Option<TraceContext>,
}

/// What the rules look at. `shape` is that of the message's template.
///
/// A paused flow is not among the facts: between our look and our writing it could be resumed, and the row would sleep through
/// that. Admission looks at it under a lock that pause and resume take too.
pub(crate) fn facts(row: &Candidate, shape: Option<&Shape>) -> Result<Facts, Unreadable> {
    let mut facts = row.facts(shape)?;
    if facts.flow == Some(FlowStatus::Paused) {
        facts.flow = Some(FlowStatus::Running);
    }
    Ok(facts)
}

/// The message to post.
pub(crate) fn message(row: Candidate, token: Arc<SecretString>) -> Result<Message, Unreadable> {
    Ok(Message {
        category: row.category()?,
        recipient: Recipient::parse_any(&row.recipient).map_err(|_| Unreadable::Broken("recipient"))?,
        content: row.content.ok_or(Unreadable::Broken("content"))?,
        attached: Vec::new(),
        id: row.id,
        number: row.number,
        waba: row.waba,
        template: row.template.map(|template| template.id),
        failures: row.failures,
        has_fallback: row.has_fallback,
        test: row.test,
        expires_at: row.expires_at,
        phone_number_id: row.phone_number_id,
        token,
        throughput: row.throughput,
        waited: row.read_at - row.queued_at,
        prompt_since: row.prompt.then(|| row.id.at()),
        trace: row.traceparent.as_deref().and_then(TraceContext::parse),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::OrganizationId;
    use domain::rules::{Verdict, decide};
    use domain::template::ParameterFormat;
    use serde_json::json;
    use store::admission::CandidateTemplate;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap()
    }

    /// A row that every rule lets through.
    pub(crate) fn candidate() -> Candidate {
        let content = json!({"type": "template", "template": {"name": "order_update", "language": {"code": "en_US"},
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]}});
        Candidate {
            id: MessageId::new(now()),
            organization: OrganizationId(1),
            number: NumberId(1),
            recipient: "+15550001111".into(),
            category: Category::Utility.code(),
            attempt: 0,
            failures: 0,
            expires_at: now() + TimeDelta::days(1),
            content: Some(content.to_string()),
            flow_status: None,
            opted_out: false,
            opted_out_of_marketing: false,
            phone_number_id: "2000001".into(),
            number_status: "CONNECTED".into(),
            throughput: 80,
            paused_until: None,
            waba: WabaId(1),
            waba_meta_id: "1000001".into(),
            access_token: Vec::new(),
            restricted: false,
            template: Some(CandidateTemplate {
                id: TemplateId(1),
                status: "APPROVED".into(),
                revision: 1,
            }),
            has_fallback: false,
            test: false,
            last_inbound_at: None,
            policy: None,
            queued_at: now(),
            prompt: true,
            traceparent: None,
            read_at: now(),
        }
    }

    fn shape() -> Shape {
        let components = json!([{"type": "BODY", "text": "Hi {{1}}"}]);
        Shape::from_components(&components, ParameterFormat::Positional)
    }

    #[track_caller]
    fn check(row: Candidate, expected: &str) {
        let verdict = facts(&row, Some(&shape())).map(|facts| decide(&facts, row.read_at));
        let got = match verdict {
            Ok(Verdict::Send) => "send".to_owned(),
            Ok(Verdict::Defer { reason, .. }) => format!("defer {reason}"),
            Ok(Verdict::FallBack { reason }) => format!("fall back {reason}"),
            Ok(Verdict::Drop { reason }) => format!("drop {reason}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn the_ledgers_words_become_the_rules_facts() {
        let with = candidate;
        check(with(), "send");
        check(
            Candidate {
                opted_out: true,
                ..with()
            },
            "drop opted_out",
        );
        check(
            Candidate {
                restricted: true,
                ..with()
            },
            "defer account_restricted",
        );
        check(
            Candidate {
                number_status: "FLAGGED".into(),
                ..with()
            },
            "drop sender_not_connected",
        );
        check(
            Candidate {
                paused_until: Some(now() + TimeDelta::seconds(1)),
                ..with()
            },
            "defer sender_paused",
        );
        check(
            Candidate {
                template: None,
                ..with()
            },
            "drop template_not_found",
        );
        check(
            Candidate {
                content: Some(r#"{"type":"template","template":{"name":"order_update","language":"en_US"}}"#.into()),
                ..with()
            },
            "drop template_parameter_mismatch",
        );
        for content in [None, Some("not json".to_owned()), Some("{}".to_owned())] {
            check(Candidate { content, ..with() }, "drop template_parameter_mismatch");
        }
        let session = || Candidate {
            category: Category::Service.code(),
            template: None,
            ..with()
        };
        check(session(), "drop no_inbound_history");
        check(
            Candidate {
                has_fallback: true,
                ..session()
            },
            "fall back no_inbound_history",
        );
        check(
            Candidate {
                last_inbound_at: Some(now()),
                ..session()
            },
            "send",
        );
    }

    #[test]
    fn a_paused_flow_is_left_to_admission_and_a_canceled_one_is_final() {
        let of_flow = |status: &str| Candidate {
            flow_status: Some(status.into()),
            ..candidate()
        };
        check(of_flow("running"), "send");
        check(of_flow("paused"), "send");
        check(of_flow("canceled"), "drop canceled");
        check(of_flow("resting"), "its flow's status is not known to this version");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_posted() {
        let token = || Arc::new(SecretString::from("token"));
        let newer = Candidate {
            category: 99,
            ..candidate()
        };
        check(newer.clone(), "its category is not known to this version");
        assert_eq!(message(newer, token()).unwrap_err(), Unreadable::Unknown("category"));
        let broken = Candidate {
            recipient: "15550001111".into(),
            ..candidate()
        };
        assert_eq!(message(broken, token()).unwrap_err(), Unreadable::Broken("recipient"));
        assert_eq!(
            message(candidate(), token()).unwrap().recipient.as_str(),
            "+15550001111"
        );
    }
}
