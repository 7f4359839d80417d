//! The demo's result in plain text.

use std::fmt::Write;

use simulator::Report;
use testkit::figures::Route;

/// One row per route, then the sum.
pub(super) fn of_routes(routes: &[Route]) -> String {
    let mut table = String::from(
        "\nroute                 accepted   sent  delivered   read  failed   messages/s   accept-to-POST ms   accept-to-delivered ms\n\
         \x20                                                                              p50       p99        p50         p99\n",
    );
    for route in routes {
        let name = route.route.as_deref().unwrap_or("(none)");
        writeln!(
            table,
            "{name:<20} {:>9} {:>6} {:>10} {:>6} {:>7} {:>12} {:>9} {:>9} {:>10} {:>11}{}",
            route.accepted,
            route.sent,
            route.delivered,
            route.read,
            route.failed,
            rate(route).map_or_else(String::new, |rate| format!("{rate:.0}")),
            number(route.post_p50_ms),
            number(route.post_p99_ms),
            number(route.delivered_p50_ms),
            number(route.delivered_p99_ms),
            if route.reasons.is_empty() {
                String::new()
            } else {
                format!("   {}", route.reasons.join(", "))
            },
        )
        .expect("writing to a text");
    }
    table
}

/// From the first message that was accepted to the last that was posted; a single message has no rate.
fn rate(route: &Route) -> Option<f64> {
    let seconds = route.last_post_at? - route.first_at;
    (route.accepted > 1 && seconds > 0.0).then_some(route.accepted as f64 / seconds)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.0}"))
}

/// What the referee says.
pub(super) fn verdict(routes: &[Route], report: &Report) -> String {
    let accepted: u64 = routes.iter().map(|route| route.accepted).sum();
    let mut text = format!(
        "Meta's stand-in saw {} POSTs, accepted {}, refused {}; {} duplicates, {} violations",
        report.posts,
        report.accepted,
        report.refused_total(),
        report.duplicates.message,
        report.violations.counts.values().sum::<u64>(),
    );
    for (number, seen) in &report.numbers {
        write!(
            text,
            "; number {number}: {} in its busiest second, limit {}",
            seen.busiest_second.count, seen.throughput
        )
        .expect("writing to a text");
    }
    text += if report.ok && accepted == report.accepted {
        "\nverdict: every message exactly once, no violation"
    } else {
        "\nverdict: NOT every message exactly once, or a violation"
    };
    text
}
