//! A private Redis of the installed binary. The service runs without one, so a missing Redis is said, not an error.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::account::Account;
use crate::progress::say;
use crate::run::{Process, ask};
use crate::servers::{Keep, free_port, on_path, secret, stop_leftover, tail, write_private};
use crate::{Session, apt};

/// A running server.
pub struct Redis {
    /// Its process.
    pub process: Process,
    /// The program that it runs.
    pub program: PathBuf,
    port: u16,
    secret: String,
}

impl Redis {
    /// Starts a server whose files are in `folder`, and waits until it answers. `None` when there is no Redis to be
    /// had; an error when `wanted` names a program that is not there.
    pub async fn start(
        session: &Session,
        account: &Account,
        folder: PathBuf,
        keep: Keep,
        wanted: Option<&str>,
    ) -> Result<Option<Self>> {
        let program = match wanted {
            Some(wanted) => named(wanted)?,
            None => match installed(session).await {
                Some(program) => program,
                None => return Ok(None),
            },
        };
        let version = version(&program).await;
        stop_leftover(&folder.join("redis.pid"), &folder).await?;
        let secret = secret(account, &folder)?;
        for attempt in 1.. {
            let port = free_port()?;
            configure(account, &folder, keep, port, &secret)?;
            let mut command = account.command(&program);
            command.arg(folder.join("redis.conf")).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
            let process = session.processes.start("redis", command, Signal::TERM)?;
            let server = Self { process, program: program.clone(), port, secret: secret.clone() };
            match server.answer(&folder).await {
                Ok(()) => {
                    say(&format!("{version} listens on 127.0.0.1:{port} (data in {})", folder.display()));
                    return Ok(Some(server));
                }
                Err(_) if attempt < 3 && server.process.ended().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        bail!("redis does not start")
    }

    /// Its URL, password included.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.secret, self.port)
    }

    async fn answer(&self, folder: &Path) -> Result<()> {
        for _ in 0..400 {
            if self.ping().await.is_ok_and(|answered| answered) {
                return Ok(());
            }
            if let Some(status) = self.process.ended() {
                bail!("redis ended ({status}); the end of its log:\n{}", tail(&folder.join("log")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("redis does not answer; the end of its log:\n{}", tail(&folder.join("log")))
    }

    async fn ping(&self) -> Result<bool> {
        Ok(self.tell("PING").await?.starts_with("+PONG"))
    }

    /// How many commands it has carried out since its start, those of scripts included.
    ///
    /// # Errors
    /// If it does not answer, or not with that number.
    pub async fn commands(&self) -> Result<f64> {
        let told = self.tell("INFO stats").await?;
        let number = told.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(number.context("Redis does not tell how many commands it has carried out")?.trim().parse()?)
    }

    /// Its answer to a command, in Redis's inline form. A client library for two commands would be the larger thing to
    /// keep.
    async fn tell(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("AUTH {}\r\n{command}\r\nQUIT\r\n", self.secret).as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let answer = answer.strip_prefix("+OK\r\n").context("Redis refuses its own password")?;
        Ok(answer.to_owned())
    }
}

/// The program of this name or file.
fn named(program: &str) -> Result<PathBuf> {
    let file = Path::new(program);
    let found = if file.is_file() { Some(std::path::absolute(file)?) } else { on_path(program) };
    found.with_context(|| format!("--redis: {program} is neither a file nor a program on the PATH"))
}

/// What it calls itself: `Redis 8.0.2`, `Valkey 8.1.1`.
async fn version(program: &Path) -> String {
    let told = ask(&program.to_string_lossy(), &["--version"]).await.unwrap_or_default();
    let mut words = told.split_whitespace();
    let (name, version) = (words.next().unwrap_or("redis"), words.find_map(|word| word.strip_prefix("v=")));
    format!("{name} {}", version.unwrap_or("of an unknown version"))
}

async fn installed(session: &Session) -> Option<PathBuf> {
    let find = || on_path("redis-server").or_else(|| on_path("valkey-server"));
    if let Some(found) = find() {
        return Some(found);
    }
    if let Err(error) = apt::install(session, &["redis-server"], "Redis").await {
        say(&format!("going on without Redis (no cache, limits per instance): {error:#}"));
        return None;
    }
    find()
}

fn configure(account: &Account, folder: &Path, keep: Keep, port: u16, secret: &str) -> Result<()> {
    // A cache needs no durability; snapshots would only cost time. Rate limits and entries may go with the process.
    let eviction = if keep == Keep::Data { "allkeys-lru" } else { "noeviction" };
    let folder_text = folder.display();
    let text = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {secret}\ndir \"{folder_text}\"\npidfile \
         \"{folder_text}/redis.pid\"\n\
         logfile \"{folder_text}/log\"\nsave \"\"\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy {eviction}\n"
    );
    write_private(account, &folder.join("redis.conf"), &text)
}
