//! Every todo, by pages and by filters.

use anyhow::{Result, bail};
use serde_json::Value;
use todo_core::domain::todo::{Priority, Status};

use super::difference::Difference;
use super::page::{Known, Page};
use super::requests::Request;
use super::{Pair, todo};

/// The largest page that version 1 gives.
const PAGE: usize = 100;

/// Every how many pages one todo is also read alone.
const ALONE: usize = 5;

/// What a todo has that a summary of the application after its owners' plan has not.
const MORE_THAN_SUMMARIES: [&str; 4] = ["description", "created_at", "updated_at", "tags"];

impl Pair {
    /// A page of both, which tells the todos of each.
    async fn page(&mut self, page: &Page<'_>) -> Result<[Vec<Value>; 2]> {
        let path = page.path();
        let (old, new) = match self.plan {
            true => self.ask_each(&Request::get(&page.path_of_plan()), &Request::get(&path)).await?,
            false => self.ask(&Request::get(&path)).await?,
        };
        let (mut before, mut after) = (old.json(), new.json());
        if self.plan {
            before = before.get_mut("items").map(Value::take).unwrap_or_default();
        }
        let (Value::Array(before), Value::Array(after)) = (&before, &mut after) else {
            bail!("{path} is answered with {} and {}, and not with two lists", old.status, new.status);
        };
        let after = std::mem::take(after);
        for (before, after) in before.iter().zip(&after).filter(|(old, new)| old["id"] == new["id"]) {
            let at = format!("todo {}", before["id"]);
            let after = if self.plan { self.summary(&at, after.clone()) } else { after.clone() };
            todo::compare(&at, before, &after, &self.map, &[], &mut self.findings);
        }
        Ok([before.clone(), after])
    }

    /// Without what no summary has.
    fn summary(&mut self, at: &str, mut todo: Value) -> Value {
        if let Some(fields) = todo.as_object_mut() {
            fields.retain(|field, _| !MORE_THAN_SUMMARIES.contains(&field.as_str()));
        }
        self.findings.on_purpose(Difference::PlanPages, at);
        todo
    }

    /// Every todo, by pages, and some of them alone; the highest id.
    pub(super) async fn everything(&mut self) -> Result<i64> {
        self.plan = self.old.ask(&Request::get("/todos?limit=1")).await?.json().get("items").is_some();
        for skip in (0..).step_by(PAGE) {
            let behind = self.known.0.last().map_or(0, |last| last.id);
            let page = Page { skip, behind, limit: Some(PAGE), ..Page::default() };
            let [before, after] = self.page(&page).await?;
            let [old, new] = [&before, &after].map(|todos| todos.iter().map(Known::of).collect::<Vec<_>>());
            if let Some((old, new)) = old.iter().zip(&new).find(|(old, new)| old.id != new.id) {
                self.findings.other("/todos", &format!("todo {} stands where {} stood", new.id, old.id));
            }
            if old.len() != new.len() {
                self.findings
                    .other("/todos", &format!("has {} todos from {skip} on, and had {}", new.len(), old.len()));
            }
            if let Some(last) = old.last().filter(|_| (skip / PAGE).is_multiple_of(ALONE)) {
                self.single(&Request::get(&format!("/todos/{}", last.id))).await?;
            }
            let ended = old.len() < PAGE;
            self.known.0.extend(old);
            self.known.1.extend(new);
            if ended {
                break;
            }
        }
        Ok(self.known.0.last().map_or(0, |last| last.id))
    }

    /// Pages of every status, every priority, both and neither: each has what the field says, in the old application
    /// and here. So they differ where a status or a priority does, which the comparison of the todos has explained.
    pub(super) async fn filters(&mut self) -> Result<()> {
        let some = |names: [&'static str; 4]| [None].into_iter().chain(names.map(Some));
        let statuses = Status::ALL.map(Status::as_str);
        let priorities = [Priority::Low, Priority::Medium, Priority::High, Priority::Urgent].map(Priority::as_str);
        for (status, priority) in some(statuses).flat_map(|status| some(priorities).map(move |other| (status, other))) {
            let total = self.known.0.len();
            let places = [(0, None), (0, Some(PAGE)), (130, Some(7)), (total.saturating_sub(3), None), (total, None)];
            // The plan has no `skip`.
            for (skip, limit) in places.into_iter().filter(|(skip, _)| *skip == 0 || !self.plan).collect::<Vec<_>>() {
                let page = Page { status, priority, skip, behind: 0, limit };
                let [before, after] = self.page(&page).await?;
                for (whose, found, known) in [("old", before, &self.known.0), ("new", after, &self.known.1)] {
                    let found: Vec<i64> = found.iter().map(|todo| Known::of(todo).id).collect();
                    if found != page.of(known) {
                        self.findings.other(&page.path(), &format!("the {whose} page has not what its todos say"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Filters by several words, of which the old application took the last or none, and one that it ignored.
    pub(super) async fn more_filters(&mut self) -> Result<()> {
        type Fits = fn(&Known) -> bool;
        let open_or_done: Fits = |todo| ["pending", "completed"].contains(&todo.status.as_str());
        let filters: [(&str, Fits); 4] = [
            ("status=pending,completed", open_or_done),
            ("status=pending&status=completed", open_or_done),
            ("priority=low&priority=urgent", |todo| ["low", "urgent"].contains(&todo.priority.as_str())),
            ("completed=true", |todo| todo.status == "completed"),
        ];
        for (query, fits) in filters {
            let path = format!("/todos?{query}&limit={PAGE}");
            let (old, new) = self.ask(&Request::get(&path)).await?;
            let (before, after) = (old.json(), new.json());
            let ids = |todos: &Value| -> Vec<i64> {
                todos.as_array().into_iter().flatten().map(|todo| Known::of(todo).id).collect()
            };
            let wanted: Vec<i64> =
                self.known.1.iter().filter(|todo| fits(todo)).map(|todo| todo.id).take(PAGE).collect();
            if new.status != 200 || ids(&after) != wanted {
                self.findings.other(&path, &format!("{} with other todos than it says", new.status));
            } else if ids(&before) != wanted {
                self.findings.on_purpose(Difference::Filters, &path);
            }
        }
        Ok(())
    }
}
