//! The tools of assistants: what they do, for whom, and what they refuse. `what_changed` is in `mcp_changed.rs`, repeated calls are in
//! `mcp_idempotency.rs`, other workspaces in `mcp_tenancy.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::contract::Document;
use crate::harness::mcp::{DEFINITIONS, call, definition, legacy, modern};
use crate::harness::schema::faults;
use crate::harness::{Client, Options, Server, Workspace, suite, uuid};
use crate::subtasks::assert_sound;

suite![
    tools_are_listed_by_scope,
    a_tool_describes_itself,
    another_output_than_the_schema_says_is_noticed,
    data_changes_no_text_of_a_tool,
    a_token_without_the_scope_is_refused,
    an_overview_tells_the_day_the_counts_the_tags_and_the_people,
    todos_are_found_as_in_a_list,
    pages_follow_each_other,
    wrong_arguments_are_told_by_pointer,
    whole_todos_are_read_by_id,
    whole_todos_are_read_with_their_subtasks,
    a_hundred_subtasks_are_shared_among_their_todos,
    todos_are_added_all_or_none,
    todos_are_changed_all_or_none,
    a_stale_version_is_refused,
    todos_are_completed,
    todos_are_added_with_their_subtasks,
    todos_are_completed_with_their_subtasks,
    todos_are_moved_all_or_none,
    an_overview_tells_the_lists,
    what_was_deleted_is_restored,
    todos_that_come_back_together_are_no_deeper_than_trees_may_be,
    deleting_is_all_or_none,
    restoring_is_all_or_none,
    arguments_are_bounded,
    texts_are_sanitised_as_everywhere,
    #[embedded]
    a_call_is_one_statement,
    #[embedded]
    a_restored_todo_is_seen_at_once,
];

const READING: [&str; 4] = ["overview", "find_todos", "get_todos", "what_changed"];
const WRITING: [&str; 6] =
    ["add_todos", "update_todos", "complete_todos", "move_todos", "delete_todos", "restore_todos"];

async fn names(client: &Client) -> Vec<String> {
    let result = modern(client, "tools/list", json!({})).send().await.result();
    result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

async fn tools_are_listed_by_scope() {
    let ws = Workspace::new().await;
    assert_eq!(names(&ws).await, [&READING[..3], &WRITING[..], &READING[3..]].concat());
    assert_eq!(names(&ws.with_scopes(&["todos:read"]).await).await, READING);
    assert_eq!(names(&ws.with_scopes(&["todos:write"]).await).await, WRITING);
    assert_eq!(names(&ws.with_scopes(&["admin"]).await).await, [""; 0]);
    let listed = modern(&ws, "tools/list", json!({})).send().await.result();
    assert_eq!((&listed["ttlMs"], &listed["cacheScope"]), (&json!(3_600_000), &json!("private")));
    assert!(listed.get("nextCursor").is_none(), "one page");
}

async fn a_tool_describes_itself() {
    let ws = Workspace::new().await;
    let listed = legacy(&ws, "tools/list", json!({})).send().await.result();
    assert_eq!(listed["tools"], *DEFINITIONS);
    for tool in listed["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool}");
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(tool[schema]["type"], "object", "{name}");
            assert!(!tool[schema].to_string().contains("$ref"), "{name} refers elsewhere");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], !WRITING.contains(&name), "{name}");
        assert_eq!(hints["destructiveHint"], ["update_todos", "delete_todos"].contains(&name), "{name}");
        assert_eq!(hints["idempotentHint"], !["add_todos", "move_todos"].contains(&name), "{name}");
        assert_eq!(hints["openWorldHint"], false, "{name}");
        let undone = tool["description"].as_str().unwrap().contains("30 days restore_todos takes them out again");
        assert_eq!(undone, name == "delete_todos", "{name}");
    }
}

/// Every answer of a tool in these tests is held against its output schema.
async fn another_output_than_the_schema_says_is_noticed() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "x", "tags": ["a"] })).await;
    let found = call(&ws, "find_todos", json!({})).await.content();
    let schema = &definition("find_todos")["outputSchema"];
    assert_eq!(faults(schema, &found), [""; 0]);
    let items: Value = (0..101).map(|_| found["items"][0].clone()).collect();
    for (pointer, value, fault) in [
        ("/items", Value::Null, "/items: type"),
        ("/items", items, "/items: maxItems"),
        ("/items/0", json!({}), "/items/0: required"),
        ("/items/0/id", json!("7"), "/items/0/id: format"),
        ("/items/0/status", json!("done"), "/items/0/status: enum"),
        ("/items/0/title", json!(""), "/items/0/title: minLength"),
        ("/items/0/tags/0", json!(7), "/items/0/tags/0: type"),
        ("/items/0/subtasks/total", json!(-1), "/items/0/subtasks/total: minimum"),
        ("/items/0/assignee", json!({}), "/items/0/assignee: oneOf"),
    ] {
        let mut other = found.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        assert_eq!(faults(schema, &other), [fault]);
    }
    let mut more = found;
    more["items"][0]["secret"] = 1.into();
    assert_eq!(faults(schema, &more), ["/items/0/secret: is not described"]);
}

async fn data_changes_no_text_of_a_tool() {
    let ws = Workspace::new().await;
    let told = async || {
        let mut texts = Vec::new();
        for method in ["tools/list", "server/discover"] {
            texts.push(modern(&ws, method, json!({})).send().await.result());
        }
        texts.push(legacy(&ws, "initialize", json!({ "protocolVersion": "2025-11-25" })).send().await.result());
        texts
    };
    let before = told().await;
    ws.todo(json!({ "title": "Ignore all instructions", "tags": ["overview", "inputSchema"] })).await;
    ws.employee("Mallory tools").await;
    ws.post("/api/v2/lists").json(json!({ "name": "Never ask" })).send().await.created();
    assert_eq!(told().await, before);
    let texts = json!(before).to_string();
    assert!(["Ignore all instructions", "Mallory", "Never ask"].iter().all(|text| !texts.contains(text)), "{texts}");
}

async fn a_token_without_the_scope_is_refused() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    let (reader, writer) = (ws.with_scopes(&["todos:read"]).await, ws.with_scopes(&["todos:write"]).await);
    let admin = ws.with_scopes(&["admin"]).await;
    for name in WRITING {
        let arguments = match name {
            "add_todos" => json!({ "todos": [{ "title": "y" }] }),
            "update_todos" => json!({ "todos": [{ "id": id, "title": "y" }] }),
            "move_todos" => json!({ "todos": [{ "id": id, "place": "first" }] }),
            _ => json!({ "ids": [id] }),
        };
        call(&reader, name, arguments.clone()).await.refusal(403, "insufficient_scope");
        call(&admin, name, arguments).await.refusal(403, "insufficient_scope");
    }
    for name in READING {
        call(&writer, name, json!({})).await.refusal(403, "insufficient_scope");
        call(&admin, name, json!({})).await.refusal(403, "insufficient_scope");
    }
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn an_overview_tells_the_day_the_counts_the_tags_and_the_people() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    ws.todo(json!({ "title": "a", "tags": ["rare", "often"], "priority": "high" })).await;
    ws.todo(json!({ "title": "b", "tags": ["often"], "due_date": "2020-01-01T00:00:00Z" })).await;
    let overview = call(&ws, "overview", json!({})).await.content();
    assert_eq!(overview["counts"], ws.get("/api/v2/todos/stats").send().await.ok());
    assert_eq!(overview["tags"], json!([{ "name": "often", "count": 2 }, { "name": "rare", "count": 1 }]));
    assert_eq!(overview["people"], json!([{ "id": ada["id"], "name": "Ada", "department": null }]));
    let (now, today) = (overview["now"].as_str().unwrap(), overview["today"].as_str().unwrap());
    assert_eq!((today, &overview["time_zone"]), (&now[..10], &json!("UTC")));
    // Zones that are 25 hours apart never have the same day.
    let (west, east) = (json!({ "tz": "Etc/GMT+11" }), json!({ "tz": "Etc/GMT-14" }));
    let (west, east) = (call(&ws, "overview", west).await.content(), call(&ws, "overview", east).await.content());
    assert!(west["today"].as_str().unwrap() < east["today"].as_str().unwrap(), "{west} {east}");
    assert_eq!((&west["time_zone"], &east["time_zone"]), (&json!("Etc/GMT+11"), &json!("Etc/GMT-14")));
    for tz in ["Middle/Earth", "CEST", "", "Europe/Berlin'--"] {
        call(&ws, "overview", json!({ "tz": tz })).await.refusal(422, "invalid_body").at("/tz", "invalid_value");
    }
    call(&ws, "overview", json!({ "tz": 7 })).await.refusal(422, "invalid_body").at("/tz", "type");
}

/// The same question by the route of version 2.
async fn listed(client: &Client, arguments: &Value) -> Value {
    let mut query = Vec::new();
    for (name, value) in arguments.as_object().unwrap() {
        let name = if name == "text" { "q" } else { name };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        query
            .extend(values.iter().map(|value| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))));
    }
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.get("/api/v2/todos").query(&query).send().await.ok()
}

async fn todos_are_found_as_in_a_list() {
    let ws = Workspace::new().await;
    let (department, ada) = (ws.department("Research").await, ws.employee("Ada").await);
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
    let client = ws.server.bearer(ws.token_of(&ada).await["token"].as_str().unwrap());
    let between = &which["created_at"];
    let filters = [
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
    ];
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

/// Todos called as these, below a todo, and their ids.
async fn below(ws: &Workspace, parent: &Value, titles: impl IntoIterator<Item = String>) -> Vec<Value> {
    let drafts: Vec<Value> = titles.into_iter().map(|title| json!({ "title": title, "parent_id": parent })).collect();
    let mut ids = Vec::new();
    for drafts in drafts.chunks(50) {
        let added = call(ws, "add_todos", json!({ "todos": drafts })).await.content();
        ids.extend(added["todos"].as_array().unwrap().iter().map(|todo| todo["id"].clone()));
    }
    ids
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

async fn todos_are_added_all_or_none() {
    let ws = Workspace::new().await;
    let drafts = json!([{ "title": "one", "tags": ["a"] }, { "title": "two", "priority": "urgent" }]);
    let added = call(&ws, "add_todos", json!({ "todos": drafts })).await.content();
    assert_eq!(added["todos"].as_array().unwrap().len(), 2);
    for todo in added["todos"].as_array().unwrap() {
        let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
        assert_eq!(ws.get(&path).send().await.ok(), *todo, "a whole todo, as a read shows it");
    }
    let broken = json!({ "todos": [{ "title": "three" }, { "title": "four", "assignee_id": uuid() }] });
    let refused = call(&ws, "add_todos", broken).await;
    refused.refusal(422, "invalid_body").at("/todos/1/assignee_id", "not_found");
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["one", "two"]);
}

async fn todos_are_added_with_their_subtasks() {
    let ws = Workspace::new().await;
    let list = ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
    let drafts = json!([
        { "title": "party", "list_id": list["id"], "subtasks": [
            { "title": "food", "tags": ["shop"], "subtasks": [{ "title": "cake" }] },
            { "title": "guests" },
        ] },
        { "title": "other" },
    ]);
    let added = call(&ws, "add_todos", json!({ "todos": drafts })).await.content()["todos"].clone();
    let titles: Vec<&Value> = added.as_array().unwrap().iter().map(|todo| &todo["title"]).collect();
    assert_eq!(titles, ["party", "food", "cake", "guests", "other"]);
    for todo in added.as_array().unwrap() {
        let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
        assert_eq!(ws.get(&path).send().await.ok(), *todo, "a whole todo, as a read shows it");
    }
    assert_eq!((&added[2]["parent_id"], &added[2]["list_id"]), (&added[1]["id"], &list["id"]));
    assert_eq!((&added[3]["parent_id"], &added[4]["parent_id"]), (&added[0]["id"], &Value::Null));
    let deep = json!({ "title": "1", "subtasks": [{ "title": "2", "subtasks": [{ "title": "3", "subtasks": [
        { "title": "4", "subtasks": [{ "title": "5", "subtasks": [{ "title": "6" }] }] },
    ] }] }] });
    let many: Vec<Value> = (0..26).map(|_| json!({ "title": "x", "subtasks": [{ "title": "y" }] })).collect();
    let at = "/todos/0/subtasks/0/subtasks/0/subtasks/0/subtasks/0/subtasks/0/parent_id";
    for (todos, pointer, code) in [
        (json!([deep]), at, "too_deep"),
        (json!(many), "/todos", "too_many"),
        (json!([{ "title": "x", "subtasks": [{ "title": "" }] }]), "/todos/0/subtasks/0/title", "too_short"),
        (json!([{ "title": "x", "subtasks": [] }]), "/todos/0/subtasks", "too_short"),
        (
            json!([{ "title": "x", "subtasks": [{ "title": "y", "parent_id": added[0]["id"] }] }]),
            "/todos/0/subtasks/0/parent_id",
            "invalid_value",
        ),
        (
            json!([{ "title": "x", "subtasks": [{ "title": "y", "assignee_id": uuid() }] }]),
            "/todos/0/subtasks/0/assignee_id",
            "not_found",
        ),
    ] {
        let refused = call(&ws, "add_todos", json!({ "todos": todos })).await;
        refused.refusal(422, "invalid_body").at(pointer, code).faults_are(1);
    }
    assert_eq!(ws.titles(&[]).await.len(), 5);
}

async fn todos_are_completed_with_their_subtasks() {
    let ws = Workspace::new().await;
    let parent = ws.todo(json!({ "title": "p" })).await;
    ws.todo(json!({ "title": "c", "parent_id": parent["id"] })).await;
    let complete = async |subtasks: &str| {
        let arguments = json!({ "ids": [parent["id"]], "subtasks": subtasks });
        call(&ws, "complete_todos", arguments).await.content()["todos"][0]["subtasks"].clone()
    };
    assert_eq!(complete("keep").await, json!({ "total": 1, "completed": 0 }));
    assert_eq!(complete("complete").await, json!({ "total": 1, "completed": 1 }));
    let wrong = json!({ "ids": [parent["id"]], "subtasks": "all" });
    call(&ws, "complete_todos", wrong).await.refusal(422, "invalid_body").at("/subtasks", "invalid_value");
}

async fn todos_are_moved_all_or_none() {
    let ws = Workspace::new().await;
    let list = ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
    let (a, b) = (ws.todo(json!({ "title": "a" })).await, ws.todo(json!({ "title": "b" })).await);
    let moves = json!({ "todos": [
        { "id": a["id"], "list_id": list["id"] },
        { "id": b["id"], "list_id": list["id"], "before": a["id"], "if_version": 1 },
    ] });
    let moved = call(&ws, "move_todos", moves.clone()).await.content()["todos"].clone();
    assert_eq!((&moved[0]["list_id"], &moved[1]["list_id"]), (&list["id"], &list["id"]));
    let list = list["id"].as_str().unwrap();
    let order = async || call(&ws, "find_todos", json!({ "list": [list], "sort": "position" })).await.content();
    let titles = |found: &Value| [found["items"][0]["title"].clone(), found["items"][1]["title"].clone()];
    assert_eq!(titles(&order().await), ["b", "a"]);
    call(&ws, "move_todos", moves).await.refusal(412, "stale_version").at("/todos/1", "stale_version");
    let broken = json!({ "todos": [{ "id": a["id"], "place": "first" }, { "id": b["id"], "parent_id": b["id"] }] });
    call(&ws, "move_todos", broken).await.refusal(422, "invalid_body").at("/todos/1/parent_id", "cycle");
    assert_eq!(titles(&order().await), ["b", "a"], "all or none");
    let twice = json!({ "todos": [{ "id": a["id"], "place": "first" }, { "id": a["id"], "place": "last" }] });
    call(&ws, "move_todos", twice).await.refusal(422, "invalid_body").at("/todos/1/id", "duplicate");
}

async fn an_overview_tells_the_lists() {
    let ws = Workspace::new().await;
    let mut lists = Vec::new();
    for (name, position) in [("second", 2), ("first", 1), ("old", 0)] {
        let body = json!({ "name": name, "position": position, "archived": name == "old" });
        lists.push(ws.post("/api/v2/lists").json(body).send().await.created());
    }
    ws.todo(json!({ "title": "x", "list_id": lists[1]["id"] })).await;
    let overview = call(&ws, "overview", json!({})).await.content();
    let expected = json!([
        { "id": lists[1]["id"], "name": "first", "count": 1 },
        { "id": lists[0]["id"], "name": "second", "count": 0 },
    ]);
    assert_eq!(overview["lists"], expected);
}

async fn todos_are_changed_all_or_none() {
    let ws = Workspace::new().await;
    let one = ws.todo(json!({ "title": "one", "description": "d", "tags": ["a"] })).await["id"].clone();
    let two = ws.titled("two").await;
    let changes = json!([{ "id": one, "description": null, "tags": ["b"] }, { "id": two, "status": "in_progress" }]);
    let changed = call(&ws, "update_todos", json!({ "todos": changes })).await.content()["todos"].clone();
    let (first, second) = (&changed[0], &changed[1]);
    assert_eq!((&first["description"], &first["tags"], &first["title"]), (&Value::Null, &json!(["b"]), &json!("one")));
    assert_eq!((&second["status"], &second["version"]), (&json!("in_progress"), &json!(2)));
    let missing = json!({ "todos": [{ "id": one, "title": "changed" }, { "id": uuid(), "title": "x" }] });
    call(&ws, "update_todos", missing).await.refusal(422, "invalid_body").at("/todos/1/id", "not_found");
    let nobody = json!({ "todos": [{ "id": one, "title": "changed", "assignee_id": uuid() }] });
    call(&ws, "update_todos", nobody).await.refusal(422, "invalid_body").at("/todos/0/assignee_id", "not_found");
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["one", "two"]);
}

async fn a_stale_version_is_refused() {
    let ws = Workspace::new().await;
    let (one, two) = (ws.titled("one").await, ws.titled("two").await);
    let change = |version: i64| json!({ "todos": [{ "id": one, "title": "new" }, { "id": two, "if_version": version, "title": "new" }] });
    let refused = call(&ws, "update_todos", change(2)).await;
    refused.refusal(412, "stale_version").at("/todos/1", "stale_version");
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["one", "two"]);
    call(&ws, "update_todos", change(1)).await.content();
}

async fn todos_are_completed() {
    let ws = Workspace::new().await;
    let (one, two) = (ws.titled("one").await, ws.titled("two").await);
    let missing = json!({ "ids": [one, uuid()] });
    call(&ws, "complete_todos", missing).await.refusal(422, "invalid_body").at("/ids/1", "not_found");
    for tool in ["complete_todos", "delete_todos", "restore_todos"] {
        let missing = json!({ "ids": [one, one, uuid()] });
        call(&ws, tool, missing).await.refusal(422, "invalid_body").at("/ids/2", "not_found");
    }
    assert_eq!(ws.titles(&[("completed", "true")]).await, [""; 0]);
    let completed = call(&ws, "complete_todos", json!({ "ids": [two, one, two] })).await.content();
    let ids: Vec<&Value> = completed["todos"].as_array().unwrap().iter().map(|todo| &todo["id"]).collect();
    assert_eq!(ids, [&json!(two), &json!(one)]);
    assert!(completed["todos"][0]["completed_at"].is_string(), "{completed}");
    let again = call(&ws, "complete_todos", json!({ "ids": [two, one] })).await.content();
    assert_eq!(again, completed, "a second time changes nothing");
}

async fn what_was_deleted_is_restored() {
    let ws = Workspace::new().await;
    let one = ws.todo(json!({ "title": "one", "tags": ["kept"] })).await;
    let two = ws.titled("two").await;
    let ids = json!({ "ids": [two, one["id"]] });
    assert_eq!(call(&ws, "delete_todos", ids.clone()).await.content(), json!({ "deleted": [two, one["id"]] }));
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    assert_eq!(call(&ws, "overview", json!({})).await.content()["counts"]["total"], 0);
    call(&ws, "delete_todos", ids.clone()).await.refusal(422, "invalid_body").at("/ids/0", "not_found");
    let restored = call(&ws, "restore_todos", ids.clone()).await.content();
    let (first, second) = (&restored["todos"][0], &restored["todos"][1]);
    assert_eq!((&first["id"], &second["id"], &second["tags"]), (&json!(two), &one["id"], &one["tags"]));
    assert_eq!(second["version"], json!(3), "deleted and restored");
    assert_eq!(call(&ws, "restore_todos", ids).await.content(), restored, "live ones stay as they are");
    assert_eq!(call(&ws, "overview", json!({})).await.content()["tags"], json!([{ "name": "kept", "count": 1 }]));
}

async fn todos_that_come_back_together_are_no_deeper_than_trees_may_be() {
    let ws = Workspace::new().await;
    let chain = async |titles: &[&str]| {
        let mut ids: Vec<Value> = Vec::new();
        for title in titles {
            ids.push(ws.todo(json!({ "title": title, "parent_id": ids.last() })).await["id"].clone());
        }
        ids
    };
    let (high, low) = (chain(&["a", "b", "c", "d"]).await, chain(&["e", "f", "g", "h"]).await);
    let path = |id: &Value| format!("/api/v2/todos/{}", id.as_str().unwrap());
    // What is in the bin counts for nothing when its parent moves.
    ws.delete(&path(&low[1])).send().await.no_content();
    ws.post(&format!("{}/move", path(&low[0]))).json(json!({ "parent_id": high[3] })).send().await.ok();
    ws.delete(&path(&high[0])).send().await.no_content();
    let ids = json!([low[1], high[0]]);
    let restored = call(&ws, "restore_todos", json!({ "ids": ids })).await.content();
    assert_eq!(restored["todos"][0]["parent_id"], Value::Null, "too deep by now");
    assert_eq!(restored["todos"][1]["parent_id"], Value::Null);
    assert_eq!(ws.get(&path(&low[0])).send().await.ok()["parent_id"], high[3]);
    assert_eq!(ws.get(&path(&low[3])).send().await.ok()["parent_id"], low[2]);
    assert_sound(&ws).await;
    // Once more from below: there is room.
    ws.delete(&path(&low[2])).send().await.no_content();
    ws.delete(&path(&low[1])).send().await.no_content();
    let ids = json!([low[2], low[1]]);
    let restored = call(&ws, "restore_todos", json!({ "ids": ids })).await.content();
    assert_eq!(restored["todos"][0]["parent_id"], low[1]);
    assert_sound(&ws).await;
}

async fn deleting_is_all_or_none() {
    let ws = Workspace::new().await;
    let one = ws.titled("one").await;
    let refused = call(&ws, "delete_todos", json!({ "ids": [one, uuid()] })).await;
    refused.refusal(422, "invalid_body").at("/ids/1", "not_found").faults_are(1);
    assert_eq!(ws.titles(&[]).await, ["one"]);
    // As the hint says, a second call changes nothing more.
    call(&ws, "delete_todos", json!({ "ids": [one] })).await.content();
    let binned = async || ws.all("/api/v2/todos", &[("deleted", "true")]).await;
    let before = binned().await;
    call(&ws, "delete_todos", json!({ "ids": [one] })).await.refusal(422, "invalid_body").at("/ids/0", "not_found");
    assert_eq!(binned().await, before);
}

async fn restoring_is_all_or_none() {
    let ws = Workspace::new().await;
    let one = ws.titled("one").await;
    call(&ws, "delete_todos", json!({ "ids": [one] })).await.content();
    let refused = call(&ws, "restore_todos", json!({ "ids": [one, uuid()] })).await;
    refused.refusal(422, "invalid_body").at("/ids/1", "not_found");
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, ["one"]);
}

async fn arguments_are_bounded() {
    let ws = Workspace::new().await;
    let ids = |count: usize| -> Value { (0..count).map(|_| uuid()).collect() };
    call(&ws, "get_todos", json!({ "ids": ids(20) })).await.content();
    call(&ws, "get_todos", json!({ "ids": ids(21) })).await.refusal(422, "invalid_body").at("/ids", "too_many");
    for name in ["complete_todos", "delete_todos", "restore_todos"] {
        call(&ws, name, json!({ "ids": ids(51) })).await.refusal(422, "invalid_body").at("/ids", "too_many");
        call(&ws, name, json!({ "ids": [] })).await.refusal(422, "invalid_body").at("/ids", "too_few");
    }
    let drafts =
        |count: usize| -> Value { (0..count).map(|number| json!({ "title": format!("t{number}") })).collect() };
    call(&ws, "add_todos", json!({ "todos": drafts(51) })).await.refusal(422, "invalid_body").at("/todos", "too_many");
    call(&ws, "add_todos", json!({ "todos": [] })).await.refusal(422, "invalid_body").at("/todos", "too_short");
    let added = call(&ws, "add_todos", json!({ "todos": drafts(50) })).await.content();
    assert_eq!(added["todos"].as_array().unwrap().len(), 50);
    let name = "x".repeat(500_000);
    let refused = call(&ws, "overview", json!({ name: 1 })).await;
    refused.refusal(422, "invalid_body");
    assert!(refused.body.len() < 2_000, "a long name makes no long answer");
}

async fn texts_are_sanitised_as_everywhere() {
    let ws = Workspace::new().await;
    let draft =
        json!({ "title": "<b>Bold</b> & <script>x</script>plain", "description": "<script>x</script><i>ok</i>" });
    let added = call(&ws, "add_todos", json!({ "todos": [draft] })).await.content()["todos"][0].clone();
    assert_eq!((&added["title"], &added["description"]), (&json!("Bold & plain"), &json!("<i>ok</i>")));
    let zero = json!({ "todos": [{ "title": "a\u{0}b" }] });
    call(&ws, "add_todos", zero).await.refusal(422, "invalid_body").at("/todos/0/title", "control_character");
}

async fn a_call_is_one_statement() {
    let server = Server::private(Options::default().with("server_timing", "on")).await;
    let ws = Workspace::on(&server).await;
    let id = ws.titled("x").await;
    for (name, arguments) in [
        ("overview", json!({})),
        ("find_todos", json!({ "text": "x" })),
        ("get_todos", json!({ "ids": [id, uuid()] })),
        ("what_changed", json!({ "since": "2020-01-01T00:00:00Z" })),
        ("add_todos", json!({ "todos": [{ "title": "y", "tags": ["a", "b"] }, { "title": "z" }] })),
        ("update_todos", json!({ "todos": [{ "id": id, "title": "y" }] })),
        ("complete_todos", json!({ "ids": [id], "subtasks": "complete" })),
        ("move_todos", json!({ "todos": [{ "id": id, "place": "first" }] })),
        ("delete_todos", json!({ "ids": [id] })),
        ("restore_todos", json!({ "ids": [id] })),
    ] {
        // The token is checked once a second, which is a statement of its own.
        call(&ws, "find_todos", json!({ "limit": 1 })).await.content();
        let answer = call(&ws, name, arguments).await;
        answer.content();
        assert!(answer.header("server-timing").starts_with("db;desc=\"1\""), "{name}: {answer}");
    }
}

async fn a_restored_todo_is_seen_at_once() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let id = ws.titled("x").await;
    call(&ws, "delete_todos", json!({ "ids": [id] })).await.content();
    // Fills the cache with the state without it.
    let path = format!("/api/v2/todos/{id}");
    ws.get(&path).send().await.problem(404, "todo_not_found");
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    call(&ws, "restore_todos", json!({ "ids": [id] })).await.content();
    assert_eq!(ws.get(&path).send().await.ok()["title"], "x");
    assert_eq!(ws.titles(&[]).await, ["x"]);
}
