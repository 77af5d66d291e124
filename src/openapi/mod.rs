//! The OpenAPI documents of both versions, generated from the code: schemas from the wire types (`ToSchema`), bounds
//! from the domain, paths, methods and scopes from the route table. What an operation says of itself is in `v1` and
//! `v2`, by its name.
//!
//! This module is not part of the component: `cargo xtask openapi` runs it natively and blesses what it writes, and the
//! component serves the blessed files. Annotations on the handlers were the road not taken: most of an operation is its
//! errors and headers, which follow from a few words ("paged", "idempotent") and would have buried the handlers.
#![allow(clippy::indexing_slicing, reason = "JSON that this module has just written, and never in a component")]

mod document;
mod failure;
mod header;
mod mcp;
mod operation;
mod parameter;
mod schema;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use serde_json::Value;

pub use crate::routes::Version;

impl Version {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// `v1` or `v2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// Its document.
    pub fn document(self) -> Value {
        match self {
            Self::V1 => v1::document(),
            Self::V2 => v2::document(),
        }
    }

    /// Its document as the blessed file has it: with sorted keys, so that it does not depend on how serde_json was
    /// built.
    pub fn text(self) -> String {
        format!("{:#}\n", sorted(self.document()))
    }
}

/// The definitions of the tools of assistants, as the blessed file has them.
pub fn tools() -> String {
    let mut text = String::new();
    write(&sorted(mcp::tools()), 0, &mut text);
    text + "\n"
}

/// Writes what fits on a line on one line: the component embeds the file as it is, and half of it would be space.
fn write(value: &Value, depth: usize, into: &mut String) {
    const WIDTH: usize = 140;
    let whole = value.to_string();
    let items: Vec<(String, &Value)> = match value {
        _ if whole.chars().count() <= WIDTH => return into.push_str(&whole),
        Value::Array(items) => items.iter().map(|item| (String::new(), item)).collect(),
        Value::Object(object) => object.iter().map(|(name, item)| (format!("\"{name}\": "), item)).collect(),
        _ => return into.push_str(&whole),
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    into.push(open);
    for (number, (name, item)) in items.into_iter().enumerate() {
        into.push_str(if number == 0 { "\n" } else { ",\n" });
        into.push_str(&" ".repeat(depth + 1));
        into.push_str(&name);
        write(item, depth + 1, into);
    }
    into.push('\n');
    into.push_str(&" ".repeat(depth));
    into.push(close);
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut pairs: Vec<(String, Value)> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
