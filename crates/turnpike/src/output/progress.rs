//! How far something is, on standard error: a bar that moves on a terminal, a line now and then without one.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Cells of a bar.
const WIDTH: usize = 30;
/// Without a terminal, a line at least that often while something moves, and one for each such step.
const QUIET: Duration = Duration::from_secs(30);
const STEP: f64 = 10.0;

/// A bar.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    told: Option<(f64, String, Instant)>,
    drawn: usize,
}

impl Progress {
    /// For whoever reads standard error.
    pub(crate) fn new() -> Self {
        Self::of(io::stderr().is_terminal())
    }

    fn of(is_terminal: bool) -> Self {
        Self {
            is_terminal,
            told: None,
            drawn: 0,
        }
    }

    /// So many percent are done; `state` is a word whose change is always told, `what` the rest of the line.
    pub(crate) fn show(&mut self, percent: f64, state: &str, what: &str) {
        if let Some(text) = self.text(percent, state, what, Instant::now()) {
            let mut out = io::stderr().lock();
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        }
    }

    /// What follows begins on a line of its own.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.drawn) > 0 {
            let _ = writeln!(io::stderr().lock());
        }
    }

    fn text(&mut self, percent: f64, state: &str, what: &str, now: Instant) -> Option<String> {
        let percent = percent.clamp(0.0, 100.0);
        let line = format!("{percent:5.1} %  {state}  {what}");
        if self.is_terminal {
            let full = (percent / 100.0 * WIDTH as f64) as usize;
            let bar = format!("[{}{}] {}", "#".repeat(full), ".".repeat(WIDTH - full), line.trim_end());
            let length = bar.chars().count();
            // What is left of a longer line before it is wiped out.
            let blank = " ".repeat(self.drawn.saturating_sub(length));
            self.drawn = length;
            return Some(format!("\r{bar}{blank}"));
        }
        let is_news = self.told.as_ref().is_none_or(|(told, word, at)| {
            let moved = (percent - told).abs() >= STEP || (percent >= 100.0 && *told < 100.0);
            moved || word != state || now.duration_since(*at) >= QUIET
        });
        is_news.then(|| {
            self.told = Some((percent, state.to_owned(), now));
            format!("{}\n", line.trim())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_terminal_a_bar_is_drawn_over_itself() {
        let (mut bar, now) = (Progress::of(true), Instant::now());
        let first = bar.text(50.0, "running", "5 of 10, and then some", now).unwrap();
        let second = bar.text(100.0, "done", "", now).unwrap();

        assert!(
            first.starts_with("\r[###############...............]  50.0 %"),
            "{first}"
        );
        assert!(
            second.contains(&"#".repeat(WIDTH)) && second.len() >= first.len(),
            "{second}"
        );
        assert!(!first.contains('\n'));
    }

    #[test]
    fn without_one_there_is_a_line_now_and_then() {
        let (mut bar, now) = (Progress::of(false), Instant::now());
        let mut told = |percent, state, after| bar.text(percent, state, "", now + Duration::from_secs(after)).is_some();

        assert!(told(0.0, "running", 0));
        assert!(!told(5.0, "running", 1));
        assert!(told(11.0, "running", 2));
        assert!(told(11.0, "paused", 3));
        assert!(!told(11.0, "paused", 20));
        assert!(told(11.0, "paused", 40));
        assert!(told(100.0, "done", 41));
    }
}
