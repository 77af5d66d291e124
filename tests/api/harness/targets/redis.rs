//! A Redis that a test may kill.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::Options;
use super::super::suite::ignored;

/// A running server.
pub struct Redis {
    process: Child,
    folder: PathBuf,
    /// The address that it listens on, as it stands in a URL.
    address: &'static str,
    port: u16,
}

impl Redis {
    /// `None`, and the test ignored, where none is installed.
    pub async fn start() -> Option<Self> {
        Self::start_at("127.0.0.1").await
    }

    /// The same for one that listens on this address of the machine alone.
    pub async fn start_at(address: &'static str) -> Option<Self> {
        let (folder, port) = (super::folder("redis"), super::free_port());
        let Ok(process) = Self::spawn(&folder, address, port) else {
            return ignored("needs redis-server on PATH");
        };
        let redis = Self { process, folder, address, port };
        redis.answers().await;
        Some(redis)
    }

    fn spawn(folder: &Path, address: &str, port: u16) -> std::io::Result<Child> {
        let (address, port) = (address.trim_matches(['[', ']']), port.to_string());
        let mut command = Command::new(super::redis_program());
        command.args(["--port", &port, "--bind", address, "--save", "", "--dir"]).arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// The same options with this Redis.
    pub fn used_by(&self, options: Options) -> Options {
        self.used_by_url(options, "", self.address)
    }

    /// The same options with this Redis under this host, as whoever `userinfo` names: empty, or with `@` at its end.
    pub fn used_by_url(&self, options: Options, userinfo: &str, host: &str) -> Options {
        let url = format!("redis://{userinfo}{host}:{}", self.port);
        options.with("redis_url", url).with("redis_port", self.port).with("redis_host", host)
    }

    /// Killed, and back with the data of now, of the last round, or with none.
    pub async fn restart(&mut self, round: u64) {
        match round % 3 {
            0 => drop(self.command("SAVE").await),
            1 => {}
            _ => drop(std::fs::remove_file(self.folder.join("dump.rdb"))),
        }
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        tokio::time::sleep(Duration::from_millis(70 * (round % 4))).await;
        self.process = Self::spawn(&self.folder, self.address, self.port).unwrap();
        self.answers().await;
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Killed, and not started again.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Makes it a replica of the other one, which has all that it has.
    pub async fn follow(&self, other: &Self) {
        self.lines(&format!("REPLICAOF 127.0.0.1 {}", other.port)).await;
        for _ in 0..500 {
            if self.lines("INFO replication").await.iter().any(|line| line == "master_link_status:up") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the replica does not follow");
    }

    /// Makes a replica a server of its own.
    pub async fn promote(&self) {
        assert_eq!(self.lines("REPLICAOF NO ONE").await[0], "+OK");
    }

    async fn answers(&self) {
        for _ in 0..200 {
            if self.command("PING").await.is_ok_and(|answer| answer.starts_with("+PONG")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(format!("{}:{}", self.address, self.port)).await
    }

    /// All that Redis answers to this command, line by line.
    pub async fn lines(&self, command: &str) -> Vec<String> {
        let mut stream = self.connect().await.unwrap();
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().map(str::to_owned).collect()
    }

    /// The beginning of what Redis answers to this command, in its inline form.
    pub async fn command(&self, command: &str) -> std::io::Result<String> {
        let mut stream = self.connect().await?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
