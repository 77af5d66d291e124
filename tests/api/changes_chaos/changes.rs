//! What the writers do, at random. Each tells how many changes it made, or nothing where that is not known.

use serde_json::{Value, json};

use crate::harness::random::Random;
use crate::harness::{Client, mcp};

fn pick<'a>(random: &mut Random, own: &'a [String]) -> Option<&'a String> {
    own.get(index(random.below(own.len().max(1) as u64)))
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// Few are assigned, and what is changed again mostly loses its assignee, so that people can be removed.
fn draft(random: &mut Random, people: &[String]) -> Value {
    let status = ["pending", "in_progress", "completed", "cancelled"][usize::try_from(random.below(4)).unwrap()];
    json!({
        "title": format!("todo {}", random.below(1000)),
        "status": status,
        "tags": [format!("tag {}", random.below(12)), format!("Tag {}", random.below(12))],
        "assignee_id": if random.below(20) == 0 { pick(random, people) } else { None },
    })
}

/// Creates todos, and changes and deletes some of the writer's own. How many changes it made; none if that is not
/// known.
pub async fn batch(client: &Client, random: &mut Random, own: &mut Vec<String>) -> Option<u64> {
    let people = ids(client, PEOPLE).await?;
    let mut operations: Vec<Value> = Vec::new();
    for _ in 0..1 + random.below(99) {
        // A todo comes once in a batch. Those of a batch that fails are left to others: one of them may be gone for
        // good.
        let known = if own.is_empty() { None } else { Some(random.below(own.len() as u64)) };
        operations.push(match (random.below(10), known) {
            (3..8, Some(at)) => {
                json!({ "op": "update", "id": own.swap_remove(index(at)), "todo": draft(random, &people) })
            }
            (8.., Some(at)) => json!({ "op": "delete", "id": own.swap_remove(index(at)) }),
            _ => json!({ "op": "create", "todo": draft(random, &people) }),
        });
    }
    // Below one that is there, which may be in the bin by now: then nothing of the batch happens.
    if random.below(4) == 0
        && let Some(parent) = pick(random, own)
    {
        operations.push(json!({ "op": "create", "todo": { "title": "below", "parent_id": parent } }));
    }
    let count = operations.len() as u64;
    let answer = client.post("/api/v2/todos/batch").json(json!({ "operations": operations })).try_send().await.ok()?;
    if answer.status != 200 {
        return None;
    }
    for made in answer.value()["results"].as_array().unwrap() {
        if own.len() < 200 {
            own.extend(made["todo"]["id"].as_str().map(str::to_owned));
        }
    }
    Some(count)
}

/// Changes, deletes or restores a todo.
pub async fn one(client: &Client, random: &mut Random, own: &[String]) -> Option<u64> {
    let Some(id) = pick(random, own).cloned() else { return Some(0) };
    let path = format!("/api/v2/todos/{id}");
    let people = ids(client, PEOPLE).await?;
    let call = match random.below(5) {
        0 => client.delete(&path),
        1 => client.post(&format!("{path}/restore")),
        2 => client.put(&path).header("if-match", "*").json(draft(random, &people)),
        _ => client.patch(&path).json(draft(random, &people)),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

const PEOPLE: &str = "/api/v2/employees?limit=20";

/// The ids of the first page of a list.
async fn ids(client: &Client, path: &str) -> Option<Vec<String>> {
    let page = client.get(path).try_send().await.ok().filter(|answer| answer.status == 200)?.value();
    let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
    Some(page["items"].as_array().unwrap().iter().map(id).collect())
}

/// Moves a todo or completes it with what is below it; by way of an assistant, now and then.
pub async fn tree(client: &Client, random: &mut Random, own: &[String]) -> Option<u64> {
    let (Some(id), Some(other)) = (pick(random, own).cloned(), pick(random, own).cloned()) else { return Some(0) };
    let path = format!("/api/v2/todos/{id}");
    let lists = ids(client, "/api/v2/lists?limit=20").await?;
    let list = pick(random, &lists);
    let call = match random.below(7) {
        0 => client.post(&format!("{path}/move")).json(json!({ "after": other })),
        1 => client.post(&format!("{path}/move")).json(json!({ "list_id": list, "place": "first" })),
        2 => client.patch(&path).json(json!({ "parent_id": other })),
        3 => client.patch(&path).json(json!({ "list_id": list, "position": random.below(100) })),
        4 => client.post(&format!("{path}/complete")).json(json!({ "subtasks": "complete" })),
        5 => mcp::tool(client, "delete_todos", json!({ "ids": [other, id] })),
        _ => mcp::tool(client, "move_todos", json!({ "todos": [{ "id": id, "before": other }] })),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// Makes, renames, archives or removes a list; one is removed only while no todo is in it.
pub async fn list(client: &Client, random: &mut Random) -> Option<u64> {
    let lists = ids(client, "/api/v2/lists?limit=20").await?;
    let name = format!("list {}", random.below(1_000_000));
    let call = match (random.below(8), pick(random, &lists)) {
        (0, Some(id)) => client.delete(&format!("/api/v2/lists/{id}")),
        (1 | 2, Some(id)) => client.patch(&format!("/api/v2/lists/{id}")).json(json!({ "archived": true })),
        (3..6, Some(id)) => client.patch(&format!("/api/v2/lists/{id}")).json(json!({ "archived": false })),
        (6, Some(id)) => client.patch(&format!("/api/v2/lists/{id}")).json(json!({ "name": name })),
        _ if lists.len() < 12 => client.post("/api/v2/lists").json(json!({ "name": name })),
        _ => return Some(0),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// Renames, merges or removes a tag.
pub async fn tag(client: &Client, random: &mut Random) -> Option<u64> {
    let ids = ids(client, "/api/v2/tags?limit=100").await?;
    let path = format!("/api/v2/tags/{}", pick(random, &ids)?);
    let call = match random.below(4) {
        0 => client.delete(&path),
        _ => client.patch(&path).json(json!({ "name": format!("tag {}", random.below(16)) })),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// Makes, changes or removes an employee or a department; one is removed only while nobody refers to it.
pub async fn person(client: &Client, random: &mut Random) -> Option<u64> {
    let departments = ids(client, "/api/v2/departments?limit=20").await?;
    let mut body = json!({ "name": format!("name {}", random.below(1_000_000)) });
    let (path, known) = if random.below(2) == 0 {
        ("/api/v2/departments", departments)
    } else {
        body["department_id"] = json!(pick(random, &departments).filter(|_| random.below(3) > 0));
        ("/api/v2/employees", ids(client, PEOPLE).await?)
    };
    let call = match (random.below(4), pick(random, &known)) {
        (1 | 2, Some(id)) => client.patch(&format!("{path}/{id}")).json(body),
        (3, Some(id)) => client.delete(&format!("{path}/{id}")),
        _ => {
            if path.ends_with("employees") {
                body["email"] = json!(format!("{}@example.com", random.below(1_000_000_000)));
            }
            client.post(path).json(body)
        }
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// A bulk change; how much it will do is not counted.
pub async fn bulk(client: &Client, random: &mut Random) -> Option<u64> {
    let priority = ["low", "high"][usize::try_from(random.below(2)).unwrap()];
    let lists = ids(client, "/api/v2/lists?limit=20").await?;
    let people = ids(client, PEOPLE).await?;
    let mut body = match random.below(6) {
        0 => json!({ "action": "complete" }),
        1 => json!({ "action": "set_priority", "priority": priority }),
        2 => json!({ "action": "add_tag", "tag": format!("tag {}", random.below(16)) }),
        3 => json!({ "action": "move", "list_id": pick(random, &lists) }),
        4 => json!({ "action": "assign", "assignee_id": pick(random, &people).filter(|_| random.below(2) == 0) }),
        _ => json!({ "action": "delete" }),
    };
    // Some todos in a thousand, with what is below them.
    body["filter"] = json!({ "q": random.below(1000).to_string() });
    let answer = client.post("/api/v2/todos/bulk-process").json(body).try_send().await.ok()?;
    (answer.status == 202 || answer.status == 409).then_some(0)
}
