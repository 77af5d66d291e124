//! What moving in gains: the application that this service replaces, the same after its owners' plan, and version 1, at
//! the same addresses over the same adopted data. All three run at once and take turns.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use super::anchors::{answers, fresh};
use super::plot::{Chart, Panel};
use super::results;
use super::service::Bench;
use super::wrk::{Load, Runs, in_turn, milliseconds};
use crate::progress::{Step, print};
use crate::run::Process;
use crate::servers::free_port;
use crate::token::{self, Scope};
use crate::{anchors, database, http};

/// The workspace that has adopted the data.
const WORKSPACE: &str = "adopted";

/// Requests of which the statements are counted.
const COUNTED: u64 = 20;

/// What is asked for.
struct Subject {
    name: &'static str,
    /// The address under load.
    path: &'static str,
    /// Addresses that were never asked for before. `compare` asks for pages of 50, too.
    unasked: fn(u64) -> String,
}

const SUBJECTS: [Subject; 4] = [
    Subject { name: "one todo", path: "/todos/1", unasked: |number| format!("/todos/{}", 5_000 + number) },
    Subject { name: "page of 50", path: "/todos?limit=50", unasked: |number| format!("/todos?limit={}", 29 + number) },
    Subject {
        name: "page of 50, two filters",
        path: "/todos?status=pending&priority=high&limit=50",
        unasked: |number| format!("/todos?status=pending&priority=high&limit={}", 29 + number),
    },
    Subject { name: CREATE, path: "/todos", unasked: |_| "/todos".to_owned() },
];

const CREATE: &str = "create";

/// An application that is measured.
struct Application {
    name: &'static str,
    listen: SocketAddr,
    token: Option<String>,
    process: Process,
    /// The database that its statements run in.
    database: &'static str,
}

/// What was measured of one application under one load.
struct Measured {
    runs: Runs,
    megabytes: u64,
    /// Statements per request, the first time and when it is repeated.
    statements: Option<[f64; 2]>,
}

impl Measured {
    fn kilobytes_per_rate(&self) -> f64 {
        f64::from(u32::try_from(self.megabytes).unwrap_or(u32::MAX)) * 1024.0 / self.runs.typical().requests
    }
}

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>, folder: &Path) -> Result<()> {
    let folder = anchors::folder(folder)?;
    let python = anchors::python(bench.session).await?;
    let (database, redis) = fresh(bench, &folder).await?;
    let from = database.replace("postgresql://", "postgres://");
    adopt(bench, &["--from", &from, "--workspace", WORKSPACE, "--database-url", &bench.database_url]).await?;
    let mut applications = Vec::new();
    for (name, module) in [("before", "baseline"), ("their plan", "optimized")] {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = anchors::uvicorn(&python, &folder, module, listen.port());
        command.env("ANCHOR_DB", &database).env("ANCHOR_REDIS", &redis);
        let process = bench.session.processes.start(module, command, Signal::TERM)?;
        answers(listen).await.with_context(|| format!("{module} does not answer"))?;
        applications.push(Application { name, listen, token: None, process, database: "anchor" });
    }
    let mut connection = database::connect(&bench.database_url).await?;
    let token = token::create(&mut connection, WORKSPACE, "bench", &[Scope::Read, Scope::Write], None).await?;
    let service = bench.service("on").await?;
    let (listen, process) = (service.listen, service.process());
    applications.push(Application { name: "this service", listen, token: Some(token), process, database: "todo" });
    let [before, plan, ours] = applications.as_slice() else { return Ok(()) };
    for old in [before, plan] {
        same(bench, old, ours).await?;
    }

    head();
    let mut results = Vec::new();
    for subject in &SUBJECTS {
        let figures = figures(bench, &applications, subject).await?;
        for (application, figures) in applications.iter().zip(&figures) {
            row(subject.name, application.name, figures);
        }
        results.push((subject.name, figures));
    }
    gains(&results);
    results::write(bench, "adopt", loads(&applications, &results), &chart(&applications, &results)).await?;
    for application in &applications {
        application.process.stop().await;
    }
    Ok(())
}

/// Runs `cargo xtask adopt`, as its users do.
async fn adopt(bench: &Bench<'_>, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(std::env::current_exe().context("xtask cannot find its own binary")?);
    command.arg("adopt").args(arguments);
    command.current_dir(bench.session.checkout.root()).stdout(std::process::Stdio::null());
    bench.session.processes.succeed("cargo xtask adopt", command).await
}

/// Fails if the two answer differently; called before anything is measured.
async fn same(bench: &Bench<'_>, old: &Application, ours: &Application) -> Result<()> {
    let [old, new] = [old, ours].map(|application| format!("http://{}", application.listen));
    let token = ours.token.as_deref().unwrap_or_default();
    adopt(bench, &["compare", "--old", &old, "--new", &new, "--token", token]).await
}

async fn figures(bench: &Bench<'_>, applications: &[Application], subject: &Subject) -> Result<Vec<Measured>> {
    let step = Step::begin(format!("measuring {}", subject.name));
    let mut statements = Vec::new();
    for application in applications {
        statements.push(application.statements(bench, subject).await?);
    }
    let [before, plan, ours] = applications else { return Ok(Vec::new()) };
    let script = (subject.name == CREATE).then_some("create.lua");
    let loads = [before, plan, ours].map(|application| Load {
        server: application.listen,
        path: subject.path,
        token: application.token.as_deref(),
        script,
        ..bench.load()
    });
    let runs = in_turn(loads, bench.session).await?;
    step.done();
    let memory = applications.iter().map(|application| application.process.resident_megabytes().unwrap_or_default());
    let figures = runs.into_iter().zip(memory).zip(statements);
    Ok(figures.map(|((runs, megabytes), statements)| Measured { runs, megabytes, statements }).collect())
}

impl Application {
    /// Statements per request, as Postgres counts them: the first time, and when the same is asked again. `None` where
    /// this Postgres does not count.
    async fn statements(&self, bench: &Bench<'_>, subject: &Subject) -> Result<Option<[f64; 2]>> {
        let postgres = bench.servers.postgres.as_ref().context("there is no Postgres")?;
        let mut connection = postgres.superuser("todo").await?;
        let mut found = [0.0; 2];
        for times in &mut found {
            let Some(before) = counted(&mut connection, self.database).await else { return Ok(None) };
            for number in 1..=COUNTED {
                self.ask(subject.name == CREATE, &(subject.unasked)(number)).await?;
            }
            let after = counted(&mut connection, self.database).await.unwrap_or(before);
            let statements = u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
            *times = f64::from(statements) / f64::from(u32::try_from(COUNTED)?);
        }
        Ok(Some(found))
    }

    async fn ask(&self, creating: bool, path: &str) -> Result<()> {
        let (method, body) = if creating { ("POST", Some(r#"{"title":"Counted"}"#)) } else { ("GET", None) };
        http::succeed(self.listen, method, path, self.token.as_deref(), body).await
    }
}

/// Statements on rows that clients have sent to a database so far. What drivers and pools add around them does not
/// count: the begin and the end of transactions, and the reset of a session.
async fn counted(connection: &mut sqlx::PgConnection, database: &str) -> Option<u64> {
    let sql = r"select coalesce(sum(calls), 0)::bigint from pg_stat_statements
               where dbid = (select oid from pg_database where datname = $1) and toplevel
               and query ~* '^\s*(select|insert|update|delete|with)\M' and query not ilike '%pg_advisory_unlock_all%'";
    let calls: i64 = sqlx::query_scalar(sql).bind(database).fetch_one(connection).await.ok()?;
    u64::try_from(calls).ok()
}

fn head() {
    print(
        "\n| what | application | requests/s | p50 ms | p99 ms | resident MB | kB per request/s | statements, first | \
         again |",
    );
    print("|---|---|---|---|---|---|---|---|---|");
}

fn row(what: &str, name: &str, figures: &Measured) {
    let typical = figures.runs.typical();
    let [first, again] =
        figures.statements.map_or(["?", "?"].map(str::to_owned), |both| both.map(|n| format!("{n:.1}")));
    print(format!(
        "| {what} | {name} | {:.0} | {} | {} | {} | {:.1} | {first} | {again} |",
        typical.requests,
        milliseconds(typical.median),
        milliseconds(typical.p99),
        figures.megabytes,
        figures.kilobytes_per_rate(),
    ));
}

/// How many times as fast the service is, by turns, as the other two, and how many times their memory it takes.
fn gains(results: &[(&str, Vec<Measured>)]) {
    print("\n| requests/s of this service, times | before | their plan |\n|---|---|---|");
    for (what, figures) in results {
        if let [before, plan, ours] = figures.as_slice() {
            print(format!("| {what} | {:.1} | {:.1} |", ours.runs.times(&before.runs), ours.runs.times(&plan.runs)));
        }
    }
    print("\n| kB per request/s of this service, times (above 1 is worse) | before | their plan |\n|---|---|---|");
    for (what, figures) in results {
        if let [before, plan, ours] = figures.as_slice() {
            let times = |other: &Measured| ours.kilobytes_per_rate() / other.kilobytes_per_rate();
            print(format!("| {what} | {:.1} | {:.1} |", times(before), times(plan)));
        }
    }
}

fn loads(applications: &[Application], results: &[(&str, Vec<Measured>)]) -> Value {
    let loads = results.iter().map(|(what, figures)| {
        let told = applications.iter().zip(figures).map(|(application, figures)| {
            json!({
                "application": application.name,
                "run": results::runs(&figures.runs),
                "resident_megabytes": figures.megabytes,
                "kilobytes_per_request_per_second": figures.kilobytes_per_rate(),
                "statements_first": figures.statements.map(|both| both[0]),
                "statements_again": figures.statements.map(|both| both[1]),
            })
        });
        json!({ "what": what, "figures": told.collect::<Vec<_>>() })
    });
    loads.collect()
}

/// One panel for each promise.
fn chart<'a>(applications: &[Application], results: &[(&'a str, Vec<Measured>)]) -> Chart<'a> {
    let panel = |title, of: fn(&Measured) -> Option<f64>| {
        let values = results.iter().map(|(_, figures)| figures.iter().map(of).collect());
        Panel { title, values: values.collect() }
    };
    Chart {
        series: applications.iter().map(|application| application.name).collect(),
        groups: results.iter().map(|(what, _)| *what).collect(),
        panels: vec![
            panel("Response time: median in ms", |figures| Some(figures.runs.typical().median.as_secs_f64() * 1000.0)),
            panel("Throughput: requests/s", |figures| Some(figures.runs.typical().requests)),
            panel("Memory: resident kB per request/s", |figures| Some(figures.kilobytes_per_rate())),
            panel("Statements per request, the first time", |figures| figures.statements.map(|both| both[0])),
        ],
    }
}
