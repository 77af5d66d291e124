//! Tools that read: todos by filter, by page, by id, and with what is below them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::contract::Document;
use crate::harness::mcp::{call, definition, legacy};
use crate::harness::{Workspace, suite, uuid};
use crate::mcp_tools::listed;
use crate::mcp_writes::below;

suite![
    todos_are_found_as_in_a_list,
    pages_follow_each_other,
    wrong_arguments_are_told_by_pointer,
    whole_todos_are_read_by_id,
    whole_todos_are_read_with_their_subtasks,
    a_hundred_subtasks_are_shared_among_their_todos,
];

/// Makes todos of every kind. Gives filters, each of which leaves some of them out; `ada` is the caller.
async fn todos_and_filters(ws: &Workspace, ada: &Value) -> Vec<(&'static str, Value)> {
    let department = ws.department("Research").await;
    let path = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    ws.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
    let list =
        async |name: &str| ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created()["id"].clone();
    let (home, old) = (list("Home").await, list("Old").await);
    let milk = json!({ "title": "Buy milk", "tags": ["Errand", "a,b"], "priority": "high", "assignee_id": ada["id"] });
    let milk = ws.todo(milk).await["id"].clone();
    ws.todo(json!({ "title": "Buy oats", "status": "in_progress", "due_date": "2020-01-01T00:00:00Z" })).await;
    let which = ws.todo(json!({ "title": "Which milk?", "parent_id": milk, "status": "completed" })).await;
    ws.todo(json!({ "title": "Oat milk", "parent_id": which["id"], "priority": "low" })).await;
    ws.todo(json!({ "title": "Sweep", "list_id": home, "due_date": "2040-01-01T00:00:00Z", "position": 7 })).await;
    ws.todo(json!({ "title": "Buy snow", "list_id": old, "tags": ["errand"] })).await;
    let path = format!("/api/v2/lists/{}", old.as_str().unwrap());
    ws.patch(&path).json(json!({ "archived": true })).send().await.ok();
    let gone = ws.titled("gone").await;
    ws.delete(&format!("/api/v2/todos/{gone}")).send().await.no_content();
    let between = &which["created_at"];
    vec![
        ("status", json!(["in_progress", "completed"])),
        ("priority", json!(["high", "low"])),
        ("completed", json!(true)),
        ("completed", json!(false)),
        ("tag", json!(["errand"])),
        ("tag", json!(["ERRAND", "a,b"])),
        ("assignee", ada["id"].clone()),
        ("assignee", json!("me")),
        ("department", department["id"].clone()),
        ("due_after", json!("2021-01-01T00:00:00Z")),
        ("due_before", json!("2021-01-01T00:00:00+01:00")),
        ("overdue", json!(true)),
        ("overdue", json!(false)),
        ("created_after", between.clone()),
        ("created_before", between.clone()),
        ("updated_since", between.clone()),
        ("text", json!("milk -oat")),
        ("deleted", json!(true)),
        ("list", json!([home])),
        ("list", json!(["none"])),
        ("list", json!([home, old])),
        ("parent", milk.clone()),
        ("parent", json!("none")),
        ("root", milk.clone()),
        ("archived", json!(true)),
    ]
}

async fn todos_are_found_as_in_a_list() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let filters = todos_and_filters(&ws, &ada).await;
    let client = ws.server.bearer(ws.token_of(&ada).await["token"].as_str().unwrap());
    let known = definition("find_todos")["inputSchema"]["properties"].as_object().unwrap();
    let names: BTreeSet<&str> = known.keys().map(String::as_str).collect();
    let tried = filters.iter().map(|(name, _)| *name).chain(["cursor", "limit", "sort"]);
    assert_eq!(tried.collect::<BTreeSet<_>>(), names, "every filter is tried");
    let document = Document::fetch(&ws.server, "v2").await;
    let route = document.operation("GET", "/api/v2/todos").unwrap();
    let parameters = route.value["parameters"].as_array().unwrap().iter().map(|parameter| document.resolve(parameter));
    let parameters = parameters.filter(|parameter| parameter["in"] == "query").map(|parameter| &parameter["name"]);
    let parameters = parameters.map(|name| if name == "q" { "text" } else { name.as_str().unwrap() });
    assert_eq!(parameters.collect::<BTreeSet<_>>(), names, "every filter of the list is one of the tool");
    let whole = call(&client, "find_todos", json!({})).await.content();
    assert_eq!(whole["items"].as_array().unwrap().len(), 5);
    let ids = |page: &Value| ids_of(&page["items"]).iter().map(Value::to_string).collect::<BTreeSet<_>>();
    let orders = known["sort"]["enum"].as_array().unwrap().iter();
    let orders = orders.flat_map(|sort| [json!({ "sort": sort }), json!({ "sort": sort, "limit": 1 })]);
    let filters =
        filters.iter().flat_map(|(name, value)| [json!({ *name: value }), json!({ *name: value, "sort": "title" })]);
    for question in orders.chain(filters) {
        let found = call(&client, "find_todos", question.clone()).await.content();
        assert_eq!(found, listed(&client, &question).await, "{question}");
        let orders_alone = question.as_object().unwrap().keys().all(|name| name == "sort");
        let tells = !ids(&found).is_empty() && ids(&found) != ids(&whole);
        assert!(tells || orders_alone, "{question} makes no difference: {found}");
    }
}

async fn pages_follow_each_other() {
    let ws = Workspace::new().await;
    for title in ["a", "b", "c"] {
        ws.titled(title).await;
    }
    let first = call(&ws, "find_todos", json!({ "sort": "title", "limit": 2 })).await.content();
    let next = json!({ "sort": "title", "limit": 2, "cursor": first["next_cursor"] });
    let second = call(&ws, "find_todos", next).await.content();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!((&second["items"][0]["title"], &second["next_cursor"]), (&json!("c"), &Value::Null));
    for wrong in [json!("x"), json!(""), first["next_cursor"].as_str().unwrap().to_uppercase().into()] {
        let refused = call(&ws, "find_todos", json!({ "sort": "title", "cursor": wrong })).await;
        refused.refusal(400, "invalid_cursor").at("/cursor", "invalid_value");
    }
    let other = Workspace::new().await;
    let foreign = json!({ "sort": "title", "cursor": first["next_cursor"] });
    call(&other, "find_todos", foreign).await.refusal(400, "invalid_cursor");
}

async fn wrong_arguments_are_told_by_pointer() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    for (name, arguments, pointer, code) in [
        ("find_todos", json!({ "q": "x" }), "/q", "unknown_field"),
        ("find_todos", json!({ "text": "" }), "/text", "too_short"),
        ("find_todos", json!({ "status": ["done"] }), "/status/0", "invalid_value"),
        ("find_todos", json!({ "status": [] }), "/status", "too_few"),
        ("find_todos", json!({ "limit": 0 }), "/limit", "out_of_range"),
        ("find_todos", json!({ "limit": 101 }), "/limit", "out_of_range"),
        ("find_todos", json!({ "limit": "5" }), "/limit", "type"),
        ("find_todos", json!({ "sort": "size" }), "/sort", "invalid_value"),
        ("find_todos", json!({ "due_after": "tomorrow" }), "/due_after", "invalid_format"),
        ("get_todos", json!({}), "/ids", "required"),
        ("get_todos", json!({ "ids": ["7"] }), "/ids/0", "invalid_format"),
        ("add_todos", json!({}), "/todos", "required"),
        ("add_todos", json!({ "todos": [{ "title": "x" }, {}] }), "/todos/1/title", "required"),
        ("add_todos", json!({ "todos": ["x"] }), "/todos/0", "type"),
        ("add_todos", json!({ "todos": [{ "title": "x", "id": id }] }), "/todos/0/id", "read_only"),
        ("update_todos", json!({ "todos": [{ "title": "x" }] }), "/todos/0/id", "required"),
        ("update_todos", json!({ "todos": [{ "id": id }, { "id": id.to_uppercase() }] }), "/todos/1/id", "duplicate"),
        ("update_todos", json!({ "todos": [{ "id": id, "if_version": 0 }] }), "/todos/0/if_version", "out_of_range"),
        ("complete_todos", json!({ "ids": id }), "/ids", "type"),
        ("delete_todos", json!({ "ids": [null] }), "/ids/0", "type"),
        ("restore_todos", json!({ "ids": [id], "idempotency_key": "a b" }), "/idempotency_key", "invalid_format"),
        ("overview", json!({ "url": "http://example.com" }), "/url", "unknown_field"),
    ] {
        call(&ws, name, arguments.clone()).await.refusal(422, "invalid_body").at(pointer, code);
        legacy(&ws, "tools/call", json!({ "name": name, "arguments": arguments }))
            .send()
            .await
            .refusal(422, "invalid_body");
    }
    let several = json!({ "todos": [{ "title": "" }, { "title": 7, "priority": "x" }], "more": 1 });
    call(&ws, "add_todos", several).await.refusal(422, "invalid_body").faults_are(4);
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn whole_todos_are_read_by_id() {
    let ws = Workspace::new().await;
    let one = ws.todo(json!({ "title": "one", "description": "<b>x</b>", "tags": ["t"] })).await;
    let two = ws.todo(json!({ "title": "two" })).await;
    let gone = ws.titled("gone").await;
    ws.delete(&format!("/api/v2/todos/{gone}")).send().await.no_content();
    let unknown = uuid();
    let ids = json!([two["id"], unknown, one["id"], gone, two["id"]]);
    let found = call(&ws, "get_todos", json!({ "ids": ids })).await.content();
    assert_eq!(found, json!({ "todos": [two, one], "subtasks": [], "not_found": [unknown, gone] }));
}

fn ids_of(todos: &Value) -> Vec<Value> {
    todos.as_array().unwrap().iter().map(|todo| todo["id"].clone()).collect()
}

async fn whole_todos_are_read_with_their_subtasks() {
    let ws = Workspace::new().await;
    let (one, two) = (json!(ws.titled("one").await), json!(ws.titled("two").await));
    let of_one = below(&ws, &one, ["a", "b", "c"].map(str::to_owned)).await;
    let of_two = below(&ws, &two, ["d", "e"].map(str::to_owned)).await;
    below(&ws, &of_one[0], ["deeper".to_owned()]).await;
    call(&ws, "delete_todos", json!({ "ids": [of_one[1]] })).await.content();
    let found = call(&ws, "get_todos", json!({ "ids": [two, one] })).await.content();
    assert_eq!(ids_of(&found["todos"]), [two.clone(), one.clone()]);
    let expected = [&of_two[0], &of_two[1], &of_one[0], &of_one[2]].map(Clone::clone);
    assert_eq!(
        ids_of(&found["subtasks"]),
        expected,
        "in the order of the arguments, without the bin and what is deeper"
    );
    let path = format!("/api/v2/todos/{}", of_two[0].as_str().unwrap());
    assert_eq!(found["subtasks"][0], ws.get(&path).send().await.ok(), "a whole todo, as a read shows it");
    let found = call(&ws, "get_todos", json!({ "ids": [of_two[1], two, of_one[1]] })).await.content();
    assert_eq!(ids_of(&found["todos"]), [of_two[1].clone(), two]);
    assert_eq!(ids_of(&found["subtasks"]), of_two[..1], "what was asked for itself comes once");
    assert_eq!(found["not_found"], json!([of_one[1]]));
}

async fn a_hundred_subtasks_are_shared_among_their_todos() {
    let ws = Workspace::new().await;
    let [many, few, none] = ["many", "few", "none"].map(|title| ws.titled(title));
    let [many, few, none] = [json!(many.await), json!(few.await), json!(none.await)];
    let of_many = below(&ws, &many, (0..101).map(|number| number.to_string())).await;
    let of_few = below(&ws, &few, (0..5).map(|number| number.to_string())).await;
    let subtasks =
        async |ids: Value| ids_of(&call(&ws, "get_todos", json!({ "ids": ids })).await.content()["subtasks"]);
    assert_eq!(subtasks(json!([many])).await, of_many[..100]);
    assert_eq!(subtasks(json!([many, of_many[0]])).await, of_many[1..]);
    assert_eq!(subtasks(json!([many, none, few])).await, [&of_many[..95], &of_few].concat());
    assert_eq!(subtasks(json!([few, many])).await, [&of_few[..], &of_many[..95]].concat());
}
