//! Exports as calendars.

use serde_json::json;

use crate::export::ics;
use crate::harness::{Workspace, suite};

suite![ics_is_a_calendar, ics_folds_and_escapes, ics_descriptions_are_text,];

async fn ics_is_a_calendar() {
    let ws = Workspace::new().await;
    let todo = ws
        .todo(json!({ "title": "Call", "due_date": "2030-01-02T03:04:05Z", "status": "completed", "priority": "urgent",
            "tags": ["a", "b"] }))
        .await;
    ws.titled("No date").await;
    let ada = ws.employee("Ada").await;
    ws.patch(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap()))
        .json(json!({ "assignee_id": ada["id"] }))
        .send()
        .await
        .ok();
    let lines = ics(&ws, "sort=created_at").await;
    assert_eq!(lines.first().map(String::as_str), Some("BEGIN:VCALENDAR"));
    assert_eq!(lines.last().map(String::as_str), Some("END:VCALENDAR"));
    for expected in [
        "VERSION:2.0",
        "BEGIN:VTODO",
        "SUMMARY:Call",
        "DUE:20300102T030405Z",
        "STATUS:COMPLETED",
        "CATEGORIES:a,b",
        "CONTACT:Ada <ada@example.com>",
    ] {
        assert!(lines.iter().any(|line| line == expected), "no {expected} in {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("PRODID:")), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.starts_with("UID:") && line.contains(todo["id"].as_str().unwrap())),
        "{lines:#?}"
    );
    for (name, count) in [("BEGIN:VTODO", 2), ("END:VTODO", 2), ("DUE:", 1)] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(name)).count(), count, "{name} in {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("DTSTAMP:")).count(), 2, "each has one: {lines:#?}");
}

async fn ics_folds_and_escapes() {
    let ws = Workspace::new().await;
    let long = "ü".repeat(200);
    ws.titled(&long).await;
    ws.todo(json!({ "title": "a, b; c\\d", "description": "one\ntwo", "tags": ["x,y"] })).await;
    ws.titled("END:VTODO").await;
    let lines = ics(&ws, "sort=created_at").await;
    for expected in [
        format!("SUMMARY:{long}"),
        "SUMMARY:a\\, b\\; c\\\\d".into(),
        "DESCRIPTION:one\\ntwo".into(),
        "CATEGORIES:x\\,y".into(),
    ] {
        assert!(lines.contains(&expected), "no {expected} in {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| *line == "END:VTODO").count(), 3, "{lines:#?}");
}

async fn ics_descriptions_are_text() {
    let ws = Workspace::new().await;
    let markup = "<p>one, <b>two</b></p><p>3 &lt; 4</p>";
    ws.todo(json!({ "title": "a", "description": markup })).await;
    ws.todo(json!({ "title": "b", "description": "1 < 2 & 3" })).await;
    let lines = ics(&ws, "sort=created_at").await;
    let about = |name: &str| lines.iter().filter(|line| line.starts_with(name)).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(about("DESCRIPTION"), ["DESCRIPTION:one\\, two\\n3 < 4", "DESCRIPTION:1 < 2 & 3"]);
    let alternative = "X-ALT-DESC;FMTTYPE=text/html:<p>one\\, <b>two</b></p><p>3 &lt\\; 4</p>";
    assert_eq!(about("X-ALT-DESC"), [alternative], "only where there is markup");
}
