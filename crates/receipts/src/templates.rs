//! What happened to templates: the gate for a template opens and closes with these.

use chrono::{DateTime, Utc};
use domain::Category;
use domain::template::TemplateStatus as Status;
use meta::webhook::{TemplateCategory, TemplateQuality, TemplateStatus};
use store::Error;
use store::receipts::Application;
use tracing::info;

use crate::apply::{Applied, Element};

/// A change of one template.
pub(crate) enum Change<'a> {
    Status(&'a TemplateStatus),
    Quality(&'a TemplateQuality),
    Category(&'a TemplateCategory),
}

impl Change<'_> {
    /// When, by Meta's clock.
    fn at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Status(update) => update.at,
            Self::Quality(update) => update.at,
            Self::Category(update) => update.at,
        }
    }

    /// WABA, name and language.
    fn key(&self) -> (&str, &str, &str) {
        match self {
            Self::Status(update) => (&update.waba_id, &update.name, &update.language),
            Self::Quality(update) => (&update.waba_id, &update.name, &update.language),
            Self::Category(update) => (&update.waba_id, &update.name, &update.language),
        }
    }
}

/// Applies changes of templates, the oldest first. Templates that are not declared here are nobody's business.
pub(crate) async fn apply(
    tx: &Application<'_>,
    changes: &[(&Element, Change<'_>)],
    applied: &mut Applied,
) -> Result<(), Error> {
    let mut in_order: Vec<_> = changes
        .iter()
        .map(|(element, change)| {
            (
                change.at().unwrap_or(element.received_at).min(element.received_at),
                element,
                change,
            )
        })
        .collect();
    in_order.sort_by_key(|(at, ..)| *at);
    for (at, element, change) in in_order {
        let key = change.key();
        let changed = match change {
            Change::Status(update) => match status(&update.event) {
                Some(status) => {
                    let set = tx.set_template_status(key, &status, at).await?;
                    let count = set.len() as u64;
                    applied.templates.extend(set);
                    count
                }
                None => 0,
            },
            Change::Quality(update) => tx.set_template_quality(key, &update.new).await?,
            // While a change is only announced, the new category is still the one it has.
            Change::Category(update) => match Category::parse(&update.new) {
                Some(category) => tx.set_template_category(key, category.code()).await?,
                None => {
                    applied.refuse(element.place, "template_category_update: an unknown category", None);
                    0
                }
            },
        };
        if changed == 0 && matches!(change, Change::Status(update) if update.event == "APPROVED") {
            applied.unknown_templates.push(key.0.to_owned());
        }
        if changed > 0 {
            applied.tally.add("template", changed);
            let (waba, name, language) = key;
            info!(
                waba.id = waba,
                template.name = name,
                template.language = language,
                "Meta changed template {name}"
            );
        }
    }
    Ok(())
}

/// The status after an event; `None` where the event changes none. `FLAGGED` is a warning: the template may still be sent.
fn status(event: &str) -> Option<String> {
    (event != "FLAGGED").then(|| Status::parse(event).as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_the_status_they_lead_to() {
        assert_eq!(status("PAUSED").as_deref(), Some("PAUSED"));
        assert_eq!(status("REINSTATED").as_deref(), Some("APPROVED"));
        assert_eq!(status("UNARCHIVED").as_deref(), Some("APPROVED"));
        assert_eq!(status("DISABLED").as_deref(), Some("DISABLED"));
        assert_eq!(
            status("SOMETHING_NEW").as_deref(),
            Some("SOMETHING_NEW"),
            "not sendable"
        );
        assert_eq!(status("FLAGGED"), None);
    }
}
