//! Keeps what was planned, in one commit.
//!
//! Where an organization has a quota, the last decision falls inside the transaction, while nobody else draws on it: see
//! [`quota`].

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::rules::quota::Used;
use domain::{MessageId, NumberId, OrganizationId, Reason};
use serde_json::Value;
use store::intake::{Batch, Free, Intake, NewAnswer};

use super::plan::Plan;
use super::policies::PoliciesOf;
use super::submission::Submission;
use super::{Core, credit, quota};

/// Plans by the places of their submissions.
pub(super) type Plans = Vec<(usize, Plan)>;

/// What the last decisions on a batch look at.
#[derive(Debug)]
pub(super) struct Closing<'a> {
    pub(super) submissions: &'a [Submission],
    pub(super) policies: &'a PoliciesOf,
    pub(super) free: HashMap<NumberId, Free>,
    pub(super) now: DateTime<Utc>,
}

impl Closing<'_> {
    /// What is beyond a quota is refused; of the rest, what has room with the broker is queued.
    fn close(&self, plans: &mut Plans, used: &HashMap<OrganizationId, Used>) -> Batch {
        quota::pass(plans, self.policies, used, self.now);
        credit::spend(plans.iter_mut().map(|(_, plan)| plan), self.free.clone(), self.now);
        let mut batch = Batch::default();
        for (place, plan) in plans {
            let submission = &self.submissions[*place];
            batch.answers.extend(submission.key.as_ref().map(|key| NewAnswer {
                organization: submission.organization,
                key: key.text.clone(),
                request_hash: key.request_hash,
                status: plan.answer.status,
                answer: plan.answer.body.to_string(),
            }));
            batch.flows.extend(plan.flow.clone());
            batch.messages.extend(plan.rows.iter().cloned());
        }
        batch
    }
}

/// Plans as they were kept, and the keys that somebody else took meanwhile: what belongs to those was not kept.
pub(super) type Kept = (Plans, HashSet<(OrganizationId, String)>);

impl Core {
    /// Keeps plans.
    pub(super) async fn keep(&self, intake: Intake, plans: Plans, closing: &Closing<'_>) -> Result<Kept, store::Error> {
        if plans.is_empty() {
            return Ok((plans, HashSet::new()));
        }
        let quotas = quota::drawn_on(&plans, closing.policies);
        if quotas.is_empty() {
            self.keep_freely(intake, plans, closing).await
        } else {
            self.keep_within(intake, plans, &quotas, closing).await
        }
    }

    async fn keep_freely(
        &self,
        mut intake: Intake,
        mut plans: Plans,
        closing: &Closing<'_>,
    ) -> Result<Kept, store::Error> {
        let batch = closing.close(&mut plans, &HashMap::new());
        let mut kept = intake.insert(&batch, closing.now).await;
        if kept.as_ref().is_err_and(store::Error::is_unavailable) {
            // A connection that broke under a commit leaves it in doubt. The ids are the same, so a second try is harmless.
            drop(intake);
            kept = self.store.intake().await?.insert(&batch, closing.now).await;
        }
        match kept {
            Ok(taken) => Ok((plans, taken.into_iter().collect())),
            Err(error) if error.is_kept_already() && plans.len() == 1 => Ok((plans, HashSet::new())),
            Err(error) => Err(error),
        }
    }

    /// The same under quotas: each try decides anew, because others may have drawn on them in between.
    async fn keep_within(
        &self,
        mut intake: Intake,
        plans: Plans,
        quotas: &[OrganizationId],
        closing: &Closing<'_>,
    ) -> Result<Kept, store::Error> {
        let mut kept = try_within(&mut intake, plans.clone(), quotas, closing).await;
        if kept.as_ref().is_err_and(store::Error::is_unavailable) {
            drop(intake);
            intake = self.store.intake().await?;
            kept = try_within(&mut intake, plans.clone(), quotas, closing).await;
        }
        match kept {
            Err(error) if error.is_kept_already() && plans.len() == 1 => as_kept(&intake, plans, closing).await,
            kept => kept,
        }
    }
}

async fn try_within(
    intake: &mut Intake,
    mut plans: Plans,
    quotas: &[OrganizationId],
    closing: &Closing<'_>,
) -> Result<Kept, store::Error> {
    let decide = |used: &HashMap<OrganizationId, Used>| closing.close(&mut plans, used);
    let taken = intake.insert_within(quotas, closing.now, decide).await?;
    Ok((plans, taken.into_iter().collect()))
}

/// A plan that an earlier try kept, whose commit was confirmed to nobody. What that try found of the quota is what counts.
async fn as_kept(intake: &Intake, mut plans: Plans, closing: &Closing<'_>) -> Result<Kept, store::Error> {
    closing.close(&mut plans, &HashMap::new());
    let rows = plans.iter().flat_map(|(_, plan)| &plan.rows);
    let ids: Vec<MessageId> = rows.map(|row| row.id).collect();
    let reasons = intake.reasons(&ids).await?;
    for (_, plan) in &mut plans {
        for index in 0..plan.rows.len() {
            if reasons.get(&plan.rows[index].id) == Some(&Some(Reason::QuotaExceeded)) {
                plan.refuse(index, Reason::QuotaExceeded, &Value::Null);
            }
        }
    }
    Ok((plans, HashSet::new()))
}
