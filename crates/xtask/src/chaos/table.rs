//! What the battery prints.

use std::time::Duration;

use anyhow::Result;
use testkit::chaos::{Figures, Row};

/// A row that was played.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) row: Row,
    pub(super) took: Duration,
    pub(super) outcome: Result<Figures>,
}

/// A table for people and for Markdown.
pub(super) fn of(played: &[Played]) -> String {
    let mut lines = vec![
        "| fault | messages | faults | lost | duplicated | uncertain | unknown | recovered after, s |".to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    lines.extend(played.iter().map(line));
    lines.join("\n")
}

pub(super) fn line(played: &Played) -> String {
    let Row { name, about, .. } = &played.row;
    match &played.outcome {
        Err(_) => format!(
            "| `{name}` {about} | FAILED after {:.0} s | | | | | | |",
            played.took.as_secs_f64()
        ),
        Ok(figures) => {
            let verdict = if figures.broken.is_empty() { "" } else { " BROKEN" };
            format!(
                "| `{name}` {about}{verdict} | {} | {} | {} | {} | {} | {} | {:.1} |",
                figures.messages,
                figures.faults,
                figures.lost,
                figures.duplicated,
                figures.uncertain,
                figures.unknown,
                figures.recovered.as_secs_f64()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn played(outcome: Result<Figures>) -> Played {
        let row = Row::named("broker-kill").unwrap();
        Played {
            row,
            took: Duration::from_secs(9),
            outcome,
        }
    }

    #[test]
    fn a_row_that_could_not_be_played_is_seen_to_have_failed() {
        let failed = || bail!("no server");

        assert!(line(&played(failed())).contains("FAILED after 9 s"));
    }
}
