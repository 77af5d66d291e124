//! The table that measurements are printed as.

use crate::bench::wrk::{Runs, milliseconds};
use crate::progress::print;

/// The head of a table of [`row`]s.
pub fn head(what: &str) {
    print(format!(
        "\n| {what} | requests/s | of its reference | p50 ms | p99 ms | p99/p50 | longest ms | resident MB |"
    ));
    print("|---|---|---|---|---|---|---|---|");
}

/// Prints one line of figures, and by turns the share of the reference that they are compared with.
pub fn row(name: &str, runs: &Runs, reference: Option<&Runs>, megabytes: Option<u64>) {
    let share = reference.map_or(String::new(), |reference| format!("{:.2}", runs.times(reference)));
    let figures = runs.typical();
    print(format!(
        "| {name} | {:.0} | {share} | {} | {} | {:.1} | {} | {} |",
        figures.requests,
        milliseconds(figures.median),
        milliseconds(figures.p99),
        figures.p99.as_secs_f64() / figures.median.as_secs_f64(),
        milliseconds(figures.longest),
        megabytes.map_or("?".to_owned(), |megabytes| megabytes.to_string()),
    ));
}
