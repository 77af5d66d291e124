//! An order of one's own: positions, and moves after, before, first and last.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::random::Random;
use crate::harness::{Workspace, database, suite, uuid};
use crate::subtasks::assert_sound;

suite![
    a_new_todo_is_the_last,
    a_todo_moves_after_and_before_others_and_first_and_last,
    a_neighbour_is_a_sibling,
    a_move_says_one_place_at_most,
    a_move_honours_conditions_and_keys,
    a_position_may_be_written,
    room_is_made_where_there_is_none,
    #[redis]
    many_siblings_at_one_place_make_room_around_the_gap_alone,
    #[database]
    room_is_made_where_a_neighbour_went_meanwhile,
    a_move_gives_a_position_that_may_be_written,
    two_people_drop_todos_at_the_same_place,
    #[database]
    the_later_of_two_moves_stands_nearer,
    todos_at_one_position_are_in_the_order_of_their_creation,
    many_people_move_todos_at_once,
    moves_deletions_and_completions_are_those_of_a_plain_tree,
];

fn id(todo: &Value) -> &str {
    todo["id"].as_str().unwrap()
}

fn path(todo: &str) -> String {
    format!("/api/v2/todos/{todo}/move")
}

/// The titles of the todos that are no subtasks, in their order.
async fn order(ws: &Workspace) -> Vec<String> {
    ws.titles(&[("sort", "position"), ("parent", "none"), ("limit", "100")]).await
}

/// Todos with these titles; gives their ids.
async fn todos(ws: &Workspace, titles: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for title in titles {
        ids.push(ws.titled(title).await);
    }
    ids
}

async fn a_new_todo_is_the_last() {
    let ws = Workspace::new().await;
    todos(&ws, &["a", "b", "c"]).await;
    assert_eq!(order(&ws).await, ["a", "b", "c"]);
    assert_eq!(ws.titles(&[("sort", "-position"), ("limit", "2")]).await, ["c", "b", "a"]);
    let position = ws.todo(json!({ "title": "d" })).await["position"].as_f64().unwrap();
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
    for (position, code) in [(json!("1"), "type"), (json!(1.1e15), "out_of_range"), (json!(-1e300), "out_of_range")] {
        let refused = ws.post("/api/v2/todos").json(json!({ "title": "x", "position": position })).send().await;
        refused.problem(422, "invalid_body").at("/position", code);
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

/// A plain tree: the todos below each, in order. The root of all is the empty text.
#[derive(Default)]
struct Tree {
    below: BTreeMap<String, Vec<String>>,
    parents: BTreeMap<String, String>,
    completed: BTreeMap<String, bool>,
    /// Of each deletion its todo, its parent, the one before it, and what was below.
    bin: Vec<(String, Vec<String>)>,
}

impl Tree {
    fn add(&mut self, todo: &str, parent: &str) {
        self.below.entry(parent.to_owned()).or_default().push(todo.to_owned());
        self.parents.insert(todo.to_owned(), parent.to_owned());
        self.completed.entry(todo.to_owned()).or_default();
    }

    fn all_below(&self, todo: &str) -> Vec<String> {
        let own = self.below.get(todo).cloned().unwrap_or_default();
        own.into_iter().flat_map(|child| [vec![child.clone()], self.all_below(&child)].concat()).collect()
    }

    fn depth(&self, todo: &str) -> usize {
        if todo.is_empty() { 0 } else { 1 + self.depth(&self.parents[todo]) }
    }

    fn height(&self, todo: &str) -> usize {
        1 + self.below.get(todo).into_iter().flatten().map(|child| self.height(child)).max().unwrap_or(0)
    }

    fn take(&mut self, todo: &str) {
        let parent = self.parents[todo].clone();
        self.below.get_mut(&parent).unwrap().retain(|other| other != todo);
    }

    /// Whether it may be there.
    fn fits(&self, todo: &str, parent: &str) -> bool {
        parent != todo
            && !self.all_below(todo).contains(&parent.to_owned())
            && self.depth(parent) + self.height(todo) <= 5
    }

    fn lines(&self, parent: &str) -> Vec<String> {
        let own = self.below.get(parent).cloned().unwrap_or_default();
        own.into_iter()
            .flat_map(|todo| {
                let line = format!("{parent} < {todo} {}", self.completed[&todo]);
                [vec![line], self.lines(&todo)].concat()
            })
            .collect()
    }
}

/// The same of the service, in a list.
async fn lines(ws: &Workspace, list: &str) -> Vec<String> {
    let todos = ws.all("/api/v2/todos", &[("list", list), ("sort", "position"), ("limit", "100")]).await;
    fn of(todos: &[Value], parent: &Value, name: &str) -> Vec<String> {
        let own = todos.iter().filter(|todo| todo["parent_id"] == *parent);
        own.flat_map(|todo| {
            let line = format!("{name} < {} {}", id(todo), todo["completed"]);
            [vec![line], of(todos, &todo["id"], id(todo))].concat()
        })
        .collect()
    }
    of(&todos, &Value::Null, "")
}

/// Six at once, each in a list of its own with a plain tree of its own: what one does is nothing to the others.
async fn moves_deletions_and_completions_are_those_of_a_plain_tree() {
    let ws = Workspace::new().await;
    let seed = u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos());
    let mut clients = Vec::new();
    for number in 0..6 {
        let name = json!({ "name": format!("list {number}") });
        let list = id(&ws.post("/api/v2/lists").json(name).send().await.created()).to_owned();
        clients.push(Gardener {
            ws: &ws,
            list,
            tree: Tree::default(),
            live: Vec::new(),
            random: Random(seed + number),
        });
    }
    futures::future::join_all(clients.iter_mut().map(async |client| {
        for step in 0..120 {
            client.step().await;
            if step % 10 == 9 {
                client.compare(&format!("seed {seed}, step {step}")).await;
            }
        }
    }))
    .await;
    for client in &clients {
        client.compare(&format!("seed {seed}, the end")).await;
    }
    assert_sound(&ws).await;
}

/// A client that does the same to the service and to a plain tree.
struct Gardener<'a> {
    ws: &'a Workspace,
    list: String,
    tree: Tree,
    live: Vec<String>,
    random: Random,
}

/// As bodies have it: the root of all is null.
fn reference(parent: &str) -> Value {
    if parent.is_empty() { Value::Null } else { json!(parent) }
}

impl Gardener<'_> {
    async fn compare(&self, when: &str) {
        assert_eq!(lines(self.ws, &self.list).await, self.tree.lines(""), "{when}");
    }

    fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.random.below(number as u64)).unwrap()
    }

    fn pick(&mut self) -> String {
        let at = self.below(self.live.len());
        self.live[at].clone()
    }

    async fn step(&mut self) {
        match if self.live.len() < 6 { 0 } else { self.below(10) } {
            0 | 1 => self.add().await,
            2..=5 => self.shift().await,
            6 => self.delete().await,
            7 if !self.tree.bin.is_empty() => self.restore().await,
            8 => self.complete().await,
            _ => {
                let todo = self.pick();
                let reopen = json!({ "status": "pending" });
                self.ws.patch(&format!("/api/v2/todos/{todo}")).json(reopen).send().await.ok();
                self.tree.completed.insert(todo, false);
            }
        }
    }

    async fn to_the_end(&self, todo: &str) {
        self.ws.post(&path(todo)).json(json!({ "place": "last" })).send().await.ok();
    }

    async fn add(&mut self) {
        let parent = if self.live.is_empty() || self.below(2) == 0 { String::new() } else { self.pick() };
        let body = json!({ "title": "x", "parent_id": reference(&parent), "list_id": self.list });
        let made = self.ws.post("/api/v2/todos").json(body).send().await;
        if self.tree.depth(&parent) < 5 {
            let todo = id(&made.created()).to_owned();
            self.tree.add(&todo, &parent);
            // A new one is the last unless somebody has moved others behind it.
            self.to_the_end(&todo).await;
            self.live.push(todo);
        } else {
            made.problem(422, "invalid_body").at("/parent_id", "too_deep");
        }
    }

    async fn shift(&mut self) {
        let todo = self.pick();
        let parent = match self.below(3) {
            0 => String::new(),
            1 => self.tree.parents[&todo].clone(),
            _ => self.pick(),
        };
        let siblings: Vec<String> =
            self.tree.below.get(&parent).into_iter().flatten().filter(|other| **other != todo).cloned().collect();
        let at = self.below(siblings.len() + 1);
        let mut to = json!({ "parent_id": reference(&parent) });
        match (at, self.below(2)) {
            (0, _) => to["place"] = json!("first"),
            (at, _) if at == siblings.len() => to["place"] = json!("last"),
            (at, 0) => to["after"] = json!(siblings[at - 1]),
            (at, _) => to["before"] = json!(siblings[at]),
        }
        let answer = self.ws.post(&path(&todo)).json(to).send().await;
        if self.tree.fits(&todo, &parent) {
            answer.ok();
            self.tree.take(&todo);
            self.tree.below.entry(parent.clone()).or_default().insert(at, todo.clone());
            self.tree.parents.insert(todo, parent);
        } else {
            answer.problem(422, "invalid_body").faults_are(1);
        }
    }

    async fn delete(&mut self) {
        let todo = self.pick();
        self.ws.delete(&format!("/api/v2/todos/{todo}")).send().await.no_content();
        let gone = [vec![todo.clone()], self.tree.all_below(&todo)].concat();
        self.tree.take(&todo);
        self.live.retain(|other| !gone.contains(other));
        self.tree.bin.push((todo, gone));
    }

    async fn restore(&mut self) {
        let at = self.below(self.tree.bin.len());
        let (todo, back) = self.tree.bin.remove(at);
        self.ws.post(&format!("/api/v2/todos/{todo}/restore")).send().await.ok();
        let parent = self.tree.parents[&todo].clone();
        let there = parent.is_empty() || self.live.contains(&parent);
        let fits = there && self.tree.depth(&parent) + self.tree.height(&todo) <= 5;
        let parent = if fits { parent } else { String::new() };
        self.live.extend(back);
        self.tree.parents.insert(todo.clone(), parent.clone());
        self.tree.below.entry(parent).or_default().push(todo.clone());
        // Where it stands among those that came meanwhile is its position's business.
        self.to_the_end(&todo).await;
    }

    async fn complete(&mut self) {
        let todo = self.pick();
        let all = self.below(2) == 0;
        let body = json!({ "subtasks": if all { "complete" } else { "keep" } });
        self.ws.post(&format!("/api/v2/todos/{todo}/complete")).json(body).send().await.ok();
        let done = if all { self.tree.all_below(&todo) } else { Vec::new() };
        for todo in done.into_iter().chain([todo]) {
            self.tree.completed.insert(todo, true);
        }
    }
}
