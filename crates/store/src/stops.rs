//! Stop means stop: pausing, resuming and canceling flows, and pausing sender numbers.
//!
//! **Invariant:** whoever stops something contends with the claim for one row (the flow's, or the number's gate). Once the stop is
//! committed no claim follows; what was claimed before has its slot, and when the last such slot has passed ([`Stopped::quiet_in`]) no
//! POST begins any more.

use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::rules::FlowStatus;
use domain::{FlowId, NumberId, OrganizationId, pace};

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const SET_STATUS: Statement = statement!("flows/set_status", "stopping or starting a flow");
const ONE: Statement = statement!("flows/one", "reading a flow");
const WAKE: Statement = statement!("flows/wake", "waking the rows of a flow");
const CANCEL_ROWS: Statement = statement!("flows/cancel_rows", "calling the rows of a flow back");
const LAST_SLOT: Statement = statement!("flows/last_slot", "looking for slots that were given out");
const TALLY: Statement = statement!("flows/tally", "counting what became of a flow");
const PAUSE_NUMBER: Statement = statement!("numbers/pause", "pausing a sender number");
const LIFT_STOP: Statement = statement!("numbers/lift_stop", "ending the stop of a sender number");
const RESUME_NUMBER: Statement = statement!("numbers/resume", "resuming a sender number");
const WAKE_NUMBER: Statement = statement!("numbers/wake", "waking the rows of a sender number");

/// Rows that are called back in one statement.
const ROWS: i32 = 5_000;

/// What came of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// After that long no POST begins any more.
    pub quiet_in: Duration,
}

/// What became of the rows of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Handed to Meta, whatever Meta said.
    pub handed_over: u64,
    /// Called back: they never go.
    pub canceled: u64,
    /// Refused by a gate, or expired.
    pub refused: u64,
    /// Not decided yet.
    pub waiting: u64,
}

impl Store {
    /// The status of a flow of an organization.
    pub async fn flow_status(&self, organization: OrganizationId, flow: FlowId) -> Result<Option<FlowStatus>, Error> {
        let client = self.client().await?;
        Ok(find(&client, organization, flow).await?.map(|(status, _)| status))
    }

    /// Pauses a flow that runs. `None` when it was canceled before, or is not there.
    pub async fn pause_flow(&self, organization: OrganizationId, flow: FlowId) -> Result<Option<Stopped>, Error> {
        let client = self.client().await?;
        set(&client, organization, flow, FlowStatus::Paused, &[FlowStatus::Running]).await?;
        match find(&client, organization, flow).await? {
            Some((FlowStatus::Paused, _)) => Ok(Some(stopped(&client, Some(flow), None).await?)),
            _ => Ok(None),
        }
    }

    /// Lets a paused flow run, with the rows that were put aside meanwhile. Says whether it runs now.
    pub async fn resume_flow(&self, organization: OrganizationId, flow: FlowId) -> Result<bool, Error> {
        let doing = "resuming a flow";
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let running = FlowStatus::Running;
        if set(&transaction, organization, flow, running, &[FlowStatus::Paused]).await? {
            // A statement of its own: it sees what admissions put aside while the one before waited for them.
            WAKE.run(&transaction, &[&flow.0]).await?;
        }
        let status = find(&transaction, organization, flow).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(status.is_some_and(|(status, _)| status == running))
    }

    /// Cancels a flow: stops it, calls its rows back, part by part, and calls it canceled with the last of them. Should this break off
    /// in between, the flow is paused, and canceling it again goes on. `None` when there is no such flow.
    pub async fn cancel_flow(&self, organization: OrganizationId, flow: FlowId) -> Result<Option<Stopped>, Error> {
        let doing = "canceling a flow";
        let mut client = self.client().await?;
        set(&client, organization, flow, FlowStatus::Paused, &[FlowStatus::Running]).await?;
        let Some((_, last)) = find(&client, organization, flow).await? else {
            return Ok(None);
        };
        let mut done = 0;
        while done < last {
            CANCEL_ROWS.run(&client, &[&flow.0, &done, &(done + ROWS)]).await?;
            done += ROWS;
        }
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let before = [FlowStatus::Running, FlowStatus::Paused];
        set(&transaction, organization, flow, FlowStatus::Canceled, &before).await?;
        // Few: those that came back since, and all of it when somebody resumed the flow meanwhile.
        CANCEL_ROWS.run(&transaction, &[&flow.0, &0, &last]).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(Some(stopped(&client, Some(flow), None).await?))
    }

    /// What became of the rows of a flow. Those of a canceled one that came back from a slot that they missed are called back first.
    pub async fn tally(&self, flow: FlowId, canceled: bool) -> Result<Tally, Error> {
        let client = self.client().await?;
        if canceled {
            CANCEL_ROWS.run(&client, &[&flow.0, &0, &i32::MAX]).await?;
        }
        let row = TALLY.row(&client, &[&flow.0]).await?;
        let row = row.expect("an aggregate without groups is one row");
        let count = |column: &str| row.get::<_, i64>(column).unsigned_abs();
        Ok(Tally {
            handed_over: count("handed_over"),
            canceled: count("canceled"),
            refused: count("refused"),
            waiting: count("waiting"),
        })
    }

    /// Pauses a sender number until then, or until somebody resumes it. `None` when the organization has no such number.
    pub async fn pause_number(
        &self,
        organization: OrganizationId,
        phone_number_id: &str,
        until: Option<DateTime<Utc>>,
        reason: &str,
    ) -> Result<Option<Stopped>, Error> {
        let client = self.client().await?;
        let arguments: crate::statement::Arguments<'_> = &[&organization.0, &phone_number_id, &until, &reason];
        match PAUSE_NUMBER.row(&client, arguments).await? {
            Some(row) => Ok(Some(stopped(&client, None, Some(NumberId(row.get(0)))).await?)),
            None => Ok(None),
        }
    }

    /// Lets a sender number go on, whoever paused it, with what waited for that. Says how many rows did; `None` when the organization
    /// has no such number.
    pub async fn resume_number(
        &self,
        organization: OrganizationId,
        phone_number_id: &str,
    ) -> Result<Option<u64>, Error> {
        self.go_on(RESUME_NUMBER, &[&organization.0, &phone_number_id]).await
    }

    /// Ends the stop that one of Meta's refusals put on a sender number (Meta's id), with what waited for that. Says how many rows did;
    /// `None` when it was not stopped, or by somebody else.
    pub async fn lift_stop(&self, phone_number_id: &str) -> Result<Option<u64>, Error> {
        self.go_on(LIFT_STOP, &[&phone_number_id]).await
    }

    async fn go_on(&self, how: Statement, arguments: crate::statement::Arguments<'_>) -> Result<Option<u64>, Error> {
        let doing = "letting a sender number go on";
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let Some(row) = how.row(&transaction, arguments).await? else {
            return Ok(None);
        };
        let woken = WAKE_NUMBER.run(&transaction, &[&row.get::<_, i64>(0)]).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(Some(woken))
    }
}

async fn set(
    client: &impl GenericClient,
    organization: OrganizationId,
    flow: FlowId,
    to: FlowStatus,
    from: &[FlowStatus],
) -> Result<bool, Error> {
    let from: Vec<&str> = from.iter().map(|status| status.as_str()).collect();
    let changed = SET_STATUS
        .run(client, &[&flow.0, &organization.0, &to.as_str(), &from])
        .await?;
    Ok(changed > 0)
}

async fn find(
    client: &impl GenericClient,
    organization: OrganizationId,
    flow: FlowId,
) -> Result<Option<(FlowStatus, i32)>, Error> {
    let Some(row) = ONE.row(client, &[&flow.0, &organization.0]).await? else {
        return Ok(None);
    };
    let status: &str = row.get("status");
    let known = FlowStatus::parse(status).ok_or_else(|| Error::Unreadable {
        what: "flow.status",
        found: status.to_owned(),
    })?;
    Ok(Some((known, row.get("last_seq"))))
}

async fn stopped(
    client: &impl GenericClient,
    flow: Option<FlowId>,
    number: Option<NumberId>,
) -> Result<Stopped, Error> {
    let (flow, number) = (flow.map(|flow| flow.0), number.map(|number| number.0));
    let lease = pace::LEASE.as_seconds_f64();
    let row = LAST_SLOT.row(client, &[&flow, &number, &lease]).await?;
    let seconds = row.and_then(|row| row.get::<_, Option<f64>>("seconds"));
    // A POST leaves at most so long after its slot, or not at all.
    let until_left = seconds.map(|seconds| seconds + pace::MAX_SEND_DELAY.as_seconds_f64());
    Ok(Stopped {
        quiet_in: until_left.map_or(Duration::ZERO, |seconds| {
            Duration::from_secs_f64(seconds.clamp(0.0, 60.0))
        }),
    })
}
