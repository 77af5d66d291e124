//! What tests need beside a server, as variables of their environment.

use std::path::Path;

use anyhow::Result;

use super::DATABASES;
use crate::postgres::Postgres;
use crate::progress::say;
use crate::run::ask;
use crate::servers::Servers;
use crate::{Session, anchors, migrate};

/// The programs of these servers, of which tests start others that they may kill, as environment variables.
pub(super) fn programs(servers: &Servers) -> Vec<(&'static str, String)> {
    let postgres = servers.postgres.as_ref().map(|postgres| ("TODO_POSTGRES_PROGRAMS", &postgres.binaries));
    let redis = servers.redis.as_ref().map(|redis| ("TODO_REDIS_PROGRAM", &redis.program));
    postgres.into_iter().chain(redis).map(|(name, path)| (name, path.display().to_string())).collect()
}

/// A database for the tests that fill it with a million todos and read the plans in the server's log; its place and the
/// log's, as environment variables. None where this Postgres cannot tell its plans.
pub(super) async fn large(session: &Session, postgres: &Postgres) -> Result<Vec<(&'static str, String)>> {
    let name = format!("{DATABASES}large");
    postgres.drop_databases(&name).await?;
    postgres.create_database(&name).await?;
    if !postgres.explain(&name).await? {
        say("the plans of a large database are not tested: Postgres lacks its contrib module auto_explain");
        return Ok(Vec::new());
    }
    let url = postgres.url(&name);
    migrate::apply(&session.checkout, &url).await?;
    let log = std::path::absolute(&postgres.log)?.display().to_string();
    Ok(vec![("TODO_LARGE_DATABASE_URL", url), ("TODO_POSTGRES_LOG", log)])
}

/// An empty database for the test that restores a backup, as an environment variable. None where pg_dump and psql are
/// missing or older than the server, which they refuse then.
pub(super) async fn restore(postgres: &Postgres, beside: &str) -> Result<Option<(&'static str, String)>> {
    let server = postgres.major(beside).await?;
    for program in ["pg_dump", "psql"] {
        let version = ask(program, &["--version"]).await.unwrap_or_default();
        let major = version.split(' ').nth(2).and_then(|version| version.split('.').next()?.parse().ok());
        if major.is_none_or(|major: i32| major < server) {
            return Ok(None);
        }
    }
    let name = format!("{beside}_restored");
    postgres.create_database(&name).await?;
    Ok(Some(("TODO_RESTORE_DATABASE_URL", postgres.url(&name))))
}

/// An empty database for the application that this service replaces, and how it is started, as environment variables.
/// None where its libraries cannot be installed.
pub(super) async fn replaced(
    session: &Session,
    postgres: &Postgres,
    beside: &str,
    folder: &Path,
) -> Result<Vec<(&'static str, String)>> {
    let folder = anchors::folder(folder)?.join("fastapi");
    let python = match anchors::python(session).await {
        Ok(python) => python,
        Err(error) => {
            say(&format!("the tests with the application that this service replaces will be ignored: {error:#}"));
            return Ok(Vec::new());
        }
    };
    let name = format!("{beside}_old");
    postgres.create_database(&name).await?;
    Ok(vec![
        ("TODO_OLD_DATABASE_URL", postgres.url(&name)),
        ("TODO_OLD_FOLDER", folder.display().to_string()),
        ("TODO_OLD_PYTHON", python.display().to_string()),
    ])
}
