//! Adds up what the test programs say about themselves.

use std::fmt;

/// The sum of all `test result:` lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Count {
    /// Takes one line of output, such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`.
    pub(crate) fn take(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let (_, numbers) = result.split_once(". ").unwrap_or_default();
        for part in numbers.split("; ") {
            let Some((number, what)) = part.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(output: &str) -> String {
        let mut count = Count::default();
        output.lines().for_each(|line| count.take(line));
        count.to_string()
    }

    #[test]
    fn every_test_program_counts() {
        let output = "\
running 3 tests
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s
test result: FAILED. 118 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s
";
        assert_eq!(count(output), "121 passed, 2 failed");
    }

    #[test]
    fn skipped_tests_are_named_only_when_there_are_any() {
        let line = "test result: ok. 1 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s";

        assert_eq!(count(line), "1 passed, 0 failed, 4 skipped");
    }

    #[test]
    fn only_lines_of_the_test_programs_count() {
        assert_eq!(
            count("the log says: test result: ok. 9 passed; 0 failed"),
            "0 passed, 0 failed"
        );
    }
}
