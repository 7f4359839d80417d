//! Quotas at the door: rows beyond what is left are refused one by one, in the order in which they came. Pure; the counts are locked
//! by whoever asks.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::rules::quota::{Exceeded, Used};
use domain::{OrganizationId, Reason};
use serde_json::{Value, json};
use store::intake::Start;

use super::plan::Plan;
use super::policies::PoliciesOf;
use crate::answer::timestamp;

/// The organizations with a quota that these plans would draw on.
pub(super) fn drawn_on(plans: &[(usize, Plan)], policies: &PoliciesOf) -> Vec<OrganizationId> {
    if policies.is_empty() {
        return Vec::new();
    }
    let has_quota =
        |organization: &OrganizationId| policies.get(organization).is_some_and(|own| !own.quota().is_none());
    let accepted = plans
        .iter()
        .flat_map(|(_, plan)| &plan.rows)
        .filter(|row| !matches!(row.start, Start::Refused(_)));
    let drawn_on: HashSet<OrganizationId> = accepted.map(|row| row.organization).filter(has_quota).collect();
    drawn_on.into_iter().collect()
}

/// Refuses what is beyond the quotas.
pub(super) fn pass(
    plans: &mut [(usize, Plan)],
    policies: &PoliciesOf,
    used: &HashMap<OrganizationId, Used>,
    now: DateTime<Utc>,
) {
    let mut used = used.clone();
    for (_, plan) in plans {
        let organization = plan.rows[0].organization;
        let (Some(used), Some(policies)) = (used.get_mut(&organization), policies.get(&organization)) else {
            continue;
        };
        let quota = policies.quota();
        // Tests are held against what is used, and use nothing.
        let mut of_tests = *used;
        let used = if plan.rows[0].test { &mut of_tests } else { used };
        for index in 0..plan.rows.len() {
            if matches!(plan.rows[index].start, Start::Refused(_)) {
                continue;
            }
            if let Err(exceeded) = quota.take(used) {
                plan.refuse(index, Reason::QuotaExceeded, &details(exceeded, now));
            }
        }
    }
}

fn details(exceeded: Exceeded, now: DateTime<Utc>) -> Value {
    let Exceeded { period, limit, used } = exceeded;
    json!({"period": period.as_str(), "limit": limit, "used": used, "resets_at": timestamp(period.ends_at(now))})
}
