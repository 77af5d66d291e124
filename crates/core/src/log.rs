//! One JSON object per line on standard error. Nothing else in a component prints.

use std::io::Write;
use std::sync::Mutex;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use crate::lock;

/// How much is written. Each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Defects and failed dependencies.
    Error,
    /// Refused settings, fallbacks.
    Warn,
    /// One line per request.
    Info,
    /// More than an operator wants.
    Debug,
}

impl Level {
    /// The level of this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "error" => Some(Self::Error),
            "warn" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            _ => None,
        }
    }

    /// What is written where `log_level` is empty.
    pub fn usual(development: bool) -> Self {
        if development { Self::Debug } else { Self::Info }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The most characters of a cause in the log.
const LONGEST_CAUSE: usize = 500;

/// A cause as the log tells it: one bounded line. Hosts append a stack trace to their errors where `RUST_BACKTRACE` is
/// set; it says nothing about the request and is left out.
pub fn one_line(cause: &str) -> String {
    let told = ["Stack backtrace:", "stack backtrace:"].iter().filter_map(|mark| cause.find(mark)).min();
    let told = told.and_then(|end| cause.get(..end)).unwrap_or(cause);
    let words = told.split(|character: char| character.is_whitespace() || character.is_control());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LONGEST_CAUSE * 4 {
            break;
        }
    }
    if let Some((end, _)) = line.char_indices().nth(LONGEST_CAUSE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Lines that are not written yet, in order.
static PENDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// More is not kept in memory.
const MOST_PENDING: usize = 64 << 10;

/// Writes one line if `level` is within `threshold`, after those that are pending; `fields` is a struct or a map.
pub fn write(threshold: Level, level: Level, event: &str, fields: &impl Serialize) {
    let mut pending = lock(&PENDING);
    add(&mut pending, threshold, level, event, fields);
    write_out(&mut pending);
}

/// Keeps one line for [`flush`]: to write it is a call of the host, and several together are one. True if no flush is
/// under way yet, so that the caller is to arrange one.
#[must_use]
pub fn write_soon(threshold: Level, level: Level, event: &str, fields: &impl Serialize) -> bool {
    let mut pending = lock(&PENDING);
    let was_empty = pending.is_empty();
    add(&mut pending, threshold, level, event, fields);
    if pending.len() > MOST_PENDING {
        write_out(&mut pending);
    }
    was_empty && !pending.is_empty()
}

/// Writes what is pending.
pub fn flush() {
    write_out(&mut lock(&PENDING));
}

/// A failing standard error is ignored: there is nowhere to report it.
fn write_out(pending: &mut Vec<u8>) {
    if !pending.is_empty() {
        let _ = std::io::stderr().write_all(pending);
        pending.clear();
    }
}

fn add(pending: &mut Vec<u8>, threshold: Level, level: Level, event: &str, fields: &impl Serialize) {
    #[derive(Serialize)]
    struct Line<'a, F> {
        time: String,
        level: &'static str,
        event: &'a str,
        #[serde(flatten)]
        fields: &'a F,
    }
    if level > threshold {
        return;
    }
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    // Our own types into memory: that does not fail.
    let _ = serde_json::to_writer(&mut *pending, &Line { time, level: level.name(), event, fields });
    pending.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_one_bounded_line_without_a_stack_trace() {
        let host =
            "error connecting\n\nCaused by:\n    0: Connection refused\n\nStack backtrace:\n   0: anyhow::error\n";
        assert_eq!(one_line(host), "error connecting Caused by: 0: Connection refused");
        for long in ["ä".repeat(100_000), "ä ".repeat(100_000)] {
            let line = one_line(&long);
            assert_eq!(line.chars().count(), LONGEST_CAUSE + 1);
            assert!(line.ends_with('…'));
        }
        assert_eq!(one_line("a\u{0}\r\nb"), "a b");
        assert_eq!(one_line("short"), "short");
    }
}
