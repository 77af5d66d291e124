//! Trees of todos against a plain tree that is told the same.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::random::Random;
use crate::harness::{Workspace, database, suite, uuid};
use crate::subtasks::assert_sound;

suite![
    moves_deletions_and_completions_are_those_of_a_plain_tree,
    #[database]
    what_several_do_to_one_tree_is_what_one_after_the_other_does,
];

fn id(todo: &Value) -> &str {
    todo["id"].as_str().unwrap()
}

fn path(todo: &str) -> String {
    format!("/api/v2/todos/{todo}/move")
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

/// What somebody did to a todo.
#[derive(Debug, Clone)]
enum Operation {
    Add { parent: String },
    Move { parent: String },
    Delete,
    Restore,
    Complete { all: bool },
    Reopen,
}

/// A todo of a tree in which several write.
#[derive(Debug, Default, PartialEq, Eq)]
struct Node {
    parent: String,
    completed: bool,
    /// The number of the deletion with which it went into the bin.
    bin: Option<usize>,
}

/// A plain tree that knows its bin; the root of all is the empty text.
#[derive(Default)]
struct Shared {
    nodes: BTreeMap<String, Node>,
    deletions: usize,
}

impl Shared {
    fn is_live(&self, todo: &str) -> bool {
        self.nodes.get(todo).is_some_and(|node| node.bin.is_none())
    }

    /// All below it that are where it is: live, or in the bin by the same deletion.
    fn below(&self, todo: &str) -> Vec<String> {
        let bin = self.nodes[todo].bin;
        let own = self.nodes.iter().filter(|(_, node)| node.parent == todo && node.bin == bin);
        own.flat_map(|(child, _)| [vec![child.clone()], self.below(child)].concat()).collect()
    }

    fn depth(&self, todo: &str) -> usize {
        if todo.is_empty() { 0 } else { 1 + self.depth(&self.nodes[todo].parent) }
    }

    fn height(&self, todo: &str) -> usize {
        let own = self.nodes.iter().filter(|(_, node)| node.parent == todo && node.bin.is_none());
        1 + own.map(|(child, _)| self.height(child)).max().unwrap_or(0)
    }

    fn fits(&self, todo: &str, parent: &str) -> bool {
        let is_there = parent.is_empty() || self.is_live(parent);
        is_there
            && parent != todo
            && !self.below(todo).iter().any(|below| below == parent)
            && self.depth(parent) + self.height(todo) <= 5
    }

    /// Does it, if a tree permits.
    fn apply(&mut self, todo: &str, operation: &Operation) -> bool {
        if let Operation::Add { parent } = operation {
            self.nodes.insert(todo.to_owned(), Node { parent: parent.clone(), ..Node::default() });
            return (parent.is_empty() || self.is_live(parent)) && self.depth(todo) <= 5;
        }
        if self.is_live(todo) == matches!(operation, Operation::Restore) {
            return false;
        }
        let all = [vec![todo.to_owned()], self.below(todo)].concat();
        match operation {
            Operation::Add { .. } => unreachable!("is done above"),
            Operation::Move { parent } => {
                let fits = self.fits(todo, parent);
                self.nodes.get_mut(todo).unwrap().parent = parent.clone();
                return fits;
            }
            Operation::Delete => {
                self.deletions += 1;
                for gone in all {
                    self.nodes.get_mut(&gone).unwrap().bin = Some(self.deletions);
                }
            }
            Operation::Restore => {
                for back in all {
                    self.nodes.get_mut(&back).unwrap().bin = None;
                }
                let parent = self.nodes[todo].parent.clone();
                if !self.fits(todo, &parent) {
                    self.nodes.get_mut(todo).unwrap().parent = String::new();
                }
            }
            Operation::Complete { all: true } => {
                for done in all {
                    self.nodes.get_mut(&done).unwrap().completed = true;
                }
            }
            Operation::Complete { all: false } => self.nodes.get_mut(todo).unwrap().completed = true,
            Operation::Reopen => self.nodes.get_mut(todo).unwrap().completed = false,
        }
        true
    }
}

/// Six at once in one tree: whatever was done, in the order in which the log has it, a plain tree permits and ends in the same.
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
            if let Some((request, todo, operation)) = something(&ws, &mut random, &known).await {
                done.borrow_mut().insert(request, (todo, operation));
            }
        }
    }))
    .await;
    // Whoever changes nothing leaves no line.
    let order =
        "select request from events where workspace_id = $1 and request = any ($2) group by request order by min(id)";
    let mut done = done.into_inner();
    let requests: Vec<String> = done.keys().cloned().collect();
    let mut tree = Shared::default();
    for row in database.query(order, &[&workspace, &requests]).await.unwrap() {
        let (todo, operation) = done.remove(&row.get::<_, String>(0)).unwrap();
        assert!(tree.apply(&todo, &operation), "seed {seed}: a tree does not permit {operation:?} of {todo}");
    }
    let useless = done.len();
    assert!(useless * 2 < requests.len(), "{useless} of {} changed nothing", requests.len());
    let mut found = Vec::new();
    for bin in [false, true] {
        let todos = ws.all("/api/v2/todos", &[("deleted", &bin.to_string()), ("limit", "100")]).await;
        found.extend(todos.iter().map(|todo| {
            let parent = todo["parent_id"].as_str().unwrap_or_default();
            format!("{} below {parent:?}, completed: {}, in the bin: {bin}", id(todo), todo["completed"])
        }));
    }
    let expected = tree.nodes.iter().map(|(todo, node)| {
        format!("{todo} below {:?}, completed: {}, in the bin: {}", node.parent, node.completed, node.bin.is_some())
    });
    found.sort();
    assert_eq!(found, expected.collect::<Vec<_>>(), "seed {seed}");
    assert_sound(&ws).await;
}

/// Something that somebody does to one of the todos that are known, if it was done: the id of the request, the todo, and what.
async fn something(
    ws: &Workspace,
    random: &mut Random,
    known: &RefCell<Vec<String>>,
) -> Option<(String, String, Operation)> {
    let pick = |random: &mut Random| {
        let known = known.borrow();
        known.get(usize::try_from(random.below(known.len().max(1) as u64)).unwrap()).cloned().unwrap_or_default()
    };
    let todo = pick(random);
    let other = if random.below(4) == 0 { String::new() } else { pick(random) };
    let add = known.borrow().len() < 12 || (random.below(8) == 0 && known.borrow().len() < 40);
    let operation = match random.below(10) {
        _ if add => Operation::Add { parent: other },
        0..=4 => Operation::Move { parent: other },
        5 => Operation::Delete,
        6 | 7 => Operation::Restore,
        8 => Operation::Complete { all: random.below(2) == 0 },
        _ => Operation::Reopen,
    };
    let at = format!("/api/v2/todos/{todo}");
    let call = match &operation {
        Operation::Add { parent } => {
            ws.post("/api/v2/todos").json(json!({ "title": "x", "parent_id": reference(parent) }))
        }
        Operation::Move { parent } => ws.post(&format!("{at}/move")).json(json!({ "parent_id": reference(parent) })),
        Operation::Delete => ws.delete(&at),
        Operation::Restore => ws.post(&format!("{at}/restore")),
        Operation::Complete { all } => {
            ws.post(&format!("{at}/complete")).json(json!({ "subtasks": if *all { "complete" } else { "keep" } }))
        }
        Operation::Reopen => ws.patch(&at).json(json!({ "status": "pending" })),
    };
    let request = uuid();
    let answer = call.header("x-request-id", &request).send().await;
    assert!([200, 201, 204, 404, 422].contains(&answer.status), "{answer}");
    if answer.status >= 400 {
        return None;
    }
    let todo = if answer.status == 201 { id(&answer.created()).to_owned() } else { todo };
    if matches!(operation, Operation::Add { .. }) {
        known.borrow_mut().push(todo.clone());
    }
    Some((request, todo, operation))
}
