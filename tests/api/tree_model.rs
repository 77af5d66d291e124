//! Trees of todos against a plain tree that is told the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::random::Random;
use crate::harness::{Workspace, suite};
use crate::subtasks::assert_sound;

suite![moves_deletions_and_completions_are_those_of_a_plain_tree];

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
