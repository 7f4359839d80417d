//! Results as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::measurement::{Percentiles, Result};
use super::rig::Events;

/// Rates and latencies, then CPU, then memory.
pub(super) fn of_results(results: &[Result]) -> String {
    [rates(results), cpu(results), memory(results)].join("\n")
}

fn width(results: &[Result]) -> usize {
    results
        .iter()
        .map(|result| result.median.scenario.len())
        .max()
        .unwrap_or_default()
}

fn rates(results: &[Result]) -> String {
    let width = width(results);
    let mut text = format!(
        "{:<width$} {:>9} {:>8} {:>11} {:>13} {:>22} {:>22}\n",
        "", "messages", "seconds", "messages/s", "runs", "accept-POST p50/p99 ms", "HTTP answer p50/p99 ms"
    );
    for Result { median, rates } in results {
        let spread = rates
            .iter()
            .copied()
            .fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
        let spread = if rates.len() > 1 {
            format!("{:.0}-{:.0}", spread.0, spread.1)
        } else {
            String::new()
        };
        write!(
            text,
            "{:<width$} {:>9} {:>8.2} {:>11.0} {:>13} {:>22} {:>22}",
            median.scenario,
            median.messages,
            median.seconds,
            median.per_second,
            spread,
            percentiles(median.post_ms),
            percentiles(median.answer_ms),
        )
        .expect("writing to a text");
        if let Some(pace) = median.pace {
            let (used, busiest) = (pace.used * 100.0, pace.busiest_second);
            write!(text, "   {used:.1} % of {} used, busiest second {busiest}", pace.limit).expect("writing to a text");
        }
        writeln!(text, "   {}", median.notes.join("; ")).expect("writing to a text");
    }
    text
}

fn percentiles(values: Option<Percentiles>) -> String {
    values.map_or_else(String::new, |values| format!("{:.0} / {:.0}", values.p50, values.p99))
}

fn cpu(results: &[Result]) -> String {
    let names = names(results, |result| result.median.cpu.keys().cloned().collect());
    let mut text = heading("CPU ms per 1,000 messages", width(results), &names, "total");
    for Result { median, .. } in results {
        let total = format!("{:.0}", median.cpu_total());
        let values = names
            .iter()
            .map(|name| median.cpu.get(name).map(|value| format!("{value:.0}")));
        text += &row(&median.scenario, width(results), &names, &total, values);
    }
    text
}

fn memory(results: &[Result]) -> String {
    let names = names(results, |result| result.median.memory.keys().cloned().collect());
    let mut text = heading("peak MB (average of first > last quarter)", width(results), &names, "");
    for Result { median, .. } in results {
        let values = names.iter().map(|name| {
            let memory = median.memory.get(name)?;
            Some(format!(
                "{:.0} ({:.0}>{:.0})",
                memory.peak, memory.first_quarter, memory.last_quarter
            ))
        });
        text += &row(&median.scenario, width(results), &names, "", values);
    }
    text
}

fn names(results: &[Result], of: impl Fn(&Result) -> Vec<String>) -> Vec<String> {
    let all: BTreeSet<String> = results.iter().flat_map(of).collect();
    all.into_iter().collect()
}

/// A column is as wide as its name, and wide enough for a value.
fn column(name: &str) -> usize {
    name.len().max(15)
}

fn heading(title: &str, width: usize, names: &[String], total: &str) -> String {
    let mut text = format!("{title:<width$} {total:>8}");
    for name in names {
        let column = column(name);
        write!(text, " {name:>column$}").expect("writing to a text");
    }
    text + "\n"
}

fn row(
    scenario: &str,
    width: usize,
    names: &[String],
    total: &str,
    values: impl Iterator<Item = Option<String>>,
) -> String {
    let mut text = format!("{scenario:<width$} {total:>8}");
    for (name, value) in names.iter().zip(values) {
        let (column, value) = (column(name), value.unwrap_or_default());
        write!(text, " {value:>column$}").expect("writing to a text");
    }
    text + "\n"
}

/// Rates and CPU as ratios to an earlier call, for scenarios that both have.
pub(super) fn of_ratios(results: &[Result], earlier: &[Result]) -> String {
    let width = width(results);
    let mut text = format!(
        "{:<width$} {:>11} {:>9} {:>9} {:>9}\n",
        "compared with before", "messages/s", "CPU", "p50", "p99"
    );
    for Result { median, .. } in results {
        let Some(before) = earlier.iter().find(|result| result.median.scenario == median.scenario) else {
            continue;
        };
        let before = &before.median;
        let ratio = |now: Option<f64>, then: Option<f64>| {
            let ratio = now.zip(then).map(|(now, then)| now / then);
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} x"))
        };
        let post =
            |of: fn(&Percentiles) -> f64| ratio(median.post_ms.as_ref().map(of), before.post_ms.as_ref().map(of));
        writeln!(
            text,
            "{:<width$} {:>11} {:>9} {:>9} {:>9}",
            median.scenario,
            ratio(Some(median.per_second), Some(before.per_second)),
            ratio(Some(median.cpu_total()), Some(before.cpu_total())),
            post(|values| values.p50),
            post(|values| values.p99),
        )
        .expect("writing to a text");
    }
    text
}

/// What is left of the rate with events, for scenarios that were measured without them in the same call. Rounds are compared one by
/// one, as what else the machine does changes from one to the next.
pub(super) fn of_events(results: &[Result]) -> Option<String> {
    let mut text = String::new();
    for off in results {
        let Some(name) = off.median.scenario.strip_suffix(Events::Off.words()) else {
            continue;
        };
        for events in [Events::Written, Events::Told, Events::Heard] {
            let wanted = format!("{name}{}", events.words());
            let Some(on) = results.iter().find(|result| result.median.scenario == wanted) else {
                continue;
            };
            let mut shares: Vec<f64> = on
                .rates
                .iter()
                .zip(&off.rates)
                .map(|(on, off)| on / off * 100.0)
                .collect();
            shares.sort_by(f64::total_cmp);
            let (least, most) = (shares.first()?, shares.last()?);
            writeln!(
                text,
                "{:>5.1} % of the messages/s without events ({least:.1} to {most:.1} in {} rounds; of the medians {:.1} %)   {wanted}",
                shares[(shares.len() - 1) / 2],
                shares.len(),
                on.median.per_second / off.median.per_second * 100.0,
            )
            .expect("writing to a text");
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Our routes against the fastest peer.
pub(super) fn of_lead(results: &[Result]) -> Option<String> {
    let (peers, ours): (Vec<_>, Vec<_>) = results
        .iter()
        .partition(|result| super::peers::is_peer(&result.median.scenario));
    let best = peers
        .iter()
        .max_by(|a, b| a.median.per_second.total_cmp(&b.median.per_second))?;
    let mut text = format!("against the fastest peer ({}):\n", best.median.scenario);
    for result in ours
        .iter()
        .filter(|result| result.median.pace.is_none() && !result.median.scenario.starts_with("open"))
    {
        writeln!(
            text,
            "{:>8.1} x the messages/s, {:>5.1} x less CPU   {}",
            result.median.per_second / best.median.per_second,
            best.median.cpu_total() / result.median.cpu_total(),
            result.median.scenario
        )
        .expect("writing to a text");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::{example, medians};

    #[test]
    fn ratios_are_of_the_same_scenario() {
        let before = medians(&[example("a", 100.0), example("b", 10.0)]);
        let now = medians(&[example("b", 25.0), example("c", 7.0)]);

        let text = of_ratios(&now, &before);

        assert!(text.contains("2.50 x"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn what_events_cost_is_compared_round_by_round() {
        let runs = [
            ("a, events off", 100.0),
            ("a, events told", 90.0),
            ("a, events told", 40.0),
            ("a, events off", 50.0),
            ("a, events off", 10.0),
            ("a, events told", 20.0),
        ];
        let text = of_events(&medians(&runs.map(|(name, rate)| example(name, rate)))).unwrap();

        assert!(text.trim_start().starts_with("90.0 %"), "{text}");
        assert!(text.contains("80.0 to 200.0 in 3 rounds"), "{text}");
        assert_eq!(of_events(&medians(&[example("a", 1.0)])), None);
    }

    #[test]
    fn every_group_has_its_column() {
        let text = of_results(&medians(&[example("a", 100.0)]));

        assert!(
            text.contains("PostgreSQL") && text.contains("sender") && text.contains("160"),
            "{text}"
        );
    }
}
