use super::*;
use proptest::prelude::*;

const HORIZON: Duration = Duration::from_millis(100);
const A: NumberId = NumberId(1);
const B: NumberId = NumberId(2);

fn room_of(rows: impl IntoIterator<Item = (NumberId, u32)>, pace: f64, now: Instant) -> WaitingRoom<u32> {
    let mut room = WaitingRoom::new(HORIZON);
    for (number, row) in rows {
        room.join(number, pace, row, now);
    }
    room
}

fn called(room: &mut WaitingRoom<u32>, now: Instant, max: usize) -> Vec<(NumberId, Vec<u32>)> {
    let mut called: Vec<_> = room
        .call(now, max)
        .into_iter()
        .map(|called| (called.number, called.rows.iter().map(|waiting| waiting.row).collect()))
        .collect();
    called.sort();
    called
}

#[test]
fn each_line_sends_as_many_as_could_get_a_slot_and_one_more() {
    let now = Instant::now();
    let mut room = room_of((0..40).map(|n| (A, n)).chain((0..3).map(|n| (B, n))), 75.0, now);

    let called = called(&mut room, now, 200);

    assert_eq!(called, [(A, (0..9).collect()), (B, vec![0, 1, 2])]);
    assert_eq!(room.len(), 31);
}

#[test]
fn a_line_that_must_wait_holds_no_other_up_and_newcomers_join_its_end() {
    let now = Instant::now();
    let mut room = room_of([(A, 0), (A, 1)], 10.0, now);
    let Called {
        number,
        pace,
        rows: refused,
    } = room.call(now, 200).remove(0);
    let next_slot = Some(now + Duration::from_millis(400));
    let left = room.answer(
        Answer {
            number,
            pace,
            refused,
            next_slot,
        },
        now,
    );
    assert!(left.is_empty());

    room.join(A, 10.0, 2, now);
    room.join(B, 10.0, 0, now);

    assert_eq!(called(&mut room, now, 200), [(B, vec![0])]);
    let ask_at = now + Duration::from_millis(350);
    assert_eq!(room.next_ask(), Some(ask_at), "half a horizon before the slot");
    assert_eq!(called(&mut room, ask_at, 200), [(A, vec![0, 1])]);
    assert_eq!(called(&mut room, ask_at, 200), [(A, vec![2])]);
    assert_eq!((room.len(), room.next_ask()), (0, None));
}

#[test]
fn who_would_wait_longer_than_the_patience_leaves_and_the_others_stay_in_order() {
    let now = Instant::now();
    let mut room = room_of((0..10).map(|n| (A, n)), 1.0, now);
    let Called {
        number,
        pace,
        rows: refused,
    } = room.call(now, 200).remove(0);
    let next_slot = Some(now + Duration::from_millis(1500));

    let left = room.answer(
        Answer {
            number,
            pace,
            refused,
            next_slot,
        },
        now,
    );

    let rows: Vec<u32> = left.iter().map(|(row, _)| *row).collect();
    assert_eq!(
        rows,
        (2..10).collect::<Vec<_>>(),
        "slots after 1.5 and 2.5 s are worth the wait"
    );
    assert_eq!(left[0].1, now + Duration::from_millis(3500));
    assert_eq!(left[7].1, now + Duration::from_millis(10_500));
    assert_eq!(room.len(), 2);
    assert_eq!(room.empty(), [0, 1]);
}

#[test]
fn a_line_whose_slots_were_all_granted_asks_when_half_of_them_are_used() {
    let now = Instant::now();
    let mut room = room_of((0..20).map(|n| (A, n)), 75.0, now);
    let Called { number, pace, .. } = room.call(now, 200).remove(0);

    let next_slot = Some(now + HORIZON);
    room.answer(
        Answer {
            number,
            pace,
            refused: Vec::new(),
            next_slot,
        },
        now,
    );

    assert_eq!(room.next_ask(), Some(now + HORIZON / 2));
    assert_eq!(room.len(), 11);
}

#[test]
fn a_line_that_others_keep_from_its_slots_goes_back_to_the_ledger_as_a_whole() {
    let came = Instant::now();
    let mut room = room_of([(A, 0), (A, 1)], 75.0, came);
    let now = came + OVERDUE;
    room.join(A, 75.0, 2, now);
    let Called {
        number,
        pace,
        rows: refused,
    } = room.call(now, 200).remove(0);

    let next_slot = Some(now + Duration::from_millis(900));
    let left = room.answer(
        Answer {
            number,
            pace,
            refused,
            next_slot,
        },
        now,
    );

    assert_eq!(left.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((room.len(), room.next_ask()), (0, None));
}

proptest! {
    /// Whatever is granted and refused, every row comes out once, and those of a number in the order they came.
    #[test]
    fn rows_are_neither_lost_nor_doubled_nor_reordered(
        rows in proptest::collection::vec(0_i64..3, 1..80),
        grants in proptest::collection::vec(0_usize..8, 1..40),
        max in 1_usize..30,
    ) {
        let mut now = Instant::now();
        let mut room = WaitingRoom::new(HORIZON);
        for (n, number) in rows.iter().enumerate() {
            room.join(NumberId(*number), 50.0, n, now);
        }
        let (mut out, mut left) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
        for grant in grants.into_iter().cycle() {
            prop_assert_eq!(
                room.len() + out.iter().chain(&left).map(Vec::len).sum::<usize>(),
                rows.len()
            );
            let Some(at) = room.next_ask() else { break };
            now = now.max(at);
            let called = room.call(now, max);
            prop_assert!(called.iter().map(|called| called.rows.len()).sum::<usize>() <= max);
            for Called { number, pace, rows: mut waiting } in called {
                let at = usize::try_from(number.0).unwrap();
                let refused = waiting.split_off(grant.min(waiting.len()));
                out[at].extend(waiting.into_iter().map(|waiting| waiting.row));
                let next_slot = Some(now + Duration::from_millis(120));
                let leave = room.answer(Answer { number, pace, refused, next_slot }, now);
                left[at].extend(leave.into_iter().map(|(row, _)| row));
            }
        }
        prop_assert_eq!(room.len(), 0);
        for granted in &out {
            prop_assert!(granted.is_sorted());
        }
        for left in &left {
            prop_assert!(left.is_sorted());
        }
    }
}
