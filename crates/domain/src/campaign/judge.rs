//! What becomes of one recipient of a campaign: what they are told, from which template, for how much, or why not. The same rules as at
//! the door (`rules`), asked when the recipient becomes a message, and before that by a preflight.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Options, Variant};
use crate::category::Category;
use crate::content::{Content, TemplateContent};
use crate::ids::TemplateId;
use crate::money::Amount;
use crate::policy::{Policies, PolicyFacts};
use crate::rate_card::RateCard;
use crate::reason::Reason;
use crate::recipient::Recipient;
use crate::rules::fraud_guard::Sight;
use crate::rules::quiet_hours::Night;
use crate::rules::{Facts, FlowStatus, NumberFacts, TemplateFacts, Verdict, Window, decide};
use crate::template::{Mismatch, Parameters, Shape, Template};
use crate::zone::Zones;

/// What is the same for all recipients of a part.
#[derive(Debug, Clone)]
pub struct Bench<'a> {
    /// The campaign's.
    pub options: &'a Options,
    /// The template of each variant in the account of the part's number; `None` where there is none.
    pub templates: &'a [Option<Template>],
    /// What an organization that pays pays.
    pub card: Option<&'a RateCard>,
    /// The organization's own.
    pub policies: Option<&'a Policies>,
    /// When the messages expire.
    pub expires_at: DateTime<Utc>,
    /// When they go, or now.
    pub now: DateTime<Utc>,
}

/// One recipient.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// To whom.
    pub to: &'a Recipient,
    /// Their own parameters, which replace the variant's as a whole.
    pub params: Option<&'a Value>,
    /// They asked the organization not to write.
    pub opted_out: bool,
    /// They asked it for no marketing.
    pub opted_out_of_marketing: bool,
    /// Where they live, when the organization said so.
    pub zone: Option<&'a str>,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Whether it goes.
    pub verdict: Verdict,
    /// Which variant it got.
    pub variant: usize,
    /// Its template, where there is one.
    pub template: Option<TemplateId>,
    /// The template's, or utility where nothing is known of it.
    pub category: Category,
    /// As Meta takes it; as it was given where it does not fit.
    pub content: Value,
    /// What it costs; `None` when it is free.
    pub price: Option<Amount>,
    /// What the fraud guard found.
    pub flags: Vec<&'static str>,
}

impl Bench<'_> {
    /// Judges one recipient.
    pub fn judge(&self, line: &Line<'_>) -> Judged {
        let place = self.options.variant_of(line.to.as_str());
        let variant = &self.options.variants[place];
        let template = self.templates[place].as_ref();
        let category = template.map_or(Category::Utility, |template| template.category);
        let (content, fit) = content(variant, line.params, template.map(|template| &template.shape));
        let policies = self.policy_facts(line, &content);
        let flags = policies.findings.iter().map(|finding| finding.check).collect();
        let facts = Facts {
            category,
            expires_at: self.expires_at,
            flow: Some(FlowStatus::Running),
            opted_out: line.opted_out,
            opted_out_of_marketing: line.opted_out_of_marketing,
            // The number's own state changes by the second; the sender knows it.
            number: NumberFacts {
                connected: true,
                paused_until: None,
            },
            account_restricted: false,
            template: Some(
                template.map_or(TemplateFacts::Missing, |template| TemplateFacts::Known {
                    status: template.status.clone(),
                    fit,
                }),
            ),
            window: Window { last_inbound_at: None },
            has_fallback: false,
            policies,
        };
        let verdict = decide(&facts, self.now);
        let is_refused = matches!(verdict, Verdict::Drop { .. });
        Judged {
            variant: place,
            template: template.map(|template| template.id),
            category,
            content,
            price: self
                .card
                .filter(|_| !is_refused)
                .and_then(|card| card.price(line.to, category)),
            flags,
            verdict,
        }
    }

    fn policy_facts(&self, line: &Line<'_>, content: &Value) -> PolicyFacts {
        let mut facts = PolicyFacts::default();
        let Some(policies) = self.policies else { return facts };
        if let Some(guard) = &policies.fraud_guard {
            let sight = Sight {
                to: line.to,
                content,
                // How fast people are written to is for the campaign's ramp to say.
                new_recipients: None,
                same_content: 0,
            };
            facts.findings = guard.inspect(&sight);
        }
        facts.quiet_hours = policies.quiet_hours.clone().map(|hours| Night {
            hours,
            zones: Zones::of(line.to, line.zone),
        });
        facts
    }
}

/// What a recipient is told, and whether the parameters fit; without a shape nobody knows.
pub fn content(variant: &Variant, params: Option<&Value>, shape: Option<&Shape>) -> (Value, Result<(), Mismatch>) {
    let params = params.or(variant.template_params.as_ref());
    let as_given = || {
        json!({
            "type": "template",
            "template": {"name": variant.template_name, "language": {"code": variant.template_language}},
            "template_params": params,
        })
    };
    match shape.map(|shape| (Parameters::read(params, shape), shape)) {
        None => (as_given(), Ok(())),
        Some((Err(mismatch), _)) => (as_given(), Err(mismatch)),
        Some((Ok(parameters), shape)) => {
            let fit = parameters.fit(shape);
            let content = Content::Template(TemplateContent {
                name: variant.template_name.clone(),
                language: variant.template_language.clone(),
                parameters,
                marketing: None,
            });
            (content.to_json(None), fit)
        }
    }
}

/// Why recipients wait or fail, and how many: the sum of many judgements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// They go when it is their turn.
    pub go: u64,
    /// They wait first.
    pub wait: HashMap<Reason, u64>,
    /// They are refused.
    pub fail: HashMap<Reason, u64>,
    /// What those cost that go, now or later.
    pub cost: Amount,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, judged: &Judged) {
        match &judged.verdict {
            Verdict::Send => self.go += 1,
            Verdict::Defer { reason, .. } => *self.wait.entry(reason.clone()).or_default() += 1,
            Verdict::Drop { reason } | Verdict::FallBack { reason } => {
                *self.fail.entry(reason.clone()).or_default() += 1
            }
        }
        if let Some(price) = judged.price {
            self.cost = self.cost.plus(price);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::template::{ParameterFormat, TemplateStatus};

    fn now() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn options() -> Options {
        serde_json::from_value(json!({
            "variants": [{"name": "a", "template_name": "sale", "template_language": "en_US", "template_params": ["10 %"], "weight": 1}],
            "numbers": [1],
        }))
        .unwrap()
    }

    fn template(status: TemplateStatus) -> Template {
        Template {
            id: TemplateId(1),
            name: "sale".into(),
            language: "en_US".into(),
            category: Category::Marketing,
            status,
            shape: Shape::from_components(
                &json!([{"type": "BODY", "text": "Sale: {{1}} off."}]),
                ParameterFormat::Positional,
            ),
        }
    }

    fn judge(templates: &[Option<Template>], policies: Option<&Policies>, change: impl Fn(&mut Line<'_>)) -> Judged {
        judge_params(templates, policies, None, change)
    }

    fn judge_params(
        templates: &[Option<Template>],
        policies: Option<&Policies>,
        params: Option<&Value>,
        change: impl Fn(&mut Line<'_>),
    ) -> Judged {
        let to = Recipient::parse("+4915112345678").unwrap();
        let options = options();
        let bench = Bench {
            options: &options,
            templates,
            card: None,
            policies,
            expires_at: now() + TimeDelta::days(1),
            now: now(),
        };
        let mut line = Line {
            to: &to,
            params,
            opted_out: false,
            opted_out_of_marketing: false,
            zone: None,
        };
        change(&mut line);
        bench.judge(&line)
    }

    #[test]
    fn shared_parameters_are_replaced_by_a_recipients_own() {
        let approved = [Some(template(TemplateStatus::Approved))];
        let said = |judged: &Judged| judged.content["template"]["components"][0]["parameters"][0]["text"].clone();

        let shared = judge(&approved, None, |_| ());
        assert_eq!((said(&shared), &shared.verdict), (json!("10 %"), &Verdict::Send));
        let own = judge_params(&approved, None, Some(&json!(["20 %"])), |_| ());
        assert_eq!(said(&own), json!("20 %"));
    }

    #[test]
    fn every_no_has_its_reason() {
        let reason = |judged: Judged| match judged.verdict {
            Verdict::Drop { reason } | Verdict::FallBack { reason } => Some(reason),
            Verdict::Send | Verdict::Defer { .. } => None,
        };
        let approved = [Some(template(TemplateStatus::Approved))];

        assert_eq!(reason(judge(&[None], None, |_| ())), Some(Reason::TemplateNotFound));
        let rejected = [Some(template(TemplateStatus::NotSendable("REJECTED".into())))];
        assert_eq!(
            reason(judge(&rejected, None, |_| ())),
            Some(Reason::TemplateNotApproved)
        );
        assert_eq!(
            reason(judge(&approved, None, |line| line.opted_out = true)),
            Some(Reason::OptedOut)
        );
        let bad = judge_params(&approved, None, Some(&json!([])), |_| ());
        assert_eq!(reason(bad), Some(Reason::TemplateParameterMismatch));
        let guarded: Policies =
            serde_json::from_value(json!({"fraud_guard": {"deny_destinations": {"prefixes": ["+49"]}}})).unwrap();
        assert_eq!(
            reason(judge(&approved, Some(&guarded), |_| ())),
            Some(Reason::FraudGuard)
        );
    }

    #[test]
    fn at_night_they_wait_until_their_own_morning() {
        let approved = [Some(template(TemplateStatus::Approved))];
        let quiet: Policies =
            serde_json::from_value(json!({"quiet_hours": {"start": "21:00", "end": "08:00"}})).unwrap();

        assert_eq!(judge(&approved, Some(&quiet), |_| ()).verdict, Verdict::Send);
        let elsewhere = judge(&approved, Some(&quiet), |line| line.zone = Some("America/Los_Angeles"));
        assert_eq!(
            elsewhere.verdict,
            Verdict::Defer {
                until: Some("2026-11-24T16:00:00Z".parse().unwrap()),
                reason: Reason::QuietHours
            }
        );
    }
}
