//! Money: what the books say is what happened, to the last unit.

use serde_json::Value;

use super::history::{Judge, histories};
use super::lanes::{Ground, Lane};

/// A purse beside the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Money {
    /// What was paid in; none, and nothing costs anything.
    pub(super) funded: Option<i64>,
    reserved: i64,
    spent: i64,
}

impl Money {
    pub(super) fn new(funded: Option<i64>) -> Self {
        Self {
            funded,
            reserved: 0,
            spent: 0,
        }
    }

    pub(super) fn available(&self) -> Option<i64> {
        self.funded.map(|funded| funded - self.reserved - self.spent)
    }

    pub(super) fn top_up(&mut self, amount: i64) {
        self.funded = self.funded.map(|funded| funded + amount);
    }

    pub(super) fn reserve(&mut self, price: Option<i64>) {
        self.reserved += self.cost(price);
    }

    pub(super) fn spend(&mut self, price: Option<i64>) {
        self.reserved -= self.cost(price);
        self.spent += self.cost(price);
    }

    pub(super) fn release(&mut self, price: Option<i64>) {
        self.reserved -= self.cost(price);
    }

    fn cost(&self, price: Option<i64>) -> i64 {
        self.funded.and(price).unwrap_or(0)
    }
}

/// Every lane's balance is the purse's.
pub(super) async fn agrees<'a>(ground: &Ground, cases: impl Iterator<Item = (&'a Lane, &'a Money)>, at: &str) {
    let cases: Vec<_> = cases.collect();
    let (first, last) = (cases[0].0.organization, cases[cases.len() - 1].0.organization);
    let rows = ground
        .rows(&format!(
            "SELECT available, reserved, spent, funded FROM balance_account WHERE organization_id BETWEEN {first} AND {last} ORDER BY organization_id"
        ))
        .await;
    assert_eq!(rows.len(), cases.len());
    for (row, (lane, money)) in rows.iter().zip(cases) {
        let kept = |name: &str| row[name].as_i64().unwrap();
        assert_eq!(
            (
                Some(kept("available")),
                kept("reserved"),
                kept("spent"),
                Some(kept("funded"))
            ),
            (money.available(), money.reserved, money.spent, money.funded),
            "{at}, organization {}",
            lane.organization
        );
    }
}

/// The books of every lane sum to zero, and say of each account what the account says of itself.
pub(super) async fn audited<'a>(ground: &Ground, lanes: impl Iterator<Item = &'a Lane>, at: &str) {
    let lanes: Vec<_> = lanes.collect();
    let (first, last) = (lanes[0].organization, lanes[lanes.len() - 1].organization);
    let rows = ground
        .rows(&format!(
            "SELECT a.available, a.reserved, a.spent, a.funded,
                    (SELECT jsonb_object_agg(s.account, s.sum) FROM (
                         SELECT l.account, sum(l.amount)::bigint AS sum FROM ledger_entry e
                         CROSS JOIN LATERAL (VALUES (e.credit, e.amount), (e.debit, -e.amount)) AS l (account, amount)
                         WHERE e.organization_id = a.organization_id GROUP BY l.account) s) AS books
             FROM balance_account a WHERE a.organization_id BETWEEN {first} AND {last}"
        ))
        .await;
    for row in rows {
        let booked = |account: &str| row["books"][account].as_i64().unwrap_or(0);
        for account in ["available", "reserved", "spent"] {
            assert_eq!(row[account].as_i64(), Some(booked(account)), "{at}: {account}: {row}");
        }
        assert_eq!(row["funded"].as_i64(), Some(-booked("outside")), "{at}: {row}");
        let sum: i64 = row["books"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_i64)
            .sum();
        assert_eq!(sum, 0, "{at}: the books do not balance: {row}");
    }
}

#[tokio::test]
async fn the_ledger_balances_to_the_last_unit() {
    histories(Judge::Ledger, super::seed("ledger")).await;
}
