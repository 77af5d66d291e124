//! `cargo xtask adopt`: the data of another application, brought over and read through version 1.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::replaced::OldApplication;
use crate::harness::{Workspace, database, suite, unique};

suite![
    #[database]
    adopted_todos_are_the_same_in_version_1,
    #[database]
    what_cannot_come_is_reported_and_nothing_comes,
    #[database]
    a_kill_in_the_middle_leaves_nothing,
    #[database]
    tables_and_columns_are_renamed_by_a_map,
    a_second_run_for_what_changed_is_refused,
    #[replaced]
    ten_thousand_todos_answer_as_the_old_application_answers_them,
];

const TABLES: &str = "
    create table departments (id integer primary key, name text);
    create table employees (id integer primary key, name text, email text, department_id integer);
    create table tags (id integer primary key, name text);
    create table todos (id bigint primary key, title text, description text, completed boolean, status text, priority text,
        due_date timestamptz, assignee_id integer, created_at timestamp, updated_at timestamp);
    create table todo_tags (todo_id bigint, tag_id integer)";

/// Tables like the old application's, in a schema of their own; the URL by which they are found, and the schema.
async fn old(rows: &str) -> (String, String) {
    let schema = unique("old").replace([' ', '-'], "_");
    let database = database::connect().await;
    database.batch_execute(&format!("create schema {schema}; set search_path to {schema}")).await.unwrap();
    database.batch_execute(TABLES).await.unwrap();
    database.batch_execute(rows).await.unwrap();
    (format!("{}?options[search_path]={schema}", std::env::var("DATABASE_URL").unwrap()), schema)
}

async fn drop_old(schema: &str) {
    database::connect().await.batch_execute(&format!("drop schema {schema} cascade")).await.unwrap();
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("TODO_XTASK").expect("run the tests with `cargo xtask test`"));
    command.arg("adopt").args(arguments);
    command
}

fn adopt(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

async fn name_of(ws: &Workspace) -> String {
    let row = database::connect().await;
    row.query_one("select name from workspaces where uid = $1::text::uuid", &[&ws.id]).await.unwrap().get(0)
}

async fn adopted_todos_are_the_same_in_version_1() {
    let ws = Workspace::new().await;
    // What is read before must not be served afterwards.
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(0));
    let (url, schema) = old("
        insert into departments values (7, 'Research');
        insert into employees values (9, 'Ada', 'ada@example.com', 7);
        insert into tags values (1, 'Home'), (2, 'HOME'), (3, 'work');
        insert into todos select g, 'Todo ' || g, null, g % 2 = 0, 'pending', 'HIGH', '2030-01-01 01:00+01', 9,
            '2024-07-01 12:00', '2024-07-02 12:00' from generate_series(1, 3000) g;
        insert into todo_tags select g, t from generate_series(1, 3000) g, generate_series(1, 3) t")
    .await;
    let name = name_of(&ws).await;
    let done = adopt(&["--from", &url, "--workspace", &name, "--assume-zone", "Europe/Berlin"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for id in [1, 2, 3000] {
        let todo = ws.get(&format!("/api/v1/todos/{id}")).send().await.ok();
        assert_eq!(todo["title"], json!(format!("Todo {id}")), "{todo}");
        assert_eq!(todo["completed"], json!(id % 2 == 0), "{todo}");
        assert_eq!(todo["status"], if id % 2 == 0 { "completed" } else { "pending" }, "{todo}");
        assert_eq!(todo["priority"], "high", "{todo}");
        assert_eq!(todo["due_date"], "2030-01-01T00:00:00Z", "{todo}");
        assert_eq!(todo["created_at"], "2024-07-01T10:00:00Z", "{todo}");
        assert_eq!(todo["updated_at"], "2024-07-02T10:00:00Z", "{todo}");
        assert_eq!(todo["tags"], json!([{ "id": 1, "name": "Home" }, { "id": 3, "name": "work" }]), "{todo}");
        assert_eq!(todo["assignee"]["id"], json!(9), "{todo}");
        assert_eq!(todo["assignee"]["department"]["id"], json!(7), "{todo}");
    }
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(3000));
    let made = ws.post("/api/v1/todos").json(json!({ "title": "next" })).send().await.created();
    assert!(made["id"].as_i64().unwrap() > 3000, "{made}");
    let again = adopt(&["--from", &url, "--workspace", &name, "--assume-zone", "UTC"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("already"), "{again:?}");
    drop_old(&schema).await;
}

async fn what_cannot_come_is_reported_and_nothing_comes() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        insert into employees values (1, 'a', 'a@example.com', null), (2, 'b', 'A@example.com', null);
        insert into tags select g, 'tag ' || g from generate_series(1, 10000) g;
        insert into todos (id, title, status, priority, created_at) values
            (1, repeat('x', 201), 'pending', 'low', null), (2, 'x', 'doing', 'low', null), (3, 'x', null, '7', null),
            (4, 'x', null, null, '2024-01-01'), (5, '<b>x</b>', null, null, null), (6, 'x' || chr(1), null, null, null);
        insert into todo_tags select 5, g from generate_series(1, 10000) g")
    .await;
    let name = name_of(&ws).await;
    let refused = [
        "refused: employees 2: email:",
        "refused: todos 1: title:",
        "refused: todos 2: status:",
        "refused: todos 3: priority:",
        "refused: todos 4: created_at:",
        "refused: todos 5: tags:",
        "refused: todos 6: title:",
        "mended: todos 5: title:",
    ];
    for dry in [&["--dry-run"][..], &[]] {
        let done = adopt(&[&["--from", &url, "--workspace", &name][..], dry].concat());
        let report = String::from_utf8_lossy(&done.stdout);
        assert!(!done.status.success(), "{report}");
        for line in refused {
            assert!(report.contains(line), "no `{line}` in {report}");
        }
        assert_eq!(ws.get("/api/v1/todos").send().await.ok(), Value::Array(Vec::new()));
    }
    drop_old(&schema).await;
}

async fn a_kill_in_the_middle_leaves_nothing() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        insert into departments values (7, 'Research');
        insert into todos (id, title) select g, 'x' from generate_series(1, 6000) g")
    .await;
    let name = name_of(&ws).await;
    let mut running =
        command(&["--from", &url, "--workspace", &name]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(running.stderr.take().unwrap()).lines().map_while(Result::ok);
    // First they are checked, then written.
    let written = said.filter(|line| line.contains("departments: 1")).nth(1);
    running.kill().unwrap();
    assert!(written.is_some() && !running.wait().unwrap().success(), "it had ended before");
    assert_eq!(ws.get("/api/v1/departments").send().await.ok(), Value::Array(Vec::new()));
    assert_eq!(ws.get("/api/v1/todos").send().await.ok(), Value::Array(Vec::new()));
    let again = adopt(&["--from", &url, "--workspace", &name]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(6000));
    drop_old(&schema).await;
}

async fn tables_and_columns_are_renamed_by_a_map() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        create table items (number bigint primary key, name text, done boolean, state text, weight integer);
        insert into items values (5, 'Mapped', null, 'wip', 9), (6, 'Done', true, 'open', 1)")
    .await;
    let map = std::env::temp_dir().join(unique("map"));
    let names = "[todos]\ntable = \"items\"\nid = \"number\"\ntitle = \"name\"\ncompleted = \"done\"\n\
        status = \"state\"\npriority = \"weight\"\n[statuses]\nwip = \"in_progress\"\nopen = \"pending\"\n\
        [priorities]\n9 = \"urgent\"\n1 = \"low\"\n";
    std::fs::write(&map, names).unwrap();
    let name = name_of(&ws).await;
    let done = adopt(&["--from", &url, "--workspace", &name, "--map", map.to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report = String::from_utf8_lossy(&done.stdout);
    assert!(report.contains("mended: todos 6: status: is pending though completed is true: completed"), "{report}");
    let listed = ws.get("/api/v1/todos").send().await.ok();
    let told =
        |field: &str| -> Vec<Value> { listed.as_array().unwrap().iter().map(|todo| todo[field].clone()).collect() };
    assert_eq!(told("id"), [5, 6]);
    assert_eq!(told("title"), ["Mapped", "Done"]);
    assert_eq!(told("status"), ["in_progress", "completed"]);
    assert_eq!(told("priority"), ["urgent", "low"]);
    std::fs::write(&map, "[todos]\ntable = \"no_such_table\"\n").unwrap();
    let other = Workspace::new().await;
    let failed = adopt(&["--from", &url, "--workspace", &name_of(&other).await, "--map", map.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && said.contains("no table `no_such_table`"), "{said}");
    let printed = adopt(&["--print-map"]);
    assert!(printed.status.success() && String::from_utf8_lossy(&printed.stdout).contains("[todo_tags]"));
    std::fs::remove_file(map).unwrap();
    drop_old(&schema).await;
}

async fn a_second_run_for_what_changed_is_refused() {
    let refused = adopt(&["--since", "2026-01-01T00:00:00Z"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("the old tables tell neither what was removed"), "{said}");
}

async fn ten_thousand_todos_answer_as_the_old_application_answers_them() {
    let ws = Workspace::new().await;
    let old = OldApplication::with(10_000).await;
    let url = std::env::var("TODO_OLD_DATABASE_URL").unwrap();
    let done = adopt(&["--from", &url, "--workspace", &name_of(&ws).await]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(10_000));
    let new = format!("{}/api/v1", ws.server.url);
    let token = ws.token(json!(["todos:read", "todos:write"]), Value::Null).await;
    let token = token["token"].as_str().unwrap();
    let compared = adopt(&["compare", "--old", &old.url, "--new", &new, "--token", token, "--writes"]);
    let (found, said) = (String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
    assert!(compared.status.success(), "{found}{said}");
    assert!(said.contains("nothing differs but on purpose"), "{said}");
    for difference in ["old-text", "old-merged-tags", "old-mended", "old-errors", "old-unknown-body"] {
        assert!(found.contains(&format!("/docs/migrating#{difference}:")), "{difference} was not seen: {found}");
    }
    // The comparison does find what is wrong.
    ws.patch("/api/v1/todos/7").json(json!({ "priority": "urgent", "title": "Changed" })).send().await.has_status(200);
    let compared = adopt(&["compare", "--old", &old.url, "--new", &new, "--token", token]);
    let found = String::from_utf8_lossy(&compared.stdout);
    assert!(!compared.status.success() && found.contains("differs: todo 7, title: was"), "{found}");
}
