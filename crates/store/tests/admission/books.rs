//! An auditor: reads a balance, and checks it against the books.

use serde_json::Value;
use store::Store;

/// A balance in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) spent: i64,
}

pub(crate) fn books(available: i64, reserved: i64, spent: i64) -> Books {
    Books {
        available,
        reserved,
        spent,
    }
}

/// Opens a balance with so much.
pub(crate) async fn open(store: &Store, organization: i64, first: i64) {
    let sql = format!(
        "INSERT INTO balance_account (organization_id, currency) VALUES ({organization}, 'EUR'); SELECT top_up_balance({organization}, {first})"
    );
    store.raw(&sql).await.unwrap();
}

/// The balance, after it was checked: the books sum to zero, and say of each account what the account says of itself.
pub(crate) async fn audited(store: &Store, organization: i64) -> Books {
    let sql = format!(
        "SELECT a.available, a.reserved, a.spent, a.funded,
                (SELECT jsonb_object_agg(s.account, s.sum) FROM (
                     SELECT l.account, sum(l.amount)::bigint AS sum
                     FROM ledger_entry e CROSS JOIN LATERAL (VALUES (e.credit, e.amount), (e.debit, -e.amount)) AS l (account, amount)
                     WHERE e.organization_id = a.organization_id GROUP BY l.account) s) AS books,
                (SELECT count(*) FROM ledger_entry s WHERE s.reason IN ('spend', 'release') AND NOT EXISTS (
                     SELECT 1 FROM ledger_entry r WHERE r.reason = 'reserve' AND (r.message_id, r.attempt, r.amount) = (s.message_id, s.attempt, s.amount))) AS unfounded
         FROM balance_account a WHERE a.organization_id = {organization}"
    );
    let row = store.raw(&sql).await.unwrap().remove(0);
    let kept = |account: &str| row[account].as_i64().unwrap();
    let booked = |account: &str| row["books"][account].as_i64().unwrap_or(0);
    for account in ["available", "reserved", "spent"] {
        assert_eq!(
            kept(account),
            booked(account),
            "{account}: the account and the books went apart: {row}"
        );
        assert!(kept(account) >= 0, "{row}");
    }
    assert_eq!(kept("funded"), -booked("outside"), "{row}");
    let all = row["books"]
        .as_object()
        .map(|books| books.values().filter_map(Value::as_i64).sum());
    assert_eq!(all.unwrap_or(0), 0, "the books do not balance: {row}");
    assert_eq!(
        kept("available") + kept("reserved") + kept("spent"),
        kept("funded"),
        "{row}"
    );
    assert_eq!(row["unfounded"], 0, "something was settled that was not reserved");
    books(kept("available"), kept("reserved"), kept("spent"))
}
