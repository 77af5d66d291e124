//! Moves of todos among their siblings, and the same moves in plain vectors.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::{Workspace, id, suite};

suite![moves_are_those_of_plain_vectors];

/// The first two todos are parents and stay without one.
const PARENTS: usize = 2;

/// How often the others go to one spot: a gap of a second is halved 22 times at most.
const CROWD: usize = 25;

/// How todos are created, and what is done to them then.
#[derive(Debug, Clone)]
struct Plan {
    /// Of each todo its first position; without one it is the last.
    positions: Vec<Option<i8>>,
    steps: Vec<Step>,
}

/// Numbers beyond the last begin anew.
#[derive(Debug, Clone)]
enum Step {
    Move {
        todo: usize,
        group: usize,
        at: usize,
        is_after: bool,
    },
    /// All others go next to one, each between it and the one before.
    Crowd {
        anchor: usize,
        is_after: bool,
    },
}

fn plans() -> impl Strategy<Value = Plan> {
    let places = (0..60_usize, 0..4_usize, 0..60_usize, any::<bool>());
    let moves = places.prop_map(|(todo, group, at, is_after)| Step::Move { todo, group, at, is_after });
    let crowds = (0..60_usize, any::<bool>()).prop_map(|(anchor, is_after)| Step::Crowd { anchor, is_after });
    let positions = vec(option::of(0..3_i8), PARENTS + 6..=PARENTS + 12);
    (positions, vec(prop_oneof![5 => moves, 1 => crowds], 1..16))
        .prop_map(|(positions, steps)| Plan { positions, steps })
}

/// The todos of the service, and what they are to be.
struct Siblings {
    ws: Workspace,
    ids: Vec<String>,
    list: Value,
    /// Their numbers in order: in the inbox, in the list, below the first parent, below the second.
    groups: [Vec<usize>; 4],
    positions: BTreeMap<usize, Value>,
    /// How many todos got another position by the moves of others.
    spread: usize,
}

impl Siblings {
    async fn new(positions: &[Option<i8>]) -> Self {
        let ws = Workspace::new().await;
        let list = ws.post("/api/v2/lists").json(json!({ "name": "list" })).send().await.created()["id"].clone();
        let create = |position: &Option<i8>| json!({ "op": "create", "todo": { "title": "x", "position": position } });
        let operations: Vec<Value> = positions.iter().map(create).collect();
        let made = ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
        let ids = made["results"].as_array().unwrap().iter().map(|result| id(&result["todo"]).to_owned()).collect();
        let mut inbox: Vec<usize> = (0..positions.len()).collect();
        inbox.sort_by_key(|todo| positions[*todo].unwrap_or(i8::MAX));
        let groups = [inbox, Vec::new(), Vec::new(), Vec::new()];
        Self { ws, ids, list, groups, positions: BTreeMap::new(), spread: 0 }
    }

    async fn compare(&mut self, group: usize, moved: Option<usize>) -> Result<(), String> {
        let list = self.list.as_str().unwrap();
        let place = [
            vec![("list", "none"), ("parent", "none")],
            vec![("list", list), ("parent", "none")],
            vec![("parent", &self.ids[0])],
            vec![("parent", &self.ids[1])],
        ];
        // Pages of several, and mostly more than one.
        let query = [&place[group][..], &[("sort", "position"), ("limit", "8")]].concat();
        let mut order = Vec::new();
        for shown in self.ws.all("/api/v2/todos", &query).await {
            let todo = self.ids.iter().position(|known| *known == id(&shown)).unwrap();
            let position = shown["position"].clone();
            let former = self.positions.insert(todo, position.clone());
            self.spread += usize::from(moved != Some(todo) && former.is_some_and(|former| former != position));
            order.push(todo);
        }
        if order == self.groups[group] { Ok(()) } else { Err(format!("{order:?} is not {:?}", self.groups[group])) }
    }

    fn group(&self, todo: usize) -> usize {
        self.groups.iter().position(|siblings| siblings.contains(&todo)).unwrap()
    }

    /// Moves a todo to a place among the others of a group, which is named by the one before or the one behind.
    async fn shift(&mut self, todo: usize, group: usize, at: usize, is_after: bool) -> Result<(), String> {
        let from = self.group(todo);
        for siblings in &mut self.groups {
            siblings.retain(|other| *other != todo);
        }
        let siblings = &mut self.groups[group];
        let before = at.checked_sub(1).map(|at| &self.ids[siblings[at]]);
        let behind = siblings.get(at).map(|next| &self.ids[*next]);
        let mut to = match (before, behind) {
            (Some(before), _) if is_after => json!({ "after": before }),
            (None, _) if is_after => json!({ "place": "first" }),
            (_, Some(behind)) => json!({ "before": behind }),
            (_, None) => json!({ "place": "last" }),
        };
        siblings.insert(at, todo);
        if group >= 2 {
            to["parent_id"] = json!(self.ids[group - 2]);
        } else if group != from {
            to["parent_id"] = Value::Null;
            to["list_id"] = if group == 1 { self.list.clone() } else { Value::Null };
        }
        let answer = self.ws.post(&format!("/api/v2/todos/{}/move", self.ids[todo])).json(to.clone()).send().await;
        if answer.status != 200 {
            return Err(format!("{todo} does not move to {to}: {answer}"));
        }
        if from != group {
            self.compare(from, Some(todo)).await?;
        }
        self.compare(group, Some(todo)).await
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Move { todo, group, at, is_after } => {
                let todo = todo % self.ids.len();
                let group = if todo < PARENTS { group % 2 } else { *group };
                let others = self.groups[group].iter().filter(|other| **other != todo).count();
                self.shift(todo, group, at % (others + 1), *is_after).await
            }
            Step::Crowd { anchor, is_after } => {
                let anchor = anchor % self.ids.len();
                let others = (PARENTS..self.ids.len()).filter(|other| *other != anchor).cycle();
                for todo in others.take(CROWD) {
                    let group = self.group(anchor);
                    let mut siblings = self.groups[group].iter().filter(|other| **other != todo);
                    let at = siblings.position(|other| *other == anchor).unwrap();
                    self.shift(todo, group, at + usize::from(*is_after), *is_after).await?;
                }
                Ok(())
            }
        }
    }
}

/// Follows a plan, and gives how many todos were spread out for others.
async fn follow(plan: &Plan) -> Result<usize, String> {
    let mut siblings = Siblings::new(&plan.positions).await;
    siblings.compare(0, None).await?;
    for (number, step) in plan.steps.iter().enumerate() {
        siblings.step(step).await.map_err(|fault| format!("step {number}: {fault}"))?;
    }
    for group in 0..4 {
        siblings.compare(group, None).await?;
    }
    Ok(siblings.spread)
}

async fn moves_are_those_of_plain_vectors() {
    let crowd = Plan { positions: vec![None; 8], steps: vec![Step::Crowd { anchor: 2, is_after: true }] };
    assert!(follow(&crowd).await.unwrap() > 0, "there was always room");
    // proptest's own loop cannot wait for answers, so this is a loop of ours around what it makes and makes smaller.
    let mut runner = TestRunner::default();
    for _ in 0..5 {
        let mut plan = plans().new_tree(&mut runner).unwrap();
        let mut smallest = None;
        for _ in 0..60 {
            let goes_on = match follow(&plan.current()).await {
                Ok(_) => smallest.is_some() && plan.complicate(),
                Err(fault) => {
                    smallest = Some((fault, plan.current()));
                    plan.simplify()
                }
            };
            if !goes_on {
                break;
            }
        }
        assert!(smallest.is_none(), "{smallest:#?}");
    }
}
