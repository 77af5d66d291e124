//! A private Postgres of the installed binaries, or of another version's.

mod npm;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

use crate::Session;
use crate::account::Account;
use crate::progress::say;
use crate::run::Process;
use crate::servers::{Keep, free_port, secret, stop_leftover, tail};
use server::{binaries, initialise, module_installed, server};

/// The role that the service connects as. Not a superuser, as nowhere else.
pub const ROLE: &str = "todo";

/// Enough for the 64 pooled connections that each component may hold, the tests' own, and some.
const CONNECTIONS: u32 = 250;

/// A running server.
pub struct Postgres {
    /// Its process.
    pub process: Process,
    /// What it writes to its standard error.
    pub log: PathBuf,
    /// The folder of its programs.
    pub binaries: PathBuf,
    port: u16,
    secret: String,
}

impl Postgres {
    /// Starts a server whose files are in `folder`, and waits until it answers.
    pub async fn start(
        session: &Session,
        account: &Account,
        folder: PathBuf,
        keep: Keep,
        version: Option<u32>,
    ) -> Result<Self> {
        let binaries = match version {
            Some(version) => npm::binaries(session, version).await?,
            None => binaries(session).await?,
        };
        let data = folder.join("data");
        stop_leftover(&data.join("postmaster.pid"), &data).await?;
        let secret = secret(account, &folder)?;
        initialise(session, account, &binaries, &folder, keep).await?;
        let log = folder.join("log");
        for attempt in 1.. {
            let port = free_port()?;
            let command = server(account, &binaries, &folder, keep, port)?;
            let process = session.processes.start("postgres", command, Signal::INT)?;
            let server = Self { process, log: log.clone(), binaries: binaries.clone(), port, secret: secret.clone() };
            match server.answer(&log).await {
                Ok(()) => {
                    server.create_role().await?;
                    say(&format!("postgres listens on 127.0.0.1:{port} (data in {})", data.display()));
                    return Ok(server);
                }
                // Most likely somebody else took the port.
                Err(_) if attempt < 3 && server.process.ended().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        bail!("postgres does not start")
    }

    /// Connects as the superuser.
    pub async fn superuser(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass();
        let options = options.host("127.0.0.1").port(self.port).username("postgres").password(&self.secret);
        options.database(database).ssl_mode(PgSslMode::Disable).connect().await
    }

    /// Its major version.
    pub async fn major(&self, database: &str) -> Result<i32> {
        let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&mut self.superuser(database).await?)
            .await?;
        Ok(version / 10_000)
    }

    /// The URL of a database of this server, for the role `todo`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}:{}@127.0.0.1:{}/{database}", self.secret, self.port)
    }

    /// Creates a database that belongs to the role `todo`, unless it is there.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        let mut connection = self.superuser("postgres").await.context("postgres refuses its own superuser")?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !there {
            let create = format!("create database {name} owner {ROLE}");
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        }
        let mut connection = self.superuser(name).await?;
        let statistics: bool =
            sqlx::query_scalar("select current_setting('shared_preload_libraries') like '%pg_stat_statements%'")
                .fetch_one(&mut connection)
                .await?;
        if statistics {
            sqlx::raw_sql("create extension if not exists pg_stat_statements").execute(&mut connection).await?;
            sqlx::raw_sql(AssertSqlSafe(format!("grant pg_read_all_stats to {ROLE}"))).execute(&mut connection).await?;
        }
        Ok(())
    }

    /// Has every plan that is run in this database written into the log, as JSON and with numbers of rows, those of
    /// statements inside of functions included. False if the contrib module for that is not installed.
    pub async fn explain(&self, database: &str) -> Result<bool> {
        let can_explain = module_installed(&self.binaries, "auto_explain");
        if can_explain {
            let settings = [
                "session_preload_libraries = 'auto_explain'",
                "auto_explain.log_min_duration = 0",
                "auto_explain.log_nested_statements = on",
                "auto_explain.log_analyze = on",
                "auto_explain.log_buffers = on",
                "auto_explain.log_timing = off",
                "auto_explain.log_format = json",
            ];
            let all: String = settings.map(|setting| format!("alter database {database} set {setting};")).concat();
            sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut self.superuser("postgres").await?).await?;
        }
        Ok(can_explain)
    }

    /// The schema of a database in SQL, without the migrator's own table.
    pub async fn dump(&self, database: &str) -> Result<String> {
        let mut command = tokio::process::Command::new(self.binaries.join("pg_dump"));
        command.args(["--schema-only", "--create", "--no-owner", "--no-privileges", "--no-comments"]);
        command.args(["--exclude-table=_sqlx_migrations", "--host=127.0.0.1", "--username", ROLE]);
        command.arg("--port").arg(self.port.to_string()).arg(database).env("PGPASSWORD", &self.secret);
        let output = command.output().await.context("pg_dump does not run")?;
        if !output.status.success() {
            bail!("pg_dump fails: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Gives a database another name.
    pub async fn rename_database(&self, name: &str, other: &str) -> Result<()> {
        let rename = AssertSqlSafe(format!("alter database {name} rename to {other}"));
        sqlx::raw_sql(rename).execute(&mut self.superuser("postgres").await?).await?;
        Ok(())
    }

    /// Drops the databases whose names begin so. Only for servers that nobody else uses.
    pub async fn drop_databases(&self, prefix: &str) -> Result<()> {
        let mut connection = self.superuser("postgres").await?;
        let names: Vec<String> =
            sqlx::query_scalar("select datname::text from pg_database where starts_with(datname::text, $1)")
                .bind(prefix)
                .fetch_all(&mut connection)
                .await?;
        for name in names {
            let drop = format!("drop database if exists \"{name}\" with (force)");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
        }
        Ok(())
    }

    /// Waits until the server takes connections.
    async fn answer(&self, log: &Path) -> Result<()> {
        // Recovery after a crash can take a while.
        for _ in 0..1200 {
            if self.superuser("postgres").await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.ended() {
                bail!("postgres ended ({status}); the end of {}:\n{}", log.display(), tail(log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("postgres does not answer; the end of {}:\n{}", log.display(), tail(log))
    }

    async fn create_role(&self) -> Result<()> {
        let mut connection = self.superuser("postgres").await?;
        // The secret is base64url: nothing in it needs quoting.
        let create = format!(
            "do $$ begin
                 if not exists (select from pg_roles where rolname = '{ROLE}') then create role {ROLE} login; end if;
             end $$;
             alter role {ROLE} password '{}'",
            self.secret
        );
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        Ok(())
    }
}
