//! Positions: the numbers behind the order of todos, and the room between them.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::random::Random;
use crate::harness::{Workspace, database, id, suite};
use crate::order::{order, path, todos};

suite![
    a_position_may_be_written,
    a_position_comes_back_digit_by_digit,
    a_gap_of_a_second_takes_twenty_two_moves,
    room_is_made_where_there_is_none,
    #[redis]
    many_siblings_at_one_place_make_room_around_the_gap_alone,
    #[database]
    room_is_made_where_a_neighbour_went_meanwhile,
    a_move_gives_a_position_that_may_be_written,
];

async fn a_position_may_be_written() {
    let ws = Workspace::new().await;
    for (title, position) in [("c", json!(3)), ("a", json!(-1.5)), ("b", json!(0.1)), ("d", json!(3))] {
        let todo = ws.todo(json!({ "title": title, "position": position })).await;
        assert_eq!(todo["position"], position);
        assert_eq!(ws.get(&format!("/api/v2/todos/{}", id(&todo))).send().await.ok()["position"], position);
    }
    assert_eq!(ws.titles(&[("sort", "position"), ("limit", "1")]).await, ["a", "b", "c", "d"], "ties by age");
    assert_eq!(ws.titles(&[("sort", "-position"), ("limit", "1")]).await, ["d", "c", "b", "a"]);
    let first = &ws.all("/api/v2/todos", &[("sort", "position")]).await[0];
    assert_eq!(first["position"], -1.5);
    let patched = ws.patch(&format!("/api/v2/todos/{}", id(first))).json(json!({ "position": 5 })).send().await.ok();
    assert_eq!((&patched["position"], &patched["version"]), (&json!(5), &json!(2)));
    assert_eq!(order(&ws).await, ["b", "c", "d", "a"]);
    let replaced = json!({ "title": "a", "position": 1.5 });
    let replaced = ws.put(&format!("/api/v2/todos/{}", id(first))).header("if-match", "*").json(replaced).send().await;
    assert_eq!(replaced.ok()["position"], 1.5);
    assert_eq!(order(&ws).await, ["b", "a", "c", "d"]);
    for (position, code) in [(json!("1"), "type"), (json!(1.1e15), "out_of_range"), (json!(-1e300), "out_of_range")] {
        let refused = ws.post("/api/v2/todos").json(json!({ "title": "x", "position": position })).send().await;
        refused.problem(422, "invalid_body").at("/position", code);
    }
}

/// As text, since a reader of JSON here could round as one there. A middle that a client has computed has as many
/// digits.
async fn a_position_comes_back_digit_by_digit() {
    let ws = Workspace::new().await;
    for written in ["1760433369.2551517", "1760639163.9646301", "110049.83596837925", "0.1"] {
        let body = format!(r#"{{"title":"x","position":{written}}}"#);
        let created = ws.post("/api/v2/todos").body("application/json", body).send().await;
        let todo = id(&created.created()).to_owned();
        let body = format!(r#"{{"position":{written}}}"#);
        let read = ws.get(&format!("/api/v2/todos/{todo}")).send().await;
        let changed =
            ws.patch(&format!("/api/v2/todos/{todo}")).body("application/merge-patch+json", body).send().await;
        let listed = ws.get("/api/v2/todos?limit=1&sort=-created_at").send().await;
        for answer in [created, read, changed, listed] {
            assert!(answer.text().contains(&format!("\"position\":{written},")), "{written} came back as {answer}");
        }
    }
}

async fn a_gap_of_a_second_takes_twenty_two_moves() {
    let ws = Workspace::new().await;
    let mut ids = Vec::new();
    for second in 0..4 {
        let body = json!({ "title": "x", "position": 1_764_400_000 + second });
        ids.push(id(&ws.todo(body).await).to_owned());
    }
    for turn in 1..=23 {
        ws.post(&path(&ids[2 + turn % 2])).json(json!({ "after": ids[0] })).send().await.ok();
        let version = ws.get(&format!("/api/v2/todos/{}", ids[0])).send().await.ok()["version"].clone();
        assert_eq!(version, if turn <= 22 { 1 } else { 2 }, "turn {turn}");
    }
}

async fn room_is_made_where_there_is_none() {
    let ws = Workspace::new().await;
    let ids = todos(&ws, &["a", "b", "c", "d"]).await;
    // Each time into the gap behind the first, which halves it; after some there is nothing between two doubles.
    for turn in 0..120 {
        ws.post(&path(&ids[1 + turn % 3])).json(json!({ "after": ids[0] })).send().await.ok();
        let last = ["b", "c", "d"][turn % 3];
        assert_eq!(order(&ws).await[..2], ["a".to_owned(), last.to_owned()], "turn {turn}");
    }
    // Between two that are at the same place.
    let (one, two) =
        (ws.todo(json!({ "title": "x", "position": 5 })).await, ws.todo(json!({ "title": "z", "position": 5 })).await);
    ws.post(&path(&ids[0])).json(json!({ "after": one["id"] })).send().await.ok();
    ws.post(&path(&ids[1])).json(json!({ "before": two["id"] })).send().await.ok();
    assert_eq!(order(&ws).await[..4].concat(), "xabz");
}

/// Two hundred at one position, which takes more than the sixteen on either side that are moved at first.
async fn many_siblings_at_one_place_make_room_around_the_gap_alone() {
    let ws = Workspace::new().await;
    let (mut plain, mut changes) = (Vec::new(), BTreeMap::new());
    for _ in 0..2 {
        let create = json!({ "op": "create", "todo": { "title": "x", "position": 1e9 } });
        let body = json!({ "operations": vec![create; 100] });
        let results = ws.post("/api/v2/todos/batch").json(body).send().await.ok()["results"].clone();
        for result in results.as_array().unwrap() {
            let todo = &result["todo"];
            changes.insert(id(todo).to_owned(), todo["updated_at"].clone());
            plain.push(id(todo).to_owned());
        }
    }
    let target = plain[100].clone();
    let (mut random, mut spread) = (Random(21), 0);
    for turn in 0..60 {
        let moved = loop {
            let todo = &plain[usize::try_from(random.below(200)).unwrap()];
            if *todo != target {
                break todo.clone();
            }
        };
        plain.retain(|todo| *todo != moved);
        let gap = plain.iter().position(|todo| *todo == target).unwrap();
        // One of those next to the gap, out of the cache.
        let near = format!("/api/v2/todos/{}", plain[gap - turn % 2]);
        if turn % 4 == 0 {
            ws.cached(&near).await;
        }
        ws.post(&path(&moved)).json(json!({ "before": target })).send().await.ok();
        plain.insert(gap, moved.clone());
        let todos = ws.all("/api/v2/todos", &[("sort", "position"), ("limit", "100")]).await;
        let order: Vec<&str> = todos.iter().map(id).collect();
        assert_eq!(order, plain, "turn {turn}");
        let mut changed = 0;
        for (place, todo) in todos.iter().enumerate() {
            let now = todo["updated_at"].clone();
            if changes.insert(id(todo).to_owned(), now.clone()) != Some(now) && id(todo) != moved {
                changed += 1;
                // At first there is no room anywhere.
                assert!(turn == 0 || place.abs_diff(gap) <= 16, "turn {turn}: {place} changed for a gap at {gap}");
            }
        }
        assert!([0, if turn == 0 { 199 } else { 32 }].contains(&changed), "turn {turn}: {changed} siblings changed");
        spread += usize::from(changed > 0);
        let read = ws.get(&near).send().await.ok();
        assert_eq!(read["updated_at"], changes[id(&read)], "turn {turn}");
    }
    assert!((2..30).contains(&spread), "siblings were spread {spread} times");
}

/// A todo without subtasks goes into the bin whoever moves others: then the siblings are as if it had never been there.
async fn room_is_made_where_a_neighbour_went_meanwhile() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let spread = "select spread_siblings_v1($1, 0, null, null, $2, $3)";
    for (around, expected) in [
        (vec![1.0, 5.0], Some(1.0..5.0)),
        (vec![1.0], Some(1.0..20.0)),
        (vec![5.0], Some(-20.0..5.0)),
        (vec![1e15], Some(9e14..1e15)),
        (vec![], None),
    ] {
        let mut todos = Vec::new();
        for position in &around {
            todos.push(ws.todo(json!({ "title": "x", "position": position })).await);
        }
        // A neighbour at this place that is not there.
        for place in [3.0, f64::INFINITY, f64::NEG_INFINITY] {
            let transaction = database.transaction().await.unwrap();
            let row = transaction.query_one(spread, &[&workspace, &place, &7_i64]).await.unwrap();
            let spot: Option<f64> = row.get(0);
            assert_eq!(spot.is_some(), expected.is_some(), "{around:?}, {place}");
            if let (Some(spot), Some(expected), true) = (spot, &expected, place.is_finite()) {
                let moved =
                    "select position from todos where workspace_id = $1 and deleted_at is null order by position";
                let rows = transaction.query(moved, &[&workspace]).await.unwrap();
                let positions: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
                assert!(!positions.contains(&spot), "{spot} is free: {positions:?}");
                let before = positions.iter().filter(|position| **position < spot).count();
                assert_eq!(before, around.iter().filter(|position| **position < place).count(), "{positions:?}");
                assert!(expected.start - 20.0 < spot && spot < expected.end + 20.0, "{around:?}: {spot}");
            }
            transaction.rollback().await.unwrap();
        }
        for todo in &todos {
            ws.delete(&format!("/api/v2/todos/{}", id(todo))).send().await.no_content();
        }
    }
}

async fn a_move_gives_a_position_that_may_be_written() {
    for (most, place, number) in [(1e15, "last", 1), (-1e15, "first", 1), (1e15, "last", 40), (-1e15, "first", 40)] {
        let ws = Workspace::new().await;
        for _ in 0..number {
            ws.todo(json!({ "title": "end", "position": most })).await;
        }
        for title in ["a", "b", "c"] {
            let todo = ws.titled(title).await;
            let moved = ws.post(&path(&todo)).json(json!({ "place": place })).send().await.ok();
            let order = order(&ws).await;
            let end = if place == "first" { order.first() } else { order.last() };
            assert_eq!(end.map(String::as_str), Some(title), "{order:?}");
            assert!(moved["position"].as_f64().unwrap().abs() <= 1e15, "{moved}");
            let written = json!({ "position": moved["position"], "title": moved["title"] });
            let written = ws.patch(&format!("/api/v2/todos/{todo}")).json(written).send().await.ok();
            assert_eq!(written, moved, "what was read may be written back");
        }
        for todo in ws.all("/api/v2/todos", &[("limit", "100")]).await {
            assert!(todo["position"].as_f64().unwrap().abs() <= 1e15, "{todo}");
        }
    }
}
