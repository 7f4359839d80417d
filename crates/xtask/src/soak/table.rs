//! What a soak prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use testkit::verdict::Verdict;

use super::fleet::ROLES;
use super::processes;
use super::watch::{Course, Watched};

/// All that is to be told of a soak.
#[derive(Debug)]
pub(super) struct Soaked {
    /// Replays it.
    pub(super) command: String,
    /// Messages over AMQP.
    pub(super) published: usize,
    /// Per role, one for each kill.
    pub(super) recoveries: BTreeMap<&'static str, Vec<Duration>>,
    /// From accepted to ended, of each message.
    pub(super) lives: Vec<Duration>,
    pub(super) webhooks: u64,
    /// Messages whose hold was cut short at the end.
    pub(super) uncertain_at_the_end: u64,
    pub(super) watched: Watched,
    /// Processes that ended by themselves.
    pub(super) died: Vec<String>,
    pub(super) verdict: Verdict,
}

impl Soaked {
    pub(super) fn is_clean(&self) -> bool {
        self.verdict.broken.is_empty() && self.died.is_empty()
    }

    fn kills(&self) -> usize {
        self.recoveries.values().map(Vec::len).sum()
    }
}

pub(super) fn of(soaked: &Soaked) -> String {
    let mut text = format!(
        "{:<10} {:>9} {:>6} {:>30} {:>25} {:>22}\n",
        "",
        "processes",
        "kills",
        "recovered, s (p50 / p99 / max)",
        "MB (first > last q., max)",
        "files (f. > l. q., max)"
    );
    let mut roles = ROLES.to_vec();
    roles.dedup();
    for role in roles {
        let recoveries = soaked.recoveries.get(role).cloned().unwrap_or_default();
        writeln!(
            text,
            "{role:<10} {:>9} {:>6} {:>30} {:>25} {:>22}",
            processes(role),
            recoveries.len(),
            percentiles(recoveries),
            course(soaked.watched.megabytes(role)),
            course(soaked.watched.files(role)),
        )
        .expect("writing to a text");
    }
    let all = soaked.recoveries.values().flatten().copied().collect();
    writeln!(
        text,
        "{:<10} {:>9} {:>6} {:>30}",
        "all",
        ROLES.len(),
        soaked.kills(),
        percentiles(all)
    )
    .expect("writing to a text");
    let verdict = &soaked.verdict;
    let other = verdict.broken.len() - verdict.lost - verdict.duplicated;
    write!(
        text,
        "\nmessages {}, of these {} over AMQP; POSTs {}; webhook updates {}; kills {}\n\
         lost {}, duplicated {}, unknown {}, other invariants broken {other}, processes that ended by themselves {}\n\
         from accepted to ended, s (p50 / p99 / max): {}; {} holds were cut short at the end\n\
         connections to PostgreSQL (first > last quarter, most): {}\n\
         replay: {}",
        verdict.messages,
        soaked.published,
        verdict.posts,
        soaked.webhooks,
        soaked.kills(),
        verdict.lost,
        verdict.duplicated,
        verdict.unknown,
        soaked.died.len(),
        percentiles(soaked.lives.clone()),
        soaked.uncertain_at_the_end,
        course(soaked.watched.database()),
        soaked.command,
    )
    .expect("writing to a text");
    text
}

fn percentiles(mut values: Vec<Duration>) -> String {
    values.sort_unstable();
    let at = |share: f64| {
        let place = (values.len() as f64 * share) as usize;
        let value = values.get(place.min(values.len().saturating_sub(1)));
        value.copied().unwrap_or_default().as_secs_f64()
    };
    format!("{:.1} / {:.1} / {:.1}", at(0.5), at(0.99), at(1.0))
}

fn course(course: Course) -> String {
    format!("{:.0} > {:.0}, {:.0}", course.first, course.last, course.most)
}
