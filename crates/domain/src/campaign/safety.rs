//! What stops a campaign by itself: better a campaign that somebody has to look at than a number that Meta takes away.

use serde::{Deserialize, Serialize};

/// When a campaign pauses itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safety {
    /// When so many percent of the last attempts failed; 0 never.
    pub max_error_percent: u8,
    /// Not before so many attempts ended: the first few say little.
    pub min_attempts: u32,
    /// Meta's codes of which one is enough.
    pub codes: Vec<i64>,
    /// When Meta rates a number or a template of it low.
    pub quality: bool,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            max_error_percent: 30,
            min_attempts: 50,
            // Meta's own alarms: spam rate limit, account locked, policy violation (meta-cloud-api.md, error codes).
            codes: vec![131_048, 131_031, 368],
            quality: true,
        }
    }
}

/// What happened lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// Attempts that ended lately, refused or not.
    pub attempts: u64,
    /// Of these, those that Meta refused, at once or later.
    pub failed: u64,
    /// Meta's codes among them.
    pub codes: Vec<i64>,
    /// Phone numbers of its sender numbers that Meta rates low (`RED`).
    pub low_numbers: Vec<String>,
    /// Names of its templates that Meta rates low.
    pub low_templates: Vec<String>,
    /// Names of its templates that may not be sent now, each with Meta's word for why.
    pub closed_templates: Vec<(String, String)>,
}

/// Why a campaign paused itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// A stable code.
    pub code: &'static str,
    /// What was seen.
    pub facts: String,
}

impl Safety {
    /// The first thing that is wrong enough.
    pub fn alarm(&self, sight: &Sight) -> Option<Alarm> {
        let alarm = |code, facts| Some(Alarm { code, facts });
        if let Some((name, word)) = sight.closed_templates.first() {
            return alarm("template_closed", format!("the template {name} is {word}"));
        }
        if let Some(code) = sight.codes.iter().find(|code| self.codes.contains(code)) {
            return alarm("meta_code", format!("Meta answered {code}"));
        }
        if self.quality {
            if let Some(number) = sight.low_numbers.first() {
                return alarm("number_quality", format!("Meta rates the number {number} low"));
            }
            if let Some(template) = sight.low_templates.first() {
                return alarm("template_quality", format!("Meta rates the template {template} low"));
            }
        }
        let enough = sight.attempts >= u64::from(self.min_attempts.max(1));
        let percent = u64::from(self.max_error_percent);
        if percent > 0 && enough && sight.failed * 100 >= percent * sight.attempts {
            let facts = format!("{} of the last {} attempts failed", sight.failed, sight.attempts);
            return alarm("error_ratio", facts);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(safety: &Safety, sight: &Sight) -> Option<&'static str> {
        safety.alarm(sight).map(|alarm| alarm.code)
    }

    #[test]
    fn a_ratio_needs_enough_attempts() {
        let safety = Safety::default();
        let sight = |attempts, failed| Sight {
            attempts,
            failed,
            ..Sight::default()
        };

        assert_eq!(code(&safety, &sight(49, 49)), None);
        assert_eq!(code(&safety, &sight(50, 14)), None);
        assert_eq!(code(&safety, &sight(50, 15)), Some("error_ratio"));
        let off = Safety {
            max_error_percent: 0,
            ..safety
        };
        assert_eq!(code(&off, &sight(1_000, 1_000)), None);
    }

    #[test]
    fn one_of_the_named_codes_is_enough() {
        let sight = Sight {
            attempts: 1,
            failed: 1,
            codes: vec![131_026, 131_048],
            ..Sight::default()
        };
        assert_eq!(code(&Safety::default(), &sight), Some("meta_code"));
        let none = Safety {
            codes: Vec::new(),
            ..Safety::default()
        };
        assert_eq!(code(&none, &sight), None);
    }

    #[test]
    fn quality_and_closed_templates_stop_it() {
        let (name, word) = ("sale".to_owned(), "PAUSED".to_owned());
        let closed = Sight {
            closed_templates: vec![(name.clone(), word)],
            ..Sight::default()
        };
        let low = Sight {
            low_templates: vec![name],
            ..Sight::default()
        };
        let number = Sight {
            low_numbers: vec!["+15550001111".to_owned()],
            ..Sight::default()
        };
        let deaf = Safety {
            quality: false,
            ..Safety::default()
        };

        assert_eq!(code(&deaf, &closed), Some("template_closed"));
        assert_eq!(code(&Safety::default(), &low), Some("template_quality"));
        assert_eq!(code(&Safety::default(), &number), Some("number_quality"));
        assert_eq!(code(&deaf, &low), None);
        assert_eq!(code(&deaf, &number), None);
    }
}
