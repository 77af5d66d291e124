//! `cargo xtask adopt compare`: asks an instance of the old application and version 1 the same over the same data, and compares
//! the answers field by field.

mod difference;
mod page;
mod requests;
mod side;
mod todo;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::Value;
use todo_core::domain::todo::{Priority, Status};
use url::Url;

use self::difference::{Difference, Findings};
use self::page::{Known, Page};
use self::requests::Request;
use self::side::Side;
use super::map::Map;
use crate::http::{Answer, send};
use crate::progress::{Step, say};

/// The largest page that version 1 gives.
const PAGE: usize = 100;

/// Every how many pages one todo is also read alone.
const ALONE: usize = 5;

#[derive(clap::Args)]
pub struct Args {
    /// The old application, such as http://127.0.0.1:8000; `/todos` follows.
    #[arg(long, value_name = "URL")]
    old: Url,
    /// This service, such as http://127.0.0.1:3000; with /api/v1 at its end, the versioned addresses are compared.
    #[arg(long, value_name = "URL")]
    new: Url,
    /// A token of the workspace that has adopted the old data, for reads and, with --writes, writes.
    #[arg(long, env = "TODO_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// The value of an `Authorization` header that the old application wants.
    #[arg(long, env = "OLD_AUTHORIZATION", hide_env_values = true, value_name = "VALUE")]
    old_authorization: Option<String>,
    /// The map of the adoption.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Compare writes, too: both make todos, so use copies. Afterwards their data is no longer the same.
    #[arg(long)]
    writes: bool,
}

pub async fn main(args: &Args) -> Result<ExitCode> {
    let step = Step::begin("comparing the answers of the old application and of version 1");
    let new = args.token.as_ref().map(|token| format!("Bearer {token}"));
    let mut pair = Pair {
        old: Side { url: args.old.clone(), authorization: args.old_authorization.clone() },
        new: Side { url: args.new.clone(), authorization: new },
        map: Map::load(args.map.as_deref())?,
        findings: Findings::default(),
        known: Default::default(),
    };
    let highest = pair.everything().await?;
    pair.filters().await?;
    pair.counts().await?;
    pair.health().await?;
    for request in requests::reads(highest) {
        pair.single(&request).await?;
    }
    if args.writes {
        for request in requests::writes() {
            pair.single(&request).await?;
        }
    }
    step.done();
    let Pair { findings, .. } = pair;
    findings.print();
    let Findings { requests, todos, others, .. } = findings;
    if others > 0 {
        bail!("{requests} requests, {todos} todos compared: {others} differ for no documented reason");
    }
    say(&format!("{requests} requests, {todos} todos compared: nothing differs but on purpose"));
    Ok(ExitCode::SUCCESS)
}

/// Both, and what was found.
struct Pair {
    old: Side,
    new: Side,
    map: Map,
    findings: Findings,
    /// Every todo, as each tells it.
    known: (Vec<Known>, Vec<Known>),
}

impl Pair {
    async fn ask(&mut self, request: &Request) -> Result<(Answer, Answer)> {
        self.findings.requests += 1;
        let Request { method, path, body, .. } = request;
        let old = self.old.ask(method, path, body.as_ref()).await?;
        Ok((old, self.new.ask(method, path, body.as_ref()).await?))
    }

    async fn get(&mut self, path: &str) -> Result<(Answer, Answer)> {
        self.ask(&get(path.to_owned())).await
    }

    /// A page of both, which tells the todos of each.
    async fn page(&mut self, page: &Page<'_>) -> Result<[Vec<Value>; 2]> {
        let path = page.path();
        let (old, new) = self.get(&path).await?;
        let (Value::Array(before), Value::Array(after)) = (old.json(), new.json()) else {
            bail!("{path} is answered with {} and {}, and not with two lists", old.status, new.status);
        };
        for (before, after) in before.iter().zip(&after).filter(|(old, new)| old["id"] == new["id"]) {
            todo::compare(&format!("todo {}", before["id"]), before, after, &self.map, &[], &mut self.findings);
        }
        Ok([before, after])
    }

    /// Every todo, by pages, and some of them alone; the highest id.
    async fn everything(&mut self) -> Result<i64> {
        for skip in (0..).step_by(PAGE) {
            let [before, after] = self.page(&Page { skip, limit: Some(PAGE), ..Page::default() }).await?;
            let [old, new] = [&before, &after].map(|todos| todos.iter().map(Known::of).collect::<Vec<_>>());
            if let Some((old, new)) = old.iter().zip(&new).find(|(old, new)| old.id != new.id) {
                self.findings.other("/todos", &format!("todo {} stands where {} stood", new.id, old.id));
            }
            if old.len() != new.len() {
                self.findings
                    .other("/todos", &format!("has {} todos from {skip} on, and had {}", new.len(), old.len()));
            }
            if let Some(last) = old.last().filter(|_| (skip / PAGE).is_multiple_of(ALONE)) {
                self.single(&get(format!("/todos/{}", last.id))).await?;
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

    /// Pages of every status, every priority, both and neither: each has what the field says, in the old application and here.
    /// So they differ where a status or a priority does, which the comparison of the todos has explained.
    async fn filters(&mut self) -> Result<()> {
        let some = |names: [&'static str; 4]| [None].into_iter().chain(names.map(Some));
        let statuses = Status::ALL.map(Status::as_str);
        let priorities = [Priority::Low, Priority::Medium, Priority::High, Priority::Urgent].map(Priority::as_str);
        for (status, priority) in some(statuses).flat_map(|status| some(priorities).map(move |other| (status, other))) {
            let total = self.known.0.len();
            for (skip, limit) in
                [(0, None), (0, Some(PAGE)), (130, Some(7)), (total.saturating_sub(3), None), (total, None)]
            {
                let page = Page { status, priority, skip, limit };
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

    /// The counts of both, whatever their shape: each has what its todos say.
    async fn counts(&mut self) -> Result<()> {
        let at = "/todos/stats";
        let (old, new) = self.get(at).await?;
        if old.status != 200 {
            say(&format!("the old application has no {at}: it is not compared"));
            return Ok(());
        }
        let (old, new) = (old.json(), new.json());
        let counted = |known: &[Known], status: &str| known.iter().filter(|todo| todo.status == status).count();
        for (status, count) in old.get("by_status").unwrap_or(&old).as_object().into_iter().flatten() {
            let before = counted(&self.known.0, status);
            if count.as_u64() != u64::try_from(before).ok() {
                self.findings.other(at, &format!("the old {status} is {count}, and {before} todos are"));
            }
        }
        for status in Status::ALL.map(Status::as_str) {
            let (ours, after) = (new.pointer(&format!("/by_status/{status}")), counted(&self.known.1, status));
            match ours.and_then(Value::as_u64) == u64::try_from(after).ok() {
                true => self.findings.on_purpose(Difference::Counts, &format!("{at}, {status}")),
                false => self.findings.other(at, &format!("{status} is {ours:?}, and {after} todos are")),
            }
        }
        Ok(())
    }

    async fn health(&mut self) -> Result<()> {
        let at = "/health";
        let (old, mut new) = self.get(at).await?;
        if old.status == 404 {
            say("the old application has no /health: it is not compared");
            return Ok(());
        }
        // Monitors ask for it without a version.
        if let (404, Ok(url)) = (new.status, self.new.url.join(at)) {
            new = send("GET", &url, &[], None).await?;
        }
        let (before, after) = (old.json(), new.json());
        for field in ["status", "database"] {
            let (before, after) = (before.get(field), after.get(field));
            if before.is_some() && before != after {
                self.findings.other(at, &format!("{field} was {before:?} and is {after:?}"));
            }
        }
        Ok(())
    }

    async fn single(&mut self, request: &Request) -> Result<()> {
        let (old, new) = self.ask(request).await?;
        let body = request.body.as_ref().map_or(String::new(), |(_, body)| format!(" {body:.60}"));
        let at = format!("{} {}{body}", request.method, request.path);
        let differs = format!("was answered with {} and is with {}", old.status, new.status);
        let success = |answer: &Answer| (200..300).contains(&answer.status);
        let findings = &mut self.findings;
        match (old.status, new.status) {
            _ if success(&old) && success(&new) => self.bodies(&at, request, &old.json(), &new.json()),
            (500.., 400..500) => findings.on_purpose(Difference::Failure, &at),
            (before, 400..500) if before < 300 => match request.refused {
                Some(difference) => findings.on_purpose(difference, &at),
                None => findings.other(&at, &differs),
            },
            (422 | 404, 400) => findings.on_purpose(Difference::Malformed, &at),
            (422, 415) => findings.on_purpose(Difference::MediaType, &at),
            (before, after) if before != after => findings.other(&at, &differs),
            _ => {}
        }
        // Outside of version 1 an error has no envelope.
        if new.status >= 400 && request.path.starts_with("/todos") {
            let (before, after) = (old.json(), new.json());
            let told = |field: &str| after.pointer(&format!("/error/{field}")).is_some_and(Value::is_string);
            let whole = ["code", "message", "timestamp"].into_iter().all(told);
            match (whole, before.get("error").is_some()) {
                (false, _) => self.findings.other(&at, &format!("has no error in version 1's envelope: {after}")),
                (true, false) => self.findings.on_purpose(Difference::ErrorBody, &at),
                (true, true) => {}
            }
        }
        Ok(())
    }

    fn bodies(&mut self, at: &str, request: &Request, old: &Value, new: &Value) {
        let ours: &[&str] = if request.method == "POST" { &["id", "created_at", "updated_at"] } else { &[] };
        match (old, new) {
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (old, new) in before.iter().zip(after) {
                    todo::compare(at, old, new, &self.map, ours, &mut self.findings);
                }
            }
            (Value::Object(before), Value::Object(_)) if before.contains_key("title") => {
                todo::compare(at, old, new, &self.map, ours, &mut self.findings);
            }
            // The counts have been compared.
            (Value::Object(_), Value::Object(after)) if after.contains_key("by_status") => {}
            _ => self.findings.other(at, "the bodies have different forms"),
        }
    }
}

fn get(path: String) -> Request {
    Request { method: "GET", path, body: None, refused: None }
}
