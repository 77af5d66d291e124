//! What the tools of assistants ask that no other endpoint asks.

use serde_json::json;

use super::ledger::Ledger;
use super::place::Place;
use super::shapes;
use crate::harness::mcp::tool;

pub async fn every_tool_that_reads_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    let (busy, year) = (place.text(&shapes::employee("0")).await, shapes::ago(&place, "1 year").await);
    let page = place.large.get("/api/v2/todos?limit=18").send().await.ok();
    let others = page["items"].as_array().unwrap().iter().map(|todo| todo["id"].as_str().unwrap().to_owned());
    let ids: Vec<String> = [wide.clone(), deep].into_iter().chain(others).collect();
    let counted = place.counted().await;
    let first = tool(&place.large, "what_changed", json!({})).send().await.content();
    // Of the log a window of 5,000 lines, and the titles of a page; of a todo all its subtasks, of which one has
    // 15,000.
    for (name, arguments, rows) in [
        ("what_changed", json!({}), 5_200.0),
        ("what_changed", json!({ "since": year, "limit": 100 }), 5_200.0),
        ("what_changed", json!({ "cursor": first["next_cursor"] }), 5_200.0),
        ("what_changed", json!({ "by": busy }), 5_200.0),
        ("get_todos", json!({ "ids": [wide] }), 16_000.0),
        ("get_todos", json!({ "ids": ids }), 17_000.0),
        ("overview", json!({}), counted),
        ("overview", json!({ "tz": "Asia/Tokyo" }), counted),
    ] {
        let call = tool(&place.large, name, arguments.clone());
        let (answer, plans) = place.observe(call).await;
        answer.content();
        ledger.note(&format!("{name} {arguments}"), &plans);
        ledger.at_most(rows);
    }
    ledger.close(10);
}
