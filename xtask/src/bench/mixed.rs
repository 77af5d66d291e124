//! Reads and writes of one workspace together, with the cache and without: what the cache is worth where people write.

use std::time::Duration;

use anyhow::{Context, Result};
use url::Url;

use super::service::{Bench, Service};
use super::wrk::{Load, Mix, in_turn, milliseconds};
use crate::progress::print;
use crate::token::{self, Scope};
use crate::{database, http};

/// Shares of writes, in per cent.
const WRITES: [u32; 3] = [1, 5, 20];
/// Numbers of tokens that take turns.
const TOKENS: [usize; 2] = [1, 1000];
/// Single todos that are read.
const TODOS: i64 = 50;

/// Measures and prints everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    print(
        "\n| writes | tokens | requests/s | of those without the cache | p50 ms | p99 ms | hits | statements a request | without |",
    );
    print("|---|---|---|---|---|---|---|---|---|");
    let mut connection = database::connect(&bench.database_url).await?;
    let sql = "select string_agg(uid::text, ',') from (select uid from todos order by id limit $1) few";
    let todos: String = sqlx::query_scalar(sql).bind(TODOS).fetch_one(&mut connection).await?;
    let mut tokens = vec![bench.token.clone()];
    for _ in 1..TOKENS[1] {
        tokens.push(token::create(&mut connection, "bench", "mixed", &[Scope::Read, Scope::Write], None).await?);
    }
    // Both run at once and take turns.
    let (with, without) = (bench.service("on").await?, bench.service("off").await?);
    for (writes, count) in WRITES.map(|writes| (writes, TOKENS[0])).into_iter().chain([(WRITES[1], TOKENS[1])]) {
        let tokens = tokens.get(..count).context("there are fewer tokens")?.join(",");
        let mix = Mix { writes, todos: &todos, tokens: &tokens };
        let loads = [&with, &without].map(|service| Load { mix: Some(mix), ..service.load("/") });
        let [cached, uncached] = in_turn(loads, bench.session).await?;
        // One after the other, since both add to the same counters.
        let [with_cache, without_cache] = loads;
        let counted = spent(&with, with_cache, bench).await?;
        let counted_without = spent(&without, without_cache, bench).await?;
        let figures = cached.typical();
        print(format!(
            "| {writes} % | {count} | {:.0} | {:.2} | {} | {} | {:.0} % | {:.2} | {:.2} |",
            figures.requests,
            cached.times(&uncached),
            milliseconds(figures.median),
            milliseconds(figures.p99),
            counted.hits / (counted.requests * (1.0 - f64::from(writes) / 100.0)) * 100.0,
            counted.statements / counted.requests,
            counted_without.statements / counted_without.requests,
        ));
    }
    with.stop().await;
    without.stop().await;
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
    let url = Url::parse(&format!("http://{}/metrics", service.listen))?;
    let answer = http::send("GET", &url, &[], None).await?.body;
    let sum = |name: &str| -> f64 {
        let lines = answer.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    Ok(Counted {
        requests: sum("todo_cache_requests_total"),
        hits: sum("todo_cache_requests_total{result=\"hit\"}"),
        statements: sum("todo_sql_statements_total"),
    })
}
