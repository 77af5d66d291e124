//! Reads and writes together, in one workspace and in many, with the cache and without: what the cache is worth where
//! people write.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::service::{Bench, Service};
use super::wrk::{Load, Mix, in_turn, milliseconds};
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

/// Measures and prints everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
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
    for (writes, count) in CASES {
        let tokens = tokens.get(..count).context("there are fewer tokens")?.join(",");
        let mix = Mix { writes, todos: &of_one, tokens: &tokens };
        print_row(bench, &services, mix, &count.to_string()).await?;
    }
    let mix = Mix { writes: WRITES, todos: &of_many, tokens: &keys };
    print_row(bench, &services, mix, &format!("{WORKSPACES}, each of its own workspace")).await?;
    for service in services {
        service.stop().await;
    }
    Ok(())
}

/// Public ids of todos of a workspace.
async fn todos(connection: &mut PgConnection, workspace: &str) -> Result<String> {
    let sql = "select string_agg(uid::text, ',') from (select uid from todos \
        where workspace_id = (select id from workspaces where name = $1) order by id limit $2) few";
    Ok(sqlx::query_scalar(sql).bind(workspace).bind(TODOS).fetch_one(connection).await?)
}

/// Measures a mix, with the cache and without, and prints a line of figures.
async fn print_row(bench: &Bench<'_>, services: &[Service<'_>; 2], mix: Mix<'_>, tokens: &str) -> Result<()> {
    let [with, without] = services;
    let [with_cache, without_cache] = [with, without].map(|service| Load { mix: Some(mix), ..service.load("/") });
    let [cached, uncached] = in_turn([with_cache, without_cache], bench.session).await?;
    // One after the other, since both add to the same counters.
    let counted = spent(with, with_cache, bench).await?;
    let counted_without = spent(without, without_cache, bench).await?;
    let figures = cached.typical();
    print(format!(
        "| {} % | {tokens} | {:.0} | {:.2} | {} | {} | {:.0} % | {:.2} | {:.2} |",
        mix.writes,
        figures.requests,
        cached.times(&uncached),
        milliseconds(figures.median),
        milliseconds(figures.p99),
        counted.hits / (counted.requests * (1.0 - f64::from(mix.writes) / 100.0)) * 100.0,
        counted.statements / counted.requests,
        counted_without.statements / counted_without.requests,
    ));
    Ok(())
}

/// What the metrics say.
#[derive(Clone, Copy)]
struct Counted {
    requests: f64,
    hits: f64,
    statements: f64,
}

impl Counted {
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
