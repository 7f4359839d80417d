use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

/// A template message that every gate lets through.
pub(super) fn template_message() -> Facts {
    Facts {
        category: Category::Utility,
        expires_at: now() + TimeDelta::days(1),
        flow: None,
        opted_out: false,
        opted_out_of_marketing: false,
        number: NumberFacts {
            connected: true,
            paused_until: None,
        },
        account_restricted: false,
        template: Some(TemplateFacts::Known {
            status: TemplateStatus::Approved,
            fit: Ok(()),
        }),
        window: Window::default(),
        has_fallback: false,
        policies: PolicyFacts::default(),
    }
}

fn session_message(last_inbound: Option<TimeDelta>) -> Facts {
    let window = Window {
        last_inbound_at: last_inbound.map(|ago| now() - ago),
    };
    Facts {
        category: Category::Service,
        template: None,
        window,
        ..template_message()
    }
}

fn mismatch() -> Mismatch {
    Mismatch {
        field: "template.body".into(),
        expected: "2 parameters".into(),
        given: "1".into(),
    }
}

fn check(facts: Facts, expected: &str) {
    let got = match decide(&facts, now()) {
        Verdict::Send => "send".to_owned(),
        Verdict::Defer { reason, .. } => format!("defer {reason}"),
        Verdict::FallBack { reason } => format!("fall back {reason}"),
        Verdict::Drop { reason } => format!("drop {reason}"),
    };
    assert_eq!(got, expected, "{facts:?}");
    // A recorded reason leads back to the gate that gave it.
    for step in trace(&facts, now()) {
        if let Some(Verdict::Defer { reason, .. } | Verdict::FallBack { reason } | Verdict::Drop { reason }) = step.no {
            assert_eq!(reason.gate(), Some(step.rule), "{reason}");
        }
    }
}

#[test]
fn each_gate_says_its_own_no() {
    let known = |status: &str, fit| {
        Some(TemplateFacts::Known {
            status: TemplateStatus::parse(status),
            fit,
        })
    };

    check(template_message(), "send");
    check(
        Facts {
            flow: Some(FlowStatus::Running),
            ..template_message()
        },
        "send",
    );
    check(
        Facts {
            flow: Some(FlowStatus::Paused),
            ..template_message()
        },
        "defer flow_paused",
    );
    check(
        Facts {
            flow: Some(FlowStatus::Canceled),
            ..template_message()
        },
        "drop canceled",
    );
    check(
        Facts {
            expires_at: now(),
            ..template_message()
        },
        "drop expired",
    );
    check(
        Facts {
            opted_out: true,
            ..template_message()
        },
        "drop opted_out",
    );
    check(
        Facts {
            number: NumberFacts {
                connected: false,
                paused_until: None,
            },
            ..template_message()
        },
        "drop sender_not_connected",
    );
    check(
        Facts {
            number: NumberFacts {
                connected: true,
                paused_until: Some(now() + TimeDelta::seconds(1)),
            },
            ..template_message()
        },
        "defer sender_paused",
    );
    check(
        Facts {
            number: NumberFacts {
                connected: true,
                paused_until: Some(now()),
            },
            ..template_message()
        },
        "send",
    );
    check(
        Facts {
            account_restricted: true,
            ..template_message()
        },
        "defer account_restricted",
    );
    check(
        Facts {
            template: Some(TemplateFacts::Missing),
            ..template_message()
        },
        "drop template_not_found",
    );
    check(
        Facts {
            template: known("PENDING", Ok(())),
            ..template_message()
        },
        "drop template_not_approved",
    );
    check(
        Facts {
            template: known("A_WORD_OF_NEXT_YEAR", Ok(())),
            ..template_message()
        },
        "drop template_not_approved",
    );
    check(
        Facts {
            template: known("PAUSED", Ok(())),
            ..template_message()
        },
        "defer template_paused",
    );
    check(
        Facts {
            template: known("PAUSED", Err(mismatch())),
            ..template_message()
        },
        "drop template_parameter_mismatch",
    );
    check(
        Facts {
            template: known("APPROVED", Err(mismatch())),
            ..template_message()
        },
        "drop template_parameter_mismatch",
    );
}

#[test]
fn a_session_message_needs_an_open_window_with_a_margin() {
    check(session_message(None), "drop no_inbound_history");
    check(session_message(Some(TimeDelta::hours(25))), "drop window_expired");
    check(
        session_message(Some(TimeDelta::hours(24) - TimeDelta::seconds(60))),
        "drop window_expired",
    );
    check(
        session_message(Some(TimeDelta::hours(24) - TimeDelta::seconds(61))),
        "send",
    );
}

#[test]
fn a_session_message_with_a_fallback_falls_back_instead_of_failing() {
    let with_fallback = |last_inbound| Facts {
        has_fallback: true,
        ..session_message(last_inbound)
    };
    check(with_fallback(None), "fall back no_inbound_history");
    check(with_fallback(Some(TimeDelta::hours(25))), "fall back window_expired");
    check(with_fallback(Some(TimeDelta::hours(1))), "send");
    check(
        Facts {
            opted_out: true,
            ..with_fallback(None)
        },
        "drop opted_out",
    );
}

#[test]
fn no_marketing_means_no_marketing_and_nothing_else() {
    for category in Category::ALL {
        let facts = Facts {
            category,
            opted_out_of_marketing: true,
            window: Window {
                last_inbound_at: Some(now()),
            },
            ..template_message()
        };
        let expected = match category {
            Category::Marketing => "drop opted_out",
            Category::Service | Category::Utility | Category::Authentication => "send",
        };
        check(facts, expected);
    }
}

#[test]
fn a_template_needs_no_window() {
    check(
        Facts {
            window: Window::default(),
            ..template_message()
        },
        "send",
    );
}

#[test]
fn the_first_no_wins() {
    let all_wrong = Facts {
        opted_out: true,
        expires_at: now(),
        flow: Some(FlowStatus::Canceled),
        ..session_message(None)
    };
    check(all_wrong.clone(), "drop canceled");
    check(
        Facts {
            flow: None,
            ..all_wrong.clone()
        },
        "drop expired",
    );
    check(
        Facts {
            flow: None,
            expires_at: now() + TimeDelta::hours(1),
            ..all_wrong
        },
        "drop opted_out",
    );
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let category = proptest::sample::select(vec![Category::Service, Category::Utility, Category::Marketing]);
    let flow = proptest::sample::select(vec![
        None,
        Some(FlowStatus::Running),
        Some(FlowStatus::Paused),
        Some(FlowStatus::Canceled),
    ]);
    let status = proptest::sample::select(vec!["APPROVED", "PAUSED", "PENDING"]);
    let hours = || proptest::option::of(-30_i64..30);
    // Most gates are open in most cases, so that the later ones are asked too.
    let rarely = || proptest::bool::weighted(0.2);
    let gates = (rarely(), rarely(), rarely(), rarely(), rarely());
    (
        category,
        flow,
        status,
        -2_i64..20,
        hours(),
        hours(),
        gates,
        any_policies(),
    )
        .prop_map(
            |(
                category,
                flow,
                status,
                expires,
                paused,
                inbound,
                (opted_out, restricted, apart, missing, misfit),
                policies,
            )| {
                let later = |hours: i64| now() + TimeDelta::hours(hours);
                let known = TemplateFacts::Known {
                    status: TemplateStatus::parse(status),
                    fit: if misfit { Err(mismatch()) } else { Ok(()) },
                };
                let template = if missing { TemplateFacts::Missing } else { known };
                Facts {
                    category,
                    flow,
                    opted_out,
                    opted_out_of_marketing: false,
                    account_restricted: restricted,
                    expires_at: later(expires),
                    number: NumberFacts {
                        connected: !apart,
                        paused_until: paused.map(later),
                    },
                    template: (category != Category::Service).then_some(template),
                    window: Window {
                        last_inbound_at: inbound.map(later),
                    },
                    has_fallback: false,
                    policies,
                }
            },
        )
}

fn any_policies() -> impl Strategy<Value = PolicyFacts> {
    let rarely = || proptest::bool::weighted(0.2);
    (rarely(), rarely(), rarely()).prop_map(|(blocked, full, night)| PolicyFacts {
        findings: blocked.then(finding).into_iter().collect(),
        frequency: full.then(full_up),
        quiet_hours: night.then(all_but_a_minute),
    })
}

fn finding() -> fraud_guard::Finding {
    fraud_guard::Finding {
        check: "denied_link",
        action: fraud_guard::Action::Block,
    }
}

fn full_up() -> frequency_cap::Frequency {
    frequency_cap::Frequency {
        cap: frequency_cap::FrequencyCap { max: 1, hours: 1 },
        taken_at: vec![now()],
    }
}

/// Quiet at any time but at midnight, UTC.
fn all_but_a_minute() -> quiet_hours::Night {
    quiet_hours::Night {
        hours: serde_json::from_value(serde_json::json!({"start": "00:01", "end": "00:00"})).unwrap(),
        zones: crate::zone::Zones::Known(chrono_tz::Tz::UTC),
    }
}

#[test]
fn the_organization_s_own_policies_come_after_what_meta_asks_but_a_block_is_never_put_off() {
    let marketing = |policies| Facts {
        category: Category::Marketing,
        policies,
        ..template_message()
    };
    let night = || PolicyFacts {
        quiet_hours: Some(all_but_a_minute()),
        ..PolicyFacts::default()
    };
    let too_often = || PolicyFacts {
        frequency: Some(full_up()),
        ..night()
    };
    let blocked = || PolicyFacts {
        findings: vec![finding()],
        ..too_often()
    };

    check(marketing(night()), "defer quiet_hours");
    check(marketing(too_often()), "drop frequency_cap");
    check(marketing(blocked()), "drop fraud_guard");
    check(
        Facts {
            account_restricted: true,
            ..marketing(blocked())
        },
        "drop fraud_guard",
    );
    check(
        Facts {
            category: Category::Utility,
            policies: too_often(),
            ..template_message()
        },
        "send",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_first_no_of_the_trace_is_the_decision(facts in any_facts()) {
        let steps = trace(&facts, now());
        let first_no = steps.iter().find_map(|step| step.no.clone());

        prop_assert_eq!(first_no.unwrap_or(Verdict::Send), decide(&facts, now()));
    }
}

#[test]
fn a_trace_asks_every_rule_and_shows_what_it_looked_at() {
    let steps = trace(&session_message(Some(TimeDelta::hours(25))), now());

    assert_eq!(steps.len(), trace::RULES.len());
    let window = steps.iter().find(|step| step.rule == "window").unwrap();
    assert!(window.facts["window_expires_at"].is_string(), "{window:?}");
    let template = steps.iter().find(|step| step.rule == "template").unwrap();
    assert!(
        template.facts.is_null(),
        "a session message has no template: {template:?}"
    );
}
