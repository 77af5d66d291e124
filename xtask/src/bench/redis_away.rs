//! What reads cost while Redis hangs, and while it is gone.

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::service::{Bench, head, row};
use super::wrk::in_turn;

/// Measures and prints everything. Redis is gone afterwards.
pub async fn measure(bench: &Bench<'_>) -> Result<()> {
    let redis = &bench.servers.redis.as_ref().context("there is no Redis")?.process;
    let one = format!("/api/v2/todos/{}", bench.todo);
    head("one todo");
    let service = bench.service("on").await?;
    let [empty, with] = in_turn([service.load("/health/live"), service.load(&one)], bench.session).await?;
    row("an empty route behind all layers", &empty, None, service.megabytes());
    row("with Redis", &with, Some(&empty), service.megabytes());
    // A stopped process takes connections and never answers.
    redis.signal(Signal::STOP);
    let hanging = service.read(&one).await;
    redis.signal(Signal::CONT);
    row("while Redis hangs", &hanging?, Some(&empty), service.megabytes());
    redis.stop().await;
    row("while Redis is gone", &service.read(&one).await?, Some(&empty), service.megabytes());
    service.stop().await;
    Ok(())
}
