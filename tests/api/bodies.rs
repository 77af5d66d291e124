//! Bodies that are well-formed JSON and wrong: every fault, and where it stands.

use serde_json::{Value, json};

use crate::harness::{Server, Workspace, suite};

suite![
    a_missing_title_points_at_itself,
    wrong_types_are_named_with_their_pointers,
    bounds_are_enforced_at_their_edges,
    a_name_of_nothing_visible_is_empty,
    unknown_fields_are_refused,
    read_only_fields_are_refused,
    a_body_that_is_no_object_is_refused,
    all_faults_are_listed,
    at_most_twenty_faults_are_listed,
    a_duplicate_member_is_refused,
    a_long_name_over_many_values_costs_nothing,
    hostile_markup_costs_little,
    numbers_beyond_all_bounds_are_refused,
    references_that_do_not_exist_are_named,
    control_characters_are_refused,
    pointers_are_escaped,
];

async fn a_missing_title_points_at_itself() {
    let ws = Workspace::new().await;
    let problem = ws.post("/api/v2/todos").json(json!({})).send().await.problem(422, "invalid_body");
    problem.at("/title", "required").faults_are(1);
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let put = ws.put(&path).header("if-match", "*").json(json!({ "priority": "low" })).send().await;
    put.problem(422, "invalid_body").at("/title", "required").faults_are(1);
}

async fn wrong_types_are_named_with_their_pointers() {
    let ws = Workspace::new().await;
    for (field, value, pointer, code) in [
        ("title", json!(7), "/title", "type"),
        ("title", Value::Null, "/title", "type"),
        ("title", json!(["x"]), "/title", "type"),
        ("description", json!(1.5), "/description", "type"),
        ("status", json!(1), "/status", "type"),
        ("status", json!("done"), "/status", "invalid_value"),
        ("status", json!("Pending"), "/status", "invalid_value"),
        ("priority", json!("highest"), "/priority", "invalid_value"),
        ("priority", json!({}), "/priority", "type"),
        ("due_date", json!(1_700_000_000), "/due_date", "type"),
        ("due_date", json!("soon"), "/due_date", "invalid_format"),
        ("tags", json!("home"), "/tags", "type"),
        ("tags", json!(["ok", 7]), "/tags/1", "type"),
        ("tags", json!([null]), "/tags/0", "type"),
        ("assignee_id", json!(7), "/assignee_id", "type"),
        ("assignee_id", json!("seven"), "/assignee_id", "invalid_format"),
    ] {
        let mut body = json!({ "title": "fine" });
        body[field] = value;
        let answer = ws.post("/api/v2/todos").json(body.clone()).send().await;
        answer.problem(422, "invalid_body").at(pointer, code).faults_are(1);
        let path = "/api/v2/todos/01890a5d-ac96-774b-bcce-b302099a8057";
        let answer = ws.patch(path).json(json!({ field: body[field] })).send().await;
        answer.problem(422, "invalid_body").at(pointer, code).faults_are(1);
    }
}

async fn bounds_are_enforced_at_their_edges() {
    let ws = Workspace::new().await;
    let tags = |count: usize| (0..count).map(|n| format!("tag {n}")).collect::<Vec<_>>();
    for (field, value) in [
        ("title", json!("ü".repeat(200))),
        ("title", json!("𝒳".repeat(200))),
        ("title", json!(format!("  {}  ", "x".repeat(200)))),
        ("description", json!("ü".repeat(10_000))),
        ("tags", json!(tags(20))),
        ("tags", json!(["ü".repeat(50)])),
        // Bounds count what is left when equal ones are merged.
        ("tags", json!([tags(20), vec!["TAG 0".to_owned()]].concat())),
    ] {
        let mut body = json!({ "title": "fine" });
        body[field] = value;
        ws.todo(body).await;
    }
    for (field, value, pointer, code) in [
        ("title", json!("x".repeat(201)), "/title", "too_long"),
        ("title", json!(""), "/title", "too_short"),
        ("title", json!(" \u{a0} "), "/title", "too_short"),
        ("title", json!("<b></b>"), "/title", "too_short"),
        ("title", json!("\u{200b}"), "/title", "too_short"),
        ("title", json!("\u{ad}\u{feff} \u{202e}\u{2060}"), "/title", "too_short"),
        ("tags", json!(["\u{200d}"]), "/tags/0", "too_short"),
        ("description", json!("x".repeat(10_001)), "/description", "too_long"),
        ("tags", json!(tags(21)), "/tags", "too_many"),
        ("tags", json!(["ok", "x".repeat(51)]), "/tags/1", "too_long"),
        ("tags", json!([""]), "/tags/0", "too_short"),
    ] {
        let mut body = json!({ "title": "fine" });
        body[field] = value;
        let answer = ws.post("/api/v2/todos").json(body).send().await;
        answer.problem(422, "invalid_body").at(pointer, code).faults_are(1);
    }
}

async fn a_name_of_nothing_visible_is_empty() {
    let (ws, admin) = (Workspace::new().await, Server::shared().await.admin());
    for name in ["\u{200b}", "\u{ad}\u{feff} \u{202e}\u{2060}"] {
        for (client, path, email) in [
            (&*ws, "/api/v2/lists", None),
            (&*ws, "/api/v2/departments", None),
            (&*ws, "/api/v2/employees", Some("ada@example.com")),
            (&admin, "/api/v2/admin/workspaces", None),
        ] {
            let mut body = json!({ "name": name });
            if let Some(email) = email {
                body["email"] = json!(email);
            }
            let answer = client.post(path).json(body).send().await;
            answer.problem(422, "invalid_body").at("/name", "too_short").faults_are(1);
        }
    }
}

async fn unknown_fields_are_refused() {
    let ws = Workspace::new().await;
    for name in ["colour", "Title", "due", "assignee"] {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": "x", name: 1 })).send().await;
        let problem = answer.problem(422, "invalid_body");
        assert!(problem.faults()[0]["pointer"] == format!("/{name}"), "{answer}");
    }
    assert_eq!(ws.get("/api/v2/todos").send().await.ok()["items"], json!([]), "nothing was created");
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let patch = ws.patch(&path).json(json!({ "colour": null })).send().await;
    patch.problem(422, "invalid_body").at("/colour", "unknown_field");
}

async fn read_only_fields_are_refused() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "x" })).await;
    let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
    for field in ["id", "version", "created_at", "updated_at", "completed_at", "completed"] {
        let answer = ws.patch(&path).json(json!({ field: todo[field] })).send().await;
        answer.problem(422, "invalid_body").at(&format!("/{field}"), "read_only").faults_are(1);
        let answer = ws.post("/api/v2/todos").json(json!({ "title": "y", field: todo[field] })).send().await;
        answer.problem(422, "invalid_body").at(&format!("/{field}"), "read_only").faults_are(1);
    }
}

async fn a_body_that_is_no_object_is_refused() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for body in ["[]", "null", "\"title\"", "7", "true"] {
        let answer = ws.post("/api/v2/todos").body("application/json", body).send().await;
        answer.problem(422, "invalid_body").at("", "type").faults_are(1);
        let answer = ws.patch(&path).body("application/merge-patch+json", body).send().await;
        answer.problem(422, "invalid_body").at("", "type").faults_are(1);
    }
}

async fn all_faults_are_listed() {
    let ws = Workspace::new().await;
    let body = json!({ "title": "", "priority": "x", "tags": ["", 1], "due_date": "x", "colour": "red", "version": 1 });
    let problem = ws.post("/api/v2/todos").json(body).send().await.problem(422, "invalid_body");
    problem.at("/title", "too_short").at("/priority", "invalid_value").at("/tags/0", "too_short").at("/tags/1", "type");
    problem.at("/due_date", "invalid_format").at("/colour", "unknown_field").at("/version", "read_only").faults_are(7);
}

async fn at_most_twenty_faults_are_listed() {
    let ws = Workspace::new().await;
    let body: serde_json::Map<String, Value> = (0..50).map(|number| (format!("unknown{number}"), json!(1))).collect();
    let problem = ws.post("/api/v2/todos").json(Value::Object(body)).send().await.problem(422, "invalid_body");
    problem.faults_are(20);
}

async fn a_duplicate_member_is_refused() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").body("application/json", r#"{"title":"a","title":"b"}"#).send().await;
    answer.problem(422, "invalid_body").at("/title", "duplicate").faults_are(1);
    let nested = r#"{"operations":[{"op":"create","todo":{"title":"a","tags":[],"tags":["b"]}}]}"#;
    let answer = ws.post("/api/v2/todos/batch").body("application/json", nested).send().await;
    answer.problem(422, "invalid_body").at("/operations/0/todo/tags", "duplicate").faults_are(1);
    assert_eq!(ws.titles(&[]).await, [""; 0], "which of the two was meant is unknown");
}

async fn a_long_name_over_many_values_costs_nothing() {
    let ws = Workspace::new().await;
    let body = format!("{{\"{}\":[{}0]}}", "x".repeat(500_000), "0,".repeat(250_000));
    let asked = std::time::Instant::now();
    let problem = ws.post("/api/v2/todos").body("application/json", body).send().await.problem(422, "invalid_body");
    problem.at("/title", "required").faults_are(2);
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
}

async fn hostile_markup_costs_little() {
    let ws = Workspace::new().await;
    // Each text hides one element inside the other as deep as it may, and the body holds as many of them as it can.
    let nested = |depth| format!("{}{}x", "<".repeat(depth), "b>".repeat(depth));
    let batch =
        |todo: Value| ws.post("/api/v2/todos/batch").json(json!({ "operations": [{ "op": "create", "todo": todo }] }));
    let todo = |depth| json!({ "title": nested(depth), "tags": vec![nested(depth); 20] });
    assert_eq!(batch(todo(40)).send().await.ok()["results"][0]["todo"]["title"], "x");
    batch(todo(150)).send().await.problem(422, "invalid_body").at("/operations/0/todo/title", "too_much_markup");
    let operations = |todo: Value| json!({ "operations": vec![json!({ "op": "create", "todo": todo }); 100] });
    let rich = json!({ "title": "x", "description": "<b><p>x".repeat(1400) });
    for (body, status) in [(operations(todo(40)), 200), (operations(todo(150)), 422), (operations(rich), 422)] {
        let asked = std::time::Instant::now();
        ws.post("/api/v2/todos/batch").json(body).send().await.has_status(status);
        assert!(asked.elapsed() < std::time::Duration::from_secs(8), "{:?}", asked.elapsed());
    }
}

async fn numbers_beyond_all_bounds_are_refused() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    for (number, code) in
        [("0", "out_of_range"), ("-1", "out_of_range"), ("1.5", "type"), ("9223372036854775808", "type")]
    {
        let body = format!(r#"{{"operations":[{{"op":"delete","id":"{id}","if_version":{number}}}]}}"#);
        let answer = ws.post("/api/v2/todos/batch").body("application/json", body).send().await;
        answer.problem(422, "invalid_body").at("/operations/0/if_version", code).faults_are(1);
    }
    let answer = ws.post("/api/v2/todos").body("application/json", r#"{"title":1e999}"#).send().await;
    answer.problem(400, "invalid_json");
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn references_that_do_not_exist_are_named() {
    let ws = Workspace::new().await;
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    let answer = ws.post("/api/v2/todos").json(json!({ "title": "x", "assignee_id": nobody })).send().await;
    answer.problem(422, "invalid_body").at("/assignee_id", "not_found").faults_are(1);
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let answer = ws.patch(&path).json(json!({ "assignee_id": nobody })).send().await;
    answer.problem(422, "invalid_body").at("/assignee_id", "not_found").faults_are(1);
}

async fn control_characters_are_refused() {
    let ws = Workspace::new().await;
    for wrong in ["a\u{0}b", "a\u{7}b", "a\u{1b}b", "a\u{7f}b", "a\u{85}b", "a\u{9f}b", "a\tb", "a\nb"] {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": wrong, "tags": [wrong] })).send().await;
        answer.problem(422, "invalid_body").at("/title", "control_character").at("/tags/0", "control_character");
    }
    for wrong in ["a\u{0}b", "a\u{7}b", "a\u{85}b"] {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": "x", "description": wrong })).send().await;
        answer.problem(422, "invalid_body").at("/description", "control_character");
    }
    let answer = ws.get("/api/v2/todos").query(&[("q", "a\u{0}b")]).send().await;
    answer.problem(400, "invalid_parameter").in_parameter("q");
}

async fn pointers_are_escaped() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").json(json!({ "title": "x", "a/b~c": 1 })).send().await;
    answer.problem(422, "invalid_body").at("/a~1b~0c", "unknown_field");
}
