//! What bulk changes look at in a large workspace: bounds for each chunk of a job.

use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::place::Place;
use super::plans::Plan;
use super::shapes;
use super::writes::until_idle;

/// 20,000 ids, their todos, as many rows that conditions join, and 2,000 todos that are written: some 80,000; more
/// where the planner reads all todos of a rare status instead of a window of ids.
const MOST_OF_CHUNK: f64 = 300_000.0;

/// The statements by which a worker finds and changes todos, for filters of every kind, from the first todo on and from
/// the middle on. No job is worked off: each is cancelled after some chunks.
pub async fn every_bulk_change_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let employee = place.large.get("/api/v2/employees?limit=1").send().await.ok()["items"][0].clone();
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    let [big, small, other] = ["0", "11", "19"].map(shapes::list);
    let [big, small, other] = [place.text(&big).await, place.text(&small).await, place.text(&other).await];
    let add = json!({ "action": "add_tag", "tag": "bulk" });
    let rare = json!({ "status": ["cancelled"], "priority": ["urgent"], "tag": ["tag-100"] });
    let archived = json!({ "list": [big], "archived": true, "status": ["cancelled"], "priority": ["urgent"],
        "tag": ["tag-100"] });
    let away = json!({ "action": "move", "list_id": other });
    for (filter, change) in [
        (json!({ "status": ["pending"] }), &add),
        (json!({ "status": ["cancelled"], "priority": ["urgent"] }), &add),
        (json!({ "completed": false, "overdue": true }), &add),
        (json!({ "tag": ["tag-0"] }), &add),
        (json!({ "tag": ["tag-0", "tag-150"] }), &add),
        (json!({ "assignee": employee["id"] }), &add),
        (json!({ "department": employee["department"]["id"] }), &add),
        (json!({ "q": "call" }), &add),
        (json!({ "q": "zebra" }), &add),
        (json!({ "due_before": "2025-01-01T00:00:00Z" }), &add),
        (json!({ "created_before": "2024-06-01T00:00:00Z" }), &add),
        (json!({ "updated_since": "2026-06-01T00:00:00Z" }), &add),
        (json!({ "deleted": true }), &add),
        (rare.clone(), &add),
        (json!({ "list": [big] }), &add),
        (json!({ "list": [small] }), &add),
        (json!({ "list": ["none"] }), &add),
        (json!({ "parent": "none" }), &add),
        (json!({ "parent": wide }), &add),
        (json!({ "parent": deep }), &add),
        (json!({ "root": wide }), &add),
        (json!({ "root": deep }), &add),
        (json!({ "parent": wide, "status": ["pending"] }), &json!({ "action": "complete" })),
        (rare.clone(), &json!({ "action": "complete" })),
        (json!({ "list": [small] }), &away),
        (json!({ "root": deep }), &away),
        (rare.clone(), &away),
        (archived, &away),
        (json!({ "root": deep }), &json!({ "action": "delete" })),
        (rare, &json!({ "action": "delete" })),
    ] {
        let mut body = change.clone();
        body["filter"] = filter;
        both_halves(&mut place, &mut ledger, &body).await;
    }
    ledger.close(10);
}

/// The first chunks of a bulk change, and the same from the middle of the workspace on.
async fn both_halves(place: &mut Place, ledger: &mut Ledger, body: &Value) {
    until_idle(place).await;
    place.plans();
    let job = place.large.post("/api/v2/todos/bulk-process").json(body.clone()).send().await.json(202);
    let job = job["job_id"].as_str().unwrap().to_owned();
    let copy = format!(
        "insert into jobs (workspace_id, uid, kind, filter, change, position) \
         select workspace_id, gen_random_uuid(), kind, filter, change, 500000 from jobs where uid = '{job}' \
         returning uid::text"
    );
    for half in ["first", "second"] {
        let job = if half == "first" { job.clone() } else { place.text(&copy).await };
        let what = format!("{body}, {half} half");
        let chunks = some_chunks(place, &job).await;
        assert!(!chunks.is_empty(), "no chunk of {what}");
        for plans in chunks {
            ledger.note(&what, &plans);
            ledger.at_most(MOST_OF_CHUNK);
        }
    }
}

/// The plans of a job's first chunks, of each with the statements inside of it; then it is cancelled.
async fn some_chunks(place: &mut Place, job: &str) -> Vec<Vec<Plan>> {
    const WANTED: usize = 4;
    let path = format!("/api/v2/jobs/{job}");
    let (mut chunks, mut plans) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let is_over = place.large.get(&path).send().await.ok()["finished_at"].is_string();
        for plan in place.plans() {
            let ends = plan.query.contains("job_chunk_v1");
            plans.push(plan);
            if ends {
                chunks.push(std::mem::take(&mut plans));
            }
        }
        if chunks.len() >= WANTED || is_over {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cancelled = place.large.delete(&path).send().await;
    assert!([200, 204, 409].contains(&cancelled.status), "{cancelled}");
    chunks
}
