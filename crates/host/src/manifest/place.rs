//! From byte offsets to lines, so that every error says where.

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

/// A manifest's text and name.
pub(super) struct Source<'a> {
    text: &'a str,
    name: String,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, path: &Path) -> Self {
        Self { text, name: path.display().to_string() }
    }

    /// `spin.toml:12:3`, counted from one.
    pub(super) fn place(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        format!("{}:{line}:{column}", self.name)
    }

    /// An error at a place.
    pub(super) fn error(&self, span: &Range<usize>, message: impl Display) -> anyhow::Error {
        anyhow::anyhow!("{}: {message}", self.place(span))
    }

    /// An error of the TOML reader.
    pub(super) fn syntax_error(&self, error: &toml::de::Error) -> anyhow::Error {
        match error.span() {
            Some(span) => self.error(&span, error.message()),
            None => anyhow::anyhow!("{}: {}", self.name, error.message()),
        }
    }
}
