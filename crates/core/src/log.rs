//! One JSON object per line on standard error. Nothing else in a component prints.

use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

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

/// Writes one line if `level` is within `threshold`; `fields` is a struct or a map. A failing standard error is ignored: there
/// is nowhere to report it.
pub fn write(threshold: Level, level: Level, event: &str, fields: &impl Serialize) {
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
    let mut text = serde_json::to_vec(&Line { time, level: level.name(), event, fields }).unwrap_or_default();
    text.push(b'\n');
    let _ = std::io::stderr().write_all(&text);
}
