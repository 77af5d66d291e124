//! The feed: one loop for the whole state and for what changes, in an order in which nothing is ever missed.

use serde_json::{Value, json};

use crate::harness::follower::{Follower, state};
use crate::harness::{Workspace, suite};
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
];

pub const FEED: &str = "/api/v2/changes";

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())
}

/// A filter that every todo fulfils.
pub fn all() -> Value {
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
