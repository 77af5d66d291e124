//! The feed: one loop for the whole state and for what changes, in an order in which nothing is ever missed.

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use todo_core::domain::cursor::Cursor;
use todo_core::domain::feed::FeedPosition;

use crate::harness::follower::{Follower, settle, state};
use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, suite};
use crate::jobs::done;

suite![
    a_follower_has_the_state_and_then_every_change,
    an_item_is_what_is_read_alone,
    a_new_copy_is_what_an_old_one_has_become,
    one_subject_comes_once_a_page_as_it_is_now,
    a_tag_that_is_merged_says_into_which,
    a_tag_that_is_gone_is_told_as_it_is_now_on_each_page,
    a_name_that_is_free_again_is_another_tags,
    a_bulk_change_is_followed,
    only_the_kinds_that_are_asked_for_come,
    a_cursor_belongs_to_its_feed,
    parameters_are_checked,
    the_feed_is_never_cached,
    #[database]
    what_commits_late_is_not_missed,
    #[database]
    a_first_page_begins_where_the_log_ends,
    pages_are_bounded_in_bytes,
    #[embedded]
    a_cursor_is_good_for_thirty_days_unless_its_time_is_lost,
    #[database]
    what_nobody_can_ask_for_is_purged,
    #[embedded]
    who_pauses_for_too_long_begins_anew_and_who_goes_on_never_does,
];

const FEED: &str = "/api/v2/changes";

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())
}

/// A filter that every todo fulfils.
fn all() -> Value {
    json!({ "created_after": "2000-01-01T00:00:00Z" })
}

/// Type, id and whether it is gone.
fn brief(items: &[Value]) -> Vec<(&str, &str, bool)> {
    let text = |item: &'static str| item;
    let (kind, id) = (text("type"), text("id"));
    items
        .iter()
        .map(|item| (item[kind].as_str().unwrap(), item[id].as_str().unwrap(), item["deleted"] == true))
        .collect()
}

async fn a_follower_has_the_state_and_then_every_change() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let ada = ws.employee("Ada").await;
    let employee = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&employee).json(json!({ "department_id": department["id"] })).send().await.ok();
    let first = ws.todo(json!({ "title": "First", "tags": ["Home", "Old"], "assignee_id": ada["id"] })).await;
    let second = ws.todo(json!({ "title": "Second", "tags": ["Home"] })).await;
    ws.titled("Third").await;
    let mut follower = Follower::default();
    // Two at a time: the first pass has several pages.
    follower.catch_up(&ws, &[("limit", "2")]).await;
    assert_eq!(follower.sorted(), state(&ws).await, "after the first pass");

    ws.patch(&path(&first)).json(json!({ "status": "completed", "tags": ["New"] })).send().await.ok();
    ws.delete(&path(&second)).send().await.no_content();
    let items = follower.catch_up(&ws, &[]).await;
    let tag = items[0]["id"].as_str().unwrap();
    let (first_id, second_id) = (first["id"].as_str().unwrap(), second["id"].as_str().unwrap());
    assert_eq!(brief(&items), [("tag", tag, false), ("todo", first_id, false), ("todo", second_id, true)]);
    assert_eq!(items[2]["version"], 2, "{items:?}");
    assert_eq!(follower.sorted(), state(&ws).await, "after two changes");

    ws.post(&format!("{}/restore", path(&second))).send().await.ok();
    ws.patch(&employee).json(json!({ "name": "Ada Byron" })).send().await.ok();
    let research = format!("/api/v2/departments/{}", department["id"].as_str().unwrap());
    ws.patch(&research).json(json!({ "name": "Development" })).send().await.ok();
    let rename = format!("/api/v2/tags/{tag}");
    ws.patch(&rename).json(json!({ "name": "Newer" })).send().await.ok();
    let items = follower.catch_up(&ws, &[]).await;
    // Names that todos show do not bring the todos again.
    let [ada, department] = [&ada, &department].map(|data| data["id"].as_str().unwrap());
    assert_eq!(
        brief(&items),
        [("todo", second_id, false), ("employee", ada, false), ("department", department, false), ("tag", tag, false)]
    );
    assert_eq!(follower.sorted(), state(&ws).await, "after new names");
    assert_eq!(follower.catch_up(&ws, &[]).await, [Value::Null; 0], "nothing is left");
}

async fn an_item_is_what_is_read_alone() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let employee = ws.employee("Ada").await;
    let todo =
        ws.todo(json!({ "title": "x", "description": "<b>y</b>", "tags": ["a"], "assignee_id": employee["id"] })).await;
    let items = ws.get(FEED).send().await.ok()["items"].as_array().unwrap().clone();
    let of = |kind: &str| items.iter().find(|item| item["type"] == kind).unwrap();
    for (kind, data, list) in
        [("todo", todo, "todos"), ("employee", employee, "employees"), ("department", department, "departments")]
    {
        let read = ws.get(&format!("/api/v2/{list}/{}", data["id"].as_str().unwrap())).send().await.ok();
        let mut item = json!({ "type": kind, "id": data["id"], "version": 1, "deleted": false, "data": read });
        if kind == "todo" {
            item["tag_ids"] = json!([of("tag")["id"]]);
        }
        assert_eq!(of(kind), &item);
    }
    let tag = ws.all("/api/v2/tags", &[]).await[0].clone();
    let data = json!({ "id": tag["id"], "name": "a" });
    assert_eq!(of("tag"), &json!({ "type": "tag", "id": tag["id"], "version": 1, "deleted": false, "data": data }));
    assert_eq!(items.len(), 4, "{items:?}");
}

async fn a_new_copy_is_what_an_old_one_has_become() {
    let ws = Workspace::new().await;
    let mut old = Follower::default();
    old.catch_up(&ws, &[]).await;
    for number in 0..30 {
        let todo = ws.todo(json!({ "title": number.to_string(), "tags": [format!("tag {}", number % 3)] })).await;
        if number % 4 == 0 {
            ws.delete(&path(&todo)).send().await.no_content();
        }
    }
    let operations = json!([{ "op": "create", "todo": { "title": "batch", "tags": ["tag 1", "batch"] } }]);
    ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
    old.catch_up(&ws, &[("limit", "7")]).await;
    let mut new = Follower::default();
    new.catch_up(&ws, &[("limit", "200")]).await;
    assert_eq!(old.sorted(), new.sorted());
    assert_eq!(new.sorted(), state(&ws).await);
}

async fn one_subject_comes_once_a_page_as_it_is_now() {
    let ws = Workspace::new().await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[("types", "todo")]).await;
    let todo = ws.todo(json!({ "title": "0", "tags": ["a"] })).await;
    for title in ["1", "2", "3"] {
        ws.patch(&path(&todo)).json(json!({ "title": title, "tags": [title] })).send().await.ok();
    }
    let items = follower.catch_up(&ws, &[("types", "todo")]).await;
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!((&items[0]["version"], &items[0]["data"]["title"]), (&json!(4), &json!("3")));
    // A change that changes nothing is none, and what does not happen is not told.
    ws.patch(&path(&todo)).json(json!({ "title": "3" })).send().await.ok();
    ws.patch(&path(&todo))
        .header("if-match", "\"1-x\"")
        .json(json!({ "title": "9" }))
        .send()
        .await
        .problem(412, "stale_version");
    assert_eq!(follower.catch_up(&ws, &[("types", "todo")]).await, [Value::Null; 0]);
}

async fn a_tag_that_is_merged_says_into_which() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "both", "tags": ["a", "b"] })).await;
    ws.todo(json!({ "title": "one", "tags": ["a"] })).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let tags = ws.all("/api/v2/tags", &[]).await;
    let [a, b] = ["a", "b"].map(|name| tags.iter().find(|tag| tag["name"] == name).unwrap()["id"].as_str().unwrap());
    ws.patch(&format!("/api/v2/tags/{a}")).json(json!({ "name": "B" })).send().await.ok();
    let items = follower.catch_up(&ws, &[]).await;
    let gone = json!({ "type": "tag", "id": a, "version": 2, "deleted": true, "replaced_by": b, "data": null });
    assert_eq!(items, [gone]);
    assert_eq!(follower.sorted(), state(&ws).await);
    ws.delete(&format!("/api/v2/tags/{b}")).send().await.no_content();
    assert_eq!(
        follower.catch_up(&ws, &[]).await,
        [json!({ "type": "tag", "id": b, "version": 2, "deleted": true, "data": null })]
    );
    assert_eq!(follower.sorted(), state(&ws).await);
}

/// A page may end at an earlier line of a tag that is merged by now.
async fn a_tag_that_is_gone_is_told_as_it_is_now_on_each_page() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "x", "tags": ["a", "b"] })).await;
    ws.patch(&path(&todo)).json(json!({ "tags": ["a"] })).send().await.ok();
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let tags = ws.all("/api/v2/tags", &[]).await;
    let [a, b] = ["a", "b"].map(|name| tags.iter().find(|tag| tag["name"] == name).unwrap()["id"].as_str().unwrap());
    for name in ["c", "b"] {
        ws.patch(&format!("/api/v2/tags/{a}")).json(json!({ "name": name })).send().await.ok();
    }
    let items = follower.catch_up(&ws, &[("limit", "1")]).await;
    let gone = json!({ "type": "tag", "id": a, "version": 3, "deleted": true, "replaced_by": b, "data": null });
    assert_eq!(items, [gone.clone(), gone]);
    assert_eq!(follower.sorted(), state(&ws).await);
}

/// A copy knows a tag by its id: its old name may be another tag's by the time that the copy hears of the new one.
async fn a_name_that_is_free_again_is_another_tags() {
    let ws = Workspace::new().await;
    let first = ws.todo(json!({ "title": "first", "tags": ["a"] })).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let tag = format!("/api/v2/tags/{}", ws.all("/api/v2/tags", &[]).await[0]["id"].as_str().unwrap());
    ws.patch(&tag).json(json!({ "name": "b" })).send().await.ok();
    let second = ws.todo(json!({ "title": "second", "tags": ["a"] })).await;
    ws.patch(&tag).json(json!({ "name": "c" })).send().await.ok();
    let items = follower.catch_up(&ws, &[]).await;
    let told = items.iter().find(|item| item["id"] == second["id"]).unwrap();
    assert_eq!((&told["data"]["tags"], told["tag_ids"].as_array().unwrap().len()), (&json!(["a"]), 1));
    let copy = follower.sorted();
    for (todo, tags) in [(first, json!(["c"])), (second, json!(["a"]))] {
        assert_eq!(copy[&("todo".to_owned(), todo["id"].as_str().unwrap().to_owned())]["tags"], tags);
    }
    assert_eq!(copy, state(&ws).await);
}

async fn a_bulk_change_is_followed() {
    let ws = Workspace::new().await;
    let employee = ws.employee("Ada").await;
    for number in 0..5 {
        ws.todo(json!({ "title": number.to_string(), "tags": ["old"] })).await;
    }
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[("types", "todo")]).await;
    for change in [
        json!({ "action": "complete" }),
        json!({ "action": "reopen" }),
        json!({ "action": "set_priority", "priority": "urgent" }),
        json!({ "action": "assign", "assignee_id": employee["id"] }),
        json!({ "action": "add_tag", "tag": "new" }),
        json!({ "action": "remove_tag", "tag": "old" }),
        json!({ "action": "delete" }),
    ] {
        let mut body = change.clone();
        body["filter"] = all();
        done(&ws, body).await;
        let items = follower.catch_up(&ws, &[("types", "todo")]).await;
        assert_eq!(items.len(), 5, "{change}: {items:?}");
    }
    let mut all = Follower::default();
    all.catch_up(&ws, &[]).await;
    assert_eq!(all.sorted(), state(&ws).await);
}

async fn only_the_kinds_that_are_asked_for_come() {
    let ws = Workspace::new().await;
    ws.department("Research").await;
    ws.todo(json!({ "title": "x", "tags": ["a"] })).await;
    let kinds = async |query: &str| {
        let changes = ws.get(&format!("{FEED}?{query}")).send().await.ok();
        changes["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("types=tag").await, ["tag"]);
    assert_eq!(kinds("types=todo,department").await, ["department", "todo"]);
    assert_eq!(kinds("types=todo&types=tag").await, ["tag", "todo"]);
    assert_eq!(kinds("types=employee").await, [""; 0]);
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[("types", "department")]).await;
    for number in 0..3 {
        ws.titled(&number.to_string()).await;
    }
    ws.department("Sales").await;
    let items = follower.catch_up(&ws, &[("types", "department"), ("limit", "1")]).await;
    assert_eq!(items.len(), 1, "{items:?}");
}

async fn a_cursor_belongs_to_its_feed() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    ws.titled("x").await;
    // The cursor begins behind what others may hold back.
    settle(&ws).await;
    let cursor = ws.get(FEED).send().await.ok()["next_cursor"].as_str().unwrap().to_owned();
    let refused = async |client: &Workspace, query: &[(&str, &str)]| {
        client.get(FEED).query(query).send().await.problem(400, "invalid_cursor").in_parameter("cursor");
    };
    refused(&other, &[("cursor", &cursor)]).await;
    refused(&ws, &[("cursor", &cursor), ("types", "todo")]).await;
    refused(&ws, &[("cursor", &cursor[1..])]).await;
    refused(&ws, &[("cursor", "")]).await;
    let list = ws.get("/api/v2/todos?limit=1").send().await.ok();
    assert_eq!(list["next_cursor"], Value::Null);
    // The order of kinds is no other feed, nor is all of them named.
    let all = "todo,list,tag,employee,department";
    assert_eq!(ws.get(FEED).query(&[("cursor", &cursor), ("types", all)]).send().await.ok()["items"], json!([]));
}

async fn parameters_are_checked() {
    let ws = Workspace::new().await;
    for (query, parameter, code) in [
        ("limit=0", "limit", "out_of_range"),
        ("limit=201", "limit", "out_of_range"),
        ("limit=x", "limit", "out_of_range"),
        ("wait=26", "wait", "out_of_range"),
        ("wait=-1", "wait", "out_of_range"),
        ("wait=0.5", "wait", "out_of_range"),
        ("types=job", "types", "invalid_value"),
        ("types=", "types", "invalid_value"),
        ("wait=1&wait=1", "wait", "duplicate"),
        ("status=pending", "status", "unknown_parameter"),
    ] {
        let answer = ws.get(&format!("{FEED}?{query}")).send().await;
        let found = answer.problem(400, "invalid_parameter").in_parameter(parameter).faults()[0]["code"].clone();
        assert_eq!(found, code, "{query}");
    }
    ws.with_scopes(&["todos:write"]).await.get(FEED).send().await.problem(403, "insufficient_scope");
    ws.get(&format!("{FEED}?limit=200")).send().await.ok();
}

async fn the_feed_is_never_cached() {
    let ws = Workspace::new().await;
    for _ in 0..3 {
        let answer = ws.get(FEED).send().await;
        answer.ok();
        assert_eq!((answer.header("cache-control"), answer.header("x-cache")), ("no-store", "BYPASS"));
        assert!(!answer.headers.contains_key("etag"), "{answer}");
    }
}

/// The number of a transaction is given when it begins to write, and its changes are seen when it commits: in between others may come
/// and go.
async fn what_commits_late_is_not_missed() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let transaction = database.transaction().await.unwrap();
    let late = crate::harness::uuid();
    let create = "select outcome from todo_create_v1(as_actor_v1($1, null, null), null, null, null, false, $2::text::uuid, \
        '{\"title\": \"late\", \"status\": \"pending\", \"priority\": 2, \"tags\": []}')";
    let row = transaction.query_one(create, &[&workspace, &late]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "done");
    let early = ws.titled("early").await;
    // It is committed and yet not told: the older transaction may still write before it.
    let changes = follower.ask(&ws, &[("wait", "1")]).await.unwrap().ok();
    assert_eq!((&changes["items"], &changes["more"]), (&json!([]), &json!(false)));
    follower.apply(&changes);
    // So whoever has read all there is has not read all that is committed.
    let read = "select p.pending and p.complete_at::timestamptz = y.yesterday
        from feed f, (select date_trunc('second', now()) - interval '1 day' as yesterday) y,
            feed_page_v1($1, f.epoch, 'changes', 0, pg_snapshot_xmin(pg_current_snapshot())::text, 0, y.yesterday, '{todo}', 10) p";
    assert!(
        transaction.query_one(read, &[&workspace]).await.unwrap().get::<_, bool>(0),
        "nothing is known to be complete since"
    );
    // A copy that begins now does not miss it either.
    let mut newcomer = Follower::default();
    while newcomer.apply(&newcomer.ask(&ws, &[]).await.unwrap().ok()) {}
    let todos = newcomer.copy.keys().filter(|(kind, _)| kind == "todo").count();
    assert_eq!(todos, 1, "{newcomer:?}");
    transaction.commit().await.unwrap();
    let told: Vec<String> =
        follower.catch_up(&ws, &[]).await.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, [late, early], "in the order in which they began to write");
    newcomer.catch_up(&ws, &[]).await;
    assert_eq!(newcomer.sorted(), follower.sorted());
}

/// Not at a number that no line has: after a crash Postgres may give it to a later transaction.
async fn a_first_page_begins_where_the_log_ends() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    ws.titled("x").await;
    settle(&ws).await;
    let last = "select (p.xid::xid8, p.id) <= (select e.xid, e.id from events e where e.workspace_id = $1 \
        order by e.xid desc, e.id desc limit 1) \
        from feed_page_v1($1, null, null, null, null, null, null, '{todo}', 10) p";
    assert!(database.query_one(last, &[&workspace]).await.unwrap().get::<_, bool>(0));
    let empty = "select p.xid || ' ' || p.id from feed_page_v1(0, null, null, null, null, null, null, '{todo}', 10) p";
    assert_eq!(database.query_one(empty, &[]).await.unwrap().get::<_, &str>(0), "0 0");
}

/// Of the state and of what changes; nothing is left out.
async fn pages_are_bounded_in_bytes() {
    let ws = Workspace::new().await;
    let long = json!({ "op": "create", "todo": { "title": "x", "description": "\u{1f600}".repeat(10_000) } });
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    for _ in 0..3 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![long.clone(); 20] })).send().await.ok();
    }
    settle(&ws).await;
    for mut follower in [follower, Follower::default()] {
        let mut pages = 0;
        loop {
            let page = follower.ask(&ws, &[("limit", "200")]).await.unwrap();
            assert!(page.body.len() < 3 << 20, "{} bytes", page.body.len());
            pages += 1;
            if !follower.apply(&page.ok()) {
                break;
            }
        }
        assert!(pages > 1, "60 todos of 40 kB");
        assert_eq!(follower.sorted(), state(&ws).await);
    }
}

/// After a failover a cursor may be of a time that the cluster has lost: what is told next has lower numbers.
async fn a_cursor_is_good_for_thirty_days_unless_its_time_is_lost() {
    const SECRET: &str = "known to the tests and nobody else";
    let server = Server::private(Options::default().with("cursor_secret", SECRET)).await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let epoch: String = database.query_one("select epoch::text from feed", &[]).await.unwrap().get(0);
    let reached = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let lost = u64::try_from(database::number(&database, reached, &[]).await).unwrap() + 1_000_000;
    // All kinds of the first release. Where there are more, such a cursor is not damaged (400), but has to begin anew (410).
    let scope = format!("changes\n{workspace}\ndepartment,employee,tag,list,todo");
    for (epoch, days, transaction, good) in [
        (&epoch, 29, 3, true),
        (&epoch, 31, 3, false),
        (&crate::harness::uuid(), 0, 3, false),
        (&epoch, 0, lost, false),
    ] {
        let complete_at = Utc::now() - TimeDelta::days(days);
        let position = FeedPosition {
            epoch: epoch.parse().unwrap(),
            phase: "changes".to_owned(),
            after: 0,
            line: (transaction, 0),
            complete_at: complete_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        };
        let cursor = Cursor::encode(SECRET.as_bytes(), &scope, &position.to_position());
        let answer = ws.get(FEED).query(&[("cursor", &cursor)]).send().await;
        if good {
            assert_eq!(answer.ok()["items"][0]["data"]["title"], "x");
        } else {
            answer.problem(410, "resync_required");
            assert_eq!(answer.header("link"), "</api/v2/changes>; rel=\"first\"");
        }
    }
}

/// A day later than the last cursor that could ask for it.
async fn what_nobody_can_ask_for_is_purged() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let mut ids = Vec::new();
    for (title, age) in [("a", Some("31 days 1 hour")), ("b", Some("30 days 12 hours")), ("c", None)] {
        let id = ws.titled(title).await;
        let sql = "update events set at = now() - $2::text::interval where subject = $1::text::uuid";
        if let Some(age) = age {
            assert_eq!(database.execute(sql, &[&id, &age]).await.unwrap(), 1);
        }
        ids.push(id);
    }
    let left = async || {
        let sql = "select subject::text from events where workspace_id = $1 order by xid, id";
        let lines = database.query(sql, &[&workspace]).await.unwrap();
        lines.iter().map(|line| line.get(0)).collect::<Vec<String>>()
    };
    // One at a time makes progress, whatever other workspaces have.
    for _ in 0..200 {
        database.execute("select purge_chunk_v1('events', 1, 1000, interval '1 second')", &[]).await.unwrap();
        if left().await.len() < 3 {
            break;
        }
    }
    database.execute("select purge_chunk_v1('events', 1000, 1000000, interval '1 second')", &[]).await.unwrap();
    assert_eq!(left().await, ids[1..]);
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[("types", "todo")]).await;
    assert_eq!(follower.copy.len(), 3);
}

/// With a retention of seconds instead of days.
async fn who_pauses_for_too_long_begins_anew_and_who_goes_on_never_does() {
    let Some(postgres) = Postgres::start().await else { return };
    let database = database::connect_to(&postgres.url()).await;
    let shorten = "create or replace function events_retention_v1() returns interval language sql immutable parallel safe
            return interval '8 seconds';
        do $$ begin
            execute replace(pg_get_functiondef('purge_chunk_v1'::regproc), 'interval ''1 day''', 'interval ''1 second''');
        end $$";
    database.batch_execute(shorten).await.unwrap();
    let server = Server::private(postgres.used_by(Options::default())).await;
    database::make_admin(&database, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let deleted = ws.titled("deleted").await;
    let (mut steady, mut paused) = (Follower::default(), Follower::default());
    for follower in [&mut steady, &mut paused] {
        follower.catch_up(&ws, &[]).await;
    }
    let (begun, mut written) = (Instant::now(), 0);
    ws.delete(&format!("/api/v2/todos/{deleted}")).send().await.no_content();
    while begun.elapsed() < Duration::from_secs(12) {
        ws.titled(&format!("todo {written}")).await;
        written += 1;
        steady.apply(&steady.ask(&ws, &[("wait", "1")]).await.unwrap().ok());
        database.execute("select purge_chunk_v1('events', 1000, 1000000, interval '1 second')", &[]).await.unwrap();
    }
    let lines = "select count(*) from events where subject = $1::text::uuid";
    assert_eq!(database::number(&database, lines, &[&deleted]).await, 0, "nobody is told of it any more");
    paused.ask(&ws, &[]).await.unwrap().problem(410, "resync_required");
    paused = Follower::default();
    for follower in [&mut steady, &mut paused] {
        follower.catch_up(&ws, &[]).await;
        assert_eq!(follower.sorted(), state(&ws).await, "{written} were written");
    }
}
