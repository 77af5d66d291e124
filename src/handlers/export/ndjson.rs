//! One whole todo of version 2 per line.

use todo_core::domain::todo::Todo;

use crate::types::v2::todo::Todo as Wire;

/// Appends a line.
pub fn write(todo: Todo, out: &mut String) {
    // Writing our own types into memory does not fail.
    out.push_str(&serde_json::to_string(&Wire::from(todo)).unwrap_or_default());
    out.push('\n');
}
