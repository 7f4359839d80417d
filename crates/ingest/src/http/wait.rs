//! `Prefer: wait=N`: holds the answer back until every message has left the pipeline, or the time is over.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::HeaderMap;
use domain::OrganizationId;
use serde_json::{Value, json};
use store::queries::Progress;
use tokio::time::{Instant, sleep_until};

use super::Api;
use crate::accept::summarize;
use crate::answer::{Answer, message_ids};

/// Longest wait.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// The first pause between two looks; each next one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long the caller prefers to wait.
pub(super) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = values
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| {
            let (name, seconds) = preference.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("wait")
                .then(|| seconds.trim().parse::<u64>().ok())?
        })?;
    (seconds > 0).then(|| Duration::from_secs(seconds).min(LONGEST))
}

/// Waits, and brings the answer up to date. What cannot be looked up is answered as it was accepted.
pub(super) async fn until_out(api: &Api, organization: OrganizationId, answer: &mut Answer, patience: Duration) {
    let ids = message_ids(answer);
    if ids.is_empty() {
        return;
    }
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        let until = (Instant::now() + pause).min(deadline);
        tokio::select! {
            () = sleep_until(until) => {}
            () = api.0.shutdown.requested() => {}
        }
        let Ok(progress) = api.0.store.progress(organization, &ids, api.0.clock.now()).await else {
            return;
        };
        let is_over = Instant::now() >= deadline || api.0.shutdown.is_requested();
        if is_over || progress.iter().all(|message| message.left_the_pipeline) {
            update(answer, progress);
            return;
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn update(answer: &mut Answer, progress: Vec<Progress>) {
    let progress: HashMap<String, Progress> = progress
        .into_iter()
        .map(|message| (message.id.to_string(), message))
        .collect();
    let data = &mut answer.body["data"];
    // Not by index: that would leave a null where there is no such field.
    if let Some(results) = data.get_mut("results").and_then(Value::as_array_mut) {
        for result in results {
            write(result, &progress, |reason| json!(reason.code()));
        }
        summarize(answer);
    } else {
        write(
            data,
            &progress,
            |reason| json!({"code": reason.code(), "message": reason.sentence()}),
        );
    }
}

fn write(target: &mut Value, progress: &HashMap<String, Progress>, shown: impl Fn(&domain::Reason) -> Value) {
    let Some(now) = target["message_id"].as_str().and_then(|id| progress.get(id)) else {
        return;
    };
    target["status"] = json!(now.status);
    match &now.reason {
        Some(reason) => target["reason"] = shown(reason),
        None => {
            target.as_object_mut().map(|fields| fields.remove("reason"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_read_and_kept_within_bounds() {
        let asked_for = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", value.parse().unwrap());
            asked(&headers).map(|patience| patience.as_secs())
        };

        assert_eq!(asked_for("wait=5"), Some(5));
        assert_eq!(asked_for("respond-async, Wait = 10"), Some(10));
        assert_eq!(asked_for("wait=600"), Some(30));
        assert_eq!(asked_for("wait=0"), None);
        assert_eq!(asked_for("wait=soon"), None);
        assert_eq!(asked_for("return=minimal"), None);
        assert_eq!(asked(&HeaderMap::new()), None);
    }
}
