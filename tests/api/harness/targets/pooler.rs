//! A PgBouncer between the service and Postgres.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::super::Options;

/// As a team runs it.
const DEPLOYED: &str = include_str!("../../../../deploy/pgbouncer/pgbouncer.ini");

/// A running pooler in front of the tests' database.
pub struct Pooler {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Pooler {
    /// Starts one in this pool mode that holds at most `size` connections to Postgres, otherwise as `deploy/` has it.
    /// It refuses startup options, as it does when nothing else is said.
    pub async fn start(mode: &str, size: u32) -> Self {
        Self::before(&std::env::var("DATABASE_URL").unwrap(), mode, size).await
    }

    /// The same in front of this database.
    pub async fn before(url: &str, mode: &str, size: u32) -> Self {
        let url = url::Url::parse(url).unwrap();
        let (folder, port) = (super::folder("pgbouncer"), super::free_port());
        let database = format!(
            "host={} port={} dbname={} user={} password={}",
            url.host_str().unwrap(),
            url.port().unwrap_or(5432),
            url.path().trim_start_matches('/'),
            url.username(),
            url.password().unwrap_or_default(),
        );
        let own = [
            ("todo", Some(database)),
            ("listen_addr", Some("127.0.0.1".to_owned())),
            ("listen_port", Some(port.to_string())),
            ("auth_type", Some("any".to_owned())),
            ("auth_file", None),
            ("pool_mode", Some(mode.to_owned())),
            ("default_pool_size", Some(size.to_string())),
            // PgBouncer before 1.21, which has session mode only for us, does not know it.
            ("max_prepared_statements", (mode == "transaction").then(|| "200".to_owned())),
        ];
        let configuration = own.into_iter().fold(DEPLOYED.to_owned(), |text, (key, value)| {
            let is_it = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
            assert_eq!(text.lines().filter(|line| is_it(line)).count(), 1, "{key} stands once in the file of deploy/");
            let lines = text.lines().filter_map(|line| match &value {
                Some(value) if is_it(line) => Some(format!("{key} = {value}\n")),
                None if is_it(line) => None,
                _ => Some(format!("{line}\n")),
            });
            lines.collect()
        });
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("pgbouncer");
        // It refuses to run as root, and then takes another user by itself.
        if super::is_root() {
            command.args(["-u", "nobody"]);
        }
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut pooler = Self { process: command.spawn().unwrap(), folder, port };
        pooler.answers().await;
        pooler
    }

    /// The same options with this pooler in the place of Postgres.
    pub fn used_by(&self, options: Options) -> Options {
        let options = options.with("database_url", format!("postgres://todo@127.0.0.1:{}/todo", self.port));
        options.with("database_host", "127.0.0.1").with("database_port", self.port)
    }

    async fn answers(&mut self) {
        for _ in 0..200 {
            assert!(self.process.try_wait().unwrap().is_none(), "pgbouncer ends at its start");
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("pgbouncer does not answer");
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
