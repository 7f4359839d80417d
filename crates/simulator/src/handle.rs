//! The library's side of the control interface: everything `/_sim/…` can do, as methods.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::{Config, Template};
use crate::error::{Error, NotYet};
use crate::fault::Fault;
use crate::http::management;
use crate::ledger::Entry;
use crate::media::File;
use crate::referee::Inbound;
use crate::report::Report;
use crate::state::State;
use crate::webhook::engine::Command;

/// Between two looks at the report while waiting: a flood of changes must not become a flood of reports.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A report changes by itself as a day passes, so waiting looks again even when nothing happens.
const LOOK_ANYWAY: Duration = Duration::from_millis(100);

/// A way to look into a running simulator and to steer it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    state: Arc<State>,
}

impl Handle {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// What happened so far, with the verdict.
    pub fn report(&self) -> Report {
        self.state.referee().report()
    }

    /// Every POST to `/messages` so far, in the order of decision.
    pub fn ledger(&self) -> Vec<Entry> {
        self.ledger_after(0, usize::MAX)
    }

    /// Up to `limit` ledger entries after the one with number `seq`.
    pub fn ledger_after(&self, seq: u64, limit: usize) -> Vec<Entry> {
        self.state.referee().ledger().page(seq, limit).to_vec()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.state.config()
    }

    /// Replaces the faults in force, with fresh budgets.
    ///
    /// # Errors
    /// [`Error::Config`] when a probability is out of range; the old faults stay.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) -> Result<(), Error> {
        let faults: Vec<Fault> = faults.into_iter().collect();
        faults.iter().try_for_each(Fault::check).map_err(Error::Config)?;
        self.state.referee().set_faults(faults);
        Ok(())
    }

    /// Changes the configuration by a JSON merge patch; see [`Config::patched`]. `listen` and `seed` have no effect any more.
    ///
    /// # Errors
    /// [`Error::Config`]; the old configuration stays.
    pub fn patch_config(&self, patch: &serde_json::Value) -> Result<(), Error> {
        let mut referee = self.state.referee();
        let patched = referee.config().patched(patch).map_err(Error::Config)?;
        referee.configure(patched);
        Ok(())
    }

    /// Changes the configuration in place.
    ///
    /// # Errors
    /// [`Error::Config`]; the old configuration stays.
    pub fn update_config(&self, change: impl FnOnce(&mut Config)) -> Result<(), Error> {
        let mut referee = self.state.referee();
        let mut config = Config::clone(referee.config());
        change(&mut config);
        config.check().map_err(Error::Config)?;
        referee.configure(config);
        Ok(())
    }

    /// A user writes: opens the customer service window and sends the webhook. Returns the wamid.
    ///
    /// # Errors
    /// When the number is unknown or the message has no content.
    pub fn inbound(&self, inbound: &Inbound) -> Result<String, Error> {
        let now_ns = self.state.clock.now_ns();
        let (wamid, updates) = self.state.referee().inbound(inbound, now_ns)?;
        self.state.deliver(updates);
        self.state.note_change();
        Ok(wamid.to_string())
    }

    /// A user sent a file to this number; its id, as an inbound message would name it.
    pub fn inbound_media(&self, phone_number_id: &str, mime: &str, content: Vec<u8>) -> String {
        let mut referee = self.state.referee();
        let until_ns = self.state.clock.now_ns() + referee.config().media.inbound_ms * 1_000_000;
        let file = crate::http::media::of_user(phone_number_id, mime, content.into());
        referee.media().put(File { until_ns, ..file })
    }

    /// Lets every file be over, as after 30 days.
    pub fn expire_media(&self) {
        self.state.referee().media().expire_all();
    }

    /// Something happens to a template (`PAUSED`, `REINSTATED`, `DISABLED` …), and a webhook tells.
    ///
    /// # Errors
    /// When there is no such template.
    pub fn template_event(&self, name: &str, language: &str, event: &str) -> Result<(), Error> {
        let place = {
            let referee = self.state.referee();
            let mut templates = referee.config().templates.iter();
            templates.position(|template| template.name == name && template.language == language)
        };
        let place = place.ok_or_else(|| Error::Config(format!("templates: there is no {name} in {language}")))?;
        let told = management::tell_template(&self.state, &Template::id_of(place), event);
        told.map_err(|_| Error::Config(format!("templates: {name} in {language} cannot change")))
    }

    /// A webhook about an account.
    pub fn tell(&self, waba_id: &str, field: &str, value: serde_json::Value) {
        management::tell(&self.state, waba_id, field, value);
    }

    /// Forgets ledger, counters, windows and webhooks under way. Configuration and faults stay.
    pub async fn reset(&self) {
        let (done, receiver) = oneshot::channel();
        self.state.command(Command::Reset(done));
        let _ = receiver.await; // an engine that is gone has nothing to forget
    }

    /// Waits until the report satisfies the predicate, and returns that report.
    ///
    /// # Errors
    /// [`NotYet`] with the last report when `within` is over.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut predicate: impl FnMut(&Report) -> bool,
    ) -> Result<Report, NotYet> {
        let deadline = tokio::time::Instant::now() + within;
        let mut changes = self.state.watch_changes();
        loop {
            changes.mark_unchanged();
            let report = self.report();
            if predicate(&report) {
                return Ok(report);
            }
            let changed = async {
                tokio::time::sleep(LOOK_AGAIN).await;
                let _ = tokio::time::timeout(LOOK_ANYWAY, changes.changed()).await;
            };
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                let last = self.report();
                return if predicate(&last) {
                    Ok(last)
                } else {
                    Err(NotYet(Box::new(last)))
                };
            }
        }
    }

    /// Waits until no webhook is pending.
    ///
    /// # Errors
    /// [`NotYet`] with the last report when `within` is over.
    pub async fn wait_for_webhooks(&self, within: Duration) -> Result<Report, NotYet> {
        self.wait_for(within, |report| report.webhooks.pending == 0).await
    }
}
