//! Reads and writes, with the cache and without, each beside the reference component that asks for the same in the
//! least way.

use anyhow::Result;
use serde_json::{Value, json};

use super::plot::{Chart, Panel};
use super::results;
use super::service::{Bench, Flags, Service, head, row};
use super::wrk::{Load, Runs, in_turn};

/// A load that was measured, and what it is compared with.
struct Line {
    name: String,
    flags: Flags,
    runs: Runs,
    /// By turns, as a share of the reference.
    share: f64,
}

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let mut lines = Vec::new();
    for flags in [Flags::None, Flags::Deploy] {
        head(&format!("the service, {}", flags.name()));
        with_cache(bench, flags, &mut lines).await?;
        without_cache(bench, flags, &mut lines).await?;
    }
    // With few clients the machine has time, and it shows what each answer waits for.
    let one = format!("/api/v2/todos/{}", bench.todo);
    head("4 connections");
    let without = bench.host.without_nagle();
    let mut kinds = vec![("one todo, cached", &[][..])];
    if !without.is_empty() {
        kinds.push(("one todo, cached, without Nagle's algorithm", without));
    }
    for (name, arguments) in kinds {
        let service = bench.service_with("on", Flags::Deploy, arguments).await?;
        let [runs] = in_turn([Load { connections: 4, ..service.load(&one) }], bench.session).await?;
        row(name, &runs, None, service.megabytes());
        service.stop().await;
    }
    let figures = lines.iter().map(|line| {
        json!({
            "what": line.name, "flags": line.flags.name(), "share_of_reference": line.share,
            "run": results::runs(&line.runs),
        })
    });
    let figures: Value = figures.collect();
    results::write(bench, "speed", figures, &chart(&lines)).await
}

async fn with_cache(bench: &Bench<'_>, flags: Flags, lines: &mut Vec<Line>) -> Result<()> {
    let one = format!("/api/v2/todos/{}", bench.todo);
    // Both run at once and take turns.
    let (reference, service) = (bench.reference(flags).await?, bench.service_with("on", flags, &[]).await?);
    let reads = [&one, "/api/v2/todos?limit=50", "/api/v2/todos?status=pending&priority=high", "/api/v2/todos/stats"];
    let [todo, page, filtered, counts] = reads.map(|path| service.load(path));
    let creating = Load { script: Some("create.lua"), ..service.load("/api/v2/todos") };
    let [empty, script, create] = ["/empty", "/script", "/create"].map(|path| reference.load(path));
    let loads = [empty, service.load("/health/live"), script, todo, page, filtered, counts, create, creating];
    let [empty, live, script, todo, page, filtered, counts, create, creating] = in_turn(loads, bench.session).await?;
    let mut table = Table { flags, lines, reference: &reference, service: &service };
    table.add_reference("reference: an answer of two bytes", &empty);
    table.add("an empty route behind all layers", live, &empty);
    table.add_reference("reference: one script in Redis", &script);
    for (name, runs) in [("one todo", todo), ("page of 50", page), ("two filters", filtered), ("counts", counts)] {
        table.add(&format!("{name}, cached"), runs, &script);
    }
    table.add_reference("reference: one insert", &create);
    table.add("create", creating, &create);
    reference.stop().await;
    service.stop().await;
    Ok(())
}

async fn without_cache(bench: &Bench<'_>, flags: Flags, lines: &mut Vec<Line>) -> Result<()> {
    let (one, point) = (format!("/api/v2/todos/{}", bench.todo), format!("/read?{}", bench.todo));
    let (reference, service) = (bench.reference(flags).await?, bench.service_with("off", flags, &[]).await?);
    let paths = [&one, "/api/v2/todos?limit=50", "/api/v2/todos?status=pending&priority=high", "/api/v2/todos/stats"];
    let [todo, page, filtered, counts] = paths.map(|path| service.load(path));
    let loads = [reference.load(&point), todo, reference.load("/page"), page, filtered, counts];
    let [point, todo, fifty, page, filtered, counts] = in_turn(loads, bench.session).await?;
    let mut table = Table { flags, lines, reference: &reference, service: &service };
    table.add_reference("reference: one point read", &point);
    table.add("one todo, uncached", todo, &point);
    table.add_reference("reference: one page of 50", &fifty);
    for (name, runs) in [("page of 50", page), ("two filters", filtered), ("counts", counts)] {
        table.add(&format!("{name}, uncached"), runs, &fifty);
    }
    reference.stop().await;
    service.stop().await;
    Ok(())
}

/// What is printed while it is measured.
struct Table<'a> {
    flags: Flags,
    lines: &'a mut Vec<Line>,
    reference: &'a Service<'a>,
    service: &'a Service<'a>,
}

impl Table<'_> {
    fn add_reference(&mut self, name: &str, runs: &Runs) {
        row(name, runs, None, self.reference.megabytes());
    }

    fn add(&mut self, name: &str, runs: Runs, reference: &Runs) {
        row(name, &runs, Some(reference), self.service.megabytes());
        let share = runs.times(reference);
        self.lines.push(Line { name: name.to_owned(), flags: self.flags, runs, share });
    }
}

fn chart(lines: &[Line]) -> Chart<'_> {
    let of = |flags| lines.iter().filter(move |line| line.flags == flags);
    let (plain, deployed): (Vec<&Line>, Vec<&Line>) = (of(Flags::None).collect(), of(Flags::Deploy).collect());
    let panel = |title, value: fn(&Line) -> f64| Panel {
        title,
        values: plain.iter().zip(&deployed).map(|(one, other)| vec![Some(value(one)), Some(value(other))]).collect(),
    };
    Chart {
        series: vec![Flags::None.name(), Flags::Deploy.name()],
        groups: plain.iter().map(|line| line.name.as_str()).collect(),
        panels: vec![
            panel("Requests/s", |line| line.runs.typical().requests),
            panel("Share of the reference", |line| line.share),
            panel("99th percentile in ms", |line| line.runs.typical().p99.as_secs_f64() * 1000.0),
        ],
    }
}
