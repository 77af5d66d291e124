//! A PgBouncer between the service and Postgres.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::super::Options;

/// A running pooler in front of the tests' database.
pub struct Pooler {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Pooler {
    /// Starts one in this pool mode that holds at most `size` connections to Postgres. It refuses startup options, as it does
    /// when nothing else is said.
    pub async fn start(mode: &str, size: u32) -> Self {
        let url = url::Url::parse(&std::env::var("DATABASE_URL").unwrap()).unwrap();
        let (folder, port) = (super::folder("pgbouncer"), super::free_port());
        // Transaction mode keeps named prepared statements only where this is set; PgBouncer before 1.21 does not know it.
        let prepared = if mode == "transaction" { "max_prepared_statements = 200\n" } else { "" };
        let configuration = format!(
            "[databases]\npooled = host={host} port={database_port} dbname={name} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = {size}\nmax_client_conn = 400\nunix_socket_dir =\n{prepared}",
            host = url.host_str().unwrap(),
            database_port = url.port().unwrap_or(5432),
            name = url.path().trim_start_matches('/'),
            user = url.username(),
            password = url.password().unwrap_or_default(),
        );
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
        let options = options.with("database_url", format!("postgres://todo@127.0.0.1:{}/pooled", self.port));
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
