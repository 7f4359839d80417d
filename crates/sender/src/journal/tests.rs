use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use chrono::TimeDelta;
use domain::State;
use proptest::prelude::*;
use store::outcomes::Post;

use super::*;

const STEM: &str = "ledger";

/// A folder of its own for a test, removed with this value.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("turnpike-test-{}", Uuid::new_v4().simple())))
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    /// The journals of processes that ended like a killed one: with files left, and their locks gone.
    fn dead(&self) -> Vec<Dead> {
        leftovers(&self.0, STEM).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn id(n: u128) -> MessageId {
    MessageId(Uuid::from_u128(n))
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

pub(crate) fn accepted(id: MessageId, claim: Uuid, wamid: &str) -> Recorded {
    Recorded {
        state: State::Accepted,
        wake_at: None,
        wamid: Some(wamid.to_owned()),
        refused: false,
        post: Some(Post {
            claim,
            slot: now(),
            ended_at: now() + TimeDelta::milliseconds(150),
            post_ms: 150,
            outcome: "accepted",
            http_status: Some(200),
            error: None,
        }),
        ..Recorded::given_back(id, 1, now())
    }
}

#[test]
fn what_a_dead_process_noted_is_read_and_what_a_living_one_notes_is_left_alone() {
    let folder = Folder::new();
    let (dead, living) = (
        Journal::open(&folder.0, STEM).unwrap(),
        Journal::open(&folder.0, STEM).unwrap(),
    );
    let claim = Uuid::from_u128(7);
    let mut trail = dead.claim(claim, &[id(1), id(2), id(3)]);
    let other = living.claim(Uuid::from_u128(8), &[id(9)]);
    let (first, second) = (trail.split(), trail.split());
    assert!(first.begin(id(1), now())() && second.begin(id(2), now())());
    first.done(&accepted(id(1), claim, "wamid.1"));
    drop((dead, trail, first, second));

    let found = folder.dead();

    let [found] = &found[..] else { panic!("{found:?}") };
    let claimed = |n| Record::Claimed { id: id(n), claim };
    let begun = |n| Record::Begun {
        id: id(n),
        claim,
        slot: now(),
    };
    let done = Record::Done(Done::of(&accepted(id(1), claim, "wamid.1")).unwrap());
    assert_eq!(
        found.records,
        [claimed(1), claimed(2), claimed(3), begun(1), begun(2), done]
    );
    assert!(found.complete && found.marked.is_empty());
    assert_eq!(folder.dead().len(), 0, "one reader at a time");
    other.settle();
}

#[test]
fn a_process_that_settled_everything_leaves_nothing_behind() {
    let folder = Folder::new();
    let journal = Journal::open(&folder.0, STEM).unwrap();
    let mut trail = journal.claim(Uuid::from_u128(7), &[id(1), id(2)]);
    let first = trail.split();
    assert_eq!(folder.files().len(), 1);

    first.settle();
    trail.settle();
    drop(journal);

    assert_eq!(folder.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_full_segment_is_followed_by_another_and_goes_when_its_last_claim_is_settled() {
    let folder = Folder::new();
    let journal = Journal::open(&folder.0, STEM).unwrap();
    let ids: Vec<MessageId> = (0..200).map(id).collect();
    let slow = journal.claim(Uuid::from_u128(1), &ids[..1]);

    for n in 0..1000 {
        journal.claim(Uuid::from_u128(n), &ids).settle();
    }

    let size: u64 = folder
        .files()
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!(size < 3 * FULL, "{size} bytes of 51 MB");
    assert_eq!(
        folder.files().len(),
        2,
        "the first has an open claim, the last is being written"
    );
    slow.settle();
    assert_eq!(folder.files().len(), 1);
}

#[test]
fn rows_that_are_worked_on_are_told_and_those_before_them_are_not() {
    let folder = Folder::new();
    let journal = Journal::open(&folder.0, STEM).unwrap();
    let open = journal.claim(Uuid::from_u128(1), &[id(5)]);
    let (first, second) = (journal.marker(), journal.marker());
    first.on(id(1));
    first.on(id(2));
    second.on(id(3));
    drop(second);

    let file = folder.files().remove(0);
    let copy = file.with_file_name(format!("{STEM}-copy.journal"));
    fs::copy(&file, &copy).unwrap();

    assert_eq!(folder.dead()[0].marked, [id(2)]);
    drop(first);
    open.settle();
}

#[test]
fn a_journal_of_another_ledger_or_of_before_the_machine_started_is_not_taken_for_proof() {
    let folder = Folder::new();
    drop(
        Journal::open(&folder.0, "another")
            .unwrap()
            .claim(Uuid::from_u128(1), &[id(1)]),
    );
    assert_eq!(folder.dead().len(), 0);
    drop(
        Journal::open(&folder.0, STEM)
            .unwrap()
            .claim(Uuid::from_u128(1), &[id(1)]),
    );
    let ours = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().starts_with(STEM);
    let file = folder.files().into_iter().find(ours).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();

    let dead = folder.dead();

    assert!(!dead[0].complete);
    assert_eq!(dead[0].records.len(), 1);
}

#[test]
fn a_post_that_cannot_be_noted_begins_only_when_the_file_can_be_taken_away() {
    let folder = Folder::new();
    let journal = Journal::open(&folder.0, STEM).unwrap();
    let trail = journal.claim(Uuid::from_u128(1), &[id(1)]);
    let segment = trail.segment.as_ref().unwrap();

    assert!(segment.discard());

    assert_eq!(folder.files(), Vec::<PathBuf>::new());
    assert!(
        trail.begin(id(1), now())(),
        "nothing is left that could say it had not begun"
    );
}

#[test]
fn a_journal_that_is_off_lets_everything_begin() {
    let journal = Journal::default();
    let trail = journal.claim(Uuid::from_u128(1), &[id(1)]);
    assert!(trail.begin(id(1), now())());
    journal.marker().on(id(1));
    trail.settle();
}

#[test]
fn a_record_costs_microseconds() {
    const RECORDS: u32 = 20_000;
    let folder = Folder::new();
    let journal = Journal::open(&folder.0, STEM).unwrap();
    let trail = journal.claim(Uuid::from_u128(1), &[id(1)]);

    let begun = Instant::now();
    for _ in 0..RECORDS {
        assert!(trail.begin(id(1), now())());
    }

    let each = begun.elapsed() / RECORDS;
    println!("{each:?} a record");
    assert!(
        each.as_micros() < 50,
        "{each:?} a record: this is on the way of every message"
    );
    trail.settle();
}

proptest! {
    #[test]
    fn records_come_back_as_they_were(
        state in prop_oneof![Just(State::Parked), Just(State::Uncertain), Just(State::Accepted), Just(State::Failed)],
        wake in proptest::option::of(0_i64..10_000_000),
        reason in proptest::option::of("[a-z_0-9]{1,40}"),
        wamid in proptest::option::of("[!-~]{1,130}"),
        (burns, refused) in any::<(bool, bool)>(),
        post_ms in any::<i32>(),
        http_status in proptest::option::of(100_u16..600),
        outcome in prop_oneof![Just("accepted"), Just("rejected"), Just("unknown")],
    ) {
        let base = accepted(id(1), Uuid::from_u128(2), "");
        let post = Post { post_ms, http_status, outcome, ..base.post.clone().unwrap() };
        let wake_at = wake.map(|micros| now() + TimeDelta::microseconds(micros));
        let recorded = Recorded { state, wake_at, reason, wamid, burns, refused, post: Some(post), ..base };
        let record = Record::Done(Done::of(&recorded).unwrap());

        let read = Record::decode(&record.encode());

        prop_assert_eq!(read.as_ref(), Some(&record));
        let Some(Record::Done(done)) = read else { unreachable!() };
        prop_assert_eq!(done.recorded(1), recorded);
    }

    /// Whatever becomes of the file, nothing is read that was not written.
    #[test]
    fn a_torn_or_spoilt_file_gives_up_its_whole_records_only(
        rows in 1_u128..40, cut in 0_usize..12_000, spoilt in proptest::collection::vec(0_usize..12_000, 0..4),
    ) {
        let folder = Folder::new();
        let ids: Vec<MessageId> = (0..rows).map(id).collect();
        drop(Journal::open(&folder.0, STEM).unwrap().claim(Uuid::from_u128(1), &ids));
        let file = folder.files().remove(0);
        let mut bytes = fs::read(&file).unwrap();
        for at in spoilt {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x55;
            }
        }
        bytes.truncate(cut);
        fs::write(&file, bytes).unwrap();

        for dead in folder.dead() {
            prop_assert!(dead.records.len() <= ids.len());
            for record in dead.records {
                let Record::Claimed { id, claim } = record else { panic!("{record:?}") };
                prop_assert!(ids.contains(&id) && claim == Uuid::from_u128(1));
            }
        }
    }
}
