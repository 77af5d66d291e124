//! `.env` files: `NAME=value` lines, with comments and quotes.

use std::collections::BTreeMap;

use anyhow::Context;

/// Reads a file's text. A later line wins.
pub(super) fn parse(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').with_context(|| format!("line {}: expected NAME=value", index + 1))?;
        values.insert(name.trim().to_owned(), unquote(value.trim()));
    }
    Ok(values)
}

/// Single quotes keep everything; double quotes know `\n`, `\"` and `\\`; without quotes a ` #` begins a comment.
fn unquote(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.split('\'').next()) {
        return inner.to_owned();
    }
    let Some(rest) = value.strip_prefix('"') else {
        return value.split(" #").next().unwrap_or(value).trim_end().to_owned();
    };
    let mut unquoted = String::new();
    let mut chars = rest.chars();
    while let Some(next) = chars.next() {
        match next {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => unquoted.push('\n'),
                Some(other) => unquoted.push(other),
                None => {}
            },
            other => unquoted.push(other),
        }
    }
    unquoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments() {
        let text = "# c\nA=1\nexport B = two words # note\nC='a # b'\nD=\"x\\n\\\"y\\\"\"\n\nA=2\n";
        let values = parse(text).unwrap();
        assert_eq!(values["A"], "2");
        assert_eq!(values["B"], "two words");
        assert_eq!(values["C"], "a # b");
        assert_eq!(values["D"], "x\n\"y\"");
        assert!(parse("A").unwrap_err().to_string().contains("line 1"));
    }
}
