//! Comma-separated values that a spreadsheet reads and does not run.

use std::fmt::Write;

use todo_core::domain::todo::Todo;

use crate::types::v2::todo::{Assignee, Todo as Wire};

/// The header line.
pub const HEAD: &str = "id,title,description,status,completed,priority,due_date,tags,assignee,department,created_at,\
                        updated_at,completed_at,version,list_id,parent_id,position,subtasks_total,\
                        subtasks_completed\r\n";

/// Appends a line.
pub fn write(todo: Todo, out: &mut String) {
    let Wire {
        id,
        title,
        description,
        status,
        completed,
        priority,
        due_date,
        tags,
        assignee,
        created_at,
        updated_at,
        completed_at,
        version,
        list_id,
        parent_id,
        position,
        subtasks,
    } = Wire::from(todo);
    let (assignee, department) = match assignee {
        Some(Assignee { name, department, .. }) => (name, department.map(|department| department.name)),
        None => (String::new(), None),
    };
    let cells = [
        id.to_string(),
        title,
        description.unwrap_or_default(),
        status.to_owned(),
        completed.to_string(),
        priority.to_owned(),
        due_date.unwrap_or_default(),
        tags.join(";"),
        assignee,
        department.unwrap_or_default(),
        created_at,
        updated_at,
        completed_at.unwrap_or_default(),
        version.to_string(),
        list_id.map(|id| id.to_string()).unwrap_or_default(),
        parent_id.map(|id| id.to_string()).unwrap_or_default(),
    ];
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_cell(cell, out);
    }
    // A negative number is no formula.
    let _ = write!(out, ",{},{},{}\r\n", position.get(), subtasks.total, subtasks.completed);
}

/// Quotes where RFC 4180 demands it, and disarms what a spreadsheet would take for a formula.
fn write_cell(cell: &str, out: &mut String) {
    let disarm = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quote = cell.contains(['"', ',', '\r', '\n']);
    if quote {
        out.push('"');
    }
    if disarm {
        out.push('\'');
    }
    if quote {
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_disarmed() {
        let written = |cell: &str| {
            let mut out = String::new();
            write_cell(cell, &mut out);
            out
        };
        assert_eq!(written("plain"), "plain");
        assert_eq!(written("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"] {
            assert_eq!(written(formula), format!("'{formula}"));
        }
        assert_eq!(written("=A1,B1"), "\"'=A1,B1\"");
        assert_eq!(written("\rx"), "\"'\rx\"");
    }
}
