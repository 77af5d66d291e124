//! The cache: what it saves, and that it never shows the past.

use serde_json::json;

use crate::harness::{Workspace, suite};

suite![
    #[redis]
    a_second_read_is_a_hit,
    #[redis]
    every_spelling_of_a_query_is_one_entry,
    every_write_is_seen_by_the_next_read,
    a_page_that_a_write_left_alone_is_kept,
    a_request_that_cannot_be_cached_says_so,
    conditions_and_encodings_are_served_from_the_cache,
];

async fn a_second_read_is_a_hit() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for path in
        [path.as_str(), "/api/v2/todos", "/api/v2/todos/stats", "/api/v2/tags", "/api/v2/employees", "/api/v1/todos"]
    {
        let first = ws.get(path).send().await;
        let again = ws.cached(path).await;
        assert_eq!(again.header("x-cache"), "HIT", "{again}");
        assert_eq!(again.body, first.body);
        assert_eq!(again.etag(), first.etag());
    }
}

async fn every_spelling_of_a_query_is_one_entry() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "late", "due_date": "2001-01-01T00:00:00Z" })).await;
    let mut hits = 0;
    // What is overdue is kept until the minute is over, and one may end in between.
    for spelled in ["over%64ue=true", "%6Fverdue=tr%75e", "&overdue=true&"] {
        let usual = ws.cached("/api/v2/todos?overdue=true").await;
        let other = ws.get(&format!("/api/v2/todos?{spelled}")).send().await;
        assert_eq!(other.ok(), usual.ok(), "{spelled}");
        hits += usize::from(other.header("x-cache") == "HIT");
    }
    assert!(hits >= 2, "{hits} of 3 spellings were found in the cache");
}

async fn every_write_is_seen_by_the_next_read() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let todo = ws.todo(json!({ "title": "v1", "tags": ["a"], "assignee_id": ada["id"] })).await;
    let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
    let reads =
        [path.as_str(), "/api/v2/todos", "/api/v2/todos/stats", "/api/v2/tags", "/api/v2/employees", "/api/v1/todos"];
    let read_all = async || {
        let mut bodies = Vec::new();
        for read in reads {
            bodies.push(ws.get(read).send().await.value().to_string());
        }
        bodies
    };
    let tag = format!("/api/v2/tags/{}", ws.all("/api/v2/tags", &[]).await[0]["id"].as_str().unwrap());
    let employee = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    let old = format!("/api/v1/todos/{}", ws.get("/api/v1/todos").send().await.ok()[0]["id"]);
    let batch = json!({ "operations": [{ "op": "update", "id": todo["id"], "todo": { "title": "by batch" } }] });
    for (number, call) in [
        ws.patch(&path).json(json!({ "title": "by patch" })),
        ws.put(&path)
            .header("if-match", "*")
            .json(json!({ "title": "by put", "tags": ["a"], "assignee_id": ada["id"] })),
        ws.post("/api/v2/todos/batch").json(batch),
        ws.patch(&tag).json(json!({ "name": "renamed" })),
        ws.patch(&employee).json(json!({ "name": "Countess" })),
        ws.patch(&old).json(json!({ "title": "by v1" })),
        ws.delete(&path),
        ws.post(&format!("{path}/restore")),
    ]
    .into_iter()
    .enumerate()
    {
        read_all().await;
        let before = read_all().await;
        let answer = call.send().await;
        assert!(answer.status < 300, "{answer}");
        let after = read_all().await;
        assert_ne!(before, after, "nothing changed by {answer}");
        // A page size that nobody has asked for yet: this is what Postgres says.
        let fresh = ws.get(&format!("/api/v2/todos?limit={}", 51 + number)).send().await;
        assert_eq!(after[1], fresh.value().to_string(), "after {answer}");
    }
}

async fn a_page_that_a_write_left_alone_is_kept() {
    let ws = Workspace::new().await;
    for number in 0..12 {
        ws.todo(json!({ "title": format!("a rather ordinary todo, number {number}"), "priority": "urgent" })).await;
    }
    let path = "/api/v2/todos?priority=urgent";
    let packed = async || ws.get(path).header("accept-encoding", "gzip").send().await;
    packed().await.has_status(200);
    let first = ws.cached(path).await;
    for _ in 0..3 {
        ws.titled("of no importance").await;
        ws.get(path).header("if-none-match", first.etag()).send().await.has_status(304);
        let again = ws.cached(path).await;
        assert_eq!((again.etag(), &again.body), (first.etag(), &first.body));
        assert_eq!(packed().await.header("content-encoding"), "gzip");
    }
    ws.todo(json!({ "title": "urgent", "priority": "urgent" })).await;
    assert_ne!(ws.get(path).send().await.etag(), first.etag());
    assert_ne!(ws.cached(path).await.body, first.body);
}

async fn a_request_that_cannot_be_cached_says_so() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos/export").send().await;
    answer.has_status(200);
    assert!(["BYPASS", "MISS"].contains(&answer.header("x-cache")), "{answer}");
}

async fn conditions_and_encodings_are_served_from_the_cache() {
    let ws = Workspace::new().await;
    for number in 0..12 {
        ws.titled(&format!("a rather ordinary todo, number {number}")).await;
    }
    let first = ws.get("/api/v2/todos").send().await;
    for _ in 0..2 {
        ws.get("/api/v2/todos").header("if-none-match", first.etag()).send().await.has_status(304);
        let packed = ws.get("/api/v2/todos").header("accept-encoding", "gzip").send().await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(ws.get("/api/v2/todos").send().await.body, first.body);
    }
}
