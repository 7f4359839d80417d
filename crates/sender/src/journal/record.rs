//! One record: 256 bytes with a checksum, so that a file cut anywhere still gives up every whole one.

use chrono::{DateTime, Utc};
use domain::{MessageId, State};
use store::outcomes::{Post, Recorded};
use uuid::Uuid;

/// Bytes of a record.
pub(super) const RECORD: usize = 256;
const TEXT: usize = 72;
const SUM: usize = RECORD - 8;
/// Stands for a time that is not there.
const NEVER: i64 = i64::MIN;
const CLAIMED: u8 = 1;
const BEGUN: u8 = 2;
const DONE: u8 = 3;
const BURNS: u8 = 1;
const REFUSED: u8 = 2;
const OUTCOMES: [&str; 3] = ["accepted", "rejected", "unknown"];

/// What happened to a claimed row. The claim is the fence: it stands for one message's one attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    /// It is about to be claimed, or has been.
    Claimed { id: MessageId, claim: Uuid },
    /// Its POST is about to begin, or has begun.
    Begun {
        id: MessageId,
        claim: Uuid,
        slot: DateTime<Utc>,
    },
    /// Its POST ended.
    Done(Done),
}

/// How a POST ended and what becomes of its row: a [`Recorded`] without the attempt's number, which the ledger knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub(crate) id: MessageId,
    state: State,
    wake_at: Option<DateTime<Utc>>,
    reason: Option<String>,
    wamid: Option<String>,
    burns: bool,
    refused: bool,
    pub(crate) post: Post,
}

impl Done {
    /// What is kept of an outcome; nothing for one without a POST.
    pub(crate) fn of(outcome: &Recorded) -> Option<Self> {
        let post = outcome.post.as_ref()?;
        Some(Self {
            id: outcome.id,
            state: outcome.state,
            wake_at: outcome.wake_at,
            reason: outcome.reason.clone(),
            wamid: outcome.wamid.clone(),
            burns: outcome.burns,
            refused: outcome.refused,
            post: Post {
                error: None,
                ..post.clone()
            },
        })
    }

    /// The outcome of this attempt.
    pub(crate) fn recorded(self, attempt: i32) -> Recorded {
        Recorded {
            id: self.id,
            attempt,
            state: self.state,
            wake_at: self.wake_at,
            reason: self.reason,
            wamid: self.wamid,
            burns: self.burns,
            refused: self.refused,
            post: Some(self.post),
        }
    }
}

impl Record {
    pub(super) fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let (kind, id, claim) = match self {
            Self::Claimed { id, claim } => (CLAIMED, id, claim),
            Self::Begun { id, claim, slot } => {
                put(&mut bytes, 40, &slot.timestamp_micros().to_le_bytes());
                (BEGUN, id, claim)
            }
            Self::Done(done) => {
                done.encode(&mut bytes);
                (DONE, &done.id, &done.post.claim)
            }
        };
        bytes[0] = kind;
        put(&mut bytes, 8, id.0.as_bytes());
        put(&mut bytes, 24, claim.as_bytes());
        let sum = checksum(&bytes[..SUM]);
        put(&mut bytes, SUM, &sum.to_le_bytes());
        bytes
    }

    /// Nothing for what is no whole record of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != RECORD || checksum(&bytes[..SUM]).to_le_bytes() != bytes[SUM..] {
            return None;
        }
        let id = MessageId(Uuid::from_slice(&bytes[8..24]).ok()?);
        let claim = Uuid::from_slice(&bytes[24..40]).ok()?;
        match bytes[0] {
            CLAIMED => Some(Self::Claimed { id, claim }),
            BEGUN => Some(Self::Begun {
                id,
                claim,
                slot: time(bytes, 40)?,
            }),
            DONE => Done::decode(bytes, id, claim).map(Self::Done),
            _ => None,
        }
    }
}

impl Done {
    fn encode(&self, bytes: &mut [u8; RECORD]) {
        bytes[1] = u8::try_from(self.state.code()).expect("codes of states are small");
        bytes[2] = u8::from(self.burns) * BURNS + u8::from(self.refused) * REFUSED;
        let outcome = OUTCOMES.iter().position(|word| *word == self.post.outcome);
        bytes[3] = outcome.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX);
        put(bytes, 4, &self.post.http_status.unwrap_or(0).to_le_bytes());
        put(bytes, 40, &self.post.slot.timestamp_micros().to_le_bytes());
        put(bytes, 48, &self.post.ended_at.timestamp_micros().to_le_bytes());
        let wake_at = self.wake_at.map_or(NEVER, |at| at.timestamp_micros());
        put(bytes, 56, &wake_at.to_le_bytes());
        put(bytes, 64, &self.post.post_ms.to_le_bytes());
        // One that does not fit is left out: a webhook brings the wamid too, and the state says more than the reason.
        let mut at = TEXT;
        for (length, text) in [(6, &self.reason), (7, &self.wamid)] {
            let text = text.as_deref().unwrap_or_default().as_bytes();
            if let Some(size) = u8::try_from(text.len()).ok().filter(|_| at + text.len() <= SUM) {
                bytes[length] = size;
                put(bytes, at, text);
                at += text.len();
            }
        }
    }

    fn decode(bytes: &[u8], id: MessageId, claim: Uuid) -> Option<Self> {
        let (reason, rest) = bytes[TEXT..SUM].split_at_checked(bytes[6].into())?;
        let wamid = rest.get(..bytes[7].into())?;
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).ok()?;
            Some(Some(text).filter(|text| !text.is_empty()))
        };
        Some(Self {
            id,
            state: State::from_code(bytes[1].into())?,
            wake_at: time(bytes, 56),
            reason: text(reason)?,
            wamid: text(wamid)?,
            burns: bytes[2] & BURNS != 0,
            refused: bytes[2] & REFUSED != 0,
            post: Post {
                claim,
                slot: time(bytes, 40)?,
                ended_at: time(bytes, 48)?,
                post_ms: i32::from_le_bytes(four(bytes, 64)?),
                outcome: OUTCOMES.get(usize::from(bytes[3]))?,
                http_status: Some(u16::from_le_bytes([bytes[4], bytes[5]])).filter(|status| *status != 0),
                error: None,
            },
        })
    }
}

fn put(bytes: &mut [u8; RECORD], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

fn time(bytes: &[u8], at: usize) -> Option<DateTime<Utc>> {
    let micros = i64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
    (micros != NEVER).then(|| DateTime::from_timestamp_micros(micros))?
}

/// FNV-1a: enough against a torn write, and not meant against a forger, who would have to know a claim.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
