//! Exports: CSV, NDJSON, iCalendar.

use std::io::Read;

use serde_json::{Value, json};

use crate::harness::{Options, Server, Workspace, raw, suite};

suite![
    csv_has_the_documented_columns,
    csv_cells_never_run_as_formulas,
    csv_survives_quotes_and_line_breaks,
    ndjson_has_one_whole_todo_a_line,
    csv_is_the_default,
    exports_take_the_filters_of_the_list,
    exports_are_whole_beyond_one_page,
    an_empty_export_is_well_formed,
    a_large_export_is_compressed_when_accepted,
    other_formats_are_refused,
    accept_chooses_only_where_no_format_is_given,
    #[redis]
    a_token_has_few_exports_at_once,
    #[embedded]
    large_todos_come_in_small_chunks,
];

const COLUMNS: [&str; 19] = [
    "id",
    "title",
    "description",
    "status",
    "completed",
    "priority",
    "due_date",
    "tags",
    "assignee",
    "department",
    "created_at",
    "updated_at",
    "completed_at",
    "version",
    "list_id",
    "parent_id",
    "position",
    "subtasks_total",
    "subtasks_completed",
];

/// The records of a CSV export, the header first.
async fn csv(ws: &Workspace, query: &str) -> Vec<Vec<String>> {
    let answer = ws.get(&format!("/api/v2/todos/export?{query}")).send().await;
    answer.has_status(200);
    assert_eq!(answer.media_type(), "text/csv", "{answer}");
    assert!(answer.optional("content-disposition").is_some_and(|value| value.contains("attachment")), "{answer}");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&answer.body[..]);
    let records = reader.records().map(|record| record.unwrap_or_else(|error| panic!("{error}: {answer}")));
    records.map(|record| record.iter().map(str::to_owned).collect()).collect()
}

async fn csv_has_the_documented_columns() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let ada = ws.employee("Ada").await;
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
    let todo = ws
        .todo(json!({
            "title": "Everything", "description": "Text", "status": "completed", "priority": "high",
            "due_date": "2030-01-01T00:00:00Z", "tags": ["b", "a"], "assignee_id": ada["id"],
        }))
        .await;
    let records = csv(&ws, "format=csv").await;
    assert_eq!(records[0], COLUMNS);
    let text = |field: &str| todo[field].as_str().unwrap_or_default().to_owned();
    let expected = [
        text("id"),
        "Everything".into(),
        "Text".into(),
        "completed".into(),
        "true".into(),
        "high".into(),
        "2030-01-01T00:00:00Z".into(),
        "a;b".into(),
        "Ada".into(),
        "Research".into(),
        text("created_at"),
        text("updated_at"),
        text("completed_at"),
        "1".into(),
        String::new(),
        String::new(),
        todo["position"].to_string(),
        "0".into(),
        "0".into(),
    ];
    assert_eq!(records[1], expected);
    assert_eq!(records.len(), 2);
}

async fn csv_cells_never_run_as_formulas() {
    let ws = Workspace::new().await;
    let hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\",\"y\")", "'quoted", "a=b"];
    for title in hostile {
        ws.todo(json!({ "title": title, "description": title, "tags": [title] })).await;
    }
    let records = csv(&ws, "sort=created_at").await;
    for (record, title) in records[1..].iter().zip(hostile) {
        let dangerous = title.starts_with(['=', '+', '-', '@']);
        let expected = if dangerous { format!("'{title}") } else { title.to_owned() };
        assert_eq!(record[1], expected);
        assert_eq!(record[7], expected);
        assert!(!record[2].starts_with(['=', '+', '-', '@', '\t', '\r']), "{record:?}");
    }
}

async fn csv_survives_quotes_and_line_breaks() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "say \"hi\", twice", "description": "one\ntwo;\tthree" })).await;
    let records = csv(&ws, "").await;
    assert_eq!(records[1][1], "say \"hi\", twice");
    assert_eq!(records[1][2], "one\ntwo;\tthree");
}

async fn ndjson_has_one_whole_todo_a_line() {
    let ws = Workspace::new().await;
    let mut todos = Vec::new();
    for title in ["a", "b", "c"] {
        todos.push(ws.todo(json!({ "title": title, "tags": [title], "description": "line\nbreak" })).await);
    }
    let answer = ws.get("/api/v2/todos/export?format=ndjson&sort=created_at").send().await;
    answer.has_status(200);
    assert_eq!(answer.media_type(), "application/x-ndjson", "{answer}");
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, todos);
    assert!(answer.text().ends_with('\n'), "{answer}");
}

/// The content lines of a calendar, unfolded.
pub async fn ics(ws: &Workspace, query: &str) -> Vec<String> {
    let answer = ws.get(&format!("/api/v2/todos/export?format=ics&{query}")).send().await;
    answer.has_status(200);
    assert_eq!(answer.media_type(), "text/calendar", "{answer}");
    let text = answer.text();
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']), "lines end in CR LF: {answer}");
    for line in text.split("\r\n") {
        assert!(line.len() <= 75, "a line is longer than 75 octets: {line}");
    }
    text.replace("\r\n ", "").lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

async fn csv_is_the_default() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    assert_eq!(csv(&ws, "").await, csv(&ws, "format=csv").await);
}

async fn exports_take_the_filters_of_the_list() {
    let ws = Workspace::new().await;
    for (title, priority) in [("a", "low"), ("b", "high"), ("c", "high")] {
        ws.todo(json!({ "title": title, "priority": priority })).await;
    }
    let records = csv(&ws, "priority=high&sort=-title").await;
    assert_eq!(records[1..].iter().map(|record| record[1].as_str()).collect::<Vec<_>>(), ["c", "b"]);
    let wrong = ws.get("/api/v2/todos/export?priority=x").send().await;
    wrong.problem(400, "invalid_parameter").in_parameter("priority");
    for paging in ["limit=5", "cursor=x"] {
        let answer = ws.get(&format!("/api/v2/todos/export?{paging}")).send().await;
        answer.problem(400, "invalid_parameter");
    }
}

async fn exports_are_whole_beyond_one_page() {
    let ws = Workspace::new().await;
    let operations: Vec<Value> =
        (0..100).map(|number| json!({ "op": "create", "todo": { "title": format!("t{number:03}") } })).collect();
    for _ in 0..12 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    }
    let records = csv(&ws, "sort=title").await;
    assert_eq!(records.len(), 1201);
    let mut titles: Vec<&str> = records[1..].iter().map(|record| record[1].as_str()).collect();
    assert!(titles.is_sorted());
    titles.dedup();
    assert_eq!(titles.len(), 100);
    let mut ids: Vec<&str> = records[1..].iter().map(|record| record[0].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1200, "nothing is missing and nothing comes twice");
    let ndjson = ws.get("/api/v2/todos/export?format=ndjson").send().await;
    assert_eq!(ndjson.text().lines().count(), 1200);
}

async fn an_empty_export_is_well_formed() {
    let ws = Workspace::new().await;
    assert_eq!(csv(&ws, "").await, [COLUMNS.map(str::to_owned).to_vec()]);
    assert_eq!(ws.get("/api/v2/todos/export?format=ndjson").send().await.has_status(200).text(), "");
    let lines = ics(&ws, "").await;
    assert!(lines.contains(&"BEGIN:VCALENDAR".to_owned()) && !lines.contains(&"BEGIN:VTODO".to_owned()), "{lines:?}");
}

async fn a_large_export_is_compressed_when_accepted() {
    let ws = Workspace::new().await;
    let operations: Vec<Value> = (0..100).map(|_| json!({ "op": "create", "todo": { "title": "x" } })).collect();
    for _ in 0..12 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    }
    for format in ["csv", "ndjson", "ics"] {
        let call = || ws.get(&format!("/api/v2/todos/export?format={format}&sort=created_at"));
        let (plain, packed) = (call().send().await, call().header("accept-encoding", "gzip").send().await);
        assert_eq!(plain.optional("content-encoding"), None, "{format}");
        assert_eq!(packed.has_status(200).header("content-encoding"), "gzip", "{format}");
        assert!(packed.header("vary").contains("Accept-Encoding"), "{format}");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        assert!(text == plain.text() && packed.body.len() < text.len() / 2, "{format}: {} bytes", packed.body.len());
    }
}

async fn other_formats_are_refused() {
    let ws = Workspace::new().await;
    for wrong in ["xlsx", "", "CSV", "json"] {
        let answer = ws.get("/api/v2/todos/export").query(&[("format", wrong)]).send().await;
        answer.problem(400, "invalid_parameter").in_parameter("format");
    }
}

async fn accept_chooses_only_where_no_format_is_given() {
    let ws = Workspace::new().await;
    for (query, accept, media_type) in [
        ("?format=csv", "application/json", "text/csv"),
        ("?format=ics", "text/csv", "text/calendar"),
        ("", "text/calendar, text/csv;q=0.5", "text/calendar"),
        ("", "application/x-ndjson", "application/x-ndjson"),
        ("", "*/*", "text/csv"),
        ("", "application/json", "text/csv"),
    ] {
        let answer = ws.get(&format!("/api/v2/todos/export{query}")).header("accept", accept).send().await;
        answer.has_status(200);
        assert_eq!(answer.media_type(), media_type, "{query} {accept}");
    }
}

/// Creates todos with descriptions of this text, as many at a time as a body may have.
async fn large_todos(ws: &Workspace, todos: usize, description: &str) {
    let create = json!({ "op": "create", "todo": { "title": "large", "description": description } });
    let at_once = (1_000_000 / create.to_string().len()).min(100);
    let mut left = todos;
    while left > 0 {
        let operations = vec![create.clone(); left.min(at_once)];
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
        left -= operations.len();
    }
}

async fn a_token_has_few_exports_at_once() {
    let ws = Workspace::new().await;
    // More than the buffers of a connection take, so that an export whose client does not read is not done.
    large_todos(&ws, 2_500, &"x".repeat(9_900)).await;
    let head = format!("Host: test\r\nAuthorization: Bearer {}", ws.token.as_ref().unwrap());
    let request = format!("GET /api/v2/todos/export HTTP/1.1\r\n{head}\r\n\r\n");
    let mut held = Vec::new();
    for _ in 0..4 {
        let (answer, stream) = raw::begin(&ws.server, request.as_bytes()).await;
        answer.has_status(200);
        held.push(stream);
    }
    let short = "/api/v2/todos/export?status=cancelled";
    let refused = ws.get(short).send().await;
    refused.problem(429, "too_many_exports");
    assert_eq!(refused.header("retry-after"), "30");
    ws.with_scopes(&["todos:read"]).await.get(short).send().await.has_status(200);
    // One is given up: there is room again, when its lease is over at the latest.
    held.pop();
    for _ in 0..80 {
        let answer = ws.get(short).send().await;
        if answer.status == 200 {
            return;
        }
        answer.problem(429, "too_many_exports");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("an export that was given up still counts");
}

async fn large_todos_come_in_small_chunks() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    // Four bytes a character.
    large_todos(&ws, 60, &"\u{1f600}".repeat(10_000)).await;
    for sort in ["created_at", "due_date", "-title"] {
        let before = server.host().counters();
        let ids: Vec<String> =
            csv(&ws, &format!("sort={sort}")).await[1..].iter().map(|todo| todo[0].clone()).collect();
        let spent = server.host().counters() - before;
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 60, "{sort}: {}", ids.len());
        assert_eq!(ids.len(), 60, "{sort}");
        // Half a megabyte each.
        assert!(spent.statements >= 5, "{sort}: {spent:?}");
    }
}
