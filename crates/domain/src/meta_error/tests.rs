use super::*;

/// Every code that Meta documents, or that is seen in the wild, as of Graph v26.
const DOCUMENTED: &[std::ops::RangeInclusive<i64>] = &[
    0..=4,
    10..=10,
    33..=33,
    100..=100,
    104..=104,
    190..=190,
    200..=299,
    368..=368,
    613..=613,
    803..=803,
    2500..=2500,
    80007..=80007,
    130403..=130403,
    130429..=130429,
    130472..=130472,
    130497..=130497,
    131000..=131000,
    131005..=131005,
    131008..=131009,
    131014..=131014,
    131016..=131016,
    131020..=131021,
    131026..=131026,
    131030..=131031,
    131037..=131037,
    131041..=131042,
    131044..=131045,
    131047..=131053,
    131055..=131057,
    131059..=131060,
    131062..=131064,
    131201..=131215,
    132000..=132001,
    132005..=132005,
    132007..=132008,
    132012..=132012,
    132015..=132016,
    132018..=132018,
    132068..=132069,
    133000..=133000,
    133004..=133006,
    133008..=133010,
    133015..=133016,
    134011..=134011,
    134100..=134103,
    135000..=135000,
    137000..=137000,
    138000..=138018,
    138024..=138025,
    139000..=139004,
    139100..=139103,
    139200..=139200,
    141000..=141000,
    141002..=141002,
    147001..=147005,
    200_005..=200_007,
    1_752_041..=1_752_041,
    2_388_001..=2_388_001,
    2_388_012..=2_388_012,
    2_388_019..=2_388_019,
    2_388_039..=2_388_040,
    2_388_047..=2_388_047,
    2_388_072..=2_388_073,
    2_388_091..=2_388_091,
    2_388_093..=2_388_093,
    2_388_103..=2_388_103,
    2_388_293..=2_388_293,
    2_388_299..=2_388_299,
    2_494_100..=2_494_100,
    2_593_079..=2_593_079,
    2_593_085..=2_593_085,
    2_593_107..=2_593_108,
];

fn graph(code: i64) -> GraphError {
    GraphError {
        code,
        subcode: None,
        http_status: 400,
        title: String::new(),
        details: None,
        fbtrace_id: None,
        transient: false,
    }
}

#[test]
fn the_table_knows_every_documented_code_and_nothing_else() {
    let documented: Vec<i64> = DOCUMENTED.iter().cloned().flatten().collect();
    let known: Vec<i64> = table::TABLE.iter().flat_map(|row| row.code..=row.last).collect();

    assert_eq!(known, documented);
    for code in documented {
        assert!(lookup(code).covers(code), "{code}");
    }
}

#[test]
fn every_row_says_what_happened_and_what_to_do() {
    for row in table::TABLE
        .iter()
        .chain([&table::UNKNOWN, &table::UNKNOWN_THROTTLE, &table::UNKNOWN_TRANSIENT])
    {
        assert!(row.title.len() > 5 && !row.title.ends_with('.'), "{row:?}");
        assert!(row.advice.len() > 15 && row.advice.ends_with('.'), "{row:?}");
        assert!(row.advice.starts_with(|first: char| first.is_uppercase()), "{row:?}");
    }
}

#[test]
fn a_throttle_never_holds_a_single_message_and_never_fails() {
    for row in table::TABLE
        .iter()
        .filter(|row| row.category == ErrorCategory::Throttle)
    {
        assert!(row.retriable(), "{row:?}");
        if let Disposition::Hold { .. } = row.disposition {
            assert!(row.scope > Scope::Recipient, "{row:?}");
        }
    }
}

#[test]
fn a_stop_says_what_it_stops() {
    for row in table::TABLE
        .iter()
        .filter(|row| row.disposition == Disposition::StopScope)
    {
        assert!(row.scope >= Scope::Template, "{row:?}");
    }
}

#[test]
fn unknown_codes_fail_unless_meta_itself_says_that_it_passes() {
    assert_eq!(lookup(424_242).disposition, Disposition::Fail);
    assert_eq!(lookup(-1).disposition, Disposition::Fail);
    assert_eq!(lookup(i64::MIN).category, ErrorCategory::Other);
    assert_eq!(MetaError::of(&graph(424_242)).disposition, Disposition::Fail);

    let transient = MetaError::of(&GraphError {
        transient: true,
        ..graph(424_242)
    });
    let throttled = MetaError::of(&GraphError {
        http_status: 429,
        ..graph(424_242)
    });

    assert!(matches!(transient.disposition, Disposition::RetrySoon { .. }));
    assert!(matches!(throttled.disposition, Disposition::Hold { .. }));
}

#[test]
fn a_known_code_is_not_judged_by_its_http_status() {
    let error = MetaError::of(&GraphError {
        http_status: 429,
        transient: true,
        ..graph(131_026)
    });
    assert_eq!(error, lookup(131_026));
}

#[test]
fn an_invalid_parameter_that_is_really_a_deleted_number_stops_the_number() {
    let error = MetaError::of(&GraphError {
        subcode: Some(33),
        ..graph(100)
    });

    assert_eq!(
        (error.disposition, error.scope),
        (Disposition::StopScope, Scope::Number)
    );
    assert_eq!(
        MetaError::of(&GraphError {
            subcode: Some(2_494_010),
            ..graph(100)
        }),
        lookup(100)
    );
}

#[test]
fn the_pair_waits_four_to_the_power_of_its_failures() {
    let pauses: Vec<i64> = (0..6)
        .map(|nth| {
            lookup(131_056)
                .disposition
                .pause(nth)
                .expect("a hold has a pause")
                .num_seconds()
        })
        .collect();
    assert_eq!(pauses, [1, 4, 16, 64, 256, 256]);
}

#[test]
fn pauses_never_shrink_and_never_overflow() {
    for row in table::TABLE {
        if row.disposition.pause(0).is_none() {
            continue;
        }
        let mut before = TimeDelta::zero();
        for nth in [0, 1, 2, 3, 10, 100, u32::MAX] {
            let Some(pause) = row.disposition.pause(nth) else { break };
            assert!(pause >= before && pause > TimeDelta::zero(), "{row:?}");
            before = pause;
        }
    }
}

#[test]
fn retries_of_metas_own_trouble_are_few() {
    let Disposition::RetrySoon { retries, .. } = lookup(1).disposition else {
        panic!("code 1 is tried again")
    };

    assert!(lookup(1).disposition.pause(retries - 1).is_some());
    assert_eq!(lookup(1).disposition.pause(retries), None);
}

#[test]
fn the_reason_is_metas_code() {
    assert_eq!(reason_code(131_047), "meta_131047");
}
