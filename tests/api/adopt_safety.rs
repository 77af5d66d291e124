//! Adoption of an old database: all of it or nothing, and nothing else is disturbed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::adopt::last_ids;
use crate::harness::adoption::{adopt, adopted, command, drop_old, name_of, old, refused};
use crate::harness::{Server, Workspace, database, suite, unique};

suite![
    #[database]
    what_cannot_come_is_reported_and_nothing_comes,
    #[database]
    a_dry_run_reports_what_a_real_one_does_and_makes_nothing,
    #[database]
    only_an_empty_workspace_is_filled,
    #[database]
    a_kill_in_the_middle_leaves_nothing,
    #[database]
    a_kill_leaves_no_new_workspace,
    #[database]
    others_write_while_an_adoption_waits_for_a_writer,
    #[database]
    a_second_run_for_what_changed_is_refused,
    #[database]
    a_name_that_the_api_would_not_store_is_refused,
];

async fn what_cannot_come_is_reported_and_nothing_comes() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        insert into employees values (1, 'a', 'a@example.com', null), (2, 'b', 'A@example.com', null);
        insert into tags select g, 'tag ' || g from generate_series(1, 10000) g;
        insert into todos (id, title, status, priority, created_at) values
            (1, repeat('x', 201), 'pending', 'low', null), (2, 'x', 'doing', 'low', null), (3, 'x', null, '7', null),
            (4, 'x', null, null, '2024-01-01'), (4503599627370497, 'x', null, null, null), (5, '<b>x</b>', null, null, \
            null), (6, 'x' || chr(1), null, null, null);
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
        "refused: todos 4503599627370497: id:",
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

async fn workspaces_named(name: &str) -> i64 {
    let count = "select count(*) from workspaces where name = $1";
    database::number(&database::connect().await, count, &[&name]).await
}

async fn a_dry_run_reports_what_a_real_one_does_and_makes_nothing() {
    // Further above the last ids than other tests go meanwhile.
    let id = last_ids().await.into_iter().max().unwrap() + 1_000_000;
    let other = id + 1_000;
    let (url, schema) = old(&format!(
        "insert into departments values ({id}, 'Research');
         insert into employees values ({id}, 'Ada', null, {id});
         insert into tags values ({id}, 'Home'), ({other}, 'HOME');
         insert into todos (id, title, status, completed, priority, created_at, updated_at) values
            ({id}, 'x', 'pending', true, 'LOW', '2024-01-01', '2024-01-01Z')"
    ))
    .await;
    let name = unique("moved");
    let arguments = ["--from", &url, "--workspace", &name, "--assume-zone", "UTC"];
    let mended = [
        format!("mended: employees {id}: email: there is none: employee-{id}@adopted.invalid"),
        format!("mended: tags {other}: name: merged into tag {id}, which differs in upper and lower case at most"),
        format!("mended: todos {id}: status: is pending though completed is true: completed"),
        format!("mended: todos {id}: priority: `LOW` is read as low"),
    ];

    let (report, said) = adopted(&[&arguments[..], &["--dry-run"]].concat());
    assert_eq!(report.lines().collect::<Vec<_>>(), mended);
    let findings = "4 values mended, 0 refused, 0 columns and 0 tables left out";
    assert!(said.contains(&format!("everything can come; nothing has been written: {findings}")), "{said}");
    assert_eq!(workspaces_named(&name).await, 0);
    assert!(last_ids().await.iter().all(|last| *last < id), "a dry run has moved a sequence");

    let (report, said) = adopted(&arguments);
    assert_eq!(report.lines().collect::<Vec<_>>(), mended);
    assert!(said.contains(&format!("the workspace `{name}` holds the old data: {findings}")), "{said}");
    assert_eq!(workspaces_named(&name).await, 1);
    let ws = Workspace::named(&Server::shared().await, &name).await;
    let todo = ws.get(&format!("/api/v1/todos/{id}")).send().await.ok();
    assert_eq!((&todo["status"], &todo["priority"]), (&json!("completed"), &json!("low")));
    // New ids of every kind go on above the highest that came, in other workspaces, too.
    let ws = Workspace::new().await;
    ws.department("Next").await;
    ws.employee("Next").await;
    let todo = ws.post("/api/v1/todos").json(json!({ "title": "next", "tags": ["next"] })).send().await.created();
    let [departments, employees] = ["departments", "employees"].map(|kind| ws.get(&format!("/api/v1/{kind}")).send());
    let (departments, employees) = (departments.await.ok(), employees.await.ok());
    // A merged tag's id is stored somewhere, too.
    for (made, highest) in [(&departments[0], id), (&employees[0], id), (&todo["tags"][0], other), (&todo, id)] {
        assert!(made["id"].as_i64().unwrap() > highest, "{made}");
    }
    drop_old(&schema).await;
}

async fn only_an_empty_workspace_is_filled() {
    let (url, schema) = old("insert into todos (id, title) values (1, 'x')").await;
    let (binned, listed) = (Workspace::new().await, Workspace::new().await);
    let todo = binned.titled("x").await;
    binned.delete(&format!("/api/v2/todos/{todo}")).send().await.no_content();
    listed.post("/api/v2/lists").json(json!({ "name": "x" })).send().await.created();
    for (ws, what) in [(binned, "todos"), (listed, "lists")] {
        for dry in [&["--dry-run"][..], &[]] {
            let done = adopt(&[&["--from", &url, "--workspace", &name_of(&ws).await][..], dry].concat());
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(!done.status.success() && said.contains(&format!("has {what} already")), "{said}");
        }
        assert_eq!(ws.get("/api/v1/todos").send().await.ok(), json!([]));
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
    kill_while_it_writes(&["--from", &url, "--workspace", &name]);
    assert_eq!(ws.get("/api/v1/departments").send().await.ok(), Value::Array(Vec::new()));
    assert_eq!(ws.get("/api/v1/todos").send().await.ok(), Value::Array(Vec::new()));
    let again = adopt(&["--from", &url, "--workspace", &name]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(6000));
    drop_old(&schema).await;
}

async fn a_kill_leaves_no_new_workspace() {
    let (url, schema) = old("insert into departments values (7, 'Research');
        insert into todos (id, title) select g, 'x' from generate_series(1, 6000) g")
    .await;
    let name = unique("killed");
    kill_while_it_writes(&["--from", &url, "--workspace", &name]);
    assert_eq!(workspaces_named(&name).await, 0);
    drop_old(&schema).await;
}

/// Starts an adoption of one department and kills it after it has begun to write.
fn kill_while_it_writes(arguments: &[&str]) {
    let mut running = command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(running.stderr.take().unwrap()).lines().map_while(Result::ok);
    // First they are checked, then written.
    let written = said.filter(|line| line.contains("departments: 1")).nth(1);
    running.kill().unwrap();
    assert!(written.is_some() && !running.wait().unwrap().success(), "it had ended before");
}

/// An adoption needs each sequence to itself for a moment, and a writer keeps those that it has used.
async fn others_write_while_an_adoption_waits_for_a_writer() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let (url, schema) = old("insert into todos (id, title) values (1, 'x')").await;
    let mut database = database::connect().await;
    let writer = database.transaction().await.unwrap();
    writer.execute("select nextval('todos_id_seq')", &[]).await.unwrap();
    let mut adoption = command(&["--from", &url, "--workspace", &name_of(&ws).await]).spawn().unwrap();
    for _ in 0..20 {
        let began = Instant::now();
        other.titled("x").await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?} behind an adoption", began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    writer.rollback().await.unwrap();
    assert!(adoption.wait().unwrap().success());
    assert_eq!(ws.titles(&[]).await, ["x"]);
    drop_old(&schema).await;
}

async fn a_second_run_for_what_changed_is_refused() {
    let (_, said) = refused(&["--since", "2026-01-01T00:00:00Z"]);
    assert!(said.contains("the old tables tell neither what was removed"), "{said}");
}

async fn a_name_that_the_api_would_not_store_is_refused() {
    let long = "x".repeat(101);
    for (name, why) in [
        (long.as_str(), "--workspace: the name must have at most 100 characters"),
        (" ", "--workspace: the name must not be empty"),
        ("<b>Team</b> ", "--workspace: a name is sanitised, and this one would be `Team`"),
    ] {
        let (_, said) = refused(&["--from", "postgres://127.0.0.1:1/old", "--workspace", name, "--dry-run"]);
        assert!(said.contains(why), "{said}");
    }
}
