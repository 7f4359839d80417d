//! Points at which a process can be made to die, for the battery of faults.
//!
//! A process that was built with the feature `crash-points` and finds `TURNPIKE_CRASH_AT=W4` in its environment aborts when it comes to
//! the point W4; with `W4:3` when it comes there for the third time. Without the feature, which is how programs are released, none of
//! this is there: the functions below are empty, and the variable is refused like any other unknown one.

#[cfg(feature = "crash-points")]
mod armed;

/// The variable that arms a point.
pub const VARIABLE: &str = "TURNPIKE_CRASH_AT";

/// A moment in the life of a message, of a webhook or of a repair, that a process may not live through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described in `about`")]
pub enum CrashPoint {
    I1,
    I2,
    I3,
    I4,
    I5,
    S1,
    S2,
    S3,
    S4,
    W1,
    W2,
    W3,
    W4,
    W5,
    W6,
    W7,
    W8,
    W9,
    W10,
    W11,
    W12,
    H1,
    H2,
    H3,
    H4,
    R1,
    R2,
    R3,
}

impl CrashPoint {
    /// Every one of them.
    pub const ALL: [Self; 28] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::W1,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::W8,
        Self::W9,
        Self::W10,
        Self::W11,
        Self::W12,
        Self::H1,
        Self::H2,
        Self::H3,
        Self::H4,
        Self::R1,
        Self::R2,
        Self::R3,
    ];

    /// The role that passes it.
    pub fn role(self) -> &'static str {
        match self {
            Self::I1 | Self::I2 | Self::I3 | Self::I4 | Self::I5 | Self::H1 | Self::H2 => "ingest",
            Self::S1 | Self::S2 | Self::S3 | Self::S4 | Self::R1 | Self::R2 => "scheduler",
            Self::H3 | Self::H4 => "receipts",
            Self::W1
            | Self::W2
            | Self::W3
            | Self::W4
            | Self::W5
            | Self::W6
            | Self::W7
            | Self::W8
            | Self::W9
            | Self::W10
            | Self::W11
            | Self::W12
            | Self::R3 => "sender",
        }
    }

    /// What had been done by then, and what not.
    pub fn about(self) -> &'static str {
        match self {
            Self::I1 => "a request judged, not committed",
            Self::I2 => "committed, not answered",
            Self::I3 => "committed, its job not published",
            Self::I4 => "its job under way to the broker, not confirmed",
            Self::I5 => "over AMQP: committed, the delivery not acknowledged",
            Self::S1 => "rows being released, the commit not heard of",
            Self::S2 => "rows released, no job published",
            Self::S3 => "rows released, half their jobs published",
            Self::S4 => "silent rows taken up again, not rung",
            Self::W1 => "a job taken from the broker",
            Self::W2 => "rows being claimed, the commit not heard of",
            Self::W3 => "rows claimed, the job not acknowledged",
            Self::W4 => "a claimed row at its slot",
            Self::W5 => "connected to Meta, no byte written",
            Self::W6 => "the request written, no answer yet",
            Self::W7 => "the head of the answer read",
            Self::W8 => "the answer read, not noted",
            Self::W9 => "the outcome noted, not being recorded",
            Self::W10 => "the outcome being recorded, the commit not heard of",
            Self::W11 => "the outcome recorded, its journal still open",
            Self::W12 => "draining, POSTs under way",
            Self::H1 => "a webhook verified, not kept",
            Self::H2 => "a webhook kept, not answered",
            Self::H3 => "a webhook taken up, nothing of it applied",
            Self::H4 => "a webhook applied, not committed",
            Self::R1 => "leases being ended, the commit not heard of",
            Self::R2 => "holds being ended, the commit not heard of",
            Self::R3 => "places of a limit being given back, the commit not heard of",
        }
    }
}

/// Dies here when this point is armed and it is its turn.
#[inline]
pub fn crash_at(point: CrashPoint) {
    if its_turn(point) {
        die(point);
    }
}

/// Dies a few milliseconds from now when this point is armed: whatever is on its way out of the process by then is gone out.
#[inline]
pub fn crash_after(point: CrashPoint) {
    #[cfg(feature = "crash-points")]
    if its_turn(point) {
        std::thread::spawn(move || {
            std::thread::sleep(armed::A_MOMENT);
            die(point)
        });
    }
    #[cfg(not(feature = "crash-points"))]
    let _ = point;
}

/// Dies while this is under way when the point is armed: it may have happened, and nobody hears of it.
#[inline]
pub async fn crash_during<F: Future>(point: CrashPoint, work: F) -> F::Output {
    #[cfg(feature = "crash-points")]
    if its_turn(point) {
        let _ = tokio::time::timeout(armed::a_while(), work).await;
        die(point);
    }
    #[cfg(not(feature = "crash-points"))]
    let _ = point;
    work.await
}

/// Whether to die here, where more has to be arranged for it than [`crash_at`] can; then call [`die`]. Asking counts as passing.
#[inline]
pub fn its_turn(point: CrashPoint) -> bool {
    #[cfg(feature = "crash-points")]
    return armed::reached(point);
    #[cfg(not(feature = "crash-points"))]
    {
        let _ = point;
        false
    }
}

/// The end: no destructor runs, nothing is flushed, every connection breaks.
pub fn die(point: CrashPoint) -> ! {
    eprintln!("crash point {point:?}: {}", point.about());
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_listed_once_under_its_name() {
        let names: std::collections::BTreeSet<_> = CrashPoint::ALL.iter().map(|point| format!("{point:?}")).collect();

        assert_eq!(names.len(), CrashPoint::ALL.len());
        assert!(CrashPoint::ALL.iter().all(|point| !point.about().is_empty()));
    }
}
