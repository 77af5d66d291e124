//! `cargo xtask bench`: how fast the service is. Each figure stands beside others of the same run, because only ratios
//! mean something on a shared machine; bench/README.md tells how to read them.

mod adopt;
mod anchors;
mod cold;
mod fan;
mod jobs;
mod log;
mod memory;
mod mixed;
mod plot;
pub mod profile;
mod redis_away;
mod results;
mod service;
mod speed;
mod wait;
mod wrk;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use self::service::{Bench, Host};
use crate::Session;

#[derive(clap::Args)]
pub struct Args {
    /// What to measure; all of them by default.
    #[arg(value_enum, value_name = "SUBJECT")]
    subjects: Vec<Subject>,
    /// What runs the components: the embedded todo-host, or the Spin on the PATH.
    #[arg(long, value_enum, default_value = "embedded")]
    host: Host,
    /// The cargo profile of the embedded host.
    #[arg(long, default_value = "native")]
    profile: String,
    /// How long each figure is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// How many todos `jobs` changes at once.
    #[arg(long, default_value_t = 200_000)]
    todos: u32,
    /// A folder of applications to compare with in the same run; see bench/README.md.
    #[arg(long, value_name = "FOLDER")]
    anchors: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// Reads and writes, with the cache and without, beside an empty component and an empty route.
    Speed,
    /// Reads and writes together, with the cache and without.
    Mixed,
    /// The first request after a pause, and without one.
    Cold,
    /// Resident memory: idle, under load, and a minute later.
    Memory,
    /// Reads and creates over 8 to 1,000 connections.
    Fan,
    /// Clients that wait for changes, and what others feel of them.
    Wait,
    /// A change of 200,000 todos (`--todos`) in the background, and reads meanwhile.
    Jobs,
    /// Single writes with the lines of the log of changes, and without them.
    Log,
    /// The application that this service replaces, before and after its owners' plan, and version 1 over its adopted
    /// data.
    Adopt,
    /// Reads while Redis hangs, and while it is gone.
    Redis,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if args.subjects.contains(&Subject::Adopt) && args.anchors.is_none() {
        bail!("`adopt` measures the applications of a folder: --anchors FOLDER (see bench/README.md)");
    }
    let bench = Bench::prepare(session, args.host, &args.profile, args.seconds).await?;
    let wanted = |subject| args.subjects.is_empty() || args.subjects.contains(&subject);
    if wanted(Subject::Speed) {
        speed::measure(&bench).await?;
        if let Some(folder) = &args.anchors {
            anchors::compare(&bench, folder).await?;
        }
    }
    if wanted(Subject::Mixed) {
        mixed::measure(&bench, args.anchors.as_deref()).await?;
    }
    if wanted(Subject::Cold) {
        cold::measure(&bench, args.anchors.as_deref()).await?;
    }
    if wanted(Subject::Memory) {
        memory::measure(&bench, args.anchors.as_deref()).await?;
    }
    if wanted(Subject::Fan) {
        fan::measure(&bench).await?;
    }
    if wanted(Subject::Wait) {
        wait::measure(&bench).await?;
    }
    if wanted(Subject::Jobs) {
        jobs::measure(&bench, args.todos).await?;
    }
    if wanted(Subject::Log) {
        log::measure(&bench).await?;
    }
    if let Some(folder) = args.anchors.as_ref().filter(|_| wanted(Subject::Adopt)) {
        adopt::measure(&bench, folder).await?;
    }
    // Last, since it takes Redis away.
    if wanted(Subject::Redis) {
        redis_away::measure(&bench).await?;
    }
    Ok(ExitCode::SUCCESS)
}
