//! `cargo xtask adopt compare`: asks an instance of the old application and version 1 the same over the same data, and
//! compares the answers field by field.

mod difference;
mod health;
mod lists;
mod page;
mod requests;
mod side;
mod status;
mod todo;
mod zone;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::Value;
use todo_core::domain::todo::Status;
use url::Url;

use self::difference::{Difference, Findings};
use self::page::Known;
use self::requests::Request;
use self::side::Side;
use self::status::Verdict;
use super::map::Map;
use crate::http::{Answer, send};
use crate::progress::{Step, say};

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
        plan: false,
    };
    let highest = pair.everything().await?;
    pair.filters().await?;
    if !pair.plan {
        pair.more_filters().await?;
    }
    pair.counts().await?;
    pair.health().await?;
    pair.documents().await?;
    if args.token.is_some() {
        pair.token().await?;
    }
    let writes = if args.writes { requests::writes(highest) } else { Vec::new() };
    let plan = pair.plan;
    for request in requests::reads(highest).into_iter().chain(writes).filter(|request| !plan || !request.is_list()) {
        pair.single(&request).await?;
    }
    step.done();
    let Pair { findings, .. } = pair;
    findings.print();
    let Findings { requests, todos, others, zone, .. } = findings;
    let zone = zone.told();
    if others > 0 {
        bail!("{requests} requests, {todos} todos compared: {others} differ for no documented reason{zone}");
    }
    say(&format!("{requests} requests, {todos} todos compared: nothing differs but on purpose{zone}"));
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
    /// Whether the old application is the one after its owners' plan, whose lists have another form.
    plan: bool,
}

impl Pair {
    async fn ask(&mut self, request: &Request) -> Result<(Answer, Answer)> {
        self.ask_each(request, request).await
    }

    /// Asks each for the same by an address of its own.
    async fn ask_each(&mut self, old: &Request, new: &Request) -> Result<(Answer, Answer)> {
        self.findings.requests += 1;
        Ok((self.old.ask(old).await?, self.new.ask(new).await?))
    }

    /// The counts of both, whatever their shape: each has what its todos say.
    async fn counts(&mut self) -> Result<()> {
        let at = "/todos/stats";
        let (old, new) = self.ask(&Request::get(at)).await?;
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

    /// What is refused without a token.
    async fn token(&mut self) -> Result<()> {
        let request = Request { allowed: Some((401, Difference::Token)), ..Request::get("/todos/stats") };
        let withheld = [&mut self.old, &mut self.new].map(|side| side.authorization.take());
        let answers = self.ask(&request).await;
        [self.old.authorization, self.new.authorization] = withheld;
        let (old, new) = answers?;
        self.answers("GET /todos/stats without a token", &request, &old, &new);
        Ok(())
    }

    /// The documents that stood beside `/todos`.
    async fn documents(&mut self) -> Result<()> {
        for at in ["/openapi.json", "/redoc"] {
            let request = Request { allowed: Some((404, Difference::Documents)), ..Request::get(at) };
            let old = self.old.ask(&request).await?;
            let new = send("GET", &self.new.url.join(at)?, &[], None).await?;
            self.answers(at, &request, &old, &new);
        }
        Ok(())
    }

    async fn single(&mut self, request: &Request) -> Result<()> {
        let (old, new) = self.ask(request).await?;
        let mut at = format!("{} {}", request.method, request.path);
        if let Some((_, body)) = &request.body {
            at += &format!(" {body:.60}");
        }
        if request.accept != requests::JSON {
            at += &format!(" as {}", request.accept);
        }
        self.answers(&at, request, &old, &new);
        Ok(())
    }

    fn answers(&mut self, at: &str, request: &Request, old: &Answer, new: &Answer) {
        match status::compare(old.status, new.status, request.allowed) {
            Verdict::Same if new.status < 300 => self.bodies(at, request, &old.json(), &new.json()),
            Verdict::Same => {}
            Verdict::OnPurpose(why) => self.findings.on_purpose(why, at),
            Verdict::Differs => {
                let what = format!("was answered with {} and is with {}", old.status, new.status);
                self.findings.other(at, &what);
            }
        }
        // Outside of version 1 an error has no envelope.
        if new.status >= 400 && request.path.starts_with("/todos") {
            let (before, after) = (old.json(), new.json());
            let told = |field: &str| after.pointer(&format!("/error/{field}")).is_some_and(Value::is_string);
            let whole = ["code", "message", "timestamp"].into_iter().all(told);
            match (whole, before.get("error").is_some()) {
                (false, _) => self.findings.other(at, &format!("has no error in version 1's envelope: {after}")),
                (true, false) => self.findings.on_purpose(Difference::ErrorBody, at),
                (true, true) => {}
            }
        }
    }

    fn bodies(&mut self, at: &str, request: &Request, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (old, new) in before.iter().zip(after) {
                    todo::compare(at, old, new, &self.map, &[], &mut self.findings);
                }
            }
            (Value::Object(before), Value::Object(_)) if before.contains_key("title") => {
                let sent = request.body.as_ref().and_then(|(_, body)| serde_json::from_str(body).ok());
                let mut ours = if sent.is_some() { vec!["id", "created_at", "updated_at"] } else { Vec::new() };
                ours.extend(self.heeded(at, &sent.unwrap_or_default(), old, new));
                todo::compare(at, old, new, &self.map, &ours, &mut self.findings);
            }
            // The counts have been compared.
            (Value::Object(_), Value::Object(after)) if after.contains_key("by_status") => {}
            _ => self.findings.other(at, "the bodies have different forms"),
        }
    }

    /// The fields of a new todo that the old application ignored and version 1 has as they were sent.
    fn heeded(&mut self, at: &str, sent: &Value, old: &Value, new: &Value) -> Vec<&'static str> {
        let names = |tags: &Value| tags.as_array().map(|tags| tags.iter().map(|tag| tag["name"].clone()).collect());
        let mut heeded = Vec::new();
        for field in ["status", "completed", "tags"] {
            let after = if field == "tags" { names(&new[field]).map(Value::Array) } else { Some(new[field].clone()) };
            let sent = sent.get(field);
            if sent.is_some() && after.as_ref() == sent && old[field] != new[field] {
                self.findings.on_purpose(Difference::IgnoredFields, at);
                heeded.push(field);
            }
        }
        heeded
    }
}
