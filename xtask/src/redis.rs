//! A private Redis of the installed binary. The service runs without one, so a missing Redis is said, not an error.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::account::Account;
use crate::progress::say;
use crate::run::Process;
use crate::servers::{Keep, free_port, on_path, secret, stop_leftover, tail, write_private};
use crate::{Session, apt};

/// A running server.
pub struct Redis {
    /// Its process.
    pub process: Process,
    port: u16,
    secret: String,
}

impl Redis {
    /// Starts a server whose files are in `folder`, and waits until it answers. `None` when there is no Redis to be had.
    pub async fn start(session: &Session, account: &Account, folder: PathBuf, keep: Keep) -> Result<Option<Self>> {
        let Some(binary) = binary(session).await else {
            return Ok(None);
        };
        stop_leftover(&folder.join("redis.pid"), &folder).await?;
        let secret = secret(account, &folder)?;
        for attempt in 1.. {
            let port = free_port()?;
            configure(account, &folder, keep, port, &secret)?;
            let mut command = account.command(&binary);
            command.arg(folder.join("redis.conf")).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
            let process = session.processes.start("redis", command, Signal::TERM)?;
            let server = Self { process, port, secret: secret.clone() };
            match server.answer(&folder).await {
                Ok(()) => {
                    say(&format!("redis listens on 127.0.0.1:{port} (data in {})", folder.display()));
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

    /// Says hello in Redis's inline form. A client library for one word would be the larger thing to keep.
    async fn ping(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("AUTH {}\r\nPING\r\nQUIT\r\n", self.secret).as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer.starts_with(b"+OK\r\n+PONG"))
    }
}

async fn binary(session: &Session) -> Option<PathBuf> {
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
        "bind 127.0.0.1\nport {port}\nrequirepass {secret}\ndir \"{folder_text}\"\npidfile \"{folder_text}/redis.pid\"\n\
         logfile \"{folder_text}/log\"\nsave \"\"\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy {eviction}\n"
    );
    write_private(account, &folder.join("redis.conf"), &text)
}
