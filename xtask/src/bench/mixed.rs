//! Reads and writes together, in one workspace and in many, with the cache and without: what the cache is worth where
//! people write. Beside it, what many tokens cost where one page is read, and what Redis costs where nothing is cached.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::plot::{Chart, Panel};
use super::service::{Bench, Service};
use super::wrk::{Load, Mix, Runs, in_turn, milliseconds};
use super::{anchors, results};
use crate::progress::print;
use crate::token::{self, Scope};
use crate::{database, seed};

/// What is measured in one workspace: the share of writes, in per cent, and how many tokens take turns.
const CASES: [(u32, usize); 5] = [(1, 1), (5, 1), (20, 1), (5, 100), (5, 1000)];
/// Single todos that are read of a workspace.
const TODOS: i64 = 50;
/// Many workspaces, how many todos each has, and the share of writes, in per cent.
const WORKSPACES: usize = 50;
const EACH: u32 = 500;
const WRITES: u32 = 5;

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>, folder: Option<&Path>) -> Result<()> {
    let mut connection = database::connect(&bench.database_url).await?;
    let of_one = todos(&mut connection, "bench").await?;
    let mut tokens = vec![bench.token.clone()];
    let most = CASES.map(|(_, tokens)| tokens).into_iter().max().unwrap_or(1);
    for _ in 1..most {
        tokens.push(token::create(&mut connection, "bench", "mixed", &[Scope::Read, Scope::Write], None).await?);
    }
    let (mut of_many, mut keys) = (Vec::new(), Vec::new());
    for number in 0..WORKSPACES {
        let name = format!("mixed-{number}");
        seed::fill(&mut connection, &name, EACH).await?;
        keys.push(token::create(&mut connection, &name, "mixed", &[Scope::Read, Scope::Write], None).await?);
        of_many.push(todos(&mut connection, &name).await?);
    }
    let (of_many, keys) = (of_many.join(";"), keys.join(","));
    // Both run at once and take turns.
    let services = [bench.service("on").await?, bench.service("off").await?];
    print(
        "\n| writes | tokens | requests/s | of those without the cache | p50 ms | p99 ms | hits | statements a request \
         | without |",
    );
    print("|---|---|---|---|---|---|---|---|---|");
    let mut lines = Vec::new();
    for (writes, count) in CASES {
        let tokens = tokens.get(..count).context("there are fewer tokens")?.join(",");
        let mix = Mix { writes, todos: &of_one, tokens: &tokens };
        lines.push(line(bench, &services, mix, count.to_string()).await?);
    }
    let mix = Mix { writes: WRITES, todos: &of_many, tokens: &keys };
    lines.push(line(bench, &services, mix, format!("{WORKSPACES}, each of its own workspace")).await?);
    let [with, without] = services;
    let others = match folder {
        Some(folder) => beside_others(bench, &with, &of_one, folder).await?,
        None => Vec::new(),
    };
    let of_tokens = many_tokens(bench, &with, &tokens.join(",")).await?;
    let of_redis = cost_of_redis(bench, &with, &without).await?;
    for service in [with, without] {
        service.stop().await;
    }
    let figures = json!({
        "mixes": lines.iter().map(Line::figures).collect::<Value>(),
        "beside_others": others, "many_tokens": of_tokens, "cost_of_redis": of_redis,
    });
    results::write(bench, "mixed", figures, &chart(&lines)).await
}

/// Public ids of todos of a workspace.
async fn todos(connection: &mut PgConnection, workspace: &str) -> Result<String> {
    let sql = "select string_agg(uid::text, ',') from (select uid from todos \
        where workspace_id = (select id from workspaces where name = $1) order by id limit $2) few";
    Ok(sqlx::query_scalar(sql).bind(workspace).bind(TODOS).fetch_one(connection).await?)
}

/// A mix that was measured, with the cache and without.
struct Line {
    writes: u32,
    tokens: String,
    cached: Runs,
    uncached: Runs,
    counted: Counted,
    counted_uncached: Counted,
}

/// Measures a mix, with the cache and without, and prints a line of figures.
async fn line(bench: &Bench<'_>, services: &[Service<'_>; 2], mix: Mix<'_>, tokens: String) -> Result<Line> {
    let [with, without] = services;
    let [with_cache, without_cache] = [with, without].map(|service| Load { mix: Some(mix), ..service.load("/") });
    let [cached, uncached] = in_turn([with_cache, without_cache], bench.session).await?;
    // One after the other, since both add to the same counters.
    let counted = spent(with, with_cache, bench).await?;
    let counted_uncached = spent(without, without_cache, bench).await?;
    let line = Line { writes: mix.writes, tokens, cached, uncached, counted, counted_uncached };
    let figures = line.cached.typical();
    print(format!(
        "| {} % | {} | {:.0} | {:.2} | {} | {} | {:.0} % | {:.2} | {:.2} |",
        line.writes,
        line.tokens,
        figures.requests,
        line.cached.times(&line.uncached),
        milliseconds(figures.median),
        milliseconds(figures.p99),
        line.hits() * 100.0,
        line.counted.per_request(),
        line.counted_uncached.per_request(),
    ));
    Ok(line)
}

impl Line {
    /// The share of the reads that are answered from the cache.
    fn hits(&self) -> f64 {
        self.counted.hits / (self.counted.requests * (1.0 - f64::from(self.writes) / 100.0))
    }

    fn figures(&self) -> Value {
        json!({
            "writes_per_cent": self.writes, "tokens": self.tokens, "cached": results::runs(&self.cached),
            "uncached": results::runs(&self.uncached), "of_uncached": self.cached.times(&self.uncached),
            "reads_that_are_hits": self.hits(), "statements_per_request": self.counted.per_request(),
            "statements_per_request_uncached": self.counted_uncached.per_request(),
        })
    }
}

fn chart(lines: &[Line]) -> Chart<'_> {
    let pair = |line: &Line| [&line.cached, &line.uncached].map(|runs| Some(runs.typical().requests)).to_vec();
    Chart {
        series: vec!["with the cache", "without"],
        groups: vec!["1 % writes", "5 %", "20 %", "5 %, 100 tokens", "5 %, 1,000 tokens", "5 %, 50 workspaces"],
        panels: vec![Panel { title: "Requests/s", values: lines.iter().map(pair).collect() }],
    }
}

/// The same mix for applications that have no tokens, statistics and tags, in turn with the service.
async fn beside_others(bench: &Bench<'_>, service: &Service<'_>, todos: &str, folder: &Path) -> Result<Vec<Value>> {
    let mut measured = Vec::new();
    print(format!(
        "\n| {WRITES} % writes | requests/s | p50 ms | p99 ms | ours | ours/its |\n|---|---|---|---|---|---|"
    ));
    for name in ["baseline", "optimized", "axum-native"] {
        let (listen, process) = anchors::start(bench, folder, name).await?;
        let numbers: Vec<String> = (1..=TODOS).map(|number| number.to_string()).collect();
        let mix = Mix { writes: WRITES, todos: &numbers.join(","), tokens: "" };
        let its = Load { server: listen, token: None, mix: Some(mix), ..bench.load() };
        let ours = Load { mix: Some(Mix { todos, tokens: &bench.token, ..mix }), ..service.load("/") };
        let [its, ours] = in_turn([its, ours], bench.session).await?;
        process.stop().await;
        let (figures, times) = (its.typical(), ours.times(&its));
        print(format!(
            "| {name} | {:.0} | {} | {} | {:.0} | {times:.2} |",
            figures.requests,
            milliseconds(figures.median),
            milliseconds(figures.p99),
            ours.typical().requests,
        ));
        measured.push(json!({
            "application": name, "its": results::runs(&its), "ours": results::runs(&ours), "ours_of_its": times,
        }));
    }
    Ok(measured)
}

/// A cached page for one token and for many in turn.
async fn many_tokens(bench: &Bench<'_>, service: &Service<'_>, tokens: &str) -> Result<Value> {
    let page = service.load("/api/v2/todos?limit=50");
    // Both by the same script, since what it does for each request takes time of the same processors.
    let read_by = |tokens| Load {
        script: Some("tokens.lua"),
        token: None,
        mix: Some(Mix { writes: 0, todos: "", tokens }),
        ..page
    };
    let in_turn_of_many = read_by(tokens);
    let [one, many] = in_turn([read_by(bench.token.as_str()), in_turn_of_many], bench.session).await?;
    let counted = spent(service, in_turn_of_many, bench).await?;
    let (share, statements) = (many.times(&one), counted.statements / f64::from(bench.seconds));
    let count = tokens.split(',').count();
    print("\n| cached page | requests/s | p50 ms | of one token's | statements/s |\n|---|---|---|---|---|");
    for (tokens, runs, share, statements) in
        [(1, &one, String::new(), String::new()), (count, &many, format!("{share:.2}"), format!("{statements:.1}"))]
    {
        let figures = runs.typical();
        print(format!(
            "| {tokens} tokens | {:.0} | {} | {share} | {statements} |",
            figures.requests,
            milliseconds(figures.median)
        ));
    }
    Ok(json!({
        "tokens": count, "one": results::runs(&one), "many": results::runs(&many), "many_of_one": share,
        "statements_per_second": statements,
    }))
}

/// Creates and uncached pages, with Redis and without any.
async fn cost_of_redis(bench: &Bench<'_>, cached: &Service<'_>, uncached: &Service<'_>) -> Result<Vec<Value>> {
    let bare = bench.service_without_redis().await?;
    let creates = [cached, &bare].map(|service| Load { script: Some("create.lua"), ..service.load("/api/v2/todos") });
    let pages = [uncached, &bare].map(|service| service.load("/api/v2/todos?limit=50"));
    let mut measured = Vec::new();
    print("\n| what | with Redis/s | without/s | share |\n|---|---|---|---|");
    for (what, loads) in [("create", creates), ("page of 50, uncached", pages)] {
        let [with, without] = in_turn(loads, bench.session).await?;
        let share = with.times(&without);
        print(format!("| {what} | {:.0} | {:.0} | {share:.2} |", with.typical().requests, without.typical().requests));
        measured.push(json!({
            "what": what, "with": results::runs(&with), "without": results::runs(&without), "with_of_without": share,
        }));
    }
    bare.stop().await;
    Ok(measured)
}

/// What the metrics say.
#[derive(Clone, Copy)]
struct Counted {
    requests: f64,
    hits: f64,
    statements: f64,
}

impl Counted {
    fn per_request(self) -> f64 {
        self.statements / self.requests
    }

    fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            hits: self.hits - before.hits,
            statements: self.statements - before.statements,
        }
    }
}

/// What one run of a load costs.
async fn spent(service: &Service<'_>, load: Load<'_>, bench: &Bench<'_>) -> Result<Counted> {
    let before = counted(service).await?;
    load.run(bench.session).await?;
    // An instance sends what it has counted within a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(counted(service).await?.since(before))
}

async fn counted(service: &Service<'_>) -> Result<Counted> {
    let metrics = service.metrics().await?;
    Ok(Counted {
        requests: metrics.sum("todo_cache_requests_total"),
        hits: metrics.sum("todo_cache_requests_total{result=\"hit\"}"),
        statements: metrics.sum("todo_sql_statements_total"),
    })
}
