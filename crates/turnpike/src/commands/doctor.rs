//! `turnpike doctor`

use anyhow::Result;
use clap::Args;
use domain::ailment::Severity;
use runtime::config::Database;
use serde_json::json;
use store::watch::Finding;

use crate::exit::Exit;
use crate::output::Rows;
use crate::{output, settings};

/// Look for what is wrong with a pipeline that runs
///
/// Messages that nobody moves or nobody hears of again, parts that fall behind, promises that do not hold, customers' systems
/// that take nothing: each with the number or id it is about, and what helps. Changes nothing. `turnpike check` looks whether
/// everything can be reached; this looks at what is going on.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike doctor
  turnpike doctor --json

Exits with 1 when something is wrong; what merely deserves attention does not count. Needs TURNPIKE_DATABASE_URL. The scheduler
exports the same as the metric turnpike_ailments."
)]
pub(crate) struct Options {
    /// Print one JSON object per finding
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let database = settings::read(Database::from_env)?;
    let store = settings::store(&database, &settings::NO_KEY, 1, "turnpike doctor")?;
    let mut found = store.ailments().await?;
    found.sort_by_key(|found| std::cmp::Reverse(found.ailment.severity));
    if options.json {
        for finding in &found {
            let Finding {
                ailment,
                subject,
                count,
                seconds,
            } = finding;
            let line = json!({"check": ailment.check, "severity": ailment.severity.as_str(), "subject": subject, "count": count,
                "seconds": seconds, "means": ailment.means, "action": ailment.action});
            output::data(line.to_string());
        }
    } else if found.is_empty() {
        output::data("all is well");
    } else {
        output::data(written(&found));
    }
    let is_wrong = found.iter().any(|finding| finding.ailment.severity == Severity::Wrong);
    Ok(if is_wrong { Exit::Failed } else { Exit::Done })
}

fn written(found: &[Finding]) -> String {
    let mut text = String::new();
    let mut rest = found;
    while let Some(first) = rest.first() {
        let (mine, others) = rest.split_at(rest.iter().take_while(|one| one.ailment == first.ailment).count());
        let ailment = first.ailment;
        text.push_str(&format!(
            "{}  {}: {}\n",
            ailment.severity.as_str(),
            ailment.check,
            ailment.means
        ));
        let mut rows = Rows::default();
        for finding in mine {
            let since = if finding.seconds > 0.0 {
                format!("for {}", lasting(finding.seconds))
            } else {
                String::new()
            };
            rows.add([format!("  {}", finding.subject), finding.count.to_string(), since]);
        }
        text.push_str(&format!("{}\n  -> {}\n", rows.text(), ailment.action));
        rest = others;
    }
    text
}

/// Seconds as people say them.
fn lasting(seconds: f64) -> String {
    match seconds as u64 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use domain::ailment::find;

    use super::*;

    #[test]
    fn findings_of_a_kind_stand_together_with_what_helps() {
        let finding = |check: &str, subject: &str, count, seconds| Finding {
            ailment: find(check).unwrap(),
            subject: subject.to_owned(),
            count,
            seconds,
        };

        let text = written(&[
            finding("queued_overdue", "number 1", 3, 400.0),
            finding("queued_overdue", "number 2", 10_000, 9_000.0),
            finding("account_restricted", "waba 7", 1, 0.0),
        ]);

        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("WRONG  queued_overdue: "), "{text}");
        assert_eq!(lines[1], "  number 1  3      for 6 min");
        assert_eq!(lines[2], "  number 2  10000  for 2 h");
        assert!(
            lines[3].starts_with("  -> look whether `turnpike sender` runs"),
            "{text}"
        );
        assert!(lines[4].starts_with("attention  account_restricted: "), "{text}");
    }
}
