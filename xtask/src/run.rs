//! Child processes that never outlive xtask.
//!
//! Each child leads a process group of its own, so that a signal reaches what it started in turn, and so that the
//! terminal's Ctrl-C reaches xtask alone, which then stops the children in order (the service before its database). If
//! xtask is killed outright, the [guard](crate::guard) does the same. The kernel's parent-death signal was the road not
//! taken: it needs `unsafe`, exists on Linux only, and does not reach grandchildren.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::sync::watch;

use crate::guard::Guard;

/// How long a child may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);

/// Everything that is running, in the order in which it was started.
#[derive(Clone, Default)]
pub struct Processes {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    running: Vec<Process>,
    guard: Option<Guard>,
}

/// A running (or ended) child.
#[derive(Clone)]
pub struct Process {
    /// What to call it.
    pub name: String,
    group: Pid,
    stop: Signal,
    exited: watch::Receiver<Option<ExitStatus>>,
}

impl Processes {
    /// Starts `command` in its own process group. `stop` is the signal that asks it to end in good order.
    pub fn start(&self, name: &str, mut command: Command, stop: Signal) -> Result<Process> {
        let mut shared = self.lock();
        if shared.guard.is_none() {
            shared.guard = Some(Guard::start()?);
        }
        scrub(&mut command);
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} does not start ({})", command.as_std().get_program().display()))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = id.with_context(|| format!("{name} has no process id"))?;
        if let Some(guard) = &mut shared.guard {
            guard.add(group, stop);
        }
        let (ended, exited) = watch::channel(None);
        let process = Process { name: name.to_owned(), group, stop, exited };
        shared.running.push(process.clone());
        let processes = self.clone();
        tokio::spawn(async move {
            let status = child.wait().await;
            // What it had started in turn would outlive it: a killed `spin up` leaves the server that it started.
            let _ = kill_process_group(group, Signal::KILL);
            processes.forget(group);
            // An error of wait(2) means that the child is gone, too.
            ended.send_replace(Some(status.unwrap_or_default()));
        });
        Ok(process)
    }

    /// Runs a program to its end, its output going where xtask's goes.
    pub async fn run(&self, name: &str, command: Command) -> Result<ExitStatus> {
        Ok(self.start(name, command, Signal::TERM)?.wait().await)
    }

    /// Like [`run`](Self::run), and an unsuccessful end is an error.
    pub async fn succeed(&self, name: &str, command: Command) -> Result<()> {
        let status = self.run(name, command).await?;
        if !status.success() {
            bail!("{name} failed ({status})");
        }
        Ok(())
    }

    /// Stops everything, last started first.
    pub async fn stop_all(&self) {
        loop {
            let Some(last) = self.lock().running.last().cloned() else {
                break;
            };
            last.stop().await;
        }
    }

    /// Stops everything at once, without asking.
    pub async fn kill_all(&self) {
        let running = self.lock().running.clone();
        for process in running.iter().rev() {
            process.kill().await;
        }
    }

    fn forget(&self, group: Pid) {
        let mut shared = self.lock();
        shared.running.retain(|process| process.group != group);
        if let Some(guard) = &mut shared.guard {
            guard.remove(group);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Waits for its end.
    pub async fn wait(&self) -> ExitStatus {
        let mut exited = self.exited.clone();
        match exited.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            Err(_) => ExitStatus::default(),
        }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        *self.exited.borrow()
    }

    /// What it and all that it started hold in memory now, in megabytes of 2²⁰ bytes, as the system tells: `spin up` is
    /// a small process that starts the one which serves. Pages that several share count for each.
    pub fn resident_megabytes(&self) -> Option<u64> {
        let of_group = self.members();
        let kilobytes: u64 = of_group.iter().filter_map(|id| resident_kilobytes(&Path::new("/proc").join(id))).sum();
        (kilobytes > 0).then_some(kilobytes / 1024)
    }

    /// The processor time that it and all that it started have taken until now, in seconds. Those that Postgres starts
    /// leave its group, so its children count, too.
    pub fn processor_seconds(&self) -> f64 {
        let group = self.group.as_raw_nonzero().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ticks = processes.filter_map(|process| {
            let stat = stat(&process.path())?;
            let [_, parent, of_group, ..] = stat.as_slice() else { return None };
            let own = parent == &group || of_group == &group;
            // In user mode and in the system, and the same of children that have ended.
            own.then(|| stat.iter().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>())
        });
        ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
    }

    /// The processes of its group.
    pub fn members(&self) -> Vec<String> {
        let group = self.group.as_raw_nonzero().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let of_group = processes.filter(|process| group_of(&process.path()).is_some_and(|found| found == group));
        of_group.filter_map(|process| process.file_name().into_string().ok()).collect()
    }

    /// Asks it to end, waits, and insists if it does not.
    pub async fn stop(&self) {
        if self.ended().is_none() {
            let _ = kill_process_group(self.group, self.stop);
        }
        if tokio::time::timeout(GRACE, self.wait()).await.is_err() {
            crate::progress::say(&format!("{} did not stop when asked; killing it", self.name));
            self.kill().await;
        }
    }

    /// Sends a signal to it and what it started.
    pub fn signal(&self, signal: Signal) {
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(self.group, signal);
    }

    async fn kill(&self) {
        if self.ended().is_none() {
            let _ = kill_process_group(self.group, Signal::KILL);
        }
        self.wait().await;
    }
}

/// The group of a process, by its folder in /proc.
fn group_of(process: &Path) -> Option<String> {
    stat(process)?.into_iter().nth(2)
}

/// What the system tells of a process: the fields behind its name, which may hold anything. They begin with state,
/// parent and group.
fn stat(process: &Path) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn resident_kilobytes(process: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a program prints, for short questions ("which version are you?"). `None` when it is missing or fails.
pub async fn ask(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    scrub(&mut command);
    let output = command.output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success()).then(|| text.trim().to_owned())
}

/// Takes away what `cargo run` adds to xtask's environment: the library path, in which another compiler would find the
/// wrong libraries, and the variables that describe the package xtask, which would make cargo rebuild what reads them.
fn scrub(command: &mut Command) {
    for (key, _) in std::env::vars_os() {
        let Some(key) = key.to_str() else { continue };
        if key == "LD_LIBRARY_PATH" || key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_") {
            command.env_remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process_group;

    use super::*;

    #[tokio::test]
    async fn a_child_that_ignores_the_request_is_waited_for_and_one_that_heeds_it_ends() {
        let processes = Processes::default();
        let mut command = Command::new("sleep");
        command.arg("60");
        let process = processes.start("sleep", command, Signal::TERM).unwrap();
        assert!(process.ended().is_none());
        processes.stop_all().await;
        assert!(!process.wait().await.success());
    }

    #[tokio::test]
    async fn what_a_child_leaves_behind_ends_with_it() {
        let processes = Processes::default();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & exit 0"]);
        let process = processes.start("sh", command, Signal::TERM).unwrap();
        assert!(process.wait().await.success());
        // The kernel needs a moment to bury it.
        let gone = async {
            while test_kill_process_group(process.group).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    }

    #[tokio::test]
    async fn memory_is_that_of_what_a_child_has_started_too() {
        let processes = Processes::default();
        let mut command = Command::new("sh");
        // The shell waits for another, which holds the text.
        command.args(["-c", "sh -c 'text=$(head -c 30000000 /dev/zero | tr \\\\0 x); sleep 60' & wait"]);
        let large = processes.start("sh", command, Signal::TERM).unwrap();
        let grown = async {
            while large.resident_megabytes().is_none_or(|megabytes| megabytes < 25) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), grown).await.unwrap();
        processes.stop_all().await;
    }

    #[tokio::test]
    async fn a_missing_program_answers_no_question() {
        assert_eq!(ask("no-such-program-here", &[]).await, None);
    }
}
