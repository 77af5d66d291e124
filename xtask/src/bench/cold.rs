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

/// What is asked for, and how each application is asked for it.
const KINDS: [(&str, Choice); 2] =
    [("cached read", |application| &application.read), ("create", |application| &application.create)];

/// An application that is measured.
struct Application {
    name: String,
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

/// Measures, prints and writes everything.
pub async fn measure(bench: &Bench<'_>, folder: Option<&Path>) -> Result<()> {
    let mut applications = Vec::new();
    for flags in [Flags::None, Flags::Deploy] {
        let service = bench.service_with("on", flags, &[]).await?;
        applications.push(Application {
            name: format!("this service, {}", flags.name()),
            listen: service.listen,
            token: Some(bench.token.clone()),
            read: Question::get(format!("/api/v2/todos/{}", bench.todo)),
            create: Question::create("/api/v2/todos"),
            process: service.process(),
        });
    }
    let reference = bench.reference(Flags::None).await?;
    applications.push(Application {
        name: format!("reference, {}", Flags::None.name()),
        listen: reference.listen,
        token: None,
        read: Question::get("/script"),
        create: Question::get("/create"),
        process: reference.process(),
    });
    if let Some(folder) = folder {
        for name in ["optimized", "axum-native"] {
            let (listen, process) = anchors::start(bench, folder, name).await?;
            applications.push(Application {
                name: name.to_owned(),
                listen,
                token: None,
                read: Question::get("/todos/1"),
                create: Question::create("/todos"),
                process,
            });
        }
    }

    let mut medians = Vec::new();
    for (kind, question) in KINDS {
        let step = Step::begin(format!("measuring {kind} after pauses"));
        medians.push(after_pauses(&applications, question).await?);
        step.done();
    }
    table(&applications, &medians);
    let figures = figures(&applications, &medians);
    results::write(bench, "cold", figures, &chart(&applications, &medians)).await?;
    for application in &applications {
        application.process.stop().await;
    }
    Ok(())
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

fn table(applications: &[Application], medians: &[Vec<Vec<f64>>]) {
    print(format!("\n| median ms after a pause of | application | {} |", pauses().join(" | ")));
    print(format!("|---|---|{}", "---|".repeat(PAUSES.len())));
    for ((kind, _), medians) in KINDS.iter().zip(medians) {
        for (index, application) in applications.iter().enumerate() {
            let cells: Vec<String> =
                medians.iter().filter_map(|all| all.get(index)).map(|median| format!("{median:.1}")).collect();
            print(format!("| {kind} | {} | {} |", application.name, cells.join(" | ")));
        }
    }
}

fn figures(applications: &[Application], medians: &[Vec<Vec<f64>>]) -> Value {
    let mut all = Vec::new();
    for ((kind, _), medians) in KINDS.iter().zip(medians) {
        for (index, application) in applications.iter().enumerate() {
            for ((pause, _), medians) in PAUSES.iter().zip(medians) {
                let median = medians.get(index).map(|median| (median * 100.0).round() / 100.0);
                all.push(json!({
                    "what": kind, "application": application.name, "pause_ms": pause, "median_ms": median,
                }));
            }
        }
    }
    Value::Array(all)
}

fn chart<'a>(applications: &'a [Application], medians: &[Vec<Vec<f64>>]) -> Chart<'a> {
    const TITLES: [&str; 2] = ["Cached read: median in ms after a pause", "Create: median in ms after a pause"];
    const GROUPS: [&str; 4] = ["warm", "0.3 s", "1.3 s", "5 s"];
    let some = |medians: &[f64]| medians.iter().copied().map(Some).collect();
    let panel = |(title, medians): (&'a &str, &Vec<Vec<f64>>)| Panel {
        title,
        values: medians.iter().map(|medians| some(medians)).collect(),
    };
    Chart {
        series: applications.iter().map(|application| application.name.as_str()).collect(),
        groups: GROUPS.to_vec(),
        panels: TITLES.iter().zip(medians).map(panel).collect(),
    }
}
