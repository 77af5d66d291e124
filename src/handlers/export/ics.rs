//! iCalendar: each todo is a `VTODO` (RFC 5545, 3.6.2). A description is text there; its markup stands in `X-ALT-DESC`,
//! which Outlook and Thunderbird read.

use std::fmt::Write;

use todo_core::domain::instant::Instant;
use todo_core::domain::list::Rank;
use todo_core::domain::text::Description;
use todo_core::domain::todo::{Priority, Status, Todo};

/// The beginning of the calendar.
pub const HEAD: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//todo//todo API//EN\r\nCALSCALE:GREGORIAN\r\n";
/// Its end.
pub const TAIL: &str = "END:VCALENDAR\r\n";

/// Lines are folded so that none is longer than this many bytes without its line break (3.1).
const LONGEST_LINE: usize = 75;

/// Appends a `VTODO`.
pub fn write(todo: Todo, out: &mut String) {
    line(out, "BEGIN:VTODO");
    line(out, &format!("UID:{}", todo.uid));
    line(out, &format!("DTSTAMP:{}", utc(&todo.updated_at)));
    line(out, &format!("CREATED:{}", utc(&todo.created_at)));
    line(out, &format!("LAST-MODIFIED:{}", utc(&todo.updated_at)));
    line(out, &format!("SEQUENCE:{}", todo.version - 1));
    line(out, &format!("SUMMARY:{}", text(&todo.title)));
    if let Some(description) = &todo.description {
        let words = Description::plain(description);
        if !words.is_empty() {
            line(out, &format!("DESCRIPTION:{}", text(&words)));
        }
        // Sanitised text has a `<` only where an element begins.
        if description.contains('<') {
            line(out, &format!("X-ALT-DESC;FMTTYPE=text/html:{}", text(description)));
        }
    }
    if let Some(due) = &todo.due_date {
        line(out, &format!("DUE:{}", utc(due)));
    }
    line(out, &format!("STATUS:{}", status(todo.status)));
    if let Some(completed) = &todo.completed_at {
        line(out, &format!("COMPLETED:{}", utc(completed)));
    }
    line(out, &format!("PRIORITY:{}", priority(todo.priority)));
    if !todo.tags.is_empty() {
        let tags: Vec<String> = todo.tags.iter().map(|tag| text(&tag.name)).collect();
        line(out, &format!("CATEGORIES:{}", tags.join(",")));
    }
    if let Some(assignee) = &todo.assignee {
        // Not ATTENDEE, which a calendar that is published must not have (3.8.4.1).
        let contact = format!("{} <{}>", assignee.name.as_str(), assignee.email.as_str());
        line(out, &format!("CONTACT:{}", text(&contact)));
    }
    if let Some(parent) = &todo.parent {
        // A subtask is related to its parent (3.8.4.5).
        line(out, &format!("RELATED-TO:{parent}"));
    }
    line(out, &format!("X-APPLE-SORT-ORDER:{}", sort_order(todo.position)));
    line(out, "END:VTODO");
}

/// `20261123T031300Z`: whole seconds, in UTC (3.3.5).
fn utc(instant: &Instant) -> String {
    instant.to_utc().format("%Y%m%dT%H%M%SZ").to_string()
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "NEEDS-ACTION",
        Status::InProgress => "IN-PROCESS",
        Status::Completed => "COMPLETED",
        Status::Cancelled => "CANCELLED",
    }
}

/// Apple's Reminders, Nextcloud and Tasks.org sort by whole seconds since 2001, those of a task's creation until it is
/// moved.
fn sort_order(position: Rank) -> f64 {
    (position.get() - 978_307_200.0).floor()
}

/// 1 is the highest, 9 the lowest (3.8.1.9).
fn priority(priority: Priority) -> u8 {
    match priority {
        Priority::Urgent => 1,
        Priority::High => 3,
        Priority::Medium => 5,
        Priority::Low => 9,
    }
}

/// Escapes a text value (3.3.11). Other control characters cannot be in our texts.
fn text(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Appends a content line, folded between characters.
fn line(out: &mut String, content: &str) {
    let mut used = 0;
    for character in content.chars() {
        if used + character.len_utf8() > LONGEST_LINE {
            out.push_str("\r\n ");
            used = 1;
        }
        let _ = out.write_char(character);
        used += character.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut out = String::new();
        line(&mut out, &format!("SUMMARY:{}", "ä".repeat(100)));
        assert!(out.ends_with("\r\n"));
        assert!(out.split("\r\n").all(|line| line.len() <= LONGEST_LINE));
        assert_eq!(out.replace("\r\n ", "").trim_end(), format!("SUMMARY:{}", "ä".repeat(100)));
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(text("a;b,c\\d\ne"), "a\\;b\\,c\\\\d\\ne");
    }
}
