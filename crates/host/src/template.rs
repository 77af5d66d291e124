//! `{{ name }}` in the manifest's texts.

use anyhow::{Context, bail, ensure};

/// A text with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Reads a text; `{{` needs its `}}` and a valid name between.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").with_context(|| format!("`{{{{` without `}}}}` in {text:?}"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let name = name.trim();
            validate_name(name)?;
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        if rest.contains("}}") {
            bail!("`}}}}` without `{{{{` in {text:?}");
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The variables that the text names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Fills the holes.
    pub(crate) fn resolve(&self, mut value: impl FnMut(&str) -> anyhow::Result<String>) -> anyhow::Result<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Ok(text.clone()),
                Part::Variable(name) => value(name),
            })
            .collect()
    }
}

/// Spin's rule: lower-case letters, digits and single underscores; begins with a letter, does not end with an
/// underscore.
pub(crate) fn validate_name(name: &str) -> anyhow::Result<()> {
    ensure!(!name.is_empty(), "a variable's name must not be empty");
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase()),
        "the variable name {name:?} must begin with a lower-case letter"
    );
    ensure!(
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        "the variable name {name:?} may contain only lower-case letters, digits and underscores"
    );
    ensure!(
        !name.contains("__") && !name.ends_with('_'),
        "the variable name {name:?} must not end with an underscore nor contain two in a row"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> anyhow::Result<String> {
        Template::parse(text)?.resolve(|name| Ok(format!("<{name}>")))
    }

    #[test]
    fn holes_are_filled_wherever_they_are() {
        assert_eq!(filled("plain").unwrap(), "plain");
        assert_eq!(filled("{{ a }}").unwrap(), "<a>");
        assert_eq!(filled("x://{{a}}:{{ b2_c }}/").unwrap(), "x://<a>:<b2_c>/");
        assert_eq!(filled("").unwrap(), "");
    }

    #[test]
    fn broken_templates_are_refused() {
        for text in ["{{ a", "a }}", "{{}}", "{{ A }}", "{{ a__b }}", "{{ a_ }}", "{{ 1a }}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
