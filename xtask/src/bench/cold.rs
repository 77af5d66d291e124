//! The first request after a pause: at low traffic every request is one. A host drops an instance that has nothing to
//! do, and what the processor remembered is gone, too; so the same applications answer in turn after the same pause.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::anchors;
use super::plot::{Chart, Panel};
use super::results;
use super::service::{Bench, Flags};
use crate::http;
use crate::progress::{Step, print};
use crate::run::Process;

/// Milliseconds without a request, and how often each pause is tried. Spin drops idle instances after one second.
const PAUSES: [(u64, usize); 4] = [(0, 15), (300, 15), (1_300, 15), (5_000, 5)];

const SERVICE: &str = "this service";

/// What is asked for, and how each application is asked for it.
const KINDS: [(&str, Choice); 2] =
    [("cached read", |application| &application.read), ("create", |application| &application.create)];

/// An application that is measured.
struct Application {
    name: &'static str,
    listen: SocketAddr,
    token: Option<String>,
    read: Question,
    create: Question,
    process: Process,
}

/// Picks the question of a kind.
type Choice = fn(&Application) -> &Question;

struct Question {
    method: &'static str,
    path: String,
    body: Option<&'static str>,
}

impl Question {
    fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None }
    }

    fn create(path: impl Into<String>) -> Self {
        Self { method: "POST", path: path.into(), body: Some(r#"{"title":"Measured"}"#) }
    }
}

/// What was measured beside the service with one kind of flags: medians in ms by kind, pause and application.
struct Turn {
    flags: Flags,
    medians: Vec<Vec<Vec<f64>>>,
}

/// Measures, prints and writes everything. The service with one kind of flags is gone before that with the other one
/// begins: two on one installation would spare each other the check.
pub async fn measure(bench: &Bench<'_>, folder: Option<&Path>) -> Result<()> {
    let mut applications = others(bench, folder).await?;
    let mut turns = Vec::new();
    for flags in [Flags::None, Flags::Deploy] {
        applications.insert(0, service(bench, flags).await?);
        let mut medians = Vec::new();
        for (kind, question) in KINDS {
            let step = Step::begin(format!("measuring {kind} after pauses, {}", flags.name()));
            medians.push(after_pauses(&applications, question).await?);
            step.done();
        }
        applications.remove(0).process.stop().await;
        turns.push(Turn { flags, medians });
    }
    let names: Vec<&str> = [SERVICE].into_iter().chain(applications.iter().map(|other| other.name)).collect();
    table(&names, &turns);
    results::write(bench, "cold", figures(&names, &turns), &chart(&names, &turns)).await?;
    for application in &applications {
        application.process.stop().await;
    }
    Ok(())
}

async fn service(bench: &Bench<'_>, flags: Flags) -> Result<Application> {
    let service = bench.service_with("on", flags, &[]).await?;
    Ok(Application {
        name: SERVICE,
        listen: service.listen,
        token: Some(bench.token.clone()),
        read: Question::get(format!("/api/v2/todos/{}", bench.todo)),
        create: Question::create("/api/v2/todos"),
        process: service.process(),
    })
}

/// What answers in turn with the service. The reference has no flags.
async fn others(bench: &Bench<'_>, folder: Option<&Path>) -> Result<Vec<Application>> {
    let reference = bench.reference(Flags::None).await?;
    let mut others = vec![Application {
        name: "reference",
        listen: reference.listen,
        token: None,
        read: Question::get("/script"),
        create: Question::get("/create"),
        process: reference.process(),
    }];
    if let Some(folder) = folder {
        for name in ["optimized", "axum-native"] {
            let (listen, process) = anchors::start(bench, folder, name).await?;
            let (read, create) = (Question::get("/todos/1"), Question::create("/todos"));
            others.push(Application { name, listen, token: None, read, create, process });
        }
    }
    Ok(others)
}

/// The median in milliseconds of each application after each pause.
async fn after_pauses(applications: &[Application], question: fn(&Application) -> &Question) -> Result<Vec<Vec<f64>>> {
    let mut medians = Vec::new();
    for (pause, times) in PAUSES {
        let mut taken = vec![Vec::new(); applications.len()];
        for round in 0..times {
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            // Another one is the first each time: it also pays for waking the processors.
            let (late, early) = taken.split_at_mut(round % applications.len());
            let (later, earlier) = applications.split_at(late.len());
            for (application, taken) in earlier.iter().zip(early).chain(later.iter().zip(late)) {
                if pause == 0 {
                    application.ask(question(application)).await?;
                }
                taken.push(application.ask(question(application)).await?.as_secs_f64() * 1000.0);
            }
        }
        medians.push(taken.into_iter().map(median).collect());
    }
    Ok(medians)
}

fn median(mut taken: Vec<f64>) -> f64 {
    taken.sort_by(f64::total_cmp);
    taken.get(taken.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Application {
    /// How long one request takes, from connecting to the end of the answer.
    async fn ask(&self, Question { method, path, body }: &Question) -> Result<Duration> {
        let began = Instant::now();
        http::succeed(self.listen, method, path, self.token.as_deref(), *body).await?;
        Ok(began.elapsed())
    }
}

fn pauses() -> Vec<String> {
    PAUSES.iter().map(|(pause, _)| if *pause == 0 { "warm".to_owned() } else { format!("{pause} ms") }).collect()
}

fn table(names: &[&str], turns: &[Turn]) {
    print(format!("\n| median ms after a pause of | flags | application | {} |", pauses().join(" | ")));
    print(format!("|---|---|---|{}", "---|".repeat(PAUSES.len())));
    for (number, (kind, _)) in KINDS.iter().enumerate() {
        for Turn { flags, medians } in turns {
            for (index, name) in names.iter().enumerate() {
                let medians = medians.get(number).into_iter().flatten().filter_map(|all| all.get(index));
                let cells: Vec<String> = medians.map(|median| format!("{median:.1}")).collect();
                print(format!("| {kind} | {} | {name} | {} |", flags.name(), cells.join(" | ")));
            }
        }
    }
}

fn figures(names: &[&str], turns: &[Turn]) -> Value {
    let mut all = Vec::new();
    for Turn { flags, medians } in turns {
        for ((kind, _), medians) in KINDS.iter().zip(medians) {
            for ((pause, _), medians) in PAUSES.iter().zip(medians) {
                for (name, median) in names.iter().zip(medians) {
                    all.push(json!({
                        "flags": flags.name(), "what": kind, "application": name, "pause_ms": pause,
                        "median_ms": (median * 100.0).round() / 100.0,
                    }));
                }
            }
        }
    }
    Value::Array(all)
}

fn chart<'a>(names: &[&'a str], turns: &[Turn]) -> Chart<'a> {
    const TITLES: [[&str; 2]; 2] = [
        ["Cached read: median in ms after a pause; no flags", "Create; no flags"],
        ["Cached read; the flags of deploy/", "Create; the flags of deploy/"],
    ];
    const GROUPS: [&str; 4] = ["warm", "0.3 s", "1.3 s", "5 s"];
    let some = |medians: &Vec<f64>| medians.iter().copied().map(Some).collect();
    let kinds = TITLES.iter().zip(turns).flat_map(|(titles, turn)| titles.iter().zip(&turn.medians));
    Chart {
        series: names.to_vec(),
        groups: GROUPS.to_vec(),
        panels: kinds.map(|(title, medians)| Panel { title, values: medians.iter().map(some).collect() }).collect(),
    }
}
