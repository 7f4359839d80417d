//! A request body that remembers whether the connection ever took it.
//!
//! **Invariant:** while [`Witness::handed_over`] is false, not one byte of the body has left this process, and Meta cannot have
//! acted on a message it has not read. That is the proof behind "not sent": it holds for every kind of error, so it does
//! not depend on how the HTTP stack happens to name its errors.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

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
#[derive(Debug)]
pub(super) struct WitnessedBody {
    bytes: Option<Bytes>,
    taken: Arc<AtomicBool>,
}

/// A body and its witness.
pub(super) fn witnessed(bytes: Bytes) -> (WitnessedBody, Witness) {
    let taken = Arc::new(AtomicBool::new(false));
    (
        WitnessedBody {
            bytes: Some(bytes),
            taken: Arc::clone(&taken),
        },
        Witness(taken),
    )
}

impl Body for WitnessedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.taken.store(true, Ordering::SeqCst);
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
