//! Accounts compared with Meta: templates, numbers, limits; every few hours, and at once when somebody or a webhook asks.
//!
//! Webhooks tell most of it sooner. This is for what they do not tell (a template that was made elsewhere), and for those that were lost.

use std::time::Duration;

use domain::tier::Tier;
use domain::{Category, TemplateId, pace};
use runtime::Shutdown;
use secrecy::SecretString;
use store::sync::{DueAccount, ListedNumber, ListedTemplate, NumberChange};
use store::{Error, Store};
use tracing::{info, warn};

use crate::duty::{self, Duty};

/// Between two comparisons that nobody asked for.
const EVERY: Duration = Duration::from_secs(6 * 3_600);
/// A comparison is done by then, or somebody else begins it.
const LEASE: Duration = Duration::from_secs(180);
/// After one that failed.
const RETRY: Duration = Duration::from_secs(300);
/// Between two looks whether one is due.
const LOOK: Duration = Duration::from_secs(1);
/// Messages that one statement wakes at most.
const WAKE_AT_ONCE: i64 = 10_000;

/// Compares accounts with Meta.
#[derive(Debug)]
pub struct Accounts {
    store: Store,
    meta: meta::Client,
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountsPass {
    /// The account that was compared, if one was due.
    pub compared: Option<String>,
    /// Templates that Meta has.
    pub templates: usize,
    /// Templates that are new here.
    pub created: usize,
    /// Templates that are gone there.
    pub gone: usize,
    /// Numbers that Meta has and that are declared.
    pub numbers: usize,
    /// Why it did not end well.
    pub failure: Option<String>,
}

/// Compares accounts until the shutdown.
pub async fn run_accounts(accounts: Accounts, shutdown: Shutdown) {
    duty::keep_at(accounts, &shutdown, None).await;
}

impl Accounts {
    /// With a way to Meta.
    pub fn new(store: Store, meta: meta::Client) -> Self {
        Self { store, meta }
    }

    /// One pass: the account that is due most, if any is.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<AccountsPass, Error> {
        let due = self
            .store
            .take_due_account(EVERY.as_secs_f64(), LEASE.as_secs_f64())
            .await?;
        let Some(account) = due else {
            return Ok(AccountsPass::default());
        };
        let mut pass = AccountsPass {
            compared: Some(account.waba.clone()),
            ..AccountsPass::default()
        };
        let failure = match &account.token {
            Ok(token) => self.compare(&account, token, &mut pass).await?,
            Err(error) => Some(format!("its access token cannot be opened: {error}")),
        };
        self.store
            .account_compared(&account, failure.as_deref(), RETRY.as_secs_f64())
            .await?;
        pass.failure = failure;
        Ok(pass)
    }

    /// What kept Meta's side from being read, if anything did.
    async fn compare(
        &self,
        account: &DueAccount,
        token: &SecretString,
        pass: &mut AccountsPass,
    ) -> Result<Option<String>, Error> {
        let numbers = match self.meta.phone_numbers(&account.waba, token).await {
            Ok(numbers) => numbers,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let listed: Vec<ListedNumber> = numbers.into_iter().map(number).collect();
        let changes = self.store.keep_numbers(account.id, account.begun_at, &listed).await?;
        pass.numbers = changes.len();
        for change in &changes {
            self.apply(&account.waba, change).await?;
        }
        let templates = match self.meta.templates(&account.waba, token).await {
            Ok(templates) => templates,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let mut listed: Vec<ListedTemplate> = templates.into_iter().map(template).collect();
        // An edge that changed while it was read may show one twice.
        listed.sort_by(|one, other| (&one.name, &one.language).cmp(&(&other.name, &other.language)));
        listed.dedup_by(|one, other| (&one.name, &one.language) == (&other.name, &other.language));
        let changes = self.store.keep_templates(account.id, account.begun_at, &listed).await?;
        (pass.templates, pass.created, pass.gone) = (changes.listed.len(), changes.created, changes.gone.len());
        for id in changes.listed.iter().chain(&changes.gone) {
            self.wake(*id).await?;
        }
        Ok(None)
    }

    /// Meta's word counts when it changes; until then the operator's does.
    async fn apply(&self, waba: &str, change: &NumberChange) -> Result<(), Error> {
        let number = &change.phone_number_id;
        if change.is_better
            && let Some(waiting) = self.store.lift_stop(number).await?
        {
            warn!(
                number.id = number,
                waiting,
                "sender number {number} goes on, with {waiting} messages that waited: Meta says that it is connected"
            );
        }
        if let (Some(before), Some(now)) = (&change.level.0, &change.level.1)
            && before != now
            && let Some(throughput) = messages_per_second(now)
        {
            let (slots, depth) = (pace::slots_per_second(throughput), pace::depth(throughput));
            let depth = i32::try_from(depth).unwrap_or(i32::MAX);
            self.store
                .set_throughput(&change.phone, throughput.cast_signed(), slots, depth)
                .await?;
            info!(
                number.id = number,
                throughput, "number {number} may send {throughput} messages per second now"
            );
        }
        if let (Some(before), Some(now)) = (&change.limit.0, &change.limit.1)
            && before != now
            && let Some(tier) = Tier::parse(now)
        {
            let limit = tier.limit().map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
            if let Some(change) = self.store.set_messaging_limit(waba, limit).await? {
                info!(waba.id = waba, "the messaging limit of account {waba} is {tier} now");
                self.store.wake_tier_limited(change.scope_id, i32::MAX).await?;
            }
        }
        Ok(())
    }

    async fn wake(&self, template: TemplateId) -> Result<(), Error> {
        while self.store.wake_template_waiting(template, WAKE_AT_ONCE).await? >= WAKE_AT_ONCE.unsigned_abs() {}
        Ok(())
    }
}

/// Meta's levels; others say nothing.
fn messages_per_second(level: &str) -> Option<u32> {
    match level {
        "STANDARD" => Some(80),
        "HIGH" => Some(1_000),
        _ => None,
    }
}

fn number(number: meta::PhoneNumber) -> ListedNumber {
    ListedNumber {
        phone_number_id: number.id,
        status: number.status,
        verified_name: number.verified_name,
        quality: number.quality_rating,
        name_status: number.name_status,
        account_mode: number.account_mode,
        throughput_level: number.throughput.map(|throughput| throughput.level),
        messaging_limit: number.messaging_limit,
    }
}

fn template(template: meta::templates::ListedTemplate) -> ListedTemplate {
    ListedTemplate {
        meta_id: template.id,
        name: template.name,
        language: template.language.replace('-', "_"),
        category: Category::parse(&template.category)
            .unwrap_or(Category::Marketing)
            .code(),
        status: template.status.to_ascii_uppercase(),
        parameter_format: template.parameter_format.unwrap_or_else(|| "POSITIONAL".to_owned()),
        components: if template.components.is_array() {
            template.components
        } else {
            serde_json::json!([])
        },
        quality: template.quality_score.score,
        rejected_reason: template.rejected_reason.filter(|reason| reason != "NONE"),
    }
}

impl Duty for Accounts {
    const NAME: &'static str = "accounts";
    type Pass = AccountsPass;

    async fn run_once(&mut self) -> Result<AccountsPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &AccountsPass, _took: Duration) -> Duration {
        let Some(waba) = &pass.compared else { return LOOK };
        let outcome = if pass.failure.is_some() { "failed" } else { "compared" };
        metrics::counter!("turnpike_accounts_compared_total", "outcome" => outcome).increment(1);
        match &pass.failure {
            Some(failure) => warn!(
                waba.id = waba,
                "account {waba} could not be compared with Meta: {failure}"
            ),
            None => info!(
                waba.id = waba,
                templates = pass.templates,
                numbers = pass.numbers,
                "account {waba} was compared with Meta: {} templates ({} new, {} gone), {} numbers",
                pass.templates,
                pass.created,
                pass.gone,
                pass.numbers
            ),
        }
        // Another may be due.
        Duration::ZERO
    }
}
