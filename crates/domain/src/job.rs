//! The job: what travels through RabbitMQ.
//!
//! **Invariant:** a job holds ids only. The row is the truth and a job is a nudge, so a lost or doubled job is harmless.

use serde::{Deserialize, Serialize};

use crate::ids::{MessageId, NumberId};
use crate::lane::Lane;

/// The version this build writes and reads.
pub const VERSION: u8 = 1;
/// The most ids one job may hold.
pub const MAX_IDS: usize = 100;

/// Rows of one sender number that may go now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Format version, [`VERSION`].
    pub v: u8,
    /// The sender number that all of `ids` belong to.
    pub number: NumberId,
    /// The queue it travels in.
    pub lane: Lane,
    /// 1 to [`MAX_IDS`] messages, in the order they should go.
    pub ids: Vec<MessageId>,
}

/// Why a body is not a job. Such a delivery goes to the dead letters with this as its reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON of a job's shape.
    #[error("reading a job: {0}")]
    Shape(#[from] serde_json::Error),
    /// Written by another version of Turnpike.
    #[error("reading a job: version {0} is not {VERSION}; finish the upgrade so that all roles run one version")]
    Version(u8),
    /// Too few or too many ids.
    #[error("reading a job: {0} ids, expected 1 to {MAX_IDS}")]
    Size(usize),
}

impl Job {
    /// Reads a delivery's body.
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let job: Self = serde_json::from_slice(body)?;
        if job.v != VERSION {
            return Err(Error::Version(job.v));
        }
        if !(1..=MAX_IDS).contains(&job.ids.len()) {
            return Err(Error::Size(job.ids.len()));
        }
        Ok(job)
    }

    /// The delivery's body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a job is plain data, which always serializes")
    }
}

/// Cuts released rows into jobs: one sender number and lane per job, at most half a second of the number's pace each, which
/// keeps numbers interleaved and replicas busy. The order of the rows is kept within each number and lane.
/// `throughput` is the number's messages per second.
pub fn cut(rows: impl IntoIterator<Item = Released>) -> Vec<Job> {
    let mut open: Vec<(Job, usize)> = Vec::new();
    let mut done = Vec::new();
    for row in rows {
        let place = open
            .iter()
            .position(|(job, _)| job.number == row.number && job.lane == row.lane);
        let place = place.unwrap_or_else(|| {
            open.push((
                Job {
                    v: VERSION,
                    number: row.number,
                    lane: row.lane,
                    ids: Vec::new(),
                },
                size(row.throughput),
            ));
            open.len() - 1
        });
        let (job, size) = &mut open[place];
        job.ids.push(row.id);
        if job.ids.len() >= *size {
            let full = Job {
                ids: std::mem::take(&mut job.ids),
                ..job.clone()
            };
            done.push(full);
        }
    }
    done.extend(open.into_iter().map(|(job, _)| job).filter(|job| !job.ids.is_empty()));
    done
}

/// A row that was just moved to `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// The message.
    pub id: MessageId,
    /// Its sender number.
    pub number: NumberId,
    /// The queue it belongs to.
    pub lane: Lane,
    /// The sender number's messages per second.
    pub throughput: u32,
}

/// How many ids a job of a number with this throughput may hold: half a second of it, so 40 at 80/s.
fn size(throughput: u32) -> usize {
    usize::try_from(throughput / 2).unwrap_or(MAX_IDS).clamp(1, MAX_IDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn rows() -> impl Strategy<Value = Vec<Released>> {
        proptest::collection::vec(
            (
                0..5_i64,
                any::<bool>(),
                prop_oneof![Just(1_u32), Just(20), Just(80), Just(1000)],
            ),
            0..300,
        )
        .prop_map(|rows| {
            rows.into_iter()
                .enumerate()
                .map(|(n, (number, bulk, throughput))| Released {
                    id: MessageId(Uuid::from_u128(n as u128)),
                    number: NumberId(number),
                    lane: if bulk { Lane::Bulk } else { Lane::Rt },
                    throughput,
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn every_row_is_in_exactly_one_job_of_its_number_and_lane_in_order(rows in rows()) {
            let jobs = cut(rows.clone());
            for job in &jobs {
                prop_assert!((1..=MAX_IDS).contains(&job.ids.len()));
            }
            for number in (0..5).map(NumberId) {
                for lane in Lane::ALL {
                    let expected: Vec<_> = rows.iter().filter(|r| r.number == number && r.lane == lane).map(|r| r.id).collect();
                    let got: Vec<_> = jobs.iter().filter(|j| j.number == number && j.lane == lane).flat_map(|j| j.ids.clone()).collect();
                    prop_assert_eq!(got, expected);
                }
            }
        }

        #[test]
        fn decoding_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Job::decode(&body);
        }
    }

    #[test]
    fn a_job_holds_at_most_half_a_second_of_its_numbers_pace() {
        let row = |n: u128| Released {
            id: MessageId(Uuid::from_u128(n)),
            number: NumberId(1),
            lane: Lane::Bulk,
            throughput: 80,
        };
        let sizes: Vec<_> = cut((0..100).map(row)).iter().map(|job| job.ids.len()).collect();
        assert_eq!(sizes, [40, 40, 20]);
    }

    #[test]
    fn a_job_round_trips_and_its_form_is_stable() {
        let job = Job {
            v: 1,
            number: NumberId(7),
            lane: Lane::Rt,
            ids: vec![MessageId(Uuid::from_u128(1))],
        };
        let body = job.encode();
        assert_eq!(
            String::from_utf8(body.clone()).unwrap(),
            r#"{"v":1,"number":7,"lane":"rt","ids":["00000000-0000-0000-0000-000000000001"]}"#
        );
        assert_eq!(Job::decode(&body).unwrap(), job);
    }

    #[test]
    fn another_version_and_a_wrong_size_are_refused() {
        assert!(matches!(
            Job::decode(br#"{"v":2,"number":7,"lane":"rt","ids":[]}"#),
            Err(Error::Version(2))
        ));
        assert!(matches!(
            Job::decode(br#"{"v":1,"number":7,"lane":"rt","ids":[]}"#),
            Err(Error::Size(0))
        ));
        assert!(matches!(Job::decode(b"hello"), Err(Error::Shape(_))));
    }
}
