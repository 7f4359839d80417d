//! A request body that remembers whether the connection ever took it.
//!
//! **Invariant:** while [`Witness::handed_over`] is false, not one byte of the body has left this process, and Meta cannot have
//! acted on a message it has not read. That is the proof behind "not sent": it holds for every kind of error, so it does
//! not depend on how the HTTP stack happens to name its errors.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::send::{Step, Watch};

/// Whoever watches the call has called it off.
#[derive(Debug, thiserror::Error)]
#[error("called off before the first byte of the message")]
pub(super) struct CalledOff;

/// Asks later what became of a [`WitnessedBody`].
#[derive(Debug)]
pub(super) struct Witness(Arc<AtomicBool>);

impl Witness {
    /// Whether the connection took the body; it may be on the wire since.
    pub(super) fn handed_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The whole body as one piece.
pub(super) struct WitnessedBody {
    bytes: Option<Bytes>,
    taken: Arc<AtomicBool>,
    watch: Arc<Watch>,
}

/// A body and its witness.
pub(super) fn witnessed(bytes: Bytes, watch: Arc<Watch>) -> (WitnessedBody, Witness) {
    let taken = Arc::new(AtomicBool::new(false));
    (
        WitnessedBody {
            bytes: Some(bytes),
            taken: Arc::clone(&taken),
            watch,
        },
        Witness(taken),
    )
}

impl Body for WitnessedBody {
    type Data = Bytes;
    type Error = CalledOff;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CalledOff>>> {
        if !self.taken.load(Ordering::SeqCst) && !(self.watch)(Step::Connected) {
            return Poll::Ready(Some(Err(CalledOff)));
        }
        self.taken.store(true, Ordering::SeqCst);
        (self.watch)(Step::HandedOver);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    /// False before the first poll even for an empty body: a body that is never asked for would prove nothing.
    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
