//! Clients that wait for changes: what they cost while nothing happens, and what others feel of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;

use super::plot::{Chart, Panel};
use super::results;
use super::service::{Bench, Flags, Service};
use super::wrk::{Figures, Load, in_turn_anyway, milliseconds};
use crate::progress::{Step, print};
use crate::token::{self, Scope};
use crate::{database, http, seed};

/// How many clients wait.
const CLIENTS: [usize; 3] = [0, 100, 1000];
/// Todos of the workspace in which they wait.
const TODOS: u32 = 100;
/// Until all of them wait, and until nobody is left of those that hung up.
const SETTLES: Duration = Duration::from_secs(8);
/// How long nothing else is asked for.
const IDLE: Duration = Duration::from_secs(20);

/// What was measured with so many clients.
struct Measured {
    flags: Flags,
    clients: usize,
    held: usize,
    megabytes: u64,
    statements: f64,
    redis_commands: f64,
    read: Figures,
    create: Figures,
    commands_after: f64,
}

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let mut connection = database::connect(&bench.database_url).await?;
    seed::fill(&mut connection, "wait", TODOS).await?;
    // Each waits with a token of its own, as people do.
    let mut tokens = Vec::new();
    for _ in 0..CLIENTS.into_iter().fold(1, usize::max) {
        tokens.push(token::create(&mut connection, "wait", "bench", &[Scope::Read], None).await?);
    }
    print(
        "\n| flags | clients | of them held | resident MB | idle: statements/s | Redis commands/s | reads/s of others \
         | p99 ms | creates/s of others | p99 ms | Redis commands/s after all hung up \
         |\n|---|---|---|---|---|---|---|---|---|---|---|",
    );
    let mut measured = Vec::new();
    for flags in [Flags::None, Flags::Deploy] {
        for clients in CLIENTS {
            let found = with(bench, flags, clients, &tokens).await?;
            print_row(&found);
            measured.push(found);
        }
    }
    let figures = measured.iter().map(|found| {
        json!({
            "flags": found.flags.name(), "clients": found.clients, "held": found.held, "megabytes": found.megabytes,
            "idle_statements_per_second": found.statements, "idle_redis_commands_per_second": found.redis_commands,
            "reads_of_others": results::figures(&found.read), "creates_of_others": results::figures(&found.create),
            "redis_commands_per_second_after": found.commands_after,
        })
    });
    let figures = figures.collect();
    results::write(bench, "wait", figures, &chart(&measured)).await
}

fn print_row(found: &Measured) {
    print(format!(
        "| {} | {} | {} | {} | {:.1} | {:.0} | {:.0} | {} | {:.0} | {} | {:.1} |",
        found.flags.name(),
        found.clients,
        found.held,
        found.megabytes,
        found.statements,
        found.redis_commands,
        found.read.requests,
        milliseconds(found.read.p99),
        found.create.requests,
        milliseconds(found.create.p99),
        found.commands_after,
    ));
}

/// Resident memory, and what others get, by the number of clients; with the flags of `deploy/`.
fn chart(measured: &[Measured]) -> Chart<'_> {
    let deployed: Vec<&Measured> = measured.iter().filter(|found| found.flags == Flags::Deploy).collect();
    let of = |value: fn(&Measured) -> f64| vec![deployed.iter().map(|found| Some(value(found))).collect()];
    Chart {
        series: vec!["nobody waits", "100 wait", "1,000 wait"],
        groups: vec!["with the flags of deploy/"],
        panels: vec![
            Panel {
                title: "Resident MB",
                values: of(|found| f64::from(u32::try_from(found.megabytes).unwrap_or(u32::MAX))),
            },
            Panel { title: "Reads/s of others", values: of(|found| found.read.requests) },
            Panel { title: "Creates/s of others", values: of(|found| found.create.requests) },
        ],
    }
}

async fn with(bench: &Bench<'_>, flags: Flags, clients: usize, tokens: &[String]) -> Result<Measured> {
    let step = Step::begin(format!("{clients} clients wait"));
    let service = bench.service_with("on", flags, &[]).await?;
    let token = tokens.first().context("nobody has a token")?;
    let path = Arc::new(format!("{}&wait=25", caught_up(service.listen, token).await?));
    let held = Arc::new(AtomicUsize::new(0));
    let mut waiting = JoinSet::new();
    for token in tokens.iter().take(clients) {
        waiting.spawn(wait(service.listen, Arc::clone(&path), token.clone(), Arc::clone(&held)));
    }
    tokio::time::sleep(SETTLES).await;
    let before = Spent::now(bench, &service).await?;
    tokio::time::sleep(IDLE).await;
    let idle = Spent::now(bench, &service).await?.since(before);
    let (held, megabytes) = (held.load(Ordering::Relaxed), service.megabytes().unwrap_or_default());
    let one = format!("/api/v2/todos/{}", bench.todo);
    let [read] = in_turn_anyway([service.load(&one)], bench.session).await?;
    let create = Load { script: Some("create.lua"), ..service.load("/api/v2/todos") };
    let [create] = in_turn_anyway([create], bench.session).await?;
    // To drop a request is to hang up.
    waiting.shutdown().await;
    tokio::time::sleep(SETTLES).await;
    let before = Spent::now(bench, &service).await?;
    tokio::time::sleep(IDLE).await;
    let after = Spent::now(bench, &service).await?.since(before);
    service.stop().await;
    step.done();
    let seconds = IDLE.as_secs_f64();
    Ok(Measured {
        flags,
        clients,
        held,
        megabytes,
        statements: idle.statements / seconds,
        redis_commands: idle.redis_commands / seconds,
        read: read.typical(),
        create: create.typical(),
        commands_after: after.redis_commands / seconds,
    })
}

/// Where a client that has read everything goes on.
async fn caught_up(server: SocketAddr, token: &str) -> Result<String> {
    let mut path = "/api/v2/changes?limit=200".to_owned();
    loop {
        let (_, page) = http::ask(server, "GET", &path, token, None).await.context("the feed does not answer")?;
        let cursor = page.get("next_cursor").and_then(Value::as_str).context("a page has no cursor")?;
        path = format!("/api/v2/changes?limit=200&cursor={cursor}");
        if page.get("more") == Some(&Value::Bool(false)) {
            return Ok(path);
        }
    }
}

/// A client as the documentation wants it: it waits again and again, and pauses when it is told to.
async fn wait(server: SocketAddr, path: Arc<String>, token: String, held: Arc<AtomicUsize>) -> Result<()> {
    let url = Url::parse(&format!("http://{server}{path}"))?;
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str())];
    loop {
        let asked = http::send("GET", &url, &fields, None);
        // Whoever cannot be held is answered within this.
        let at_once = tokio::time::sleep(SETTLES / 4);
        tokio::pin!(asked);
        tokio::select! {
            answer = &mut asked => {
                let pause = answer.ok().and_then(|answer| answer.header("retry-after")?.parse().ok());
                tokio::time::sleep(Duration::from_secs(pause.unwrap_or(1))).await;
            }
            () = at_once => {
                held.fetch_add(1, Ordering::Relaxed);
                let ended = asked.await;
                held.fetch_sub(1, Ordering::Relaxed);
                ended?;
            }
        }
    }
}

/// What the service and Redis have counted.
#[derive(Clone, Copy)]
struct Spent {
    statements: f64,
    redis_commands: f64,
}

impl Spent {
    async fn now(bench: &Bench<'_>, service: &Service<'_>) -> Result<Self> {
        let statements = service.metrics().await?.sum("todo_sql_statements_total");
        let redis = bench.servers.redis.as_ref().context("there is no Redis")?;
        Ok(Self { statements, redis_commands: redis.commands().await? })
    }

    fn since(self, before: Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            redis_commands: self.redis_commands - before.redis_commands,
        }
    }
}
