//! One pass: some bodies out of the inbox, read, applied, marked as applied; one transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{NumberId, TemplateId, pace};
use meta::webhook::{self, Update};
use runtime::crash::{CrashPoint, crash_at};
use store::Error;
use store::inbox::{Body, Done, SetAside};
use store::receipts::TierChange;
use tracing::{info, warn};

use crate::Receipts;
use crate::apply::{Applied, Element, Place, Refused, apply, kind};

/// How many waiting messages are woken in one transaction.
const WAKE_AT_ONCE: i32 = 10_000;

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Bodies that were applied.
    pub bodies: usize,
    /// Updates in them.
    pub updates: usize,
    /// Elements that could not be applied.
    pub set_aside: usize,
    /// Whether it ended because it had enough, so that there may be more.
    pub full: bool,
}

impl Receipts {
    /// Applies the oldest bodies that no other process has in hand.
    ///
    /// # Errors
    /// When the database is not there, or a lock could not be had. Nothing is lost: the next pass finds the same bodies.
    pub async fn run_once(&self) -> Result<Pass, Error> {
        let mut applier = self.store.applier().await?;
        let started = tokio::time::Instant::now();
        let mut tx = applier.begin().await?;
        let bodies = tx.take(self.options.bodies, self.options.bytes).await?;
        if bodies.is_empty() {
            return Ok(Pass::default());
        }
        crash_at(CrashPoint::H3);
        let (elements, unreadable) = read(&bodies);
        let mut applied = apply(&mut tx, &self.signer, &elements).await?;
        crash_at(CrashPoint::H4);
        applied.refused.extend(unreadable);
        tx.mark_applied(self.clock.now(), &done(&bodies, &applied.refused))
            .await?;
        tx.commit().await?;
        drop(applier);

        metrics::histogram!("turnpike_receipts_pass_seconds").record(started.elapsed().as_secs_f64());
        report(&bodies, &elements, &applied);
        for change in &applied.raised {
            if let Err(error) = self.wake(change).await {
                let scope = change.scope_id;
                warn!(
                    scope.id = scope,
                    "{error} failed; those of messaging limit {scope} wake by their own alarms"
                );
            }
        }
        if let Err(error) = self.count_against_pace(&applied.received).await {
            warn!("{error} failed; their numbers may be a little too fast for a second");
        }
        for template in &applied.templates {
            if let Err(error) = self.wake_template(*template).await {
                warn!(template.id = %template, "{error} failed; those of template {template} wake by their own alarms");
            }
        }
        let bytes: usize = bodies.iter().map(|body| body.raw.len()).sum();
        Ok(Pass {
            bodies: bodies.len(),
            updates: elements.len(),
            set_aside: applied.refused.len(),
            full: i64::try_from(bodies.len()).is_ok_and(|n| n >= self.options.bodies)
                || i64::try_from(bytes).is_ok_and(|n| n >= self.options.bytes),
        })
    }

    /// Opens accounts whose restriction is over. Returns how many.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn lift_restrictions(&self) -> Result<u64, Error> {
        self.store.lift_restrictions(self.clock.now()).await
    }

    /// Lets inbound messages take slots of their numbers' pace. Apart from the pass: the pace is the first lock of all, and which
    /// messages are new is only known at its end.
    async fn count_against_pace(&self, received: &[(NumberId, DateTime<Utc>)]) -> Result<(), Error> {
        let now = self.clock.now();
        let mut slots: BTreeMap<NumberId, u32> = BTreeMap::new();
        for (number, _) in received.iter().filter(|(_, at)| pace::inbound_takes_a_slot(*at, now)) {
            *slots.entry(*number).or_default() += 1;
        }
        if slots.is_empty() {
            return Ok(());
        }
        self.store.take_slots(&slots.into_iter().collect::<Vec<_>>()).await
    }

    /// Lets messages that wait for a template be looked at again, in small transactions like the next.
    async fn wake_template(&self, template: TemplateId) -> Result<(), Error> {
        loop {
            let woken = self.store.wake_template_waiting(template, WAKE_AT_ONCE.into()).await?;
            if woken > 0 {
                info!(template.id = %template, woken, "template {template} changed, {woken} waiting messages are looked at again");
            }
            if woken < u64::from(WAKE_AT_ONCE.unsigned_abs()) {
                return Ok(());
            }
        }
    }

    /// Lets messages that wait for room in a messaging limit be looked at again. Apart from the pass, in small transactions: should
    /// this be lost, they wake by their own alarms.
    async fn wake(&self, change: &TierChange) -> Result<(), Error> {
        let mut room = change.now.map_or(i32::MAX, |now| now - change.members);
        let scope = change.scope_id;
        while room > 0 {
            let asked = room.min(WAKE_AT_ONCE);
            let woken = self.store.wake_tier_limited(scope, asked).await?;
            room -= woken;
            info!(
                scope.id = scope,
                woken, "messaging limit {scope} was raised, {woken} waiting messages go on"
            );
            if woken < asked {
                break;
            }
        }
        Ok(())
    }
}

/// The updates of all bodies, and the bodies that cannot be read at all.
fn read(bodies: &[Body]) -> (Vec<Element>, Vec<Refused>) {
    let (mut elements, mut unreadable) = (Vec::new(), Vec::new());
    for (place, body) in bodies.iter().enumerate() {
        match webhook::parse(&body.raw) {
            Ok(updates) => elements.extend(updates.into_iter().enumerate().map(|(element, update)| Element {
                place: Place { body: place, element },
                received_at: body.received_at,
                update,
            })),
            Err(error) => unreadable.push(Refused {
                place: Place {
                    body: place,
                    element: 0,
                },
                reason: error.to_string(),
                raw: None,
            }),
        }
    }
    (elements, unreadable)
}

fn done(bodies: &[Body], refused: &[Refused]) -> Vec<Done> {
    let mut done: Vec<Done> = bodies
        .iter()
        .map(|body| Done {
            id: body.id,
            set_aside: Vec::new(),
        })
        .collect();
    for element in refused {
        done[element.place.body].set_aside.push(SetAside {
            element: element.place.element,
            reason: element.reason.clone(),
            raw: element.raw.clone(),
        });
    }
    done
}

fn report(bodies: &[Body], elements: &[Element], applied: &Applied) {
    metrics::counter!("turnpike_receipts_bodies_total").increment(bodies.len() as u64);
    for element in elements {
        metrics::counter!("turnpike_receipts_updates_total", "kind" => kind(&element.update)).increment(1);
        if let Update::Other { field, .. } = &element.update {
            metrics::counter!("turnpike_receipts_unread_fields_total", "field" => field.clone()).increment(1);
        }
    }
    metrics::counter!("turnpike_receipts_set_aside_total").increment(applied.refused.len() as u64);
    applied.tally.publish();
    for element in &applied.refused {
        let (inbox, place, reason) = (bodies[element.place.body].id, element.place.element, &element.reason);
        warn!(
            inbox.id = inbox,
            "set aside element {place} of webhook {inbox}: {reason}"
        );
    }
}
