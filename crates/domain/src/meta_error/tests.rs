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

/// What is asked of a sender, code by code: the class of retry in the reference of Meta's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Again after a pause, a few times or while it lasts.
    Soon,
    /// The number, the WABA or the app slows down or pauses; the message waits.
    Throttled(Scope),
    /// Not again to this person before a day is over.
    NextDay,
    /// The message fails.
    Never,
    /// The scope stops until somebody or a webhook clears it.
    Stop(Scope),
}

const ASKED: &[(Asked, &[i64])] = &[
    (Asked::Soon, &[1, 2, 131_000, 131_014, 131_016, 131_053, 133_004]),
    (Asked::Throttled(Scope::App), &[4]),
    (Asked::Throttled(Scope::Waba), &[80_007]),
    (
        Asked::Throttled(Scope::Number),
        &[613, 130_429, 131_048, 131_057, 133_008, 133_009, 133_015, 2_494_100],
    ),
    (Asked::Throttled(Scope::Pair), &[131_056]),
    (Asked::Throttled(Scope::Template), &[134_101]),
    (Asked::NextDay, &[131_049]),
    (
        Asked::Never,
        &[
            100, 130_403, 130_472, 130_497, 131_008, 131_009, 131_020, 131_021, 131_026, 131_030, 131_041, 131_047,
            131_050, 131_051, 131_052, 131_055, 131_062, 132_000, 132_001, 132_005, 132_007, 132_008, 132_012, 132_018,
            133_005, 134_100, 135_000, 137_000,
        ],
    ),
    (
        Asked::Stop(Scope::Waba),
        &[
            0, 3, 10, 104, 190, 200, 250, 299, 368, 2500, 131_005, 131_031, 131_042, 131_064, 134_011,
        ],
    ),
    (
        Asked::Stop(Scope::Number),
        &[33, 803, 131_037, 131_045, 133_006, 133_010],
    ),
    (
        Asked::Stop(Scope::Template),
        &[131_063, 132_015, 132_016, 132_068, 134_102],
    ),
];

#[test]
fn the_pipeline_does_with_each_code_what_is_asked_of_a_sender() {
    for (asked, codes) in ASKED {
        for code in *codes {
            let row = lookup(*code);
            let does = match row.disposition {
                Disposition::RetrySoon { .. } => Asked::Soon,
                Disposition::Hold { .. } => Asked::Throttled(row.scope),
                Disposition::NotBefore { hours } => {
                    assert!(hours >= 24, "{row:?}");
                    Asked::NextDay
                }
                Disposition::Fail => Asked::Never,
                Disposition::StopScope => Asked::Stop(row.scope),
            };
            assert_eq!(does, *asked, "{code}");
        }
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
