//! What an organization decided for itself, on top of what Meta asks: its quota, fraud guard, frequency cap and quiet hours.
//!
//! **Invariant:** all off until declared. An organization without policies has no row of them, and no message of it is asked about any.

use serde::{Deserialize, Serialize};

use crate::declaration::{Error, Organization};
use crate::rules::fraud_guard::{self, Finding, FraudGuard};
use crate::rules::frequency_cap::{self, Frequency, FrequencyCap};
use crate::rules::quiet_hours::{Night, QuietHours};
use crate::rules::quota::Quota;

/// The policies of one organization, as they are declared and as they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Policies {
    /// Messages accepted on one day (UTC) at most.
    pub daily_quota: Option<u32>,
    /// Messages accepted in one month (UTC) at most.
    pub monthly_quota: Option<u32>,
    /// Rules against abuse.
    pub fraud_guard: Option<FraudGuard>,
    /// When nobody is to be disturbed.
    pub quiet_hours: Option<QuietHours>,
    /// How often marketing is too often.
    pub frequency_cap: Option<FrequencyCap>,
}

/// What the policies look at; nothing for an organization that has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyFacts {
    /// What the fraud guard found. Empty in the sender, which does not ask it again.
    pub findings: Vec<Finding>,
    /// Where the organization has a frequency cap.
    pub frequency: Option<Frequency>,
    /// Where the organization has quiet hours.
    pub quiet_hours: Option<Night>,
}

impl From<&Organization> for Policies {
    fn from(declared: &Organization) -> Self {
        Self {
            daily_quota: declared.daily_quota,
            monthly_quota: declared.monthly_quota,
            fraud_guard: declared.fraud_guard.clone(),
            quiet_hours: declared.quiet_hours.clone(),
            frequency_cap: declared.frequency_cap,
        }
    }
}

impl Policies {
    /// None is declared.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both quotas.
    pub fn quota(&self) -> Quota {
        Quota {
            daily: self.daily_quota,
            monthly: self.monthly_quota,
        }
    }

    /// Every value that the form alone does not check; `at` is the place of the organization.
    pub fn check(&self, at: &str) -> Vec<Error> {
        let mut mistakes = Mistakes { at, errors: Vec::new() };
        mistakes.within("daily_quota", self.daily_quota, u32::MAX);
        mistakes.within("monthly_quota", self.monthly_quota, u32::MAX);
        if let Some(cap) = &self.frequency_cap {
            mistakes.within("frequency_cap.max", Some(cap.max), 100);
            mistakes.within("frequency_cap.hours", Some(cap.hours), frequency_cap::LONGEST);
        }
        if let Some(hours) = &self.quiet_hours {
            if hours.start == hours.end {
                let found = hours.end.format("%H:%M").to_string();
                mistakes.add("quiet_hours.end", found, "another time than the start");
            }
            if hours.categories.is_empty() {
                mistakes.add(
                    "quiet_hours.categories",
                    "[]".to_owned(),
                    "a list of categories, as in [\"MARKETING\"]",
                );
            }
        }
        if let Some(guard) = &self.fraud_guard {
            mistakes.fraud_guard(guard);
        }
        mistakes.errors
    }
}

struct Mistakes<'a> {
    at: &'a str,
    errors: Vec<Error>,
}

impl Mistakes<'_> {
    fn add(&mut self, field: &str, found: String, expected: &'static str) {
        self.errors.push(Error {
            place: format!("{}: {field}", self.at),
            found,
            expected,
        });
    }

    fn within(&mut self, field: &str, value: Option<u32>, most: u32) {
        let Some(value) = value.filter(|value| !(1..=most).contains(value)) else {
            return;
        };
        let expected = match most {
            u32::MAX => "a count from 1 up; leave it out for no limit",
            frequency_cap::LONGEST => "hours from 1 to 2160, which are 90 days",
            fraud_guard::LONGEST_MINUTES => "minutes from 1 to 1440, which are a day",
            fraud_guard::LONGEST_HOURS => "hours from 1 to 168, which are a week",
            _ => "a count from 1 to 100",
        };
        self.add(field, value.to_string(), expected);
    }

    fn fraud_guard(&mut self, guard: &FraudGuard) {
        let lists = [
            ("fraud_guard.allow_destinations.prefixes", &guard.allow_destinations),
            ("fraud_guard.deny_destinations.prefixes", &guard.deny_destinations),
        ];
        for (field, list) in lists {
            let Some(list) = list else { continue };
            if list.prefixes.is_empty() {
                self.add(
                    field,
                    "[]".to_owned(),
                    "a list of beginnings of numbers, as in [\"+49\"]",
                );
            }
            for prefix in list.prefixes.iter().filter(|prefix| !is_prefix(prefix)) {
                self.add(field, prefix.clone(), "the beginning of a number, as in +49 or +4990");
            }
        }
        if let Some(velocity) = &guard.new_recipients {
            self.within("fraud_guard.new_recipients.max", Some(velocity.max), u32::MAX);
            let (field, most) = ("fraud_guard.new_recipients.minutes", fraud_guard::LONGEST_MINUTES);
            self.within(field, Some(velocity.minutes), most);
        }
        if let Some(repeated) = &guard.repeated_content {
            self.within("fraud_guard.repeated_content.max", Some(repeated.max), u32::MAX);
            let (field, most) = ("fraud_guard.repeated_content.hours", fraud_guard::LONGEST_HOURS);
            self.within(field, Some(repeated.hours), most);
        }
        for domain in guard.links.iter().flat_map(|links| &links.deny) {
            if !is_domain(domain) {
                self.add(
                    "fraud_guard.links.deny",
                    domain.clone(),
                    "a domain, as in bit.ly, without https:// and path",
                );
            }
        }
    }
}

fn is_prefix(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policies(declared: Value) -> Policies {
        serde_json::from_value(declared).unwrap()
    }

    fn all() -> Value {
        json!({
            "daily_quota": 100, "monthly_quota": 1000,
            "fraud_guard": {
                "allow_destinations": {"prefixes": ["+49"], "action": "block"},
                "deny_destinations": {"prefixes": ["+4990"], "action": "flag"},
                "premium_destinations": {"action": "block"},
                "new_recipients": {"max": 10, "minutes": 60, "action": "flag"},
                "repeated_content": {"max": 5, "hours": 24, "action": "block"},
                "links": {"deny": ["bit.ly"], "action": "block"},
            },
            "quiet_hours": {"start": "21:00", "end": "08:00", "categories": ["MARKETING"]},
            "frequency_cap": {"max": 2, "hours": 24},
        })
    }

    #[test]
    fn policies_are_kept_as_they_were_declared() {
        let policies = policies(all());

        assert_eq!(policies.check("organization acme"), []);
        assert_eq!(serde_json::to_value(&policies).unwrap(), all());
        assert!(!policies.is_empty() && Policies::default().is_empty());
        assert_eq!(policies.quota().daily, Some(100));
    }

    #[test]
    fn each_wrong_value_is_placed() {
        for (pointer, wrong) in [
            ("/daily_quota", json!(0)),
            ("/monthly_quota", json!(0)),
            ("/frequency_cap/max", json!(0)),
            ("/frequency_cap/max", json!(101)),
            ("/frequency_cap/hours", json!(2161)),
            ("/quiet_hours/end", json!("21:00")),
            ("/quiet_hours/categories", json!([])),
            ("/fraud_guard/allow_destinations/prefixes", json!([])),
            ("/fraud_guard/deny_destinations/prefixes", json!(["49"])),
            ("/fraud_guard/new_recipients/max", json!(0)),
            ("/fraud_guard/new_recipients/minutes", json!(1441)),
            ("/fraud_guard/repeated_content/max", json!(0)),
            ("/fraud_guard/repeated_content/hours", json!(0)),
            ("/fraud_guard/links/deny", json!(["https://bit.ly"])),
        ] {
            let mut declared = all();
            *declared.pointer_mut(pointer).unwrap() = wrong;

            let errors = policies(declared).check("organization acme");

            let field = pointer[1..].replace('/', ".");
            assert_eq!(errors.len(), 1, "{pointer}: {errors:?}");
            assert_eq!(errors[0].place, format!("organization acme: {field}"));
        }
    }

    #[test]
    fn a_misspelt_check_is_refused() {
        let read = serde_json::from_value::<Policies>(json!({"fraud_guard": {"deny_links": {"deny": ["bit.ly"]}}}));
        assert!(read.unwrap_err().to_string().contains("deny_links"));
    }
}
