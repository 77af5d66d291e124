//! Background work: how soon a change of 200,000 todos or more is accepted, how fast it is carried out, how long one
//! takes that looks at as many and hardly finds any, and what reads feel of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::service::{Bench, Flags, Service};
use super::wrk::{Figures, Load, in_turn, milliseconds};
use crate::progress::{print, say};
use crate::token::{self, Scope};
use crate::{database, http, seed};

/// Single requests, of which the median is told.
const SAMPLES: usize = 21;

/// Measures and prints everything.
pub async fn measure(bench: &Bench<'_>, todos: u32) -> Result<()> {
    let mut connection = database::connect(&bench.database_url).await?;
    seed::fill(&mut connection, "jobs", todos).await?;
    let token = token::create(&mut connection, "jobs", "bench", &[Scope::Read, Scope::Write], None).await?;
    let own =
        "select t.uid::text from todos t join workspaces w on w.id = t.workspace_id where w.name = 'jobs' limit 1";
    let own: String = sqlx::query_scalar(own).fetch_one(&mut connection).await?;
    // Nagle's algorithm would be most of what is seen of reads with pauses (see `speed`); todo-host can do without.
    let service = bench.service_with("on", Flags::Deploy, bench.host.without_nagle()).await?;
    let client = Client { service: &service, token: &token };

    let create = client.median("/api/v2/todos", &json!({"title": "one statement"})).await?;
    let (job, accepted) = client.start(&tagging("add_tag")).await?;
    print(format!(
        "\na change of {todos} todos is accepted in {} ms; a create takes {} ms",
        milliseconds(accepted),
        milliseconds(create)
    ));
    let alone = client.watch(&job).await?;
    print(format!("alone: {:.0} todos/s", rate(&mut connection, &alone).await?));
    few(&client, &mut connection).await?;

    let (other, own) = (format!("/api/v2/todos/{}", bench.todo), format!("/api/v2/todos/{own}"));
    let (page, paced) = ("/api/v2/todos?limit=50", Some("paced.lua"));
    let reads: [(&str, &str, &str, Option<&str>); 6] = [
        ("one todo of another workspace", &bench.token, &other, paced),
        ("page of 50 of another workspace", &bench.token, page, paced),
        ("one todo of the same workspace", &token, &own, paced),
        ("page of 50 of the same workspace", &token, page, paced),
        ("one todo of another workspace, without pauses", &bench.token, &other, None),
        ("page of 50 of another workspace, without pauses", &bench.token, page, None),
    ];
    print(
        "| reads | idle: requests/s | p50 ms | p99 ms | meanwhile: requests/s | p50 ms | p99 ms | p99/idle p99 | \
         todos/s |",
    );
    print("|---|---|---|---|---|---|---|---|---|");
    let actions = ["remove_tag", "add_tag"].into_iter().cycle();
    for ((name, token, path, script), action) in reads.into_iter().zip(actions) {
        let load = Load { script, ..client.load(token, path) };
        let [idle] = in_turn([load], bench.session).await?;
        let idle = idle.typical_tail();
        let (job, _) = client.start(&tagging(action)).await?;
        let [meanwhile] = in_turn([load], bench.session).await?;
        if !client.is_unfinished(&job).await? {
            bail!("the job ended before the reads: measure fewer seconds");
        }
        let job = client.cancel(&job).await?;
        print(row(name, &idle, &meanwhile.typical_tail(), rate(&mut connection, &job).await?));
    }
    service.stop().await;
    Ok(())
}

/// A change of all todos.
fn tagging(action: &str) -> Value {
    json!({"filter": {"created_before": "2999-01-01T00:00:00Z"}, "action": action, "tag": "bench"})
}

fn row(name: &str, idle: &Figures, meanwhile: &Figures, rate: f64) -> String {
    format!(
        "| {name} | {:.0} | {} | {} | {:.0} | {} | {} | {:.1} | {rate:.0} |",
        idle.requests,
        milliseconds(idle.median),
        milliseconds(idle.p99),
        meanwhile.requests,
        milliseconds(meanwhile.median),
        milliseconds(meanwhile.p99),
        meanwhile.p99.as_secs_f64() / idle.p99.as_secs_f64(),
    )
}

/// A change of the few todos, of those that the seed makes some 16 in a million, to which no index leads.
async fn few(client: &Client<'_>, connection: &mut PgConnection) -> Result<()> {
    let tags = ["home", "work", "errand", "urgent", "someday"];
    let rare = json!({"status": ["cancelled"], "priority": ["urgent"], "tag": tags});
    let (few, _) = client.start(&json!({"filter": rare, "action": "add_tag", "tag": "rare"})).await?;
    let few = client.watch(&few).await?;
    let [began, took] = moments(connection, &few).await?;
    print(format!(
        "one that changes {} of them begins after {} ms and takes {took:.1} s\n",
        few.get("processed").unwrap_or(&Value::Null),
        milliseconds(Duration::from_secs_f64(began))
    ));
    Ok(())
}

/// Single requests in the workspace of the job.
struct Client<'a> {
    service: &'a Service<'a>,
    token: &'a str,
}

impl Client<'_> {
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(Value, Duration)> {
        let asked = Instant::now();
        let answer = http::ask(self.service.listen, method, path, self.token, body).await;
        let (status, answer) = answer.with_context(|| format!("no sensible answer to {method} {path}"))?;
        if !(200..300).contains(&status) {
            bail!("{method} {path} was answered with {status}: {answer}");
        }
        Ok((answer, asked.elapsed()))
    }

    async fn median(&self, path: &str, body: &Value) -> Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..SAMPLES {
            times.push(self.ask("POST", path, Some(body)).await?.1);
        }
        times.sort_unstable();
        times.get(SAMPLES / 2).copied().context("there are no samples")
    }

    /// Gives the path of the job and how long its acceptance took.
    async fn start(&self, change: &Value) -> Result<(String, Duration)> {
        let (answer, elapsed) = self.ask("POST", "/api/v2/todos/bulk-process", Some(change)).await?;
        let id = answer.get("job_id").and_then(Value::as_str).context("the answer names no job")?;
        Ok((format!("/api/v2/jobs/{id}"), elapsed))
    }

    async fn is_unfinished(&self, job: &str) -> Result<bool> {
        let (job, _) = self.ask("GET", job, None).await?;
        Ok(matches!(job.get("status").and_then(Value::as_str), Some("queued" | "running")))
    }

    /// Takes back what is left of a job, and waits for its end.
    async fn cancel(&self, path: &str) -> Result<Value> {
        self.ask("DELETE", path, None).await?;
        self.end(path).await
    }

    /// Tells every two seconds how far a job is, until it has ended.
    async fn end(&self, path: &str) -> Result<Value> {
        while self.is_unfinished(path).await? {
            let (job, _) = self.ask("GET", path, None).await?;
            let field = |name| job.get(name).unwrap_or(&Value::Null);
            say(&format!("{} of {} todos", field("processed"), field("total")));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        Ok(self.ask("GET", path, None).await?.0)
    }

    /// The same of one that ends well.
    async fn watch(&self, path: &str) -> Result<Value> {
        let job = self.end(path).await?;
        if job.get("status").and_then(Value::as_str) != Some("succeeded") {
            bail!("the job has not succeeded: {job}");
        }
        Ok(job)
    }

    fn load<'b>(&'b self, token: &'b str, path: &'b str) -> Load<'b> {
        Load { token: Some(token), ..self.service.load(path) }
    }
}

/// How many seconds a job waited for its beginning and how many it then took, by the clock of Postgres.
async fn moments(connection: &mut PgConnection, job: &Value) -> Result<[f64; 2]> {
    let sql = "select array[extract(epoch from started_at - created_at), \
        extract(epoch from finished_at - started_at)]::float8[] from jobs where uid = $1::uuid";
    let moments: Vec<f64> =
        sqlx::query_scalar(sql).bind(job.get("id").and_then(Value::as_str)).fetch_one(connection).await?;
    moments.try_into().map_err(|_| anyhow::anyhow!("the job has no moments"))
}

/// How many todos a second a job has done, by the clock of Postgres.
async fn rate(connection: &mut PgConnection, job: &Value) -> Result<f64> {
    let sql = "select processed / extract(epoch from finished_at - started_at)::float8 from jobs where uid = $1::uuid";
    Ok(sqlx::query_scalar(sql).bind(job.get("id").and_then(Value::as_str)).fetch_one(connection).await?)
}
