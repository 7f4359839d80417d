//! Waiting for something to become true, with a deadline and a message that says what was missing.

use std::panic::Location;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Asks `probe` again and again until it answers `Some`, and returns that.
///
/// # Panics
/// When `deadline` passes first; the message names `what` and the caller's line. A probe that hangs counts too.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # use std::time::Duration;
/// let mut asked = 0;
/// let answer = testkit::until(Duration::from_secs(5), "the third answer", async || {
///     asked += 1;
///     (asked == 3).then_some("here")
/// }).await;
/// assert_eq!(answer, "here");
/// # }
/// ```
#[track_caller]
pub fn until<T>(deadline: Duration, what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let asking = async {
            let mut pause = Duration::from_millis(2);
            loop {
                if let Some(answer) = probe().await {
                    return answer;
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        };
        match timeout(deadline, asking).await {
            Ok(answer) => answer,
            Err(_) => panic!("waited {deadline:?} in vain for {what} (asked at {caller})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "in vain for a reply that never comes (asked at ")]
    async fn a_passed_deadline_says_what_was_missing() {
        until(
            Duration::from_millis(5),
            "a reply that never comes",
            async || None::<()>,
        )
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for an answer")]
    async fn a_probe_that_hangs_is_cut_off_too() {
        until(Duration::from_millis(5), "an answer", async || {
            std::future::pending::<Option<()>>().await
        })
        .await;
    }
}
