//! What the log of changes costs: single writes through the service, with its lines and without them.

use anyhow::{Context, Result};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use super::plot::{Chart, Panel};
use super::results;
use super::service::Bench;
use super::wrk::{Load, Runs, milliseconds};
use crate::database;
use crate::progress::{Step, print};

/// What can keep the lines out.
const NO_LINES: &str = "bench/no-lines.sql";
const TURNS: usize = 5;

/// A write, measured without the log and with it.
struct Measured {
    name: &'static str,
    without: Runs,
    with: Runs,
}

impl Measured {
    /// How many per cent longer a write takes with the log.
    fn slower(&self) -> f64 {
        100.0 * (self.without.times(&self.with) - 1.0)
    }
}

/// Measures, prints and writes everything. One client, so that the time of a write is that of its statement and its
/// way.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let mut connection = database::connect(&bench.database_url).await?;
    let no_lines = std::fs::read_to_string(bench.session.checkout.root().join(NO_LINES)).context(NO_LINES)?;
    sqlx::raw_sql(AssertSqlSafe(no_lines)).execute(&mut connection).await?;
    let service = bench.service("on").await?;
    let one = format!("/api/v2/todos/{}", bench.todo);
    let mut measured = Vec::new();
    for (name, path, script) in
        [("a create with a tag", "/api/v2/todos", "create.lua"), ("a change of one field", one.as_str(), "patch.lua")]
    {
        let load = Load { script: Some(script), connections: 1, ..service.load(path) };
        measured.push(in_turn(bench, &mut connection, name, &load).await?);
    }
    service.stop().await;
    print("\n| write | p50 ms without the log | with it | more time, by turns |\n|---|---|---|---|");
    for found in &measured {
        let [without, with] = [&found.without, &found.with].map(|runs| milliseconds(runs.typical().median));
        print(format!("| {} | {without} | {with} | {:.1} % |", found.name, found.slower()));
    }
    let figures = measured.iter().map(|found| {
        json!({
            "what": found.name, "without": results::runs(&found.without), "with": results::runs(&found.with),
            "percent_slower": (10.0 * found.slower()).round() / 10.0,
        })
    });
    let rates = |runs: fn(&Measured) -> &Runs| measured.iter().map(move |found| Some(runs(found).typical().requests));
    let chart = Chart {
        series: vec!["without the log", "with it"],
        groups: measured.iter().map(|found| found.name).collect(),
        panels: vec![Panel {
            title: "Requests/s of one client",
            values: vec![rates(|found| &found.without).collect(), rates(|found| &found.with).collect()],
        }],
    };
    results::write(bench, "log", figures.collect(), &chart).await
}

async fn in_turn(
    bench: &Bench<'_>,
    connection: &mut PgConnection,
    name: &'static str,
    load: &Load<'_>,
) -> Result<Measured> {
    let step = Step::begin(format!("measuring {name}"));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        for (trigger, runs) in [("ENABLE", &mut without), ("DISABLE", &mut with)] {
            let switch = format!("ALTER TABLE events {trigger} TRIGGER no_lines");
            sqlx::raw_sql(AssertSqlSafe(switch)).execute(&mut *connection).await?;
            // Plans and caches are made anew.
            Load { seconds: 1, ..*load }.run(bench.session).await?;
            runs.push(load.run(bench.session).await?);
        }
    }
    step.done();
    Ok(Measured { name, without: Runs(without), with: Runs(with) })
}
