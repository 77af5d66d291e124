//! An order of one's own: positions, and moves after, before, first and last.

use serde_json::{Value, json};

use crate::harness::{Workspace, database, id, suite, uuid};
use crate::subtasks_at_once::assert_sound;

suite![
    a_new_todo_is_the_last,
    a_todo_moves_after_and_before_others_and_first_and_last,
    a_neighbour_is_a_sibling,
    a_move_says_one_place_at_most,
    a_move_honours_conditions_and_keys,
    two_people_drop_todos_at_the_same_place,
    #[database]
    the_later_of_two_moves_stands_nearer,
    todos_at_one_position_are_in_the_order_of_their_creation,
    many_people_move_todos_at_once,
];

pub fn path(todo: &str) -> String {
    format!("/api/v2/todos/{todo}/move")
}

/// The titles of the todos that are no subtasks, in their order.
pub async fn order(ws: &Workspace) -> Vec<String> {
    ws.titles(&[("sort", "position"), ("parent", "none"), ("limit", "100")]).await
}

/// Todos with these titles; gives their ids.
pub async fn todos(ws: &Workspace, titles: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for title in titles {
        ids.push(ws.titled(title).await);
    }
    ids
}

async fn a_new_todo_is_the_last() {
    let ws = Workspace::new().await;
    let ids = todos(&ws, &["a", "b", "c"]).await;
    assert_eq!(order(&ws).await, ["a", "b", "c"]);
    assert_eq!(ws.titles(&[("sort", "-position"), ("limit", "2")]).await, ["c", "b", "a"]);
    for todo in &ids {
        ws.post(&path(todo)).json(json!({ "place": "last" })).send().await.ok();
    }
    let position = ws.todo(json!({ "title": "d" })).await["position"].as_f64().unwrap();
    assert_eq!(order(&ws).await, ["a", "b", "c", "d"], "also behind those that were moved to the end just before");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((position - now).abs() < 60.0, "the seconds of its creation: {position}");
}

async fn a_todo_moves_after_and_before_others_and_first_and_last() {
    let ws = Workspace::new().await;
    let ids = todos(&ws, &["a", "b", "c", "d"]).await;
    for (moved, to, expected) in [
        (3, json!({ "after": ids[0] }), "adbc"),
        (0, json!({ "before": ids[2] }), "dbac"),
        (2, json!({ "place": "first" }), "cdba"),
        (3, json!({ "place": "last" }), "cbad"),
        (1, json!({ "after": ids[3] }), "cadb"),
        (0, json!({ "before": ids[2] }), "acdb"),
        (0, json!({ "after": ids[1] }), "cdba"),
        (0, json!({ "after": ids[1] }), "cdba"),
        (0, json!({}), "cdba"),
    ] {
        let answer = ws.post(&path(&ids[moved])).json(to.clone()).send().await;
        assert_eq!(answer.ok()["id"], ids[moved]);
        assert!(answer.etag().len() > 4);
        assert_eq!(order(&ws).await.concat(), expected, "{to}");
    }
    // Among the subtasks of another, which have an order of their own.
    for moved in [1, 2] {
        ws.post(&path(&ids[moved])).json(json!({ "parent_id": ids[3], "place": "first" })).send().await.ok();
    }
    assert_eq!(order(&ws).await.concat(), "da");
    assert_eq!(ws.titles(&[("sort", "position"), ("parent", &ids[3])]).await.concat(), "cb");
    ws.post(&path(&ids[2])).json(json!({ "parent_id": null, "after": ids[3] })).send().await.ok();
    assert_eq!(order(&ws).await.concat(), "dca");
}

async fn a_neighbour_is_a_sibling() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let ids = todos(&ws, &["a", "b"]).await;
    let child = ws.todo(json!({ "title": "child", "parent_id": ids[0] })).await;
    let list = ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();
    let listed = ws.todo(json!({ "title": "listed", "list_id": list["id"] })).await;
    let foreign = other.titled("foreign").await;
    for neighbour in [id(&child), id(&listed), &foreign, &ids[1], &uuid()] {
        for name in ["after", "before"] {
            let answer = ws.post(&path(&ids[1])).json(json!({ name: neighbour })).send().await;
            answer.problem(422, "invalid_body").at(&format!("/{name}"), "not_found").faults_are(1);
        }
    }
    let moved = json!({ "list_id": list["id"], "before": listed["id"] });
    assert_eq!(ws.post(&path(&ids[1])).json(moved).send().await.ok()["list_id"], list["id"]);
    assert_eq!(ws.titles(&[("list", id(&list)), ("sort", "position")]).await, ["b", "listed"]);
    ws.post(&path(&uuid())).json(json!({ "place": "first" })).send().await.problem(404, "todo_not_found");
}

async fn a_move_says_one_place_at_most() {
    let ws = Workspace::new().await;
    let ids = todos(&ws, &["a", "b"]).await;
    let several = json!({ "after": ids[1], "before": ids[1], "place": "last" });
    let answer = ws.post(&path(&ids[0])).json(several).send().await;
    answer.problem(422, "invalid_body").at("/before", "duplicate").at("/place", "duplicate").faults_are(2);
    let wrong = json!({ "place": "middle", "position": 3, "parent_id": 7 });
    let answer = ws.post(&path(&ids[0])).json(wrong).send().await;
    let problem = answer.problem(422, "invalid_body");
    problem.at("/place", "invalid_value").at("/position", "unknown_field").at("/parent_id", "type").faults_are(3);
}

async fn a_move_honours_conditions_and_keys() {
    let ws = Workspace::new().await;
    let ids = todos(&ws, &["a", "b"]).await;
    let first = || ws.post(&path(&ids[1])).json(json!({ "place": "first" }));
    first().header("if-match", "\"2-x\"").send().await.problem(412, "stale_version");
    let done = first().header("if-match", "\"1-x\"").header("idempotency-key", "k").send().await;
    assert_eq!(done.ok()["version"], 2);
    ws.post(&path(&ids[0])).json(json!({ "place": "first" })).send().await.ok();
    let replay = first().header("if-match", "\"1-x\"").header("idempotency-key", "k").send().await;
    assert_eq!((replay.header("idempotent-replayed"), replay.ok()), ("true", done.ok()));
    assert_eq!(order(&ws).await, ["a", "b"]);
}

async fn the_later_of_two_moves_stands_nearer() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let held = "select outcome from todo_update_v1($1, null, null, null, false, null, $2::text::uuid, null, \
        jsonb_build_object('move', jsonb_build_object($3::text, $4::text)))";
    for (side, expected) in [("after", "adcb"), ("before", "bcda")] {
        let titles = if side == "after" { ["a", "b", "c", "d"] } else { ["b", "a", "c", "d"] };
        let ids = todos(&ws, &titles).await;
        let of = |title: &str| &ids[titles.iter().position(|other| *other == title).unwrap()];
        let transaction = database.transaction().await.unwrap();
        let row = transaction.query_one(held, &[&workspace, of("c"), &side, of("a")]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "done");
        let later = tokio::spawn(ws.post(&path(of("d"))).json(json!({ side: of("a") })).send());
        database::until_blocked(transaction.client(), 1).await;
        transaction.commit().await.unwrap();
        later.await.unwrap().ok();
        assert_eq!(order(&ws).await.concat(), expected, "{side}");
        for id in ids {
            ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
        }
    }
}

async fn todos_at_one_position_are_in_the_order_of_their_creation() {
    let ws = Workspace::new().await;
    let ids = todos(&ws, &["a", "b", "c"]).await;
    // As two clients without a connection compute the same middle, and send it in either order.
    for todo in [&ids[2], &ids[1], &ids[0]] {
        ws.patch(&format!("/api/v2/todos/{todo}")).json(json!({ "position": 7.25 })).send().await.ok();
    }
    assert_eq!(order(&ws).await.concat(), "abc");
    assert_eq!(ws.titles(&[("sort", "-position"), ("limit", "1")]).await.concat(), "cba");
}

async fn two_people_drop_todos_at_the_same_place() {
    let ws = Workspace::new().await;
    for _ in 0..10 {
        let ids = todos(&ws, &["a", "b", "c", "d"]).await;
        let drop = |todo: &str| tokio::spawn(ws.post(&path(todo)).json(json!({ "after": ids[0] })).send());
        let (one, two) = (drop(&ids[2]), drop(&ids[3]));
        one.await.unwrap().ok();
        two.await.unwrap().ok();
        let order = order(&ws).await.concat();
        assert!(["acdb", "adcb"].contains(&order.as_str()), "{order}");
        for id in ids {
            ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
        }
    }
}

async fn many_people_move_todos_at_once() {
    let ws = Workspace::new().await;
    let titles: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let ids = todos(&ws, &titles.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for round in 0..10 {
        let sent: Vec<_> = (0..12)
            .map(|number| {
                let to = match (number + round) % 4 {
                    0 => json!({ "place": "first" }),
                    1 => json!({ "after": ids[(number + 5) % 12] }),
                    2 => json!({ "before": ids[(number + 7) % 12] }),
                    _ => {
                        json!({ "parent_id": if round % 2 == 0 { json!(ids[(number + 1) % 12]) } else { Value::Null } })
                    }
                };
                tokio::spawn(ws.post(&path(&ids[number])).json(to).send())
            })
            .collect();
        for answer in sent {
            let answer = answer.await.unwrap();
            assert!([200, 422].contains(&answer.status), "{answer}");
        }
        assert_sound(&ws).await;
    }
    assert_eq!(ws.titles(&[("limit", "100")]).await.len(), 12);
}
