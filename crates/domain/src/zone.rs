//! Where the clock on a recipient's wall stands, as far as the number tells.
//!
//! A number names a country and not a place, so a country with several zones stands for all of them: whoever asks whether it is night
//! there has to ask each. States and provinces of the United States and Canada are not told apart by area code: people keep their
//! numbers when they move. Whoever knows better says so per recipient, which overrides the country.

mod table;

use chrono_tz::Tz;

use crate::recipient::Recipient;
use table::TABLE;

/// The zones a recipient may live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zones {
    /// It is known: the caller said so.
    Known(Tz),
    /// The zones of the number's country, the most populous first. Never empty.
    OfCountry(&'static [Tz]),
}

impl Zones {
    /// The zones of a recipient: the one that was told, where this build's calendar knows it, else those of the country. A calling
    /// code that belongs to no country keeps UTC.
    pub fn of(recipient: &Recipient, told: Option<&str>) -> Self {
        match told.and_then(parse) {
            Some(zone) => Self::Known(zone),
            None => Self::OfCountry(of_country(recipient)),
        }
    }

    /// All of them, the main one first.
    pub fn all(&self) -> &[Tz] {
        match self {
            Self::Known(zone) => std::slice::from_ref(zone),
            Self::OfCountry(zones) => zones,
        }
    }

    /// Where most of those live who might be meant.
    pub fn main(&self) -> Tz {
        self.all()[0]
    }
}

/// The zone of an IANA name, as in `Europe/Berlin`.
pub fn parse(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// The calling code of a number, with the `+`, as far as it is a country's; `+` where it is none's.
pub fn calling_code(recipient: &Recipient) -> String {
    let digits = &recipient.as_str()[1..];
    let known = (1..=4).rev().filter_map(|length| digits.get(..length));
    let mut known = known.filter(|code| TABLE.binary_search_by_key(code, |(code, _)| code).is_ok());
    format!("+{}", known.next().unwrap_or_default())
}

fn of_country(recipient: &Recipient) -> &'static [Tz] {
    let digits = &recipient.as_str()[1..];
    // Codes are prefix-free but for the area codes of shared ones, where the longest is the country.
    (1..=4)
        .rev()
        .filter_map(|length| digits.get(..length))
        .find_map(|code| TABLE.binary_search_by_key(&code, |(code, _)| code).ok())
        .map_or(&[Tz::UTC], |place| TABLE[place].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(number: &str) -> Vec<&'static str> {
        let recipient = Recipient::parse(number).unwrap();
        let zones = Zones::of(&recipient, None);
        zones.all().iter().map(|zone| zone.name()).collect()
    }

    #[test]
    fn the_table_is_in_order_and_every_country_has_a_zone() {
        assert!(TABLE.is_sorted_by(|(one, _), (other, _)| one < other));
        assert!(TABLE.iter().all(|(_, zones)| !zones.is_empty()));
    }

    #[test]
    fn the_longest_code_names_the_country() {
        assert_eq!(zones("+4915112345678"), ["Europe/Berlin"]);
        assert_eq!(zones("+77011234567"), ["Asia/Almaty"]);
        assert_eq!(zones("+79261234567").len(), 11);
        assert_eq!(zones("+12425551234"), ["America/Nassau"]);
        assert_eq!(zones("+15551234567")[0], "America/New_York");
        assert_eq!(zones("+9715551234"), ["Asia/Dubai"]);
        assert_eq!(zones("+8881234567"), ["UTC"]);
    }

    #[test]
    fn a_zone_that_was_told_counts_and_one_that_nobody_knows_does_not() {
        let recipient = Recipient::parse("+79261234567").unwrap();

        assert_eq!(Zones::of(&recipient, Some("Asia/Omsk")), Zones::Known(Tz::Asia__Omsk));
        assert_eq!(Zones::of(&recipient, Some("Mars/Olympus")).main(), Tz::Europe__Moscow);
    }
}
