//! Trees of todos against a plain tree that is told the same.

mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::random::Random;
use crate::harness::{Workspace, database, id, suite, uuid};
use crate::subtasks_at_once::assert_sound;
use tree::{Node, Operation, Tree, reference};

suite![
    moves_deletions_and_completions_are_those_of_a_plain_tree,
    #[database]
    what_several_do_to_one_tree_is_what_one_after_the_other_does,
];

fn path(todo: &str) -> String {
    format!("/api/v2/todos/{todo}/move")
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
            deleted: Vec::new(),
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
    /// What was deleted and is not restored.
    deleted: Vec<String>,
    random: Random,
}

impl Gardener<'_> {
    async fn compare(&self, when: &str) {
        assert_eq!(lines(self.ws, &self.list).await, self.tree.lines(""), "{when}");
    }

    fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.random.below(number as u64)).unwrap()
    }

    fn pick(&mut self) -> String {
        let mut live = self.tree.live();
        live.swap_remove(self.below(live.len()))
    }

    async fn step(&mut self) {
        match if self.tree.live().len() < 6 { 0 } else { self.below(10) } {
            0 | 1 => self.add().await,
            2..=5 => self.shift().await,
            6 => {
                let todo = self.pick();
                self.does(&todo, Operation::Delete).await;
                self.deleted.push(todo);
            }
            7 if !self.deleted.is_empty() => {
                let at = self.below(self.deleted.len());
                let todo = self.deleted.remove(at);
                self.does(&todo, Operation::Restore).await;
                // Where it stands among those that came meanwhile is its position's business.
                self.to_the_end(&todo).await;
            }
            8 => {
                let (todo, all) = (self.pick(), self.below(2) == 0);
                self.does(&todo, Operation::Complete { all }).await;
            }
            _ => {
                let todo = self.pick();
                self.does(&todo, Operation::Reopen).await;
            }
        }
    }

    /// What a tree permits always.
    async fn does(&mut self, todo: &str, operation: Operation) {
        let answer = operation.call(self.ws, todo).send().await;
        if matches!(operation, Operation::Delete) {
            answer.no_content();
        } else {
            answer.ok();
        }
        assert!(self.tree.apply(todo, &operation), "{operation:?} of {todo}");
    }

    async fn to_the_end(&self, todo: &str) {
        self.ws.post(&path(todo)).json(json!({ "place": "last" })).send().await.ok();
    }

    async fn add(&mut self) {
        let is_root = self.tree.live().is_empty() || self.below(2) == 0;
        let parent = if is_root { String::new() } else { self.pick() };
        let body = json!({ "title": "x", "parent_id": reference(&parent), "list_id": self.list });
        let made = self.ws.post("/api/v2/todos").json(body).send().await;
        if self.tree.depth(&parent) < 5 {
            let todo = id(&made.created()).to_owned();
            assert!(self.tree.apply(&todo, &Operation::Add { parent }));
            // A new one is the last unless somebody has moved others behind it.
            self.to_the_end(&todo).await;
        } else {
            made.problem(422, "invalid_body").at("/parent_id", "too_deep");
        }
    }

    async fn shift(&mut self) {
        let todo = self.pick();
        let parent = match self.below(3) {
            0 => String::new(),
            1 => self.tree.nodes[&todo].parent.clone(),
            _ => self.pick(),
        };
        let mut siblings = self.tree.children(&parent);
        siblings.retain(|other| *other != todo);
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
            assert!(self.tree.apply(&todo, &Operation::Move { parent, end: None }));
            self.tree.place(&todo, siblings.get(at));
        } else {
            answer.problem(422, "invalid_body").faults_are(1);
        }
    }
}

/// Six at once in one tree: whatever was done, in the order in which the log has it, a plain tree permits and ends in
/// the same.
async fn what_several_do_to_one_tree_is_what_one_after_the_other_does() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let seed = u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos());
    let known = RefCell::new(Vec::new());
    let done = RefCell::new(BTreeMap::new());
    futures::future::join_all((0..6).map(async |person| {
        let mut random = Random(seed + person);
        for _ in 0..100 {
            if let Some((request, done_to)) = something(&ws, &mut random, &known).await {
                done.borrow_mut().insert(request, done_to);
            }
        }
    }))
    .await;
    // Whoever changes nothing leaves no line.
    let order =
        "select request from events where workspace_id = $1 and request = any ($2) group by request order by min(id)";
    let mut done = done.into_inner();
    let requests: Vec<String> = done.keys().cloned().collect();
    let mut tree = Tree::default();
    for row in database.query(order, &[&workspace, &requests]).await.unwrap() {
        let (todo, operation, position) = done.remove(&row.get::<_, String>(0)).unwrap();
        assert!(tree.apply(&todo, &operation), "seed {seed}: a tree does not permit {operation:?} of {todo}");
        if let Some(position) = position {
            tree.node(&todo).position = position;
        }
        assert!(tree.is_at_its_end(&todo, &operation), "seed {seed}: {operation:?} of {todo} to {position:?}");
    }
    let useless = done.len();
    assert!(useless * 2 < requests.len(), "{useless} of {} changed nothing", requests.len());
    let mut found = Vec::new();
    for bin in [false, true] {
        let todos = ws.all("/api/v2/todos", &[("deleted", &bin.to_string()), ("limit", "100")]).await;
        found.extend(todos.iter().map(|todo| {
            let (parent, position) =
                (todo["parent_id"].as_str().unwrap_or_default(), todo["position"].as_f64().unwrap());
            format!("{} below {parent:?} at {position}, completed: {}, in the bin: {bin}", id(todo), todo["completed"])
        }));
    }
    let expected = tree.nodes.iter().map(|(todo, node)| {
        let Node { parent, completed, bin, position } = node;
        format!("{todo} below {parent:?} at {position}, completed: {completed}, in the bin: {}", bin.is_some())
    });
    found.sort();
    assert_eq!(found, expected.collect::<Vec<_>>(), "seed {seed}");
    assert_sound(&ws).await;
}

/// Something that somebody does to one of the todos that are known, if it was done: the id of the request; the todo,
/// what, and the position that it got.
async fn something(
    ws: &Workspace,
    random: &mut Random,
    known: &RefCell<Vec<String>>,
) -> Option<(String, (String, Operation, Option<f64>))> {
    let pick = |random: &mut Random| {
        let known = known.borrow();
        known.get(usize::try_from(random.below(known.len().max(1) as u64)).unwrap()).cloned().unwrap_or_default()
    };
    let todo = pick(random);
    let other = if random.below(4) == 0 { String::new() } else { pick(random) };
    let add = known.borrow().len() < 12 || (random.below(8) == 0 && known.borrow().len() < 40);
    let end = usize::try_from(random.below(3)).unwrap();
    let operation = match random.below(10) {
        _ if add => Operation::Add { parent: other },
        0..=4 => Operation::Move { parent: other, end: [None, Some("first"), Some("last")][end] },
        5 => Operation::Delete,
        6 | 7 => Operation::Restore,
        8 => Operation::Complete { all: random.below(2) == 0 },
        _ => Operation::Reopen,
    };
    let request = uuid();
    let answer = operation.call(ws, &todo).header("x-request-id", &request).send().await;
    assert!([200, 201, 204, 404, 422].contains(&answer.status), "{answer}");
    if answer.status >= 400 {
        return None;
    }
    let todo = if answer.status == 201 { id(&answer.created()).to_owned() } else { todo };
    if matches!(operation, Operation::Add { .. }) {
        known.borrow_mut().push(todo.clone());
    }
    let is_placed = matches!(operation, Operation::Add { .. } | Operation::Move { .. });
    let position = is_placed.then(|| answer.value()["position"].as_f64().unwrap());
    Some((request, (todo, operation, position)))
}
