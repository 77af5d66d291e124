//! Hostile calls of the tools of assistants, generated from each tool's own input schema: whatever an assistant sends
//! is answered with an error of the protocol or with a problem document that the service documents, and never ends in a
//! 5xx.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::contract::Document;
use crate::harness::hostile::{Place, holding, places, takes, types, values};
use crate::harness::mcp::{legacy, request, tool};
use crate::harness::random::Random;
use crate::harness::{Answer, Workspace, suite};

suite![
    no_argument_of_a_tool_that_reads_breaks_it,
    no_argument_of_a_tool_that_adds_breaks_it,
    no_argument_of_a_tool_that_changes_breaks_it,
    no_argument_of_a_tool_that_moves_breaks_it,
    what_is_missing_is_told_where_it_is_missing,
    what_no_tool_knows_is_refused,
    more_items_than_allowed_are_refused,
    no_items_are_refused_where_some_are_demanded,
    subtasks_as_deep_and_wide_as_a_body_may_be_cost_little,
    no_broken_message_breaks_the_endpoint,
];

/// The errors of the protocol that a message can end with.
const RPC_ERRORS: [i64; 6] = [-32700, -32600, -32601, -32602, -32020, -32022];

/// What is called, where, and what may come back.
struct Attack {
    ours: Workspace,
    theirs: Workspace,
    /// Ids of a todo in each.
    own: String,
    foreign: String,
    tools: Vec<Value>,
    codes: BTreeSet<String>,
    fault_codes: BTreeSet<String>,
}

impl Attack {
    async fn new() -> Self {
        let (ours, theirs) = (Workspace::new().await, Workspace::new().await);
        let (own, foreign) = (ours.titled("ours").await, theirs.titled("theirs").await);
        let listed = legacy(&ours, "tools/list", json!({})).send().await.result();
        let document = Document::fetch(&ours.server, "v2").await;
        let (codes, fault_codes) = (document.error_codes(), document.fault_codes());
        let tools = listed["tools"].as_array().unwrap().clone();
        Self { ours, theirs, own, foreign, tools, codes, fault_codes }
    }

    async fn call(&self, name: &str, arguments: Value) -> Answer {
        tool(&self.ours, name, arguments).send().await
    }

    fn schema(&self, name: &str) -> &Value {
        let tool = self.tools.iter().find(|tool| tool["name"] == name);
        &tool.unwrap_or_else(|| panic!("there is no tool {name}"))["inputSchema"]
    }

    /// Tries every value at every place of the arguments of these tools.
    async fn on(&self, names: &[&str]) {
        for name in names {
            for Place { pointer, schema } in places(self.schema(name)) {
                assert!(!types(schema).is_empty(), "{name} does not say what it takes at {pointer}");
                for value in values(&self.foreign) {
                    let taken = takes(schema, &value);
                    let what = shown(name, &pointer, &value);
                    let answer = self.call(name, holding(self.schema(name), &pointer, value, &self.own)).await;
                    let faults = self.documented(&answer, &what);
                    let there = |fault: &String| fault.starts_with(&pointer) || pointer.starts_with(fault.as_str());
                    let told = faults.as_ref().is_some_and(|faults| !faults.is_empty() && faults.iter().all(there));
                    assert!(taken || told, "{what} is of a wrong type, and not refused there: {answer}");
                }
            }
        }
        let kept = self.theirs.get(&format!("/api/v2/todos/{}", self.foreign)).send().await.ok();
        assert_eq!((&kept["title"], &kept["version"]), (&json!("theirs"), &json!(1)), "somebody else's todo");
        assert_eq!(self.theirs.all("/api/v2/todos", &[]).await.len(), 1, "somebody else's todos");
    }

    /// Where the faults of an answer are; nothing of a success. Fails where it is neither of these, or not documented.
    #[track_caller]
    fn documented(&self, answer: &Answer, what: &str) -> Option<Vec<String>> {
        assert!(answer.status == 200 && answer.body.len() < 100_000, "{what}: {answer}");
        let result = answer.result();
        if result["isError"] == false {
            answer.content();
            return None;
        }
        let problem: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        let (status, code) = (problem["status"].as_u64().unwrap(), problem["code"].as_str().unwrap());
        assert!((400..500).contains(&status) && self.codes.contains(code), "{what}: {answer}");
        let problem = answer.refusal(u16::try_from(status).unwrap(), code);
        for fault in problem.faults() {
            assert!(self.fault_codes.contains(fault["code"].as_str().unwrap()), "{what}: {answer}");
        }
        Some(problem.faults().iter().map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect())
    }
}

/// What was sent, in a line.
fn shown(name: &str, pointer: &str, value: &Value) -> String {
    let value: String = value.to_string().chars().take(60).collect();
    format!("{name} with {value} at {pointer}")
}

async fn no_argument_of_a_tool_that_reads_breaks_it() {
    Attack::new().await.on(&["overview", "find_todos", "get_todos", "what_changed"]).await;
}

async fn no_argument_of_a_tool_that_adds_breaks_it() {
    Attack::new().await.on(&["add_todos"]).await;
}

async fn no_argument_of_a_tool_that_changes_breaks_it() {
    Attack::new().await.on(&["update_todos"]).await;
}

async fn no_argument_of_a_tool_that_moves_breaks_it() {
    Attack::new().await.on(&["move_todos", "complete_todos", "delete_todos", "restore_todos"]).await;
}

async fn what_is_missing_is_told_where_it_is_missing() {
    let attack = Attack::new().await;
    for tool in &attack.tools {
        let (name, schema) = (tool["name"].as_str().unwrap(), &tool["inputSchema"]);
        let whole = std::iter::once(Place { pointer: String::new(), schema });
        for Place { pointer, schema: place } in whole.chain(places(schema)) {
            for missing in place["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let arguments = holding(schema, &pointer, json!({}), &attack.own);
                let refused = attack.call(name, arguments).await;
                refused.refusal(422, "invalid_body").at(&format!("{pointer}/{missing}"), "required").faults_are(1);
            }
        }
    }
}

async fn what_no_tool_knows_is_refused() {
    let attack = Attack::new().await;
    for tool in &attack.tools {
        let (name, schema) = (tool["name"].as_str().unwrap(), &tool["inputSchema"]);
        let closed = |schema: &Value| schema["additionalProperties"] == false;
        let whole = std::iter::once(Place { pointer: String::new(), schema });
        for Place { pointer, schema: place } in whole.chain(places(schema)).filter(|place| closed(place.schema)) {
            for further in ["x", "", "__proto__", "workspace_id", "constructor", "a\u{0}", "Title"] {
                let path = format!("{pointer}/{further}");
                let arguments = holding(schema, &path, json!({ "$ne": null }), &attack.own);
                let refused = attack.call(name, arguments).await;
                refused.refusal(422, "invalid_body").at(&path, "unknown_field").faults_are(1);
            }
            assert_eq!(place["type"], "object", "{name}{pointer}");
        }
    }
}

async fn more_items_than_allowed_are_refused() {
    let attack = Attack::new().await;
    for tool in &attack.tools {
        let (name, schema) = (tool["name"].as_str().unwrap(), &tool["inputSchema"]);
        for Place { pointer, schema: place } in places(schema) {
            // Words of a list are never too many: what is there twice counts once.
            let Some(most) = place["maxItems"].as_u64().filter(|_| place["items"]["enum"].is_null()) else { continue };
            for count in [most + 1, 10_000] {
                let items: Value = (0..count).map(|_| Uuid::new_v4().to_string()).collect();
                let refused = attack.call(name, holding(schema, &pointer, items, &attack.own)).await;
                refused.refusal(422, "invalid_body").at(&pointer, "too_many").faults_are(1);
            }
        }
    }
}

/// Above all in a filter, where an empty list would leave nothing out.
async fn no_items_are_refused_where_some_are_demanded() {
    let attack = Attack::new().await;
    let mut filters = 0;
    for tool in &attack.tools {
        let (name, schema) = (tool["name"].as_str().unwrap(), &tool["inputSchema"]);
        let demanding = places(schema).into_iter().filter(|place| place.schema["minItems"] == 1);
        for Place { pointer, schema: place } in demanding {
            let code = if place["items"]["type"] == "object" { "too_short" } else { "too_few" };
            let refused = attack.call(name, holding(schema, &pointer, json!([]), &attack.own)).await;
            refused.refusal(422, "invalid_body").at(&pointer, code).faults_are(1);
            filters += usize::from(name == "find_todos");
        }
    }
    assert_eq!(filters, 4, "list, priority, status and tag");
}

/// What stands in a todo that is too deep is not read, and of what is wrong only that much is kept as is told.
async fn subtasks_as_deep_and_wide_as_a_body_may_be_cost_little() {
    let attack = Attack::new().await;
    let deep = |levels: usize, beside: &str| {
        let open = format!("{{\"title\":\"x\",\"subtasks\":[{beside}").repeat(levels);
        format!("{{\"todos\":[{open}{{\"title\":\"x\"}}{}]}}", "]}".repeat(levels))
    };
    let message = |arguments: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\
             \"params\":{{\"name\":\"add_todos\",\"arguments\":{arguments}}}}}"
        )
    };
    let send = async |arguments: &str| {
        let call = attack.ours.post("/mcp").header("mcp-protocol-version", "2025-11-25");
        call.body("application/json", message(arguments)).send().await
    };
    let fifth = "/todos/0/subtasks/0/subtasks/0/subtasks/0/subtasks/0/subtasks/0/parent_id";
    for levels in [5, 55] {
        send(&deep(levels, "")).await.refusal(422, "invalid_body").at(fifth, "too_deep").faults_are(1);
    }
    send(&deep(4, "")).await.content();
    send(&deep(55, &"1,".repeat(49))).await.refusal(422, "invalid_body").faults_are(20);
    // Some 480,000 numbers where todos should be.
    let wide = format!("{{\"todos\":[{}1]}}", "{\"subtasks\":[1,1]},".repeat(40_000));
    send(&wide).await.refusal(422, "invalid_body").at("/todos", "too_many").faults_are(1);
    let odd = format!("{{\"title\":\"x\",\"subtasks\":[{}1]}},", "1,".repeat(9_000));
    send(&format!("{{\"todos\":[{}1]}}", odd.repeat(49))).await.refusal(422, "invalid_body").faults_are(20);
    send(&format!("{{\"todos\":{}1{}}}", "[".repeat(100), "]".repeat(100))).await.refusal(422, "invalid_body");
}

/// Bytes of a good message that are lost, doubled or changed, in a thousand ways.
async fn no_broken_message_breaks_the_endpoint() {
    let attack = Attack::new().await;
    let arguments = json!({ "todos": [{ "id": attack.own, "tags": ["ü"], "position": 1.5, "due_date": null }] });
    let message = request("tools/call", json!({ "name": "update_todos", "arguments": arguments })).to_string();
    let mut random = Random(7);
    for round in 0..1000 {
        let mut bytes = message.clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            let odd = *b"\0\"\\{}[],:u\xff\xed\xa0-9e".get(usize::try_from(random.below(16)).unwrap()).unwrap();
            match random.below(4) {
                0 => bytes.truncate(at.max(2)),
                1 => bytes[at] = odd,
                2 => bytes.insert(at, odd),
                _ => drop(bytes.remove(at)),
            }
        }
        let sent = String::from_utf8_lossy(&bytes).into_owned();
        let answer = attack.ours.post("/mcp").body("application/json", bytes).send().await;
        if answer.status == 202 {
            assert!(answer.body.is_empty(), "round {round}, {sent}: {answer}");
            continue;
        }
        let value = answer.value();
        let number = value["error"]["code"].as_i64();
        let known = number.is_some_and(|number| RPC_ERRORS.contains(&number));
        let as_told = matches!((answer.status, known), (400, true) | (200, _));
        assert!(as_told && (known || value["error"].is_null()), "round {round}, {sent}: {answer}");
        if !known && value["id"] == 7 {
            attack.documented(&answer, &sent);
        }
    }
}
