//! Prints the OpenAPI document of a version, `v1` or `v2`, or the definitions of the `tools` of assistants. `cargo
//! xtask openapi` runs it and blesses what it prints; the API component serves the blessed files.
//!
//! All of it is generated from the code: schemas from the wire types (`ToSchema`), bounds from the domain, paths,
//! methods and scopes from the route table. What an operation says of itself is in `v1` and `v2`, by its name.
//! Annotations on the handlers were the road not taken: most of an operation is its errors and headers, which follow
//! from a few words ("paged", "idempotent") and would have buried the handlers.
#![allow(clippy::indexing_slicing, reason = "JSON that this program has just written")]

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

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;
use todo_api::route::Version;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let version = Version::ALL.into_iter().find(|version| version.name() == wanted);
    let text = match version {
        Some(version) => text(version),
        None if wanted == "tools" => tools(),
        None => return ExitCode::FAILURE,
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The document of a version.
fn document(version: Version) -> Value {
    match version {
        Version::V1 => v1::document(),
        Version::V2 => v2::document(),
    }
}

/// The document of a version as the blessed file has it: with sorted keys, so that it does not depend on how serde_json
/// was built.
fn text(version: Version) -> String {
    format!("{:#}\n", sorted(document(version)))
}

/// The definitions of the tools of assistants, as the blessed file has them.
fn tools() -> String {
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
