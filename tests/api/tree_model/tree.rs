//! The plain tree, and what is done to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::path;
use crate::harness::{Call, Workspace};

/// What somebody does to a todo.
#[derive(Debug, Clone)]
pub enum Operation {
    Add {
        parent: String,
    },
    /// With the end among the others at which it is to stand, `first` or `last`, or where its position is.
    Move {
        parent: String,
        end: Option<&'static str>,
    },
    Delete,
    Restore,
    Complete {
        all: bool,
    },
    Reopen,
}

impl Operation {
    pub fn call(&self, ws: &Workspace, todo: &str) -> Call {
        let at = format!("/api/v2/todos/{todo}");
        match self {
            Self::Add { parent } => {
                ws.post("/api/v2/todos").json(json!({ "title": "x", "parent_id": reference(parent) }))
            }
            Self::Move { parent, end } => {
                let mut to = json!({ "parent_id": reference(parent) });
                if let Some(end) = end {
                    to["place"] = json!(end);
                }
                ws.post(&path(todo)).json(to)
            }
            Self::Delete => ws.delete(&at),
            Self::Restore => ws.post(&format!("{at}/restore")),
            Self::Complete { all } => {
                ws.post(&format!("{at}/complete")).json(json!({ "subtasks": if *all { "complete" } else { "keep" } }))
            }
            Self::Reopen => ws.patch(&at).json(json!({ "status": "pending" })),
        }
    }
}

/// As bodies have it: the root of all is null.
pub fn reference(parent: &str) -> Value {
    if parent.is_empty() { Value::Null } else { json!(parent) }
}

/// A todo of the plain tree.
#[derive(Debug, Default)]
pub struct Node {
    pub parent: String,
    pub completed: bool,
    /// The number of the deletion with which it went into the bin.
    pub bin: Option<usize>,
    /// As the service has told it, where several write.
    pub position: f64,
}

/// A plain tree that knows its bin. The root of all is the empty text.
#[derive(Default)]
pub struct Tree {
    pub nodes: BTreeMap<String, Node>,
    /// All of them; those below the same one are in their order.
    pub order: Vec<String>,
    pub deletions: usize,
}

impl Tree {
    pub fn is_live(&self, todo: &str) -> bool {
        self.nodes.get(todo).is_some_and(|node| node.bin.is_none())
    }

    pub fn live(&self) -> Vec<String> {
        self.order.iter().filter(|todo| self.is_live(todo)).cloned().collect()
    }

    /// What is right below it and where it is: live, or in the bin by the same deletion.
    pub fn children(&self, todo: &str) -> Vec<String> {
        let bin = self.nodes.get(todo).and_then(|node| node.bin);
        let is_child = |node: &Node| node.parent == todo && node.bin == bin;
        self.order.iter().filter(|other| is_child(&self.nodes[*other])).cloned().collect()
    }

    pub fn below(&self, todo: &str) -> Vec<String> {
        let own = self.children(todo).into_iter();
        own.flat_map(|child| [vec![child.clone()], self.below(&child)].concat()).collect()
    }

    pub fn depth(&self, todo: &str) -> usize {
        if todo.is_empty() { 0 } else { 1 + self.depth(&self.nodes[todo].parent) }
    }

    pub fn height(&self, todo: &str) -> usize {
        1 + self.children(todo).iter().map(|child| self.height(child)).max().unwrap_or(0)
    }

    /// Whether it may be there.
    pub fn fits(&self, todo: &str, parent: &str) -> bool {
        let is_there = parent.is_empty() || self.is_live(parent);
        is_there
            && parent != todo
            && !self.below(todo).iter().any(|below| below == parent)
            && self.depth(parent) + self.height(todo) <= 5
    }

    /// Puts it before another one, or behind all.
    pub fn place(&mut self, todo: &str, before: Option<&String>) {
        self.order.retain(|other| other != todo);
        let at = self.order.iter().position(|other| Some(other) == before).unwrap_or(self.order.len());
        self.order.insert(at, todo.to_owned());
    }

    pub fn node(&mut self, todo: &str) -> &mut Node {
        self.nodes.get_mut(todo).unwrap()
    }

    /// Does it, if a tree permits. What comes to a place stands behind all.
    pub fn apply(&mut self, todo: &str, operation: &Operation) -> bool {
        if let Operation::Add { parent } = operation {
            self.nodes.insert(todo.to_owned(), Node { parent: parent.clone(), ..Node::default() });
            self.place(todo, None);
            return (parent.is_empty() || self.is_live(parent)) && self.depth(todo) <= 5;
        }
        if self.is_live(todo) == matches!(operation, Operation::Restore) {
            return false;
        }
        let all = [vec![todo.to_owned()], self.below(todo)].concat();
        match operation {
            Operation::Add { .. } => unreachable!("is done above"),
            Operation::Move { parent, .. } => {
                let fits = self.fits(todo, parent);
                self.node(todo).parent = parent.clone();
                self.place(todo, None);
                return fits;
            }
            Operation::Delete => {
                self.deletions += 1;
                for gone in all {
                    self.node(&gone).bin = Some(self.deletions);
                }
            }
            Operation::Restore => {
                for back in all {
                    self.node(&back).bin = None;
                }
                let parent = self.nodes[todo].parent.clone();
                if !self.fits(todo, &parent) {
                    self.node(todo).parent = String::new();
                }
                self.place(todo, None);
            }
            Operation::Complete { all: true } => all.iter().for_each(|done| self.node(done).completed = true),
            Operation::Complete { all: false } => self.node(todo).completed = true,
            Operation::Reopen => self.node(todo).completed = false,
        }
        true
    }

    /// Whether it stands at the end to which it was moved. (A todo below none is added without a lock, so others may
    /// not have seen it.)
    pub fn is_at_its_end(&self, todo: &str, operation: &Operation) -> bool {
        let Operation::Move { parent, end: Some(end) } = operation else { return true };
        let own = self.nodes[todo].position;
        let mut others = self.children(parent).into_iter().filter(|other| other != todo);
        parent.is_empty()
            || others.all(|other| {
                let other = self.nodes[&other].position;
                if *end == "first" { own < other } else { own > other }
            })
    }

    pub fn lines(&self, parent: &str) -> Vec<String> {
        let own = self.children(parent).into_iter();
        own.flat_map(|todo| {
            let line = format!("{parent} < {todo} {}", self.nodes[&todo].completed);
            [vec![line], self.lines(&todo)].concat()
        })
        .collect()
    }
}
