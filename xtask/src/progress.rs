//! What xtask tells the person in front of it. All of it goes to stderr: stdout belongs to results (a token, a list)
//! and to the programs that xtask runs.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

/// One line.
pub fn say(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "xtask: {line}");
}

/// A line of a command's result, on stdout.
pub fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A step that may take long: said when it begins, and how long it took when it is done.
pub struct Step {
    what: String,
    began: Instant,
}

impl Step {
    /// Begins a step; `what` is a phrase such as "building the components".
    pub fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        say(&format!("{what} …"));
        Self { what, began: Instant::now() }
    }

    /// The step succeeded.
    pub fn done(self) {
        say(&format!("{}: done in {}", self.what, duration(self.began.elapsed())));
    }
}

/// `0.4 s`, `12 s`, `3 min 05 s`.
pub fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", elapsed.as_secs_f64()),
        10..=59 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(420)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 05 s");
    }
}
