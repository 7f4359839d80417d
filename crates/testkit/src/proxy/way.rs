//! One direction of one connection: read, keep for a while, write, with whatever is wrong at that moment.
//!
//! Reader and writer are apart, so latency delays bytes without holding up those behind them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::faults::{Ending, Way};
use super::link::{Direction, Link};

const CHUNK: usize = 16 * 1024;
/// Chunks that may be under way at once.
const UNDER_WAY: usize = 64;

/// Why a direction stopped before its stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// One of the ends is gone.
    Lost,
    /// A fault wants the connection reset.
    Fault,
}

struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

/// Carries everything from one end to the other, the end of the stream included.
pub(super) async fn carry(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    link: &Link,
    direction: Direction,
) -> Result<(), Stopped> {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::try_join!(
        read(from, sender, link, direction),
        write(receiver, to, link, direction)
    )
    .map(|_| ())
}

async fn read(
    mut from: ReadHalf<'_>,
    chunks: mpsc::Sender<Chunk>,
    link: &Link,
    direction: Direction,
) -> Result<(), Stopped> {
    let faults = link.faults();
    let mut rng = StdRng::seed_from_u64(link.counters.connections.load(Ordering::Relaxed));
    let mut last_due = Instant::now();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await.map_err(|_| Stopped::Lost)?;
        if count == 0 {
            return Ok(());
        }
        let latency = faults.borrow().way(direction).latency.draw(&mut rng);
        last_due = last_due.max(Instant::now() + latency);
        let bytes = buffer[..count].to_vec();
        if chunks.send(Chunk { due: last_due, bytes }).await.is_err() {
            return Ok(()); // the writer has stopped and says why
        }
    }
}

async fn write(
    mut chunks: mpsc::Receiver<Chunk>,
    mut to: WriteHalf<'_>,
    link: &Link,
    direction: Direction,
) -> Result<(), Stopped> {
    let mut faults = link.faults();
    let mut passed = 0_u64;
    let mut of_change = faults.borrow().change;
    while let Some(chunk) = chunks.recv().await {
        if chunk.due.elapsed() == Duration::ZERO {
            sleep_until(chunk.due).await;
        }
        let (change, way) = {
            let open = faults.wait_for(|in_force| !in_force.way(direction).stalled).await;
            let in_force = open.expect("the proxy outlives its connections");
            (in_force.change, in_force.way(direction).clone())
        };
        if change != of_change {
            (of_change, passed) = (change, 0);
        }
        let room = way.ends.map_or(u64::MAX, |ends| ends.after.saturating_sub(passed));
        let fits = chunk.bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        write_pieces(&mut to, &chunk.bytes[..fits], &way).await?;
        passed += fits as u64;
        link.counters
            .passed(direction)
            .fetch_add(fits as u64, Ordering::Relaxed);
        match way.ends.filter(|ends| passed >= ends.after).map(|ends| ends.how) {
            None => {}
            Some(Ending::Reset) => return Err(Stopped::Fault),
            Some(Ending::HalfClose) => {
                link.counters.broken.fetch_add(1, Ordering::Relaxed);
                to.shutdown().await.map_err(|_| Stopped::Lost)?;
                while chunks.recv().await.is_some() {}
                return Ok(());
            }
        }
    }
    to.shutdown().await.map_err(|_| Stopped::Lost)
}

async fn write_pieces(to: &mut WriteHalf<'_>, bytes: &[u8], way: &Way) -> Result<(), Stopped> {
    let piece = way.slice.map_or(usize::MAX, Into::into);
    for piece in bytes.chunks(piece) {
        to.write_all(piece).await.map_err(|_| Stopped::Lost)?;
        if way.slice.is_some() {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
