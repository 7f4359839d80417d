//! What can be read of numbers and WABAs: `GET /{id}`, `/{waba_id}/phone_numbers`, `/{waba_id}/message_templates`.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::{Number, Template};
use crate::graph_error::GraphError;
use crate::referee::Referee;

/// Elements of a page when `limit` is not given, and at most.
const PAGE: usize = 25;
const PAGE_MOST: usize = 100;

/// Fields that a number shows when `fields` is not given.
const DEFAULT_FIELDS: &str = "verified_name,code_verification_status,display_phone_number,quality_rating";

/// The query of a read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Selection {
    fields: Option<String>,
    pub(crate) phone_number_id: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

/// The objects there are, as one request wants to see them.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) referee: &'a Referee,
    pub(crate) selection: Selection,
}

impl View<'_> {
    /// A number, a template, or a WABA.
    pub(crate) fn node(&self, id: &str) -> Result<Value, GraphError> {
        let templates = &self.referee.config().templates;
        if let Some(place) = (0..templates.len()).find(|place| Template::id_of(*place) == id) {
            return Ok(self.select(
                templates[place].listed(place),
                "name,language,status,category,components,parameter_format",
            ));
        }
        if let Some(number) = self.referee.all_numbers().find(|number| number.phone_number_id == id) {
            return Ok(self.number(number));
        }
        let number = self.numbers_of(id)?.remove(0);
        let waba = json!({
            "id": id,
            "name": number.verified_name,
            "timezone_id": "1",
            "message_template_namespace": "simulated",
            "whatsapp_business_manager_messaging_limit": self.tier(&number),
        });
        Ok(self.select(waba, "name,timezone_id,message_template_namespace"))
    }

    pub(crate) fn phone_numbers(&self, waba_id: &str) -> Result<Value, GraphError> {
        let numbers = self.numbers_of(waba_id)?;
        self.page(numbers.iter().map(|number| self.number(number)).collect())
    }

    pub(crate) fn message_templates(&self, waba_id: &str) -> Result<Value, GraphError> {
        self.numbers_of(waba_id)?;
        let wanted =
            |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|text| text.eq_ignore_ascii_case(is));
        let templates = self.referee.config().templates.iter().enumerate();
        let listed = templates
            .filter(|(_, template)| template.belongs_to(waba_id) && template.status != "DELETED")
            .filter(|(_, template)| wanted(&self.selection.name, &template.name))
            .filter(|(_, template)| wanted(&self.selection.status, &template.status))
            .map(|(id, template)| {
                self.select(
                    template.listed(id),
                    "name,language,status,category,components,parameter_format",
                )
            })
            .collect();
        self.page(listed)
    }

    /// Numbers of a WABA in the order of their ids; a WABA without numbers does not exist.
    fn numbers_of(&self, waba_id: &str) -> Result<Vec<Arc<Number>>, GraphError> {
        let mut numbers: Vec<_> = self
            .referee
            .all_numbers()
            .filter(|number| number.waba_id == waba_id)
            .cloned()
            .collect();
        numbers.sort_by(|one, other| one.phone_number_id.cmp(&other.phone_number_id));
        if numbers.is_empty() {
            Err(GraphError::unknown_object("get", waba_id))
        } else {
            Ok(numbers)
        }
    }

    fn tier(&self, number: &Number) -> String {
        self.referee.config().tier_of(number.portfolio()).name()
    }

    fn number(&self, number: &Number) -> Value {
        let level = if number.throughput > 80 { "HIGH" } else { "STANDARD" };
        let all = json!({
            "id": number.phone_number_id,
            "verified_name": number.verified_name,
            "display_phone_number": number.phone,
            "quality_rating": number.quality_rating,
            "status": number.status,
            "code_verification_status": "VERIFIED",
            "name_status": "APPROVED",
            "account_mode": "LIVE",
            "platform_type": "CLOUD_API",
            "throughput": { "level": level },
            "whatsapp_business_manager_messaging_limit": self.tier(number),
            "messaging_limit_tier": self.tier(number),
            "health_status": { "can_send_message": "AVAILABLE", "entities": [] },
        });
        self.select(all, DEFAULT_FIELDS)
    }

    /// The fields asked for and the id; sub-selections (`health_status{…}`) give the whole field.
    fn select(&self, all: Value, default_fields: &str) -> Value {
        let fields = self.selection.fields.as_deref().unwrap_or(default_fields);
        let names = fields
            .split(',')
            .map(|field| field.split(['{', '.']).next().unwrap_or_default().trim());
        let chosen = ["id"].into_iter().chain(names);
        Value::Object(
            chosen
                .filter_map(|name| Some((name.to_owned(), all.get(name)?.clone())))
                .collect::<Map<_, _>>(),
        )
    }

    fn page(&self, all: Vec<Value>) -> Result<Value, GraphError> {
        let from = match &self.selection.after {
            None => 0,
            Some(cursor) => read_cursor(cursor).ok_or_else(|| GraphError::of(131_059))?,
        };
        let limit = self.selection.limit.unwrap_or(PAGE).clamp(1, PAGE_MOST);
        let to = from.saturating_add(limit).min(all.len());
        let data: Vec<_> = all.get(from..to).unwrap_or_default().to_vec();
        let mut paging = json!({ "cursors": { "before": cursor(from), "after": cursor(to) } });
        if to < all.len() {
            paging["next"] = format!("?after={}&limit={limit}", cursor(to)).into();
        }
        Ok(json!({ "data": data, "paging": paging }))
    }
}

fn cursor(place: usize) -> String {
    BASE64URL_NOPAD.encode(format!("after:{place}").as_bytes())
}

fn read_cursor(text: &str) -> Option<usize> {
    let raw = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    std::str::from_utf8(&raw).ok()?.strip_prefix("after:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;

    fn referee() -> Referee {
        let config = Config {
            numbers: vec![
                Number::new("2000002", "+15550002222", "1000001"),
                Number::new("2000001", "+15550001111", "1000001"),
            ],
            templates: (0..7)
                .map(|nth| Template::new(format!("t{nth}"), "en_US", "Hello."))
                .collect(),
            ..Config::default()
        };
        Referee::new(config, Clock::start())
    }

    #[test]
    fn templates_come_in_pages_that_follow_each_other() {
        let referee = referee();
        let mut names = Vec::new();
        let mut after = None;
        loop {
            let selection = Selection {
                limit: Some(3),
                after: after.clone(),
                ..Selection::default()
            };
            let page = View {
                referee: &referee,
                selection,
            }
            .message_templates("1000001")
            .unwrap();
            names.extend(
                page["data"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|template| template["name"].as_str().unwrap().to_owned()),
            );
            after = page["paging"]["cursors"]["after"].as_str().map(str::to_owned);
            if page["paging"].get("next").is_none() {
                break;
            }
        }
        assert_eq!(names, ["t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
    }

    #[test]
    fn a_bad_cursor_and_an_unknown_account_are_errors() {
        let referee = referee();
        let selection = Selection {
            after: Some("???".into()),
            ..Selection::default()
        };
        assert_eq!(
            View {
                referee: &referee,
                selection
            }
            .message_templates("1000001")
            .unwrap_err()
            .code,
            131_059
        );

        let view = View {
            referee: &referee,
            selection: Selection::default(),
        };
        assert_eq!(view.phone_numbers("77").unwrap_err().code, 100);
    }

    #[test]
    fn fields_choose_what_is_shown() {
        let referee = referee();
        let selection = Selection {
            fields: Some("throughput,status".into()),
            ..Selection::default()
        };
        let node = View {
            referee: &referee,
            selection,
        }
        .node("2000001")
        .unwrap();

        assert_eq!(
            node,
            json!({ "id": "2000001", "throughput": { "level": "STANDARD" }, "status": "CONNECTED" })
        );
    }
}
