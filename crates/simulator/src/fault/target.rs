//! Whom a fault strikes.

/// The pair a message goes between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) phone_number_id: &'a str,
    /// Digits of a phone number, or a business-scoped user id.
    pub(crate) recipient: &'a str,
}

impl Target<'_> {
    /// True when both filters let it through; an empty filter lets all through.
    pub(crate) fn matches(self, numbers: &[String], recipients: &[String]) -> bool {
        let number = numbers.is_empty() || numbers.iter().any(|number| number == self.phone_number_id);
        let recipient = recipients.is_empty() || recipients.iter().any(|pattern| fits(pattern, self.recipient));
        number && recipient
    }
}

fn fits(pattern: &str, recipient: &str) -> bool {
    let pattern = pattern.trim_start_matches('+');
    if let Some(end) = pattern.strip_prefix('*') {
        recipient.ends_with(end)
    } else if let Some(beginning) = pattern.strip_suffix('*') {
        recipient.starts_with(beginning)
    } else {
        recipient == pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, recipient: &str, expect: bool) {
        assert_eq!(fits(pattern, recipient), expect, "{pattern} on {recipient}");
    }

    #[test]
    fn a_pattern_is_a_number_its_beginning_or_its_end() {
        check("+14155550100", "14155550100", true);
        check("14155550100", "14155550101", false);
        check("+1415*", "14155550100", true);
        check("*00", "14155550100", true);
        check("*01", "14155550100", false);
        check("*", "anyone", true);
    }
}
