//! The quota: exact, whoever else draws on it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::rules::quota::{Quota, Used};
use domain::{OrganizationId, Reason};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::Store;
use store::intake::{Batch, NewMessage, Start};
use testkit::database;
use testkit::seed::{self, Choice, Tenant};

use crate::rows::{batch, keyed, row};

const CONNECTIONS: u64 = 8;

/// What the door does: refuses what is beyond the quota, in order.
fn within(quota: Quota, organization: OrganizationId, mut batch: Batch, used: &HashMap<OrganizationId, Used>) -> Batch {
    let mut used = used[&organization];
    for message in batch.messages.iter_mut().filter(|message| is_accepted(message)) {
        if quota.take(&mut used).is_err() {
            message.start = Start::Refused(Reason::QuotaExceeded);
        }
    }
    batch
}

fn is_accepted(message: &NewMessage) -> bool {
    !matches!(message.start, Start::Refused(_))
}

async fn keep(store: &Store, tenant: &Tenant, quota: Quota, batch: Batch, now: DateTime<Utc>) -> bool {
    let mut intake = store.intake().await.unwrap();
    let organization = tenant.organization;
    let decide = |used: &HashMap<OrganizationId, Used>| within(quota, organization, batch, used);
    intake
        .insert_within(&[organization], now, decide)
        .await
        .unwrap()
        .is_empty()
}

async fn number(store: &Store, sql: &str) -> i64 {
    store.raw(&format!("SELECT ({sql}) AS n")).await.unwrap()[0]["n"]
        .as_i64()
        .unwrap()
}

async fn counts(store: &Store, tenant: &Tenant) -> (i64, i64, i64) {
    let id = tenant.organization;
    let of = |period: &str| {
        format!(
            "SELECT coalesce(sum(accepted), 0)::bigint FROM quota_use WHERE organization_id = {id} AND period = '{period}'"
        )
    };
    (
        number(store, &of("day")).await,
        number(store, &of("month")).await,
        number(
            store,
            &format!("SELECT count(*) FROM message WHERE organization_id = {id} AND state = 20"),
        )
        .await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_connections_at_once_accept_exactly_the_quota_and_count_exactly_what_is_kept() {
    let database = database::fresh().await;
    let limited = seed::tenant(&database.store, &Choice::default()).await;
    let roomy = seed::tenant(
        &database.store,
        &Choice {
            place: 1,
            ..Choice::default()
        },
    )
    .await;
    let now = database.store.clock().await.unwrap().at();
    let (daily, no_limit) = (
        700,
        Quota {
            daily: None,
            monthly: Some(1_000_000),
        },
    );
    let tight = Quota {
        daily: Some(daily),
        monthly: Some(5_000),
    };

    let worker = |seed: u64| {
        let (store, limited, roomy) = (database::store(&database.url, 1), limited.clone(), roomy.clone());
        async move {
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut offered, mut elsewhere) = (0, 0);
            for _ in 0..40 {
                let (tenant, quota) = if rng.random_bool(0.8) {
                    (&limited, tight)
                } else {
                    (&roomy, no_limit)
                };
                let mut rows: Vec<_> = (0..rng.random_range(1..12)).map(|n| row(tenant, n, now)).collect();
                for row in &mut rows {
                    if rng.random_bool(0.2) {
                        row.start = Start::Refused(Reason::OptedOut);
                    }
                }
                let accepted = rows.iter().filter(|row| is_accepted(row)).count();
                let batch = if rng.random_bool(0.3) {
                    // The same key from several connections: whoever comes second keeps, and counts, nothing.
                    keyed(tenant, &format!("key {}", rng.random_range(0..20)), rows)
                } else {
                    batch(rows)
                };
                let kept = keep(&store, tenant, quota, batch, now).await;
                if kept && tenant.organization == limited.organization {
                    offered += accepted;
                } else if kept {
                    elsewhere += accepted;
                }
            }
            (offered, elsewhere)
        }
    };
    let done = join_all((0..CONNECTIONS).map(|seed| tokio::spawn(worker(seed)))).await;
    let (offered, elsewhere) = done
        .into_iter()
        .map(Result::unwrap)
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));

    assert!(offered > daily as usize, "the quota was never in the way: {offered}");
    let daily = i64::from(daily);
    assert_eq!(counts(&database.store, &limited).await, (daily, daily, daily));
    let elsewhere = i64::try_from(elsewhere).unwrap();
    assert_eq!(counts(&database.store, &roomy).await, (elsewhere, elsewhere, elsewhere));
    let beyond = "SELECT count(*) FROM message WHERE reason = 'quota_exceeded'";
    assert_eq!(
        number(&database.store, beyond).await,
        i64::try_from(offered).unwrap() - daily
    );
}

#[tokio::test]
async fn what_was_not_kept_is_not_counted_and_each_period_has_a_count_of_its_own() {
    let database = database::fresh().await;
    let tenant = seed::tenant(&database.store, &Choice::default()).await;
    let (quota, store) = (
        Quota {
            daily: Some(2),
            monthly: Some(3),
        },
        &database.store,
    );
    let now = store.clock().await.unwrap().at();
    let three = || (0..3).map(|n| row(&tenant, n, now)).collect::<Vec<_>>();

    let rows = three();
    assert!(keep(store, &tenant, quota, keyed(&tenant, "a", rows.clone()), now).await);
    assert!(
        !keep(store, &tenant, quota, keyed(&tenant, "a", three()), now).await,
        "the key is taken"
    );
    assert_eq!(counts(store, &tenant).await, (2, 2, 2));
    // The first try was kept, and nobody heard of it: the second one is refused whole, its count too.
    let mut intake = store.intake().await.unwrap();
    let again = intake
        .insert_within(&[tenant.organization], now, |_| batch(rows.clone()))
        .await
        .unwrap_err();
    assert!(again.is_kept_already());
    let reasons = intake
        .reasons(&rows.iter().map(|row| row.id).collect::<Vec<_>>())
        .await
        .unwrap();
    let reasons: Vec<_> = rows.iter().map(|row| reasons[&row.id].clone()).collect();
    assert_eq!(
        reasons,
        [None, None, Some(Reason::QuotaExceeded)],
        "in the order of the request"
    );
    assert_eq!(counts(store, &tenant).await, (2, 2, 2));

    // Another day, as often as not of another month: what is left of the month is one, or all of it.
    let tomorrow = now + chrono::TimeDelta::days(1);
    let same_month = tomorrow.format("%Y-%m").to_string() == now.format("%Y-%m").to_string();
    keep(store, &tenant, quota, batch(three()), tomorrow).await;
    let kept = if same_month { 3 } else { 4 };
    assert_eq!(counts(store, &tenant).await, (kept, kept, kept));
}
