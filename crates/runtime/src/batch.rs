//! Micro-batches: take the first item when it comes, then whatever arrives within a short window.
//!
//! One statement or one publish for many items is what keeps the cost per message small; the window bounds what the
//! first item pays for it in latency.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Waits for the first item, then adds what is there and what arrives within `window`, up to `max` items.
/// `None` when all senders are gone and everything was taken.
///
/// Not cancel-safe: dropped half-way it loses what it has taken, so stop by dropping the senders, not by `select!`.
pub async fn next<T>(receiver: &mut mpsc::Receiver<T>, max: usize, window: Duration) -> Option<Vec<T>> {
    next_weighed(receiver, max, window, |_| 1).await
}

/// As [`next`], for items that hold several units of work: stops as soon as the items weigh `max_weight` or more.
/// The last item may overshoot, as an item is never split nor put back.
pub async fn next_weighed<T>(
    receiver: &mut mpsc::Receiver<T>,
    max_weight: usize,
    window: Duration,
    weigh: impl Fn(&T) -> usize,
) -> Option<Vec<T>> {
    let first = receiver.recv().await?;
    let deadline = Instant::now() + window;
    let mut weight = weigh(&first);
    let mut batch = vec![first];
    while weight < max_weight {
        let item = match receiver.try_recv() {
            Ok(item) => item,
            Err(mpsc::error::TryRecvError::Disconnected) => break,
            Err(mpsc::error::TryRecvError::Empty) => match timeout_at(deadline, receiver.recv()).await {
                Ok(Some(item)) => item,
                Ok(None) | Err(_) => break,
            },
        };
        weight += weigh(&item);
        batch.push(item);
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(5);

    #[tokio::test(start_paused = true)]
    async fn what_is_already_there_goes_together_up_to_the_maximum() {
        let (sender, mut receiver) = mpsc::channel(10);
        for item in 0..5 {
            sender.send(item).await.unwrap();
        }

        assert_eq!(next(&mut receiver, 3, WINDOW).await, Some(vec![0, 1, 2]));
        assert_eq!(next(&mut receiver, 3, WINDOW).await, Some(vec![3, 4]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_within_the_window_joins_and_one_after_it_does_not() {
        let (sender, mut receiver) = mpsc::channel(10);
        tokio::spawn(async move {
            for wait_ms in [0, 4, 4] {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                sender.send(wait_ms).await.unwrap();
            }
        });

        assert_eq!(next(&mut receiver, 10, WINDOW).await, Some(vec![0, 4]));
        assert_eq!(next(&mut receiver, 10, WINDOW).await, Some(vec![4]));
        assert_eq!(next(&mut receiver, 10, WINDOW).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_batch_does_not_wait_for_the_window() {
        let (sender, mut receiver) = mpsc::channel(10);
        sender.send(1).await.unwrap();
        sender.send(2).await.unwrap();
        let before = Instant::now();

        assert_eq!(next(&mut receiver, 2, Duration::from_secs(60)).await, Some(vec![1, 2]));

        assert_eq!(Instant::now(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn weighed_items_stop_at_the_weight_and_the_last_may_overshoot() {
        let (sender, mut receiver) = mpsc::channel(10);
        for item in [40, 40, 40, 5] {
            sender.send(item).await.unwrap();
        }

        let batch = next_weighed(&mut receiver, 100, WINDOW, |item| *item).await;

        assert_eq!(batch, Some(vec![40, 40, 40]));
    }

    #[tokio::test(start_paused = true)]
    async fn items_left_by_gone_senders_still_come_out() {
        let (sender, mut receiver) = mpsc::channel(10);
        sender.send('a').await.unwrap();
        drop(sender);

        assert_eq!(next(&mut receiver, 10, WINDOW).await, Some(vec!['a']));
        assert_eq!(next(&mut receiver, 10, WINDOW).await, None);
    }
}
