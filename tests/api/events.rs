//! Who changed what: the history of a todo, and all that happened in a workspace.

use serde_json::{Value, json};

use crate::harness::{Client, Options, Server, Workspace, database, suite, uuid};
use crate::jobs::done;

suite![
    a_history_tells_who_changed_what,
    every_kind_of_change_has_its_type,
    a_history_outlives_the_way_into_the_bin,
    a_revoked_token_keeps_its_name,
    a_token_that_names_a_person_does_so_in_events,
    a_job_is_an_actor_and_a_subject,
    #[database]
    a_program_beside_the_service_is_an_actor,
    #[embedded]
    nobody_is_the_actor_where_there_are_no_tokens,
    events_are_filtered,
    a_history_is_of_the_todo_alone,
    events_are_paged,
    events_are_for_administrators,
    #[database]
    a_history_goes_by_version,
    #[database]
    a_history_ends_after_thirty_days,
];

const EVENTS: &str = "/api/v2/events";

async fn history(client: &Client, todo: &str) -> Vec<Value> {
    let page = client.get(&format!("/api/v2/todos/{todo}/history")).send().await.ok();
    page["items"].as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

async fn a_history_tells_who_changed_what() {
    let ws = Workspace::new().await;
    let employee = ws.employee("Ada").await;
    let todo = ws.todo(json!({ "title": "a", "priority": "low", "tags": ["Home"] })).await;
    let id = todo["id"].as_str().unwrap();
    let patch = json!({ "title": "b", "description": "secret", "priority": "high",
        "due_date": "2030-01-31T13:00:00+01:00",
        "tags": ["Work"], "assignee_id": employee["id"] });
    let changed = ws.patch(&format!("/api/v2/todos/{id}")).header("x-request-id", "mine").json(patch).send().await;
    changed.ok();
    let events = history(&ws, id).await;
    assert_eq!(types(&events), ["todo.updated", "todo.created"]);
    let actor = json!({ "kind": "token", "id": ws.token_id, "name": "test", "employee": null });
    let event = &events[0];
    assert_eq!((&event["actor"], &event["subject"], &event["version"]), (&actor, &todo["id"], &json!(2)));
    assert_eq!(event["request_id"], "mine");
    assert_eq!(
        event["changes"],
        json!({
            "title": { "from": "a", "to": "b" },
            "description": { "changed": true },
            "priority": { "from": "low", "to": "high" },
            "due_date": { "from": null, "to": "2030-01-31T12:00:00Z" },
            "tags": { "added": ["Work"], "removed": ["Home"] },
            "assignee": { "from": null, "to": { "id": employee["id"], "name": "Ada" } },
        })
    );
    assert!(!event.to_string().contains("secret"), "{event}");
    assert_eq!((&events[1]["changes"], &events[1]["version"], &events[1]["actor"]), (&json!({}), &json!(1), &actor));
}

async fn every_kind_of_change_has_its_type() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    let path = format!("/api/v2/todos/{id}");
    for status in ["in_progress", "completed", "completed", "pending", "cancelled"] {
        ws.patch(&path).json(json!({ "status": status })).send().await.ok();
    }
    ws.delete(&path).send().await.no_content();
    ws.post(&format!("{path}/restore")).send().await.ok();
    let mut events = history(&ws, &id).await;
    events.reverse();
    assert_eq!(
        types(&events),
        [
            "todo.created",
            "todo.updated",
            "todo.completed",
            "todo.reopened",
            "todo.updated",
            "todo.deleted",
            "todo.restored"
        ]
    );
    let versions: Vec<i64> = events.iter().map(|event| event["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7]);
}

async fn a_history_outlives_the_way_into_the_bin() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
    assert_eq!(types(&history(&ws, &id).await), ["todo.deleted", "todo.created"]);
    ws.get(&format!("/api/v2/todos/{}/history", uuid())).send().await.problem(404, "todo_not_found");
    ws.get("/api/v2/todos/x/history").send().await.problem(400, "invalid_parameter").in_parameter("id");
    let writer = ws.with_scopes(&["todos:write"]).await;
    writer.get(&format!("/api/v2/todos/{id}/history")).send().await.problem(403, "insufficient_scope");
}

async fn a_revoked_token_keeps_its_name() {
    let ws = Workspace::new().await;
    let token = ws.token(json!(["todos:write"]), Value::Null).await;
    let client = ws.server.bearer(token["token"].as_str().unwrap());
    let made = client.post("/api/v2/todos").json(json!({ "title": "x" })).send().await.created();
    let revoke = format!("/api/v2/admin/tokens/{}", token["id"].as_str().unwrap());
    ws.server.admin().delete(&revoke).send().await.no_content();
    let events = history(&ws, made["id"].as_str().unwrap()).await;
    assert_eq!(events[0]["actor"], json!({ "kind": "token", "id": token["id"], "name": "test", "employee": null }));
}

async fn a_token_that_names_a_person_does_so_in_events() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let body = json!({ "workspace_id": ws.id, "name": "phone", "scopes": ["todos:write"], "employee_id": ada["id"] });
    let token = ws.server.admin().post("/api/v2/admin/tokens").json(body).send().await.created();
    let client = ws.server.bearer(token["token"].as_str().unwrap());
    let made = client.post("/api/v2/todos").json(json!({ "title": "x" })).send().await.created();
    let person = json!({ "id": ada["id"], "name": "Ada" });
    let actor = json!({ "kind": "token", "id": token["id"], "name": "phone", "employee": person });
    assert_eq!(history(&ws, made["id"].as_str().unwrap()).await[0]["actor"], actor);
    // By whichever of the person's tokens.
    ws.titled("another's").await;
    let admin = ws.with_scopes(&["admin"]).await;
    let found = admin.get(EVENTS).query(&[("actor", ada["id"].as_str().unwrap())]).send().await.ok();
    let subjects: Vec<&Value> = found["items"].as_array().unwrap().iter().map(|event| &event["subject"]).collect();
    assert_eq!(subjects, [&made["id"]]);
}

async fn a_job_is_an_actor_and_a_subject() {
    let ws = Workspace::new().await;
    let admin = ws.with_scopes(&["admin"]).await;
    let id = ws.titled("x").await;
    let job = done(&ws, json!({ "filter": { "completed": false }, "action": "complete" })).await;
    let actor = json!({ "kind": "job", "id": job["id"] });
    let event = history(&ws, &id).await[0].clone();
    assert_eq!(
        (&event["type"], &event["actor"], &event["request_id"]),
        (&json!("todo.completed"), &actor, &Value::Null)
    );
    assert_eq!(event["changes"], json!({ "status": { "from": "pending", "to": "completed" } }));
    let ended = admin.get(EVENTS).query(&[("type", "job.succeeded")]).send().await.ok();
    let event = &ended["items"][0];
    assert_eq!((&event["subject"], &event["version"], &event["actor"]), (&job["id"], &Value::Null, &actor));
    let by_the_job = admin.get(EVENTS).query(&[("actor", job["id"].as_str().unwrap())]).send().await.ok();
    assert_eq!(types(by_the_job["items"].as_array().unwrap()), ["job.succeeded", "todo.completed"]);
}

async fn events_are_filtered() {
    let ws = Workspace::new().await;
    let admin = ws.with_scopes(&["admin"]).await;
    let first = ws.todo(json!({ "title": "a", "tags": ["t"] })).await;
    let second = ws.titled("b").await;
    ws.delete(&format!("/api/v2/todos/{second}")).send().await.no_content();
    let found = async |query: &[(&str, &str)]| {
        let page = admin.get(EVENTS).query(query).send().await.ok();
        types(page["items"].as_array().unwrap()).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(&[]).await, ["todo.deleted", "todo.created", "todo.created", "tag.created"]);
    assert_eq!(found(&[("type", "tag.created,todo.deleted")]).await, ["todo.deleted", "tag.created"]);
    let document = admin.get("/api/v2/openapi.json").send().await.ok();
    let every: Vec<_> = document["components"]["schemas"]["EventType"]["enum"].as_array().unwrap().iter().collect();
    assert!(every.len() > 20, "more than a filter of todos may name: {every:?}");
    let every: Vec<_> = every.into_iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(found(&[("type", &every.join(","))]).await.len(), 4);
    assert_eq!(found(&[("subject", &second)]).await, ["todo.deleted", "todo.created"]);
    assert_eq!(found(&[("subject", first["id"].as_str().unwrap()), ("type", "todo.deleted")]).await, [""; 0]);
    assert_eq!(found(&[("actor", &ws.token_id)]).await.len(), 4);
    assert_eq!(found(&[("actor", &uuid())]).await, [""; 0]);
    for (name, value) in [("type", "todo.eaten"), ("actor", "me"), ("subject", "1")] {
        admin.get(EVENTS).query(&[(name, value)]).send().await.problem(400, "invalid_parameter").in_parameter(name);
    }
}

/// A list may have the id of a todo.
async fn a_history_is_of_the_todo_alone() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    let list = ws.put(&format!("/api/v2/lists/{id}")).header("if-none-match", "*").json(json!({ "name": "Same" }));
    list.send().await.created();
    assert_eq!(types(&history(&ws, &id).await), ["todo.created"]);
    let admin = ws.with_scopes(&["admin"]).await;
    let both = admin.get(EVENTS).query(&[("subject", &id)]).send().await.ok();
    assert_eq!(types(both["items"].as_array().unwrap()), ["list.created", "todo.created"]);
}

/// The versions that a list of events tells of, two a page.
async fn versions(client: &Client, path: &str, query: &[(&str, &str)]) -> Vec<i64> {
    let mut versions = Vec::new();
    let mut cursor = None::<String>;
    loop {
        let mut pairs = [query, &[("limit", "2")]].concat();
        pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = client.get(path).query(&pairs).send().await;
        let body = page.ok();
        versions.extend(body["items"].as_array().unwrap().iter().map(|event| event["version"].as_i64().unwrap()));
        cursor = body["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return versions;
        }
        assert!(page.header("link").contains("rel=\"next\""), "{page}");
    }
}

async fn events_are_paged() {
    let ws = Workspace::new().await;
    let admin = ws.with_scopes(&["admin"]).await;
    let id = ws.titled("0").await;
    for title in ["1", "2", "3", "4"] {
        ws.patch(&format!("/api/v2/todos/{id}")).json(json!({ "title": title })).send().await.ok();
    }
    for (client, path) in [(&admin, EVENTS.to_owned()), (&*ws, format!("/api/v2/todos/{id}/history"))] {
        assert_eq!(versions(client, &path, &[]).await, [5, 4, 3, 2, 1], "{path}");
    }
    let other = ws.titled("other").await;
    let cursor = ws.get(&format!("/api/v2/todos/{id}/history?limit=1")).send().await.ok()["next_cursor"].clone();
    let elsewhere = ws.get(&format!("/api/v2/todos/{other}/history")).query(&[("cursor", cursor.as_str().unwrap())]);
    elsewhere.send().await.problem(400, "invalid_cursor");
}

async fn events_are_for_administrators() {
    let ws = Workspace::new().await;
    ws.titled("x").await;
    ws.get(EVENTS).send().await.problem(403, "insufficient_scope");
    // Of their own workspace alone.
    let (other, id) = (Workspace::new().await, ws.titled("y").await);
    let admin = other.with_scopes(&["admin"]).await;
    assert_eq!(admin.get(EVENTS).send().await.ok()["items"], json!([]));
    assert_eq!(admin.get(EVENTS).query(&[("subject", &id)]).send().await.ok()["items"], json!([]));
}

/// A transaction may have its number long before it locks the todo.
async fn a_history_goes_by_version() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let id = ws.titled("first").await;
    let older = database.transaction().await.unwrap();
    older.execute("select pg_current_xact_id()", &[]).await.unwrap();
    ws.patch(&format!("/api/v2/todos/{id}")).json(json!({ "title": "second" })).send().await.ok();
    let update = "select outcome from todo_update_v1(as_actor_v1($1, null, null), null, null, null, false, null, \
        $2::text::uuid, null, '{\"update\": {\"title\": \"third\"}}')";
    assert_eq!(older.query_one(update, &[&workspace, &id]).await.unwrap().get::<_, &str>(0), "done");
    older.commit().await.unwrap();
    let path = format!("/api/v2/todos/{id}/history");
    assert_eq!(versions(&ws, &path, &[]).await, [3, 2, 1]);
    let admin = ws.with_scopes(&["admin"]).await;
    assert_eq!(versions(&admin, EVENTS, &[("subject", &id)]).await, [3, 2, 1]);
    assert_eq!(versions(&admin, EVENTS, &[]).await, [2, 3, 1], "of several by transaction");
}

/// As whoever writes into the database by the functions of the migrations.
async fn a_program_beside_the_service_is_an_actor() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let (id, workspace) = (ws.titled("x").await, database::workspace(&database, &ws).await);
    let rename = "select c.outcome from as_actor_v1($1, 's:importer', 'a night') as w (workspace), \
        lateral todo_update_v1(w.workspace, null, null, null, false, null, $2::text::uuid, null, \
            '{\"update\": {\"title\": \"y\"}}') c";
    let outcome: String = database.query_one(rename, &[&workspace, &id]).await.unwrap().get(0);
    let event = &history(&ws, &id).await[0];
    assert_eq!(event["actor"], json!({ "kind": "service", "name": "importer" }), "{outcome}: {event}");
    assert_eq!((&event["type"], &event["request_id"]), (&json!("todo.updated"), &json!("a night")));
}

async fn nobody_is_the_actor_where_there_are_no_tokens() {
    let server = Server::private(Options::default().with("auth", "off")).await;
    let client = Client::new(server, None);
    let todo = client.post("/api/v2/todos").json(json!({ "title": "x" })).send().await.created();
    let id = todo["id"].as_str().unwrap();
    assert_eq!(history(&client, id).await[0]["actor"], Value::Null);
    let all = client.get(EVENTS).query(&[("subject", id)]).send().await.ok();
    assert_eq!((&all["items"][0]["type"], &all["items"][0]["actor"]), (&json!("todo.created"), &Value::Null));
    client.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
}

async fn a_history_ends_after_thirty_days() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let id = ws.titled("x").await;
    ws.patch(&format!("/api/v2/todos/{id}")).json(json!({ "title": "y" })).send().await.ok();
    let age =
        "update events set at = now() - interval '30 days 1 minute' where subject = $1::text::uuid and version = 1";
    assert_eq!(database.execute(age, &[&id]).await.unwrap(), 1);
    assert_eq!(types(&history(&ws, &id).await), ["todo.updated"]);
}
