//! The ledger as an operator watches it: how much is under way, how far behind the parts are, and what is wrong.
//!
//! Every question is bounded, so that asking often costs little however much there is.

use domain::ailment::{Ailment, find};

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const AILMENTS: Statement = statement!("watch/ailments", "looking for what is wrong");
const STATES: Statement = statement!("watch/states", "counting messages under way");
const NUMBERS: Statement = statement!("watch/numbers", "reading the pace of numbers");
const SCOPES: Statement = statement!("watch/scopes", "reading messaging limits");
const BACKLOGS: Statement = statement!("watch/backlogs", "measuring backlogs");

/// Rows that one count looks at, at most.
const COUNTED: i64 = 10_000;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What.
    pub ailment: &'static Ailment,
    /// With what: ids and Meta's ids, never a person.
    pub subject: String,
    /// How many, counted up to a bound.
    pub count: i64,
    /// For how long at least, in seconds; 0 where that means nothing.
    pub seconds: f64,
}

/// Messages of one number in one state and lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// Meta's id of the number.
    pub number: String,
    /// Code of a [`domain::State`].
    pub state: i16,
    /// Code of a [`domain::Lane`].
    pub lane: i16,
    /// How many, counted up to 10,000.
    pub count: i64,
}

/// One number's pace.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Meta's id of the number.
    pub number: String,
    /// Messages per second.
    pub throughput: i32,
    /// Nothing goes from it now.
    pub paused: bool,
    /// Slots are given out for so many seconds ahead.
    pub ahead_seconds: f64,
    /// Rows of broadcasts and campaigns that wait for their turn.
    pub flow_rows: i64,
}

/// One messaging limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// `portfolio:…` or `waba:…`.
    pub scope: String,
    /// People per moving 24 hours; `None` is unlimited.
    pub limit: Option<i32>,
    /// People written to.
    pub used: i32,
}

/// What waits to be worked off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlogs {
    /// Webhooks of Meta that were not applied yet.
    pub inbox: i64,
    /// How long the first of them has waited.
    pub inbox_seconds: f64,
    /// Events with a number that the broker does not have.
    pub untold: i64,
    /// Rows of events without a number.
    pub unnumbered: i64,
    /// Events that nobody looked through for webhooks.
    pub unseen: i64,
    /// Webhooks to customers that are not over.
    pub deliveries: i64,
    /// Endpoints that get nothing any more.
    pub disabled: i64,
    /// Endpoints that failed last.
    pub failing: i64,
    /// Reserved of all balances, in millionths.
    pub reserved: i64,
}

impl Store {
    /// What is wrong, by check and subject.
    pub async fn ailments(&self) -> Result<Vec<Finding>, Error> {
        let client = self.client().await?;
        let rows = AILMENTS.rows(&client, &[&COUNTED]).await?;
        let found = rows.iter().filter_map(|row| {
            Some(Finding {
                ailment: find(row.get("check_name"))?,
                subject: row.get("subject"),
                count: row.get("n"),
                seconds: row.get("seconds"),
            })
        });
        Ok(found.collect())
    }

    /// Messages under way. Rows of flows that wait for their turn have no alarm and are not among them.
    pub async fn under_way(&self) -> Result<Vec<UnderWay>, Error> {
        let client = self.client().await?;
        let rows = STATES.rows(&client, &[&COUNTED]).await?;
        let read = rows.iter().map(|row| UnderWay {
            number: row.get("phone_number_id"),
            state: row.get("state"),
            lane: row.get("lane"),
            count: row.get("n"),
        });
        Ok(read.collect())
    }

    /// The pace of every number.
    pub async fn paces(&self) -> Result<Vec<Pace>, Error> {
        let client = self.client().await?;
        let rows = NUMBERS.rows(&client, &[]).await?;
        let read = rows.iter().map(|row| Pace {
            number: row.get("phone_number_id"),
            throughput: row.get("throughput"),
            paused: row.get("paused"),
            ahead_seconds: row.get("ahead_seconds"),
            flow_rows: row.get("flow_rows"),
        });
        Ok(read.collect())
    }

    /// Every messaging limit.
    pub async fn messaging_limits(&self) -> Result<Vec<Limit>, Error> {
        let client = self.client().await?;
        let rows = SCOPES.rows(&client, &[]).await?;
        let read = rows.iter().map(|row| Limit {
            scope: row.get("key"),
            limit: row.get("max_members"),
            used: row.get("used"),
        });
        Ok(read.collect())
    }

    /// How far behind the parts are.
    pub async fn backlogs(&self) -> Result<Option<Backlogs>, Error> {
        let client = self.client().await?;
        let row = BACKLOGS.row(&client, &[&COUNTED]).await?;
        Ok(row.map(|row| Backlogs {
            inbox: row.get("inbox"),
            inbox_seconds: row.get("inbox_seconds"),
            untold: row.get("untold"),
            unnumbered: row.get("unnumbered"),
            unseen: row.get("unseen"),
            deliveries: row.get("deliveries"),
            disabled: row.get("disabled"),
            failing: row.get("failing"),
            reserved: row.get("reserved"),
        }))
    }
}
