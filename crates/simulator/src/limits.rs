//! Meta's limits as the referee keeps them: pure, with time as an argument.
//!
//! Written apart from the pipeline's own rules on purpose: a mistake made twice would not be seen.
//! **Invariant:** nothing in here reads a clock; all times are nanoseconds since the simulator started.

pub(crate) mod moving_set;
pub(crate) mod pair_bucket;
pub(crate) mod sliding_window;

pub(crate) use moving_set::MovingSet;
pub(crate) use pair_bucket::{PairBucket, PairRate};
pub use sliding_window::Busiest;
pub(crate) use sliding_window::SlidingWindow;

/// One second in nanoseconds: the window in which Meta's messages per second are counted.
pub(crate) const SECOND_NS: u64 = 1_000_000_000;
