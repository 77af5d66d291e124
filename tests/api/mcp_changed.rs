//! The tool `what_changed`: which changes it tells, by whom, how far back, page by page.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::mcp::{call, legacy};
use crate::harness::{Client, Workspace, database, suite, uuid};
use crate::jobs::done;

suite![
    what_changed_and_who_did_it_is_told,
    only_what_happened_to_todos_is_told,
    who_did_it_is_named_as_far_as_known,
    #[database]
    a_purged_todo_has_no_title,
    somebody_without_a_person_is_not_me,
    pages_put_together_are_the_whole,
    a_cursor_goes_on_with_its_own_question_alone,
    #[database]
    what_is_kept_no_longer_is_not_claimed_to_be_complete,
    #[database]
    a_page_may_be_empty_before_the_last,
];

const TOOL: &str = "what_changed";

async fn changes(client: &Client, arguments: Value) -> Vec<Value> {
    let told = call(client, TOOL, arguments).await.content();
    assert_eq!(told["next_cursor"], Value::Null, "all on one page");
    told["changes"].as_array().unwrap().clone()
}

async fn what_changed_and_who_did_it_is_told() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let body = json!({ "workspace_id": ws.id, "name": "phone", "scopes": ["todos:read", "todos:write"],
        "employee_id": ada["id"] });
    let token = ws.server.admin().post("/api/v2/admin/tokens").json(body).send().await.created();
    let phone = ws.server.bearer(token["token"].as_str().unwrap());
    let id = ws.titled("Milk").await;
    let first = call(&ws, "what_changed", json!({})).await.content()["changes"][0]["at"].clone();
    let update = json!({ "todos": [{ "id": id, "priority": "high", "tags": ["shop"] }] });
    call(&phone, "update_todos", update).await.content();
    ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
    let told = async |arguments: Value| {
        let changes = call(&phone, "what_changed", arguments).await.content()["changes"].clone();
        let changes = changes.as_array().unwrap().clone();
        changes.iter().map(|change| (change["type"].clone(), change["by"].clone())).collect::<Vec<_>>()
    };
    let [created, updated, deleted] = [("created", "test"), ("updated", "Ada"), ("deleted", "test")]
        .map(|(what, by)| (json!(format!("todo.{what}")), json!(by)));
    assert_eq!(told(json!({})).await, [deleted.clone(), updated.clone(), created]);
    assert_eq!(told(json!({ "since": first })).await, [deleted, updated.clone()]);
    assert_eq!(told(json!({ "by": "me" })).await, std::slice::from_ref(&updated));
    assert_eq!(told(json!({ "by": ada["id"] })).await, [updated]);
    let page = call(&ws, "what_changed", json!({ "limit": 2 })).await.content();
    let cursor = page["next_cursor"].clone();
    assert_eq!(page["changes"][1]["changes"]["tags"], json!({ "added": ["shop"], "removed": [] }));
    assert_eq!((&page["changes"][0]["title"], &page["changes"][0]["todo_id"]), (&json!("Milk"), &json!(id)));
    let last = call(&ws, "what_changed", json!({ "limit": 2, "cursor": cursor })).await.content();
    assert_eq!((last["changes"].as_array().unwrap().len(), &last["next_cursor"]), (1, &Value::Null));
    let other = Workspace::new().await;
    assert_eq!(call(&other, "what_changed", json!({})).await.content()["changes"], json!([]));
}

async fn only_what_happened_to_todos_is_told() {
    let ws = Workspace::new().await;
    let listed = legacy(&ws, "tools/list", json!({})).send().await.result();
    let tool = listed["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == TOOL).unwrap();
    let types = &tool["outputSchema"]["properties"]["changes"]["items"]["properties"]["type"]["enum"];
    let expected = ["created", "updated", "completed", "reopened", "deleted", "restored", "moved"];
    assert_eq!(*types, json!(expected.map(|what| format!("todo.{what}"))));
    ws.employee("Ada").await;
    ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
    assert_eq!(changes(&ws, json!({})).await, [Value::Null; 0]);
    ws.todo(json!({ "title": "x", "tags": ["new"] })).await;
    let told = changes(&ws, json!({})).await;
    assert_eq!(told.iter().map(|change| &change["type"]).collect::<Vec<_>>(), ["todo.created"]);
}

async fn who_did_it_is_named_as_far_as_known() {
    let ws = Workspace::new().await;
    let body = json!({ "workspace_id": ws.id, "name": "robot", "scopes": ["todos:write"] });
    let token = ws.server.admin().post("/api/v2/admin/tokens").json(body).send().await.created();
    let robot = ws.server.bearer(token["token"].as_str().unwrap());
    call(&robot, "add_todos", json!({ "todos": [{ "title": "x" }] })).await.content();
    let revoke = format!("/api/v2/admin/tokens/{}", token["id"].as_str().unwrap());
    ws.server.admin().delete(&revoke).send().await.no_content();
    let job = done(&ws, json!({ "filter": { "completed": false }, "action": "complete" })).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    let told = changes(&ws, json!({})).await;
    let told: Vec<_> = told.iter().map(|change| [&change["type"], &change["by"]]).collect();
    assert_eq!(told, [["todo.completed", "job"], ["todo.created", "robot"]]);
}

async fn a_purged_todo_has_no_title() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let [gone, binned] = [ws.titled("gone").await, ws.titled("binned").await];
    call(&ws, "delete_todos", json!({ "ids": [gone, binned] })).await.content();
    let purge = "delete from todos where uid = $1::text::uuid and deleted_at is not null";
    assert_eq!(database.execute(purge, &[&gone]).await.unwrap(), 1);
    for change in changes(&ws, json!({})).await {
        let title = if change["todo_id"] == json!(gone) { Value::Null } else { json!("binned") };
        assert_eq!(change["title"], title, "{change}");
    }
}

async fn somebody_without_a_person_is_not_me() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let refused = call(&ws, TOOL, json!({ "by": "me" })).await;
    refused.refusal(422, "invalid_body").at("/by", "no_person").faults_are(1);
    let theirs = other.employee("Theirs").await;
    let them = other.server.bearer(other.token_of(&theirs).await["token"].as_str().unwrap());
    call(&them, "add_todos", json!({ "todos": [{ "title": "x" }] })).await.content();
    assert_eq!(changes(&other, json!({ "by": theirs["id"] })).await.len(), 1);
    ws.titled("ours").await;
    assert_eq!(changes(&ws, json!({ "by": theirs["id"] })).await, [Value::Null; 0]);
    assert_eq!(changes(&ws, json!({ "by": uuid() })).await, [Value::Null; 0]);
}

async fn pages_put_together_are_the_whole() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let adas = ws.server.bearer(ws.token_of(&ada).await["token"].as_str().unwrap());
    let first = ws.titled("first").await;
    let since = changes(&ws, json!({})).await[0]["at"].clone();
    for client in [&*ws, &adas, &*ws, &adas, &adas] {
        let added = call(client, "add_todos", json!({ "todos": [{ "title": "a" }, { "title": "b" }] })).await.content();
        call(client, "update_todos", json!({ "todos": [{ "id": first, "title": added["todos"][0]["id"] }] }))
            .await
            .content();
    }
    for (arguments, count) in [
        (json!({}), 16),
        (json!({ "since": since }), 15),
        (json!({ "by": ada["id"] }), 9),
        (json!({ "by": ada["id"], "since": since }), 9),
    ] {
        let whole = changes(&ws, arguments.clone()).await;
        assert_eq!(whole.len(), count, "{arguments}");
        for limit in [1, 4, 5] {
            let (mut paged, mut page) = (Vec::new(), arguments.clone());
            page["limit"] = limit.into();
            loop {
                let told = call(&ws, TOOL, page.clone()).await.content();
                assert!(told["changes"].as_array().unwrap().len() <= limit, "{told}");
                paged.extend(told["changes"].as_array().unwrap().iter().cloned());
                if told["next_cursor"].is_null() {
                    break;
                }
                page["cursor"] = told["next_cursor"].clone();
            }
            assert_eq!(paged, whole, "{arguments} by {limit}");
        }
    }
}

async fn a_cursor_goes_on_with_its_own_question_alone() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let ada = ws.employee("Ada").await;
    for workspace in [&ws, &other] {
        workspace.titled("a").await;
        workspace.titled("b").await;
    }
    let cursor = call(&ws, TOOL, json!({ "limit": 1 })).await.content()["next_cursor"].as_str().unwrap().to_owned();
    call(&ws, TOOL, json!({ "limit": 2, "cursor": cursor })).await.content();
    let of_todos = call(&ws, "find_todos", json!({ "limit": 1 })).await.content()["next_cursor"].clone();
    let events = ws.with_scopes(&["admin"]).await;
    let of_events = events.get("/api/v2/events?limit=1").send().await.ok()["next_cursor"].clone();
    let mut tampered = cursor.clone().into_bytes();
    let middle = tampered.len() / 2;
    tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for (client, arguments) in [
        (&ws, json!({ "cursor": "" })),
        (&ws, json!({ "cursor": "x" })),
        (&ws, json!({ "cursor": tampered })),
        (&ws, json!({ "cursor": of_todos })),
        (&ws, json!({ "cursor": of_events })),
        (&ws, json!({ "cursor": cursor, "since": "2020-01-01T00:00:00Z" })),
        (&ws, json!({ "cursor": cursor, "by": ada["id"] })),
        (&other, json!({ "cursor": cursor })),
    ] {
        let refused = call(client, TOOL, arguments).await;
        refused.refusal(400, "invalid_cursor").at("/cursor", "invalid_value").faults_are(1);
    }
    call(&ws, "find_todos", json!({ "cursor": cursor })).await.refusal(400, "invalid_cursor");
    events.get("/api/v2/events").query(&[("cursor", &cursor)]).send().await.problem(400, "invalid_cursor");
}

async fn what_is_kept_no_longer_is_not_claimed_to_be_complete() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let [old, new] = [ws.titled("old").await, ws.titled("new").await];
    let age = "update events set at = now() - interval '30 days 1 minute' where subject = $1::text::uuid";
    assert_eq!(database.execute(age, &[&old]).await.unwrap(), 1);
    let told = async |arguments: Value| {
        let told = call(&ws, TOOL, arguments).await.content();
        assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told}");
        assert_eq!(told["changes"][0]["todo_id"], json!(new), "{told}");
        told["complete_since"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap()
    };
    let ago = |days: i64| Utc::now() - TimeDelta::days(days);
    let written = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    for arguments in [json!({}), json!({ "since": written(ago(40)) })] {
        let complete = told(arguments).await;
        assert!((ago(30) - complete).abs() < TimeDelta::minutes(1), "{complete}");
    }
    let yesterday = written(ago(1));
    assert_eq!(written(told(json!({ "since": yesterday })).await), yesterday);
}

/// 5,000 lines of the log are looked at for a page.
async fn a_page_may_be_empty_before_the_last() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let ada = ws.employee("Ada").await;
    let adas = ws.server.bearer(ws.token_of(&ada).await["token"].as_str().unwrap());
    call(&adas, "add_todos", json!({ "todos": [{ "title": "hers" }] })).await.content();
    let others = "insert into events (workspace_id, type, subject, version, actor) \
        select $1, 'todo.updated', gen_random_uuid(), 1, 's:others' from generate_series(1, 5001)";
    assert_eq!(database.execute(others, &[&workspace]).await.unwrap(), 5001);
    let first = call(&ws, TOOL, json!({ "by": ada["id"] })).await.content();
    assert_eq!(first["changes"], json!([]));
    assert!(first["next_cursor"].is_string(), "{first}");
    let second = call(&ws, TOOL, json!({ "by": ada["id"], "cursor": first["next_cursor"] })).await.content();
    assert_eq!((&second["changes"][0]["title"], &second["next_cursor"]), (&json!("hers"), &Value::Null));
    database.execute("delete from events where workspace_id = $1", &[&workspace]).await.unwrap();
}
