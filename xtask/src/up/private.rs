//! Private servers for other commands.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{APPLICATION, embedded, serve, settings, started};
use crate::build::{COMPONENTS, components};
use crate::database::{self};
use crate::redis::Redis;
use crate::servers::{Keep, Servers, Wanted};
use crate::{Session, migrate, token};

/// Private servers with a migrated database, for another command that serves on them.
pub struct Private {
    /// The variables that say where the servers are.
    pub settings: Vec<(&'static str, String)>,
    /// A token of the default workspace.
    pub token: String,
    servers: Servers,
}

impl Private {
    /// A folder for files that live as long as the servers.
    pub fn folder(&self) -> &Path {
        &self.servers.folder
    }
}

/// Starts the servers that are called so and builds the components.
pub async fn private(session: &Session, name: &str, scopes: &[token::Scope]) -> Result<Private> {
    let wanted = Wanted { postgres: true, redis: true, ..Wanted::default() };
    let servers = Servers::start(session, name, Keep::Nothing, wanted).await?;
    let postgres = servers.postgres.as_ref().context("there is no Postgres")?;
    postgres.drop_databases("todo").await?;
    postgres.create_database("todo").await?;
    let url = postgres.url("todo");
    migrate::apply(&session.checkout, &url).await?;
    let token = token::create(&mut database::connect(&url).await?, "default", name, scopes, None).await?;
    components(session, &COMPONENTS).await?;
    let redis_url = servers.redis.as_ref().map(Redis::url).unwrap_or_default();
    Ok(Private { settings: settings(&url, &redis_url)?, token, servers })
}

/// Serves for another command, on the embedded host and with limits of rates that nothing reaches, until the command
/// ends.
pub async fn serve_privately(
    session: &Session,
    listen: SocketAddr,
    servers: &[(&'static str, String)],
    variables: &[(&str, &str)],
) -> Result<()> {
    let mut host = Command::new(embedded(session).await?);
    serve(session, &mut host, APPLICATION, listen, servers);
    host.env("SPIN_VARIABLE_LOG_LEVEL", "warn");
    for (key, value) in variables {
        host.env(format!("SPIN_VARIABLE_{key}"), value);
    }
    for class in ["DEFAULT", "AUTHENTICATED", "WRITES", "AUTHENTICATED_WRITES", "AUTH_FAILURES"] {
        // High and not off: an answer without the fields of the rate limit would prove nothing about them.
        host.env(format!("SPIN_VARIABLE_RATE_LIMIT_{class}"), "1000000");
    }
    started(session, host, listen).await?;
    Ok(())
}
