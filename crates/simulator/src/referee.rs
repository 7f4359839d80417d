//! The referee: decides about every POST in one short critical section, and writes down what it decided.
//!
//! Order of judgement: token, number, shape, template, faults that refuse, limits; then the message is accepted.
//! **Invariants:** every POST whose body arrived makes exactly one ledger entry; what an entry calls accepted gets its webhooks whatever
//! happens to the answer; a refused POST uses up no limit. Time and requests are arguments; nothing here waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::clock::Clock;
use crate::config::{Config, Number};
use crate::fault::{Fault, FaultKind, Faults, Refusal, Target};
use crate::graph_error::GraphError;
use crate::ledger::{Entry, Fingerprint, Kind, Ledger};
use crate::limits::MovingSet;
use crate::media::Shelf;
use crate::report::{Report, Violation, ViolationKind};
use crate::request::{Content, Message, Recipient, Request};
use crate::wamid::Mint;

mod acceptance;
mod addressee;
mod component_check;
mod inbound;
mod limit_check;
mod number_state;
mod reporting;
mod template_check;

pub use inbound::Inbound;

pub(crate) use acceptance::Acceptance;
use addressee::Addressee;
use limit_check::day_ns;
use number_state::NumberState;

/// A POST to `/messages` as it came in.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    /// When its head was read.
    pub(crate) arrival_ns: u64,
    pub(crate) token: Option<&'a str>,
    pub(crate) phone_number_id: &'a str,
    pub(crate) body_hash: Fingerprint,
    pub(crate) request: Result<Request, GraphError>,
}

/// What shall be answered to a POST.
#[derive(Debug)]
pub(crate) enum Ruling {
    Refused(GraphError),
    /// Reset the connection; nothing was accepted.
    Dropped,
    MarkedRead,
    Accepted(Box<Acceptance>),
}

/// A refusal with the fault that made it, if one did.
type Refused = (Ruling, Option<&'static str>);

#[derive(Debug)]
pub(crate) struct Referee {
    config: Arc<Config>,
    clock: Clock,
    numbers: HashMap<Arc<str>, NumberState>,
    /// Unique recipients outside the customer service window, per portfolio.
    portfolios: HashMap<String, MovingSet>,
    faults: Faults,
    ledger: Ledger,
    media: Shelf,
    /// Counters; `numbers`, `portfolios`, `faults` and `ok` are filled in when somebody asks.
    tally: Report,
    rng: StdRng,
    mint: Mint,
    /// Limits other than the throughput live on a time that never goes back.
    latest_ns: u64,
}

impl Referee {
    pub(crate) fn new(config: Config, clock: Clock) -> Self {
        let mut referee = Self {
            rng: StdRng::seed_from_u64(config.seed),
            config: Arc::new(Config::default()),
            clock,
            numbers: HashMap::new(),
            portfolios: HashMap::new(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            media: Shelf::default(),
            tally: Report::default(),
            mint: Mint::new(),
            latest_ns: 0,
        };
        referee.faults.set(&config.faults);
        referee.configure(config);
        referee
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(crate) fn media(&mut self) -> &mut Shelf {
        &mut self.media
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Uses other faults, with fresh budgets.
    pub(crate) fn set_faults(&mut self, faults: Vec<Fault>) {
        self.faults.set(&faults);
        Arc::make_mut(&mut self.config).faults = faults;
    }

    /// Uses another configuration; what was counted stays. Faults change only when their list did.
    pub(crate) fn configure(&mut self, config: Config) {
        if config.faults != self.config.faults {
            self.faults.set(&config.faults);
        }
        self.numbers.retain(|id, _| {
            config.auto_register
                || config
                    .numbers
                    .iter()
                    .any(|number| number.phone_number_id.as_str() == &**id)
        });
        for number in &config.numbers {
            let id: Arc<str> = number.phone_number_id.as_str().into();
            self.numbers
                .entry(id)
                .or_insert_with(|| NumberState::new(number.clone()))
                .number = Arc::new(number.clone());
        }
        for set in self.portfolios.values_mut() {
            set.set_length(day_ns(&config));
        }
        self.config = Arc::new(config);
    }

    /// Forgets everything that happened; configuration, numbers and faults stay, fault budgets start anew.
    pub(crate) fn reset(&mut self) {
        self.ledger = Ledger::default();
        self.tally = Report::default();
        self.portfolios.clear();
        self.faults.set(&self.config.faults);
        self.faults.forget_fired();
        for state in self.numbers.values_mut() {
            *state = NumberState::new(Number::clone(&state.number));
        }
    }

    /// The state of a number; with `auto_register` it is made on first sight.
    pub(crate) fn number(&mut self, phone_number_id: &str) -> Option<&mut NumberState> {
        if !self.numbers.contains_key(phone_number_id) {
            if !self.config.auto_register {
                return None;
            }
            let number = Number {
                throughput: self.config.limits.default_throughput,
                ..Number::new(phone_number_id, format!("+1555{phone_number_id}"), "auto-registered")
            };
            self.numbers.insert(phone_number_id.into(), NumberState::new(number));
        }
        self.numbers.get_mut(phone_number_id)
    }

    /// The time until the next answer.
    pub(crate) fn draw_latency(&mut self) -> Duration {
        Duration::from_millis(self.config.latency.draw_ms(&mut self.rng))
    }

    /// Every number there is, configured or registered by itself.
    pub(crate) fn all_numbers(&self) -> impl Iterator<Item = &Arc<Number>> {
        self.numbers.values().map(|state| &state.number)
    }

    /// Judges a POST and writes it down.
    pub(crate) fn post(&mut self, post: Post<'_>) -> Ruling {
        self.latest_ns = self.latest_ns.max(post.arrival_ns);
        let mut entry = self.blank_entry(&post);
        let (ruling, fault) = self.judge(post, &mut entry).unwrap_or_else(|refused| refused);
        entry.fault = fault.map(str::to_owned);
        self.close_entry(entry, &ruling);
        ruling
    }

    fn judge(&mut self, post: Post<'_>, entry: &mut Entry) -> Result<(Ruling, Option<&'static str>), Refused> {
        if !self.config.accepts_token(post.token) {
            return Err(refuse(GraphError::invalid_token()));
        }
        let is_read_mark = matches!(post.request, Ok(Request::ReadMark));
        let counted = !is_read_mark || self.config.limits.count_read_marks;
        if !self.measure(&post, counted, entry.seq) {
            return Err(refuse(GraphError::unknown_object("post", post.phone_number_id)));
        }
        let message = match post.request.map_err(refuse)? {
            Request::ReadMark => return Ok((Ruling::MarkedRead, None)),
            Request::Send(message) => message,
        };
        let addressee = self.address(&message, post.phone_number_id, entry)?;
        self.check_template(&message, post.phone_number_id)?;
        let strict = self.config.media.strict_ids;
        let files = self
            .media
            .check(&message.media, post.phone_number_id, strict, self.latest_ns);
        files.map_err(refuse)?;
        self.strike_before(post.phone_number_id, &addressee)?;
        let outside_window = self.check_limits(&message, post.phone_number_id, &addressee, entry)?;
        Ok(self.accept(message, post.phone_number_id, addressee, outside_window, entry))
    }

    fn address(&mut self, message: &Message, phone_number_id: &str, entry: &mut Entry) -> Result<Addressee, Refused> {
        let number = Arc::clone(&self.number(phone_number_id).expect("measured, so it exists").number);
        let addressee = Addressee::of(
            &message.to,
            &number,
            self.config.prepend_country_code,
            self.config.rewrite_wa_id,
        );
        entry.recipient = Some(Arc::clone(&addressee.key));
        if matches!(message.to, Recipient::Phone { plus: false, .. }) {
            let detail = "the recipient is written without +, Meta takes it for a national number".to_owned();
            self.violate(
                ViolationKind::ToWithoutPlus,
                entry.seq,
                entry.arrival_ns,
                phone_number_id,
                detail,
            );
        }
        if &*addressee.key == number.digits() {
            return Err(refuse(GraphError::of(131_021)));
        }
        Ok(addressee)
    }

    fn check_template(&mut self, message: &Message, phone_number_id: &str) -> Result<(), Refused> {
        let Content::Template(used) = &message.content else {
            return Ok(());
        };
        let waba_id = self
            .number(phone_number_id)
            .expect("measured, so it exists")
            .number
            .waba_id
            .clone();
        template_check::check(used, &waba_id, &self.config.templates).map_err(refuse)?;
        let category = template_check::category(used, &waba_id, &self.config.templates);
        match message.marketing && !self.config.templates.is_empty() && category != "marketing" {
            true => Err(refuse(GraphError::of(131_055))),
            false => Ok(()),
        }
    }

    fn strike_before(&mut self, phone_number_id: &str, addressee: &Addressee) -> Result<(), Refused> {
        let target = Target {
            phone_number_id,
            recipient: &addressee.key,
        };
        match self.faults.first(target, &mut self.rng, FaultKind::refusal) {
            None => Ok(()),
            Some((Refusal::Reset, name)) => Err((Ruling::Dropped, Some(name))),
            Some((Refusal::Error(error), name)) => Err((Ruling::Refused(error), Some(name))),
        }
    }

    fn violate(&mut self, kind: ViolationKind, seq: u64, at_ns: u64, phone_number_id: &str, detail: String) {
        self.tally.violations.add(Violation {
            kind,
            seq,
            at_ns,
            phone_number_id: phone_number_id.to_owned(),
            detail,
        });
    }

    fn blank_entry(&self, post: &Post<'_>) -> Entry {
        let (kind, template, opaque) = match &post.request {
            Err(_) => (Kind::Unreadable, None, None),
            Ok(Request::ReadMark) => (Kind::ReadMark, None, None),
            Ok(Request::Send(Message {
                content: Content::Template(used),
                opaque,
                ..
            })) => (Kind::Template, Some(used.name.clone()), opaque.as_deref()),
            Ok(Request::Send(Message { opaque, .. })) => (Kind::FreeForm, None, opaque.as_deref()),
        };
        let phone_number_id = match self.numbers.get_key_value(post.phone_number_id) {
            Some((id, _)) => Arc::clone(id),
            None => post.phone_number_id.into(),
        };
        Entry {
            seq: self.ledger.next_seq(),
            arrival_ns: post.arrival_ns,
            wall_ms: self.clock.wall_ms(post.arrival_ns),
            phone_number_id,
            recipient: None,
            kind,
            template,
            opaque: opaque.map(Into::into),
            body_hash: post.body_hash.hex(),
            accepted: false,
            status: None,
            code: None,
            fault: None,
            wamid: None,
        }
    }
}

fn refuse(error: GraphError) -> Refused {
    (Ruling::Refused(error), None)
}
