//! The messaging-limit tier: how many people a portfolio may write to first, in any moving 24 hours.

use std::fmt;

/// A messaging limit: unique recipients outside an open service window, per scope, in a moving 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// That many.
    Limited(u32),
    /// No limit.
    Unlimited,
}

impl Tier {
    /// Reads Meta's word (`TIER_250`, `TIER_1K`, `TIER_100K`, `TIER_UNLIMITED`, `TIER_NOT_SET`) or a bare number; Meta's own
    /// documentation uses both for the same field. `TIER_NOT_SET` is the limit of a new portfolio. −1 means no limit.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.strip_prefix("TIER_").unwrap_or(text);
        match word {
            "UNLIMITED" | "-1" => return Some(Self::Unlimited),
            "NOT_SET" => return Some(Self::Limited(250)),
            _ => {}
        }
        let (digits, factor) = word.strip_suffix('K').map_or((word, 1), |digits| (digits, 1000));
        digits.parse::<u32>().ok()?.checked_mul(factor).map(Self::Limited)
    }

    /// The limit as the database keeps it: `None` is unlimited.
    pub fn limit(self) -> Option<u32> {
        match self {
            Self::Limited(limit) => Some(limit),
            Self::Unlimited => None,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("TIER_UNLIMITED"),
            Self::Limited(n) if *n >= 1000 && n % 1000 == 0 => write!(f, "TIER_{}K", n / 1000),
            Self::Limited(n) => write!(f, "TIER_{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metas_words_are_read_and_written() {
        for (text, tier) in [
            ("TIER_250", Tier::Limited(250)),
            ("TIER_2K", Tier::Limited(2_000)),
            ("TIER_100K", Tier::Limited(100_000)),
            ("TIER_UNLIMITED", Tier::Unlimited),
        ] {
            assert_eq!(Tier::parse(text), Some(tier));
            assert_eq!(tier.to_string(), text);
        }
        assert_eq!(Tier::parse("2000"), Some(Tier::Limited(2_000)));
        assert_eq!(Tier::parse("TIER_NOT_SET"), Some(Tier::Limited(250)));
        assert_eq!(Tier::parse("-1"), Some(Tier::Unlimited));
        assert_eq!(Tier::parse("TIER_HIGH"), None);
        assert_eq!(Tier::parse("TIER_9999999K"), None);
    }
}
