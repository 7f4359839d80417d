//! Where PostgreSQL's time went.

use testkit::figures::Statement;

/// Shown of a statement's text.
const WIDTH: usize = 110;

/// Prints the statements that took longest. Those inside of functions are marked, and are part of their caller's time.
pub(super) fn print(scenario: &str, statements: &[Statement], messages: usize) {
    println!("\nPostgreSQL statements, {scenario} (execution time; `>` runs inside of a function)");
    println!(
        "{:>10} {:>12} {:>9} {:>10} {:>9}",
        "total ms", "ms per 1,000", "calls", "rows", "mean ms"
    );
    for statement in statements {
        println!(
            "{:>10.0} {:>12.1} {:>9} {:>10} {:>9.3} {} {}",
            statement.total_ms,
            statement.total_ms / messages as f64 * 1000.0,
            statement.calls,
            statement.rows,
            statement.mean_ms,
            if statement.top_level { ' ' } else { '>' },
            statement.query.chars().take(WIDTH).collect::<String>(),
        );
    }
}
