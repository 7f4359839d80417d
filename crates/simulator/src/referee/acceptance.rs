//! Accepting a message: its wamid, whether it repeats another, what goes wrong with its answer, and its webhooks.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::addressee::Addressee;
use super::{Referee, Ruling, template_check};
use crate::fault::{Answer, FaultKind, Target, Twist};
use crate::ledger::Entry;
use crate::report::ViolationKind;
use crate::request::{Content, Message};
use crate::webhook::plan::{self, Fate};
use crate::webhook::update::{Outbound, Scheduled};

/// An accepted message: its answer and its webhooks.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) wamid: Arc<str>,
    /// `contacts[0].input`.
    pub(crate) input: String,
    /// `contacts[0].wa_id`, or `user_id` when `is_user_id`.
    pub(crate) recipient: Arc<str>,
    pub(crate) is_user_id: bool,
    pub(crate) is_template: bool,
    /// Meta looks at the template first.
    pub(crate) is_held: bool,
    /// What goes wrong with the answer.
    pub(crate) answer: Option<Answer>,
    pub(crate) updates: Vec<Scheduled>,
    /// Resolves when the first status was posted; the answer waits for it.
    pub(crate) wait_for: Option<oneshot::Receiver<()>>,
}

impl Referee {
    /// Accepts the message and fills in the entry; the fault that struck its answer comes with the ruling.
    pub(super) fn accept(
        &mut self,
        message: Message,
        phone_number_id: &str,
        addressee: Addressee,
        outside_window: bool,
        entry: &mut Entry,
    ) -> (Ruling, Option<&'static str>) {
        let config = Arc::clone(&self.config);
        let number = Arc::clone(&self.numbers[phone_number_id].number);
        let wamid: Arc<str> = self.mint.next(&addressee.key).into();
        let opaque: Option<Arc<str>> = message.opaque.map(Into::into);
        if let Some(opaque) = &opaque {
            self.look_for_repetition(opaque, phone_number_id, entry);
        }

        let target = Target {
            phone_number_id,
            recipient: &addressee.key,
        };
        let struck = self.faults.first(target, &mut self.rng, FaultKind::answer);
        let is_template = matches!(message.content, Content::Template(_));
        // Only templates are paced.
        let twists = self.faults.all(target, &mut self.rng, |kind| {
            kind.twist()
                .filter(|twist| is_template || !matches!(twist, Twist::HeldForQuality { .. }))
        });
        let is_held = twists.iter().any(|twist| matches!(twist, Twist::HeldForQuality { .. }));
        let fate = match message.content {
            Content::Template(_) => Fate::Travels,
            Content::FreeForm | Content::Reaction if outside_window => Fate::Fails(131_047),
            Content::Reaction => Fate::OnlySent,
            Content::FreeForm => Fate::Travels,
        };
        let category = match &message.content {
            Content::Template(_) if message.marketing => "marketing_lite".to_owned(),
            Content::Template(used) => template_check::category(used, &number.waba_id, &config.templates),
            Content::FreeForm | Content::Reaction => "service".to_owned(),
        };
        let outbound = Arc::new(Outbound {
            wamid: Arc::clone(&wamid),
            number,
            wa_id: (!addressee.is_user_id).then(|| Arc::clone(&addressee.key)),
            user_id: config.webhooks.user_ids.then(|| addressee.user_id()),
            opaque: opaque.clone(),
            category,
        });
        let mut updates = match config.webhook_url {
            None => Vec::new(),
            Some(_) => plan::statuses(
                &outbound,
                fate,
                &twists,
                &config.webhooks,
                self.latest_ns,
                &self.clock,
                &mut self.rng,
            ),
        };
        self.count_planned(&updates);

        let wait_for = config
            .webhooks
            .sent_before_response
            .then(|| self.hurry_first(&mut updates))
            .flatten();
        entry.wamid = Some(Arc::clone(&wamid));
        let ruling = Ruling::Accepted(Box::new(Acceptance {
            wamid,
            input: addressee.input,
            recipient: addressee.key,
            is_user_id: addressee.is_user_id,
            is_template,
            is_held,
            answer: struck.map(|(answer, _)| answer),
            updates,
            wait_for,
        }));
        (ruling, struck.map(|(_, name)| name))
    }

    fn look_for_repetition(&mut self, opaque: &str, phone_number_id: &str, entry: &Entry) {
        let repetition = self.ledger.accept_opaque(opaque);
        if let Some(first) = repetition.of_opaque {
            self.tally.duplicates.opaque += 1;
            let detail = format!("the opaque string of entry {first} was accepted again");
            self.violate(
                ViolationKind::DuplicateOpaque,
                entry.seq,
                entry.arrival_ns,
                phone_number_id,
                detail,
            );
        }
        if let Some(first) = repetition.of_message {
            self.tally.duplicates.message += 1;
            let detail = format!("the message of entry {first} was accepted again");
            self.violate(
                ViolationKind::DuplicateMessage,
                entry.seq,
                entry.arrival_ns,
                phone_number_id,
                detail,
            );
        }
    }

    /// Makes the first status leave now, and hands out the means to wait for it.
    fn hurry_first(&mut self, updates: &mut [Scheduled]) -> Option<oneshot::Receiver<()>> {
        let first = updates.first_mut()?;
        let (tried, receiver) = oneshot::channel();
        first.due_ns = self.latest_ns;
        first.tried = Some(tried);
        Some(receiver)
    }
}
