//! The balance at the door: what an organization cannot pay for is refused at once. Pure.
//!
//! Nothing is reserved here; admission counts again, under locks, and there it counts. A message for later is priced now and paid for
//! then, so it is not asked about.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Amount, Currency, OrganizationId, RateCard, Reason};
use serde_json::{Value, json};
use store::intake::{NewMessage, Start};

use super::plan::Plan;
use crate::problem::{Code, Problem};

/// An organization that pays.
#[derive(Debug, Clone)]
pub(super) struct Payer {
    /// What this batch has not asked for yet.
    pub(super) left: Amount,
    pub(super) currency: Currency,
    pub(super) card: Arc<RateCard>,
}

/// Everybody who pays; who is missing pays nothing.
pub(super) type Payers = HashMap<OrganizationId, Payer>;

/// Prices the rows of a plan and sees whether they can be paid: a broadcast whole or not at all, a single message by itself.
///
/// # Errors
/// When a broadcast costs more than there is; nothing of it is kept.
pub(super) fn pass(mut plan: Plan, payers: &mut Payers) -> Result<Plan, Problem> {
    let Some(payer) = payers.get_mut(&plan.rows[0].organization) else {
        return Ok(plan);
    };
    for row in plan.rows.iter_mut().filter(|row| !is_refused(row)) {
        row.price = payer.card.price(&row.recipient, row.category);
        if let Some(fallback) = &mut row.fallback {
            fallback.price = payer.card.price(&row.recipient, fallback.category);
        }
    }
    let due = plan
        .rows
        .iter()
        .filter(|row| !is_refused(row) && row.scheduled_at.is_none());
    let floor = due.filter_map(|row| row.price).fold(Amount::ZERO, Amount::plus);
    if let Some(left) = payer.left.spend(floor) {
        if plan.rows[0].test {
            // Tests are held against the balance, and cost nothing.
            plan.rows.iter_mut().for_each(free_of_charge);
        } else {
            payer.left = left;
        }
        return Ok(plan);
    }
    let mut details = json!({
        "reason": Reason::InsufficientBalance.code(),
        "required": floor, "available": payer.left, "currency": payer.currency,
    });
    match (plan.flow.is_some(), plan.rows.as_mut_slice()) {
        (false, [row]) => {
            row.start = Start::Refused(Reason::InsufficientBalance);
            details["message_id"] = json!(row.id);
            let refused = Problem::new(Code::InsufficientBalance, Reason::InsufficientBalance.sentence());
            plan.answer = crate::answer::Answer::from(refused.details(details)).recorded();
            Ok(plan)
        }
        (_, rows) => Err(uncovered_broadcast(rows.len(), payer, floor, details)),
    }
}

fn free_of_charge(row: &mut NewMessage) {
    row.price = None;
    if let Some(fallback) = &mut row.fallback {
        fallback.price = None;
    }
}

fn is_refused(row: &NewMessage) -> bool {
    matches!(row.start, Start::Refused(_))
}

fn uncovered_broadcast(rows: usize, payer: &Payer, floor: Amount, details: Value) -> Problem {
    let (left, currency) = (payer.left, &payer.currency);
    let message = format!(
        "This broadcast to {rows} costs at least {floor} {currency} and {left} {currency} is available; top the balance up, or send to fewer."
    );
    Problem::new(Code::InsufficientBalance, message).details(details)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use domain::rate_card::{Prefix, Rate};
    use domain::{Category, FlowId, Lane, MessageId, NumberId, Recipient, ScopeId};
    use proptest::prelude::*;
    use store::intake::{Footprint, NewFlow};

    use super::*;
    use crate::answer::Answer;

    const PAYS: OrganizationId = OrganizationId(1);

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap()
    }

    /// Costs 3 to +1, 5 to +49, and nothing elsewhere.
    fn payers(left: i64) -> Payers {
        let rate = |prefix, micros| Rate {
            prefix: Prefix::parse(prefix).unwrap(),
            category: Category::Utility,
            price: Amount::from_micros(micros),
        };
        let payer = Payer {
            left: Amount::from_micros(left),
            currency: Currency::parse("EUR").unwrap(),
            card: Arc::new(RateCard::new([rate("+1", 3), rate("+49", 5)])),
        };
        HashMap::from([(PAYS, payer)])
    }

    fn row(to: &str, refused: bool, scheduled: bool) -> NewMessage {
        let start = match refused {
            true => Start::Refused(Reason::OptedOut),
            false => Start::Parked {
                wake_at: now(),
                reason: None,
            },
        };
        NewMessage {
            id: MessageId::new(now()),
            organization: PAYS,
            number: NumberId(1),
            scope: ScopeId(1),
            recipient: Recipient::parse(to).unwrap(),
            lane: Lane::Rt,
            category: Category::Utility,
            template: None,
            flow: None,
            scheduled_at: scheduled.then(|| now() + TimeDelta::hours(1)),
            expires_at: now() + TimeDelta::days(1),
            resend: false,
            price: None,
            start,
            content: String::new(),
            metadata: None,
            webhook_url: None,
            traceparent: None,
            key: None,
            fallback: None,
            edge_at: None,
            test: false,
            flags: Vec::new(),
            footprint: Footprint::default(),
        }
    }

    fn plan(rows: Vec<NewMessage>, is_broadcast: bool) -> Plan {
        let flow = NewFlow {
            id: FlowId::new(now()),
            organization: PAYS,
            number: NumberId(1),
            starts_at: now(),
            last_seq: u32::try_from(rows.len()).unwrap(),
            released_seq: 0,
            key: None,
        };
        Plan {
            rows,
            flow: is_broadcast.then_some(flow),
            answer: Answer::data(202, Value::Null),
        }
    }

    #[test]
    fn a_single_message_that_cannot_be_paid_is_a_failed_row_and_402() {
        let refused = pass(plan(vec![row("+4915112345678", false, false)], false), &mut payers(4)).unwrap();

        assert_eq!(refused.rows[0].start, Start::Refused(Reason::InsufficientBalance));
        assert_eq!((refused.answer.status, refused.answer.recorded), (402, true));
        assert_eq!(
            refused.answer.body["error"]["details"],
            json!({"reason": "insufficient_balance", "required": "0.000005", "available": "0.000004", "currency": "EUR",
                "message_id": refused.rows[0].id})
        );
    }

    #[test]
    fn the_floor_of_a_broadcast_is_what_passed_the_other_gates() {
        let rows = || {
            vec![
                row("+16505550100", false, false),
                row("+4915112345678", true, false),
                row("+34600000000", false, false),
            ]
        };

        let mut enough = payers(3);
        let passed = pass(plan(rows(), true), &mut enough).unwrap();
        let problem = pass(plan(rows(), true), &mut payers(2)).unwrap_err();

        let prices: Vec<_> = passed.rows.iter().map(|row| row.price.map(Amount::micros)).collect();
        assert_eq!(prices, [Some(3), None, None]);
        assert_eq!(enough[&PAYS].left, Amount::ZERO);
        assert_eq!(
            (problem.code, problem.details["required"].as_str()),
            (Code::InsufficientBalance, Some("0.000003"))
        );
    }

    #[test]
    fn who_has_no_balance_pays_nothing() {
        let passed = pass(
            plan(vec![row("+4915112345678", false, false)], false),
            &mut Payers::new(),
        )
        .unwrap();

        assert_eq!((passed.rows[0].price, passed.answer.status), (None, 202));
    }

    fn any_plan() -> impl Strategy<Value = Plan> {
        let to = proptest::sample::select(vec!["+16505550100", "+4915112345678", "+34600000000"]);
        let rows = proptest::collection::vec((to, any::<bool>()), 1..8);
        (rows, any::<bool>(), any::<bool>()).prop_map(|(rows, scheduled, is_broadcast)| {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(to, refused)| row(to, refused, scheduled))
                .collect();
            match is_broadcast {
                true => plan(rows, true),
                false => plan(rows.into_iter().take(1).collect(), false),
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn a_batch_never_asks_for_more_than_there_is_and_no_is_said_only_for_want_of_money(
            plans in proptest::collection::vec(any_plan(), 0..12),
            money in 0..60_i64,
        ) {
            let mut payers = payers(money);
            let mut left = money;
            for plan in plans {
                let cost: i64 = plan.rows.iter().filter(|row| !is_refused(row) && row.scheduled_at.is_none()).map(|row| {
                    match &row.recipient.as_str()[..3] { "+16" => 3, "+49" => 5, _ => 0 }
                }).sum();
                let before: Vec<_> = plan.rows.iter().map(|row| row.start.clone()).collect();
                match pass(plan, &mut payers) {
                    Ok(passed) if passed.rows.iter().map(|row| row.start.clone()).eq(before) => {
                        prop_assert!(cost <= left);
                        left -= cost;
                    }
                    Ok(refused) => {
                        prop_assert!(cost > left && refused.flow.is_none());
                        prop_assert_eq!(refused.answer.status, 402);
                    }
                    Err(problem) => {
                        prop_assert!(cost > left);
                        prop_assert_eq!(problem.code.status(), 402);
                    }
                }
                prop_assert_eq!(payers[&PAYS].left.micros(), left);
            }
        }
    }
}
