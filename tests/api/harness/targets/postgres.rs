//! A Postgres that a test may kill.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use super::super::suite::ignored;
use super::super::{Options, uuid};
use super::certificates::certify;

/// How long recovery after a kill may take.
const RECOVERY: Duration = Duration::from_secs(60);

/// A running server with one database, migrated.
pub struct Postgres {
    process: Child,
    programs: Programs,
    folder: PathBuf,
    /// The address that it listens on, as it stands in a URL.
    address: &'static str,
    port: u16,
    password: String,
}

impl Postgres {
    /// `None`, and the test ignored, where none is installed.
    pub async fn start() -> Option<Self> {
        Self::start_at("127.0.0.1").await
    }

    /// The same for one that listens on this address of the machine alone.
    pub async fn start_at(address: &'static str) -> Option<Self> {
        let Some(programs) = Programs::find() else {
            return ignored("needs the programs of a Postgres server, on PATH or where pg_config says");
        };
        let (folder, port, password) = (super::folder("postgres"), super::free_port(), uuid());
        std::fs::write(folder.join("password"), &password).unwrap();
        programs.give(&folder);
        programs.give(&folder.join("password"));
        let mut initdb = programs.command("initdb", &folder);
        initdb.args(["--pgdata", "data", "--pwfile", "password", "--username=todo", "--auth=scram-sha-256"]);
        initdb.args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        assert!(initdb.status().unwrap().success(), "initdb fails in {}", folder.display());
        let process = Self::spawn(&programs, &folder, address, port);
        let mut postgres = Self { process, programs, folder, address, port, password };
        postgres.answers().await;
        postgres.migrate().await;
        Some(postgres)
    }

    /// What was answered must survive a kill, but not the loss of power: hence no fsync, but every commit is written at
    /// once.
    fn spawn(programs: &Programs, folder: &Path, address: &str, port: u16) -> Child {
        let mut command = programs.command("postgres", folder);
        let listen = format!("listen_addresses={}", address.trim_matches(['[', ']']));
        command.args(["-D", "data", "-p", &port.to_string(), "-c", &listen]);
        command.args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "timezone=UTC"]);
        command.spawn().unwrap()
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.url_at(self.address)
    }

    fn url_at(&self, host: &str) -> String {
        format!("postgres://todo:{}@{host}:{}/postgres", self.password, self.port)
    }

    /// The same options with this Postgres.
    pub fn used_by(&self, options: Options) -> Options {
        self.used_at(options, self.address)
    }

    /// The same options with this Postgres under this host.
    pub fn used_at(&self, options: Options, host: &str) -> Options {
        let options = options.with("database_url", self.url_at(host));
        options.with("database_host", host).with("database_port", self.port)
    }

    /// Killed, and back after its recovery.
    pub async fn restart(&mut self) {
        self.process.kill().unwrap();
        self.answers().await;
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets it speak TLS, under a certificate of an authority of its own, which is returned in PEM. `None`, and the
    /// test ignored, where openssl is missing.
    pub async fn encrypt(&mut self) -> Option<String> {
        if !certify(&self.folder) {
            return ignored("needs openssl on PATH, to make certificates");
        }
        self.programs.give(&self.folder.join("server.key"));
        let sql = super::super::database::connect_to(&self.url()).await;
        for (name, value) in [("ssl_cert_file", "../server.pem"), ("ssl_key_file", "../server.key"), ("ssl", "on")] {
            sql.batch_execute(&format!("alter system set {name} = '{value}'")).await.unwrap();
        }
        self.restart().await;
        Some(std::fs::read_to_string(self.folder.join("ca.pem")).unwrap())
    }

    /// Killed for good.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// A standby that streams from this server, which from now on acknowledges nothing that the standby has not got.
    /// `None`, said aloud, where there is no pg_basebackup.
    pub async fn standby(&self) -> Option<Self> {
        let programs = Programs::find()?;
        if !programs.folder.join("pg_basebackup").is_file() {
            return ignored("needs pg_basebackup beside Postgres");
        }
        let (folder, port) = (super::folder("standby"), super::free_port());
        std::fs::write(folder.join("password"), &self.password).unwrap();
        programs.give(&folder);
        programs.give(&folder.join("password"));
        let mut copy = programs.command("pg_basebackup", &folder);
        copy.env("PGPASSWORD", &self.password).args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "todo"]);
        copy.args(["-D", "data", "-X", "stream", "-R", "--checkpoint=fast", "--no-sync"]);
        assert!(copy.status().unwrap().success(), "pg_basebackup fails in {}", folder.display());
        let process = Self::spawn(&programs, &folder, self.address, port);
        let mut standby =
            Self { process, programs, folder, address: self.address, port, password: self.password.clone() };
        standby.answers().await;
        let sql = super::super::database::connect_to(&self.url()).await;
        sql.batch_execute("alter system set synchronous_standby_names = '*'").await.unwrap();
        sql.batch_execute("select pg_reload_conf()").await.unwrap();
        Some(standby)
    }

    /// Makes a standby the primary.
    pub async fn promote(&self) {
        super::super::database::connect_to(&self.url()).await.batch_execute("select pg_promote()").await.unwrap();
    }

    /// Waits until it answers. A new server does not start while processes of the killed one are still ending.
    async fn answers(&mut self) {
        let since = Instant::now();
        while tokio_postgres::connect(&self.url(), NoTls).await.is_err() {
            assert!(since.elapsed() < RECOVERY, "postgres does not answer");
            if self.process.try_wait().unwrap().is_some() {
                self.process = Self::spawn(&self.programs, &self.folder, self.address, self.port);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn migrate(&self) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        // Beside them lies what they add up to.
        let is_migration = |file: &PathBuf| {
            file.extension().is_some_and(|extension| extension == "sql") && !file.ends_with("schema.sql")
        };
        files.retain(is_migration);
        files.sort();
        let database = super::super::database::connect_to(&self.url()).await;
        for file in files {
            let migrated = database.batch_execute(&std::fs::read_to_string(&file).unwrap()).await;
            migrated.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The server's programs, and whom they run as: they refuse to run as root.
struct Programs {
    folder: PathBuf,
    account: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Option<Self> {
        let complete = |folder: &PathBuf| folder.join("postgres").is_file() && folder.join("initdb").is_file();
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        // First those of the version that this run tests with.
        let mut places: Vec<PathBuf> =
            std::env::var_os("TODO_POSTGRES_PROGRAMS").map(PathBuf::from).into_iter().collect();
        places.extend(std::env::split_paths(&on_path));
        places.extend(told(Command::new("pg_config").arg("--bindir")).map(PathBuf::from));
        let id = |option: &str, name: &str| told(Command::new("id").args([option, name]))?.parse().ok();
        let account = match told(Command::new("id").arg("-u"))?.as_str() {
            "0" => Some(["postgres", "nobody"].into_iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)))?),
            _ => None,
        };
        // Links on the PATH lead to the folder that has all programs.
        let folder = std::fs::canonicalize(places.into_iter().find(complete)?.join("postgres")).ok()?;
        Some(Self { folder: folder.parent()?.to_path_buf(), account })
    }

    /// Makes it the account's own.
    fn give(&self, path: &Path) {
        if let Some((uid, gid)) = self.account {
            std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// What a program prints, if it succeeds.
fn told(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
