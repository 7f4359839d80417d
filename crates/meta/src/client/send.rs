//! One POST, and the strict judgement of what came of it.
//!
//! **Invariant:** `Rejected` only with proof: the body never left this process, or Meta itself said no in a 4xx. Everything in
//! between is `Unknown`, even where a no is likely: a wrong "unknown" costs a wait, a wrong "rejected" a second message.

use std::sync::Arc;

use domain::attempt::{Accepted, GraphError, Outcome, Rejection, Uncertainty};
use domain::ids::Wamid;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::SecretString;
use serde::Deserialize;

use super::answer::{cause, read};
use super::handed_over::witnessed;
use super::{Client, Error, bearer};
use crate::message::{self, Composed, Edge};
use crate::{graph, lenient};

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is a connection, and not one byte of the message has left. The last moment to call it off.
    Connected,
    /// The connection took the message; it may be on the wire since.
    HandedOver,
    /// The head of an answer is there.
    Answered,
    /// All of the answer is there.
    Read,
}

/// Is told every step once, in order; what it says to [`Step::Connected`] decides whether the call goes on, the rest only follows.
pub type Watch = dyn Fn(Step) -> bool + Send + Sync;

impl Client {
    /// POSTs a message (from [`crate::message::compose`]) to the sender number's edge: at most once, whatever happens.
    ///
    /// Dropping the future before it is done leaves the outcome unknown.
    pub async fn send_message(&self, phone_number_id: &str, token: &SecretString, message: Composed) -> Outcome {
        self.send_message_watched(phone_number_id, token, message, Arc::new(|_| true))
            .await
    }

    /// The same, and `watch` is told how far it came. A call that it calls off was not sent.
    pub async fn send_message_watched(
        &self,
        phone_number_id: &str,
        token: &SecretString,
        message: Composed,
        watch: Arc<Watch>,
    ) -> Outcome {
        let Some(authorization) = bearer(token) else {
            return not_sent("the access token cannot be put into a header".to_owned());
        };
        let (body, witness) = witnessed(message.body.into(), Arc::clone(&watch));
        let request = self
            .http
            .post(self.address(&[phone_number_id, message.edge.as_str()], token))
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(reqwest::Body::wrap(body));

        match request.send().await {
            Ok(answer) => {
                watch(Step::Answered);
                let http_status = answer.status().as_u16();
                match read(answer).await {
                    Ok(body) => {
                        watch(Step::Read);
                        judge(http_status, &body)
                    }
                    Err(cause) => unknown(cause, Some(http_status), None),
                }
            }
            Err(error) if witness.handed_over() => unknown(cause(&error), None, None),
            Err(error) => not_sent(cause(&error)),
        }
    }
}

impl Client {
    /// Tells Meta that an inbound message was read, and those before it; with `typing`, that an answer is being written. Saying it twice
    /// is harmless, so it may be repeated whatever came of it.
    ///
    /// # Errors
    /// When Meta did not take it, or did not answer.
    pub async fn mark_read(
        &self,
        phone_number_id: &str,
        token: &SecretString,
        wamid: &str,
        typing: bool,
    ) -> Result<(), Error> {
        let request = self
            .http
            .post(self.address(&[phone_number_id, Edge::Messages.as_str()], token))
            .header(AUTHORIZATION, bearer(token).ok_or(Error::Token)?)
            .header(CONTENT_TYPE, "application/json")
            .body(message::read_mark(wamid, typing));
        let answer = request
            .send()
            .await
            .map_err(|error| Error::NoAnswer { cause: cause(&error) })?;
        let http_status = answer.status().as_u16();
        let body = read(answer).await.map_err(|cause| Error::NoAnswer { cause })?;
        match graph::parse_error(http_status, &body) {
            Some(error) => Err(Error::Graph(error)),
            None if (200..300).contains(&http_status) => Ok(()),
            None => Err(Error::Unreadable { http_status }),
        }
    }
}

/// What a complete answer says, of this status and with this body.
pub fn judge(http_status: u16, body: &[u8]) -> Outcome {
    let graph = graph::parse_error(http_status, body);
    match (http_status, graph) {
        (200..=299, None) => match accepted(body) {
            Some(accepted) => Outcome::Accepted(accepted),
            None => unknown(
                format!("HTTP {http_status} without a message id"),
                Some(http_status),
                None,
            ),
        },
        (400..=499, Some(error)) => Outcome::Rejected(Rejection::Graph(error)),
        (_, Some(error)) => unknown(
            format!("HTTP {http_status}, code {}", error.code),
            Some(http_status),
            Some(error),
        ),
        (_, None) => unknown(format!("HTTP {http_status}"), Some(http_status), None),
    }
}

fn accepted(body: &[u8]) -> Option<Accepted> {
    #[derive(Deserialize)]
    struct Answer {
        messages: Vec<Message>,
        #[serde(default, deserialize_with = "lenient::or_default")]
        contacts: Vec<Contact>,
    }
    #[derive(Deserialize)]
    struct Message {
        id: String,
        #[serde(default, deserialize_with = "lenient::or_default")]
        message_status: Option<String>,
    }
    #[derive(Deserialize)]
    struct Contact {
        #[serde(default)]
        wa_id: Option<String>,
    }

    let answer: Answer = serde_json::from_slice(body).ok()?;
    let message = answer
        .messages
        .into_iter()
        .next()
        .filter(|message| !message.id.is_empty())?;
    Some(Accepted {
        wamid: Wamid(message.id),
        wa_id: answer.contacts.into_iter().next().and_then(|contact| contact.wa_id),
        held_for_quality: message.message_status.as_deref() == Some("held_for_quality_assessment"),
    })
}

fn not_sent(cause: String) -> Outcome {
    Outcome::Rejected(Rejection::NotSent { cause })
}

fn unknown(cause: String, http_status: Option<u16>, graph: Option<GraphError>) -> Outcome {
    Outcome::Unknown(Uncertainty {
        cause,
        http_status,
        graph,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r##"{"error":{"message":"(#131030) Recipient phone number not in allowed list","type":"OAuthException","code":131030,"error_subcode":2655007,"error_data":{"messaging_product":"whatsapp","details":"Add the recipient."},"fbtrace_id":"AbC"}}"##;
    const ACCEPTED: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"+15550001111","wa_id":"15550001111"}],"messages":[{"id":"wamid.X","message_status":"accepted"}]}"#;

    #[test]
    fn two_hundred_with_an_id_is_accepted() {
        let expected = Accepted {
            wamid: Wamid("wamid.X".into()),
            wa_id: Some("15550001111".into()),
            held_for_quality: false,
        };
        assert_eq!(judge(200, ACCEPTED.as_bytes()), Outcome::Accepted(expected.clone()));
        assert_eq!(judge(201, ACCEPTED.as_bytes()), Outcome::Accepted(expected));
    }

    #[test]
    fn an_id_is_enough() {
        for (body, wa_id, held_for_quality) in [
            (r#"{"messages":[{"id":"wamid.X"}]}"#, None, false),
            (
                r#"{"messages":[{"id":"wamid.X","message_status":7}],"contacts":"?"}"#,
                None,
                false,
            ),
            (
                r#"{"messages":[{"id":"wamid.X"}],"contacts":[{"input":"US.1","user_id":"US.1"}],"error":null}"#,
                None,
                false,
            ),
            (
                r#"{"messages":[{"id":"wamid.X","message_status":"held_for_quality_assessment"}]}"#,
                None,
                true,
            ),
        ] {
            let expected = Accepted {
                wamid: Wamid("wamid.X".into()),
                wa_id,
                held_for_quality,
            };
            assert_eq!(judge(200, body.as_bytes()), Outcome::Accepted(expected), "{body}");
        }
    }

    #[test]
    fn a_four_hundred_with_metas_error_is_rejected() {
        for http_status in [400, 401, 403, 404, 429] {
            let Outcome::Rejected(Rejection::Graph(error)) = judge(http_status, ERROR.as_bytes()) else {
                panic!("{http_status} is a refusal")
            };
            assert_eq!((error.code, error.http_status), (131_030, http_status));
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for (http_status, body) in [
            (200, ""),
            (200, "<html>ok</html>"),
            (200, "{}"),
            (200, r#"{"messages":[]}"#),
            (200, r#"{"messages":[{"id":""}]}"#),
            (200, r#"{"messages":[{"id":null}]}"#),
            (200, &ACCEPTED[..ACCEPTED.len() - 1]),
            (200, ERROR),
            (204, ""),
            (302, ""),
            (307, ERROR),
            (400, ""),
            (400, "<html>bad request</html>"),
            (400, r#"{"error":"bad request"}"#),
            (400, &ERROR[..ERROR.len() - 1]),
            (403, r#"{"messages":[{"id":"wamid.X"}]}"#),
            (429, "slow down"),
            (500, ERROR),
            (500, ACCEPTED),
            (502, "<html>bad gateway</html>"),
            (503, ""),
        ] {
            assert!(
                matches!(judge(http_status, body.as_bytes()), Outcome::Unknown(_)),
                "{http_status} {body}"
            );
        }
    }

    #[test]
    fn a_five_hundred_keeps_metas_error_for_the_story() {
        let Outcome::Unknown(uncertainty) = judge(500, ERROR.as_bytes()) else {
            panic!("a 5xx is never a refusal")
        };

        assert_eq!(uncertainty.cause, "HTTP 500, code 131030");
        assert_eq!(uncertainty.http_status, Some(500));
        assert_eq!(uncertainty.graph.map(|error| error.code), Some(131_030));
    }
}
