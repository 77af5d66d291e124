//! The last resort against processes left behind: a small process that outlives a killed xtask just long enough to stop
//! what xtask had started.
//!
//! xtask tells it the process groups over a pipe. However xtask ends, the pipe closes; the guard then stops the groups
//! that are still listed and ends.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long groups may take to end before they are killed.
const GRACE: Duration = Duration::from_secs(10);

/// The running guard, as xtask sees it.
pub struct Guard {
    process: Child,
    list: Option<ChildStdin>,
}

impl Guard {
    /// Starts xtask's own binary as the guard.
    pub fn start() -> Result<Self> {
        let binary = std::env::current_exe().context("xtask cannot find its own binary")?;
        let mut process = Command::new(binary)
            .arg("guard")
            // The folder of xtask may be unmounted or deleted meanwhile; the guard needs none.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the guard process does not start")?;
        let list = process.stdin.take();
        Ok(Self { process, list })
    }

    /// Puts a group on the list.
    pub fn add(&mut self, group: Pid, stop: Signal) {
        self.tell(&format!("+ {} {}\n", group.as_raw_nonzero(), stop.as_raw()));
    }

    /// Takes a group off the list, before its number can be used again.
    pub fn remove(&mut self, group: Pid) {
        self.tell(&format!("- {} 0\n", group.as_raw_nonzero()));
    }

    fn tell(&mut self, line: &str) {
        if let Some(list) = &mut self.list {
            // A guard that is gone cannot be told; the ordinary way of stopping things is not affected.
            let _ = list.write_all(line.as_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.list.take());
        let _ = self.process.wait();
    }
}

/// The guard's own main.
pub fn watch() -> ExitCode {
    let mut groups: Vec<(Pid, Signal)> = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut words = line.split(' ');
        let sign = words.next();
        let mut number = || words.next().and_then(|word| word.parse::<i32>().ok());
        let Some(group) = number().and_then(Pid::from_raw) else {
            continue;
        };
        let stop = number().and_then(Signal::from_named_raw).unwrap_or(Signal::TERM);
        match sign {
            Some("+") => groups.push((group, stop)),
            _ => groups.retain(|(listed, _)| *listed != group),
        }
    }
    // xtask has ended. Last started first, as xtask would have done.
    for (group, stop) in groups.iter().rev() {
        let _ = kill_process_group(*group, *stop);
        let asked = Instant::now();
        while test_kill_process_group(*group).is_ok() {
            if asked.elapsed() > GRACE {
                let _ = kill_process_group(*group, Signal::KILL);
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    ExitCode::SUCCESS
}
