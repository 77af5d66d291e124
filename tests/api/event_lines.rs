//! The lines of the log of changes: what each says is true of the row that it tells of.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use todo_core::domain::event::TYPES;
use tokio_postgres::Client;

use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, mcp, suite, uuid};
use crate::jobs::{done, ended};

suite![
    #[embedded]
    every_changed_row_has_its_line,
];

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())
}

/// A filter that every todo fulfils.
fn all() -> Value {
    json!({ "created_after": "2000-01-01T00:00:00Z" })
}

/// Notes what changes: a subject that goes, or that becomes another's, has the next version.
const WATCH: &str = "create table watched (xid xid8, subject uuid, version bigint, kind text);
    create function watch() returns trigger language plpgsql as $$ begin
        insert into watched values (pg_current_xact_id(), coalesce(old.uid, new.uid), case
            when old.uid is not null and new.uid is distinct from old.uid then (to_jsonb(old) ->> 'version')::bigint + 1
            else (to_jsonb(new) ->> 'version')::bigint
        end, tg_argv[0]);
        return null;
    end $$;";

/// Whatever changes a row that the feed tells of writes one line in its transaction, with its kind, its version after
/// it and whoever did it; so does the end of a job. Triggers on the tables note what changes in this workspace. Purging
/// writes none.
async fn every_changed_row_has_its_line() {
    // A database of its own: triggers are made while nobody writes.
    let Some(postgres) = Postgres::start().await else { return };
    let mut database = database::connect_to(&postgres.url()).await;
    // In the sessions that begin now: those of the service.
    database.batch_execute("alter database postgres set track_functions = 'pl'").await.unwrap();
    let server = Server::private(postgres.used_by(Options::default())).await;
    database::make_admin(&database, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let workspace = database::workspace(&database, &ws).await;
    database.batch_execute(WATCH).await.unwrap();
    for (kind, table) in [
        ("todo", "todos"),
        ("tag", "tags"),
        ("list", "lists"),
        ("employee", "employees"),
        ("department", "departments"),
    ] {
        for (when, what) in [("insert", "new"), ("update", "new"), ("delete", "old")] {
            // The row of a merged tag is no subject any more when it goes.
            let also = if (when, table) == ("delete", "tags") { "and old.merged_into is null" } else { "" };
            watch(&database, kind, table, when, &format!("{what}.workspace_id = {workspace} {also}")).await;
        }
    }
    let ends = format!("new.workspace_id = {workspace} and old.finished_at is null and new.finished_at is not null");
    watch(&database, "job", "jobs", "update", &ends).await;
    everything(&ws).await;
    everything_of_trees(&ws).await;
    every_end_of_a_job(&ws, &mut database, workspace).await;

    let differences = differences(workspace);
    let found: String = database.query_one(&differences, &[]).await.unwrap().get(0);
    assert_eq!(found, "", "a function forgets its line, writes several, or one that is not true");
    let watched = database::number(&database, "select count(*) from watched", &[]).await;
    assert!(watched > 30, "{watched} changes");
    let rows = database.query("select distinct type from events where workspace_id = $1", &[&workspace]).await.unwrap();
    let told: BTreeSet<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(told, TYPES.iter().copied().collect(), "each type, and no other");

    let lines = async || database::number(&database, "select count(*) from events", &[]).await;
    let before = lines().await;
    let age = "update todos set deleted_at = deleted_at - interval '31 days' where workspace_id = $1 and deleted_at \
               is not null";
    let binned = database.execute(age, &[&workspace]).await.unwrap();
    assert!(binned > 3, "{binned} in the bin");
    let purge = "select removed from purge_bin_v1($1, 1000, 1000000, interval '1 second', false)";
    assert_eq!(database::number(&database, purge, &[&workspace]).await, i64::try_from(binned).unwrap());
    assert_eq!(lines().await, before, "what is purged was told when it was deleted");
    every_function_that_writes_lines_was_called(&database).await;
}

/// The query of what changed otherwise than its line says.
fn differences(workspace: i64) -> String {
    format!(
        "select coalesce(string_agg(format('%s %s: changed %s times, to version %s; %s lines, %s of version %s, by %s',
             w.kind, w.subject, w.times, w.version, coalesce(l.lines, 0), l.kind, l.version, l.actor), '; '), '')
         from (select xid, subject, kind, max(version) as version, count(*) as times from watched group by 1, 2, 3) w
         full join (
             select xid, subject, count(*) as lines, min(split_part(type, '.', 1)) as kind,
                 nullif(min(version), 0) as version, min(actor) as actor
             from events where workspace_id = {workspace} group by 1, 2
         ) l using (xid, subject)
         where (l.lines, l.kind, l.version) is distinct from (1, w.kind, w.version)
            or l.actor is null or l.actor !~ '^[tj]:[0-9a-f-]{{36}}$'"
    )
}

/// Else what is above says nothing of it. `log_created_v1` is for what writes by other means than the service.
async fn every_function_that_writes_lines_was_called(database: &Client) {
    let uncalled = "select coalesce(string_agg(p.proname, ', '), '')
        from pg_proc p left join pg_stat_user_functions s on s.funcid = p.oid
        where p.pronamespace = 'public'::regnamespace and p.prosrc like '%INSERT INTO events%'
            and p.proname <> 'log_created_v1' and s.calls is null";
    let mut found = String::new();
    // A session tells its counts within ten seconds.
    for _ in 0..100 {
        found = database.query_one(uncalled, &[]).await.unwrap().get(0);
        if found.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("never called: {found}");
}

async fn watch(database: &Client, kind: &str, table: &str, when: &str, condition: &str) {
    let trigger = format!(
        "create trigger watch_{when} after {when} on {table} for each row when ({condition}) execute function \
         watch('{kind}')"
    );
    database.batch_execute(&trigger).await.unwrap();
}

/// By whoever cancels it, by a failure for good, and by a worker that finds that too many died of it; `everything` has
/// jobs that succeed.
async fn every_end_of_a_job(ws: &Workspace, database: &mut Client, workspace: i64) {
    let insert = "insert into jobs (workspace_id, uid, kind, filter, change, status, lease, started_at, \
                  consecutive_failures, due_at)
        values ($1, $2::text::uuid, 'todos.bulk', '{}', '\"complete\"', $3, gen_random_uuid(), now(), 1000,
            now() + $4::bigint * interval '1 hour')";
    let cancelled = uuid();
    database.execute(insert, &[&workspace, &cancelled, &"running", &1_i64]).await.unwrap();
    ws.delete(&format!("/api/v2/jobs/{cancelled}")).send().await.ok();
    let given_up = uuid();
    database.execute(insert, &[&workspace, &given_up, &"running", &-1_i64]).await.unwrap();

    let id = ws.titled("assigned").await;
    let person = ws.employee("Eve").await;
    // The worker waits for the todo until the employee is gone.
    let held = database.transaction().await.unwrap();
    held.execute("select from todos where uid = $1::text::uuid for update", &[&id]).await.unwrap();
    let assign = json!({ "filter": all(), "action": "assign", "assignee_id": person["id"] });
    let started = ws.post("/api/v2/todos/bulk-process").json(assign).send().await;
    started.has_status(202);
    let job = started.header("location");
    for _ in 0..200 {
        if ws.get(job).send().await.ok()["status"] == "running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ws.delete(&format!("/api/v2/employees/{}", person["id"].as_str().unwrap())).send().await.no_content();
    held.commit().await.unwrap();
    for job in [job, &format!("/api/v2/jobs/{given_up}")] {
        assert_eq!(ended(ws, job).await["status"], "failed");
    }
}

/// Every way to change something that the feed tells of.
async fn everything(ws: &Workspace) {
    let department = ws.department("Research").await;
    let other = ws.department("Sales").await;
    let ada = ws.employee("Ada").await;
    let bob = ws.employee("Bob").await;
    let of = |list: &str, data: &Value| format!("/api/v2/{list}/{}", data["id"].as_str().unwrap());
    ws.patch(&of("departments", &department)).json(json!({ "name": "Development" })).send().await.ok();
    ws.delete(&of("departments", &other)).send().await.no_content();
    ws.patch(&of("employees", &ada)).json(json!({ "department_id": department["id"], "name": "A" })).send().await.ok();
    let todo = ws.todo(json!({ "title": "x", "tags": ["a", "b"], "assignee_id": bob["id"] })).await;
    let draft = json!({ "title": "y", "tags": ["c"] });
    ws.put(&path(&todo)).header("if-match", "*").json(draft.clone()).send().await.ok();
    ws.put(&format!("/api/v2/todos/{}", uuid())).header("if-none-match", "*").json(draft).send().await.created();
    ws.patch(&path(&todo))
        .json(json!({ "tags": ["a"], "description": "z", "due_date": "2030-01-01T00:00:00Z" }))
        .send()
        .await
        .ok();
    ws.delete(&path(&todo)).send().await.no_content();
    ws.delete(&of("employees", &bob)).send().await.no_content();
    ws.post(&format!("{}/restore", path(&todo))).send().await.ok();
    let operations = json!([
        { "op": "create", "todo": { "title": "batch", "tags": ["d"] } },
        { "op": "update", "id": todo["id"], "todo": { "status": "completed" } },
    ]);
    ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    let old = ws.get("/api/v1/todos").send().await.ok()[0]["id"].as_i64().unwrap();
    ws.patch(&format!("/api/v1/todos/{old}")).json(json!({ "title": "v1" })).send().await.ok();
    every_bulk_change(ws, &ada).await;
    let tags = ws.all("/api/v2/tags", &[]).await;
    let tag = |name: &str| of("tags", tags.iter().find(|tag| tag["name"] == name).unwrap());
    ws.patch(&tag("a")).json(json!({ "name": "A!" })).send().await.ok();
    ws.patch(&tag("b")).json(json!({ "name": "c" })).send().await.ok();
    ws.delete(&tag("d")).send().await.no_content();
    ws.delete(&path(&todo)).send().await.no_content();
    let restore = json!({ "operations": [{ "op": "delete", "id": ws.titled("gone").await }] });
    ws.post("/api/v2/todos/batch").json(restore).send().await.ok();
    let mut body = json!({ "action": "delete" });
    body["filter"] = all();
    done(ws, body).await;
}

/// All but a deletion.
async fn every_bulk_change(ws: &Workspace, ada: &Value) {
    for change in [
        json!({ "action": "reopen" }),
        json!({ "action": "complete" }),
        json!({ "action": "set_priority", "priority": "low" }),
        json!({ "action": "assign", "assignee_id": ada["id"] }),
        json!({ "action": "add_tag", "tag": "e" }),
        json!({ "action": "remove_tag", "tag": "e" }),
    ] {
        let mut body = change;
        body["filter"] = all();
        done(ws, body).await;
    }
}

/// The same of lists, subtasks and an order of one's own.
async fn everything_of_trees(ws: &Workspace) {
    let of = |data: &Value| format!("/api/v2/lists/{}", data["id"].as_str().unwrap());
    let made = async |name: &str| ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created();
    let (home, work, gone) = (made("Home").await, made("Work").await, made("Gone").await);
    ws.put(&format!("/api/v2/lists/{}", uuid()))
        .header("if-none-match", "*")
        .json(json!({ "name": "Chosen" }))
        .send()
        .await
        .created();
    ws.patch(&of(&work)).json(json!({ "name": "Office" })).send().await.ok();
    ws.delete(&of(&gone)).send().await.no_content();
    let parent = ws.todo(json!({ "title": "parent", "list_id": home["id"] })).await;
    let mut below = Vec::new();
    for title in ["a", "b", "c"] {
        below.push(ws.todo(json!({ "title": title, "parent_id": parent["id"], "position": 1 })).await);
    }
    let to = async |todo: &Value, place: Value| {
        ws.post(&format!("{}/move", path(todo))).json(place).send().await.ok();
    };
    // Between two that stand at the same place, which makes room.
    to(&below[2], json!({ "after": below[0]["id"] })).await;
    to(&parent, json!({ "list_id": work["id"], "place": "last" })).await;
    let operations = json!([
        { "op": "update", "id": parent["id"], "todo": { "list_id": home["id"] } },
        { "op": "update", "id": below[0]["id"], "todo": { "title": "again", "parent_id": null } },
        { "op": "delete", "id": below[1]["id"] },
    ]);
    ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    let operations = json!([{ "op": "delete", "id": below[2]["id"] }, { "op": "delete", "id": parent["id"] }]);
    ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    // The first alone, and so out of its tree.
    for todo in [&below[2], &parent, &below[1]] {
        ws.post(&format!("{}/restore", path(todo))).send().await.ok();
    }
    ws.post(&format!("{}/complete", path(&parent))).json(json!({ "subtasks": "complete" })).send().await.ok();
    for change in [json!({ "action": "move", "list_id": work["id"] }), json!({ "action": "reopen" })] {
        let mut body = change;
        body["filter"] = all();
        done(ws, body).await;
    }
    let ids: Vec<&Value> = below.iter().map(|todo| &todo["id"]).collect();
    let call = async |name: &str, arguments: Value| mcp::tool(ws, name, arguments).send().await.content();
    let moves: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "list_id": home["id"], "place": "first" })).collect();
    call("move_todos", json!({ "todos": moves })).await;
    call("complete_todos", json!({ "ids": [parent["id"], ids[0]], "subtasks": "complete" })).await;
    call("delete_todos", json!({ "ids": [ids[0], parent["id"]] })).await;
    call("restore_todos", json!({ "ids": [parent["id"]] })).await;
    ws.patch(&of(&home)).json(json!({ "archived": true })).send().await.ok();
}
