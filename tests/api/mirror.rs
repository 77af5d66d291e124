//! The example client in `examples/sync`: a mirror that follows the feed, and sends what was edited offline.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::harness::mirror::Mirror;
use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, suite};

suite![
    #[python]
    a_mirror_is_what_the_workspace_holds,
    #[python]
    a_mirror_survives_kills_while_others_write,
    #[python]
    offline_edits_are_merged_and_sent_once,
    #[python]
    a_cursor_that_is_refused_begins_anew,
    #[embedded]
    a_restored_service_begins_the_mirror_anew,
    #[python]
    a_mirror_that_follows_is_told_at_once,
    #[python]
    another_token_goes_on_and_another_workspace_does_not,
    #[python]
    the_example_passes_its_own_tests,
];

const TODOS: &str = "/api/v2/todos";

fn path(id: &str) -> String {
    format!("{TODOS}/{id}")
}

async fn a_mirror_is_what_the_workspace_holds() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let (research, ada) = (ws.department("Research").await, ws.employee("Ada").await);
    let employee = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&employee).json(json!({ "department_id": research["id"] })).send().await.ok();
    for number in 0..250 {
        let tags = if number % 2 == 0 { json!(["Home", "Old"]) } else { json!(["old", "New"]) };
        let body = json!({ "title": format!("todo {number}"), "tags": tags, "assignee_id": ada["id"] });
        ws.todo(body).await;
    }
    mirror.syncs(&ws).await;
    // Names that todos show, and what is gone.
    for tag in ws.all("/api/v2/tags", &[]).await {
        let tag_path = format!("/api/v2/tags/{}", tag["id"].as_str().unwrap());
        match tag["name"].as_str().unwrap() {
            "Home" => drop(ws.patch(&tag_path).json(json!({ "name": "house" })).send().await.ok()),
            "Old" => drop(ws.patch(&tag_path).json(json!({ "name": "NEW" })).send().await.ok()),
            _ => {}
        }
    }
    ws.patch(&employee).json(json!({ "name": "Ada King" })).send().await.ok();
    let department = format!("/api/v2/departments/{}", research["id"].as_str().unwrap());
    ws.patch(&department).json(json!({ "name": "Engines" })).send().await.ok();
    let todos = ws.all(TODOS, &[]).await;
    let bulk = json!({ "filter": { "tag": ["house"] }, "action": "complete" });
    let accepted = ws.post(&format!("{TODOS}/bulk-process")).json(bulk).send().await;
    super::jobs::ended(&ws, accepted.has_status(202).header("location")).await;
    ws.delete(&path(todos[0]["id"].as_str().unwrap())).send().await.no_content();
    mirror.syncs(&ws).await;
}

async fn a_mirror_survives_kills_while_others_write() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let mut ids = Vec::new();
    for number in 0..300 {
        ids.push(ws.titled(&format!("todo {number}")).await);
    }
    let added: Vec<String> = (0..5).map(|number| mirror.run(&["add", &format!("offline {number}")])).collect();
    let mut killed = 0;
    for round in 0..10_usize {
        let mut child = mirror.start("sync");
        for id in &ids[round * 5..round * 5 + 5] {
            ws.patch(&path(id))
                .json(json!({ "priority": "urgent", "tags": [format!("round {round}")] }))
                .send()
                .await
                .ok();
            tokio::time::sleep(Duration::from_millis(10 + 3 * round as u64)).await;
        }
        ws.delete(&path(&ids[100 + round])).send().await.no_content();
        killed += usize::from(child.try_wait().unwrap().is_none());
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 5, "{killed} were still running");
    mirror.syncs(&ws).await;
    assert_eq!(mirror.run(&["conflicts"]), "");
    for (number, id) in added.iter().enumerate() {
        let todo = ws.get(&path(id)).send().await.ok();
        assert_eq!((&todo["title"], &todo["version"]), (&json!(format!("offline {number}")), &json!(1)));
    }
    assert_eq!(ws.all(TODOS, &[]).await.len(), 300 - 10 + 5);
}

async fn offline_edits_are_merged_and_sent_once() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let (milk, bread, gone) = (ws.titled("milk").await, ws.titled("bread").await, ws.titled("gone").await);
    mirror.run(&["sync"]);
    mirror.run(&["edit", &milk, "title=oat milk", "priority=high", "due_date=2030-01-01T12:00:00+01:00"]);
    mirror.run(&["edit", &milk, "status=completed"]);
    mirror.run(&["delete", &bread]);
    mirror.run(&["edit", &gone, "title=too late"]);
    ws.patch(&path(&milk)).json(json!({ "title": "soy milk", "description": "two" })).send().await.ok();
    ws.delete(&path(&gone)).send().await.no_content();
    mirror.syncs(&ws).await;
    let todo = ws.get(&path(&milk)).send().await.ok();
    let told = json!([todo["title"], todo["description"], todo["priority"], todo["due_date"], todo["status"]]);
    assert_eq!(told, json!(["soy milk", "two", "high", "2030-01-01T11:00:00Z", "completed"]));
    ws.get(&path(&bread)).send().await.problem(404, "todo_not_found");
    let conflicts = mirror.run(&["conflicts"]);
    assert_eq!(conflicts.lines().count(), 2, "{conflicts}");
    assert!(conflicts.contains("somebody has changed title"), "{conflicts}");
    assert!(conflicts.contains("somebody has deleted the todo"), "{conflicts}");
    mirror.run(&["restore", &bread]);
    mirror.syncs(&ws).await;
    ws.get(&path(&bread)).send().await.ok();
}

async fn a_cursor_that_is_refused_begins_anew() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let kept = ws.titled("kept").await;
    mirror.run(&["sync"]);
    mirror.run(&["edit", &kept, "priority=low"]);
    mirror.sql(
        "insert into items (type, id, version, data) values ('todo', 'lost', 1, \
                '{\"id\": \"lost\", \"title\": \"x\", \"tags\": []}') returning 1",
    );
    mirror.sql("update meta set value = 'x' where name = 'cursor' returning 1");
    mirror.syncs(&ws).await;
    assert_eq!(ws.get(&path(&kept)).send().await.ok()["priority"], "low");
}

async fn a_restored_service_begins_the_mirror_anew() {
    let Some(postgres) = Postgres::start().await else { return };
    let server = Server::private(postgres.used_by(Options::default())).await;
    let sql = database::connect_to(&postgres.url()).await;
    database::make_admin(&sql, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let mirror = Mirror::of(&ws);
    let list = ws.post("/api/v2/lists").json(json!({ "name": "Garden" })).send().await.created();
    let list = list["id"].as_str().unwrap();
    let (kept, moved, gone) = (ws.titled("kept").await, ws.titled("moved").await, ws.titled("gone").await);
    mirror.syncs(&ws).await;
    mirror.runs(&format!("edit {kept} priority=low\n edit {list} name=Yard\n move {moved} list={list} first"));
    let added = mirror.run(&["add", "added", &format!("parent_id={moved}")]);
    // As after a restore from a dump: what came after it is gone without a word.
    sql.execute("delete from todos where uid = $1::text::uuid", &[&gone]).await.unwrap();
    sql.execute("select installation_renew_v1()", &[]).await.unwrap();
    let cursor = mirror.sql("select value from meta where name = 'cursor'")[0][0].as_str().unwrap().to_owned();
    ws.get("/api/v2/changes").query(&[("cursor", &cursor)]).send().await.problem(410, "resync_required");
    // What `follow` does that was waiting: it reads first.
    mirror.script("sync.pull(sync.Remote(os.environ['TODO_URL'], os.environ['TODO_TOKEN']), store)");
    assert_eq!(mirror.waiting(), 4);
    assert_eq!(mirror.titles(), ["kept", "moved", "added"]);
    mirror.syncs(&ws).await;
    assert_eq!(mirror.run(&["conflicts"]), "");
    assert_eq!(ws.get(&path(&kept)).send().await.ok()["priority"], "low");
    let added = ws.get(&path(&added)).send().await.ok();
    assert_eq!((&added["list_id"], &added["parent_id"]), (&json!(list), &json!(moved)));
    assert_eq!(ws.get(&format!("/api/v2/lists/{list}")).send().await.ok()["name"], "Yard");
}

async fn a_mirror_that_follows_is_told_at_once() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    ws.titled("first").await;
    let edited = mirror.run(&["add", "offline"]);
    let mut child = mirror.start("follow");
    let mut seen = true;
    for title in ["first", "offline", "second", "third"] {
        if !["first", "offline"].contains(&title) {
            ws.titled(title).await;
        }
        let count = format!("select count(*) from items where data like '%\"title\": \"{title}\"%'");
        let began = std::time::Instant::now();
        while mirror.sql(&count) != [json!([1])] && began.elapsed() < Duration::from_secs(15) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        seen &= mirror.sql(&count) == [json!([1])];
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen, "{:?}", mirror.sql("select data from items"));
    assert_eq!(ws.get(&path(&edited)).send().await.ok()["title"], "offline");
    mirror.is_whole(&ws).await;
}

async fn another_token_goes_on_and_another_workspace_does_not() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let mut mirror = Mirror::of(&ws);
    ws.titled("first").await;
    mirror.run(&["sync"]);
    let waiting = mirror.run(&["add", "waiting"]);
    let cursor = mirror.sql("select value from meta where name = 'cursor'");
    ws.server.admin().delete(&format!("/api/v2/admin/tokens/{}", ws.token_id)).send().await.no_content();
    assert!(mirror.fails(&["sync"]).contains("the token is refused (unauthenticated)"));
    assert_eq!(mirror.sql("select value from meta where name = 'cursor'"), cursor, "nothing is lost");
    mirror.token = other.token.clone().unwrap();
    assert!(mirror.fails(&["sync"]).contains("the token is of another workspace"));
    other.get(&path(&waiting)).send().await.problem(404, "todo_not_found");
    let again = ws.with_scopes(&["todos:read", "todos:write"]).await;
    mirror.token = again.token.clone().unwrap();
    mirror.run(&["sync"]);
    assert_eq!(again.get(&path(&waiting)).send().await.ok()["title"], "waiting");
    // With nothing waiting the file becomes a mirror of the other workspace.
    mirror.token = other.token.clone().unwrap();
    mirror.syncs(&other).await;
}

async fn the_example_passes_its_own_tests() {
    let mut command = Command::new("python3");
    command.args(["-W", "ignore", "-m", "unittest"]).current_dir(Mirror::program()).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
