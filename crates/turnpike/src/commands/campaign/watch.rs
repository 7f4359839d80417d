//! Follows a campaign to its end, or to a stop that somebody has to look at.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::api::{Api, Call};
use crate::exit::Exit;
use crate::output::{self, Progress};

/// Between two looks. Each counts the campaign's messages, so it grows with how long that takes.
const REST: Duration = Duration::from_secs(1);

pub(super) async fn run(api: &Api, id: &str, as_json: bool) -> Result<Exit> {
    let mut progress = Progress::new();
    loop {
        let asked = tokio::time::Instant::now();
        let answer = api.call(Call::get(["campaigns", id])).await?;
        let data = &answer.body["data"];
        let status = data["status"].as_str().unwrap_or_default();
        let percent = data["progress"]["percent"].as_f64().unwrap_or(0.0);
        if answer.status.is_success() {
            progress.show(percent, status, &line(data));
        }
        if !matches!(status, "scheduled" | "running") {
            progress.end();
            let exit = answer.show(as_json, output::fields);
            return Ok(if status == "done" { exit } else { Exit::Failed });
        }
        tokio::time::sleep(REST.max(asked.elapsed() * 4)).await;
    }
}

/// What of whom, how fast, until when.
fn line(data: &Value) -> String {
    let counts = data["progress"]["counts"].as_object();
    let counts = counts
        .into_iter()
        .flatten()
        .map(|(word, count)| format!("{count} {word}"));
    let mut parts: Vec<String> = counts.collect();
    if let Some(rate) = data["progress"]["rate_per_second"].as_f64().filter(|rate| *rate > 0.0) {
        parts.push(format!("{rate:.1}/s"));
    }
    if let Some(eta) = data["progress"]["eta"].as_str() {
        parts.push(format!("until {eta}"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_tells_counts_rate_and_end() {
        let data = json!({"progress": {"counts": {"delivered": 3, "pending": 2}, "rate_per_second": 1.5, "eta": "2027-01-01T00:00:00Z"}});

        assert_eq!(line(&data), "3 delivered, 2 pending, 1.5/s, until 2027-01-01T00:00:00Z");
    }
}
