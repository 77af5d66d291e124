//! Connecting to the database that a command is about.

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use url::Url;

use crate::checkout::Checkout;

/// Which database, and how long `up` remembers it for the commands beside it.
#[derive(clap::Args)]
pub struct Which {
    /// The database; by default that of the `cargo xtask up` that is running in this checkout.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
}

impl Which {
    /// The URL that was given, or that of a running `up`.
    pub fn url(&self, checkout: &Checkout) -> Result<String> {
        if let Some(url) = self.database_url.as_ref().filter(|url| !url.is_empty()) {
            return Ok(url.clone());
        }
        match std::fs::read_to_string(checkout.dev().join("up").join(URL_FILE)) {
            Ok(url) => Ok(url),
            Err(_) => bail!("which database? Set DATABASE_URL, or start `cargo xtask up` and run this beside it"),
        }
    }

    /// Connects to it.
    pub async fn connect(&self, checkout: &Checkout) -> Result<PgConnection> {
        connect(&self.url(checkout)?).await
    }
}

/// Where `up` leaves its database's URL while it runs, in its folder of `target/dev`.
pub const URL_FILE: &str = "database-url";

/// Connects to a `postgres://` URL. Statements may take as long as they need: the timeout that the migrations set on
/// the database is the service's. Errors do not repeat the URL: it holds a password.
pub async fn connect(url: &str) -> Result<PgConnection> {
    let options: PgConnectOptions = url.parse().context("DATABASE_URL is not a valid Postgres URL")?;
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let connected = options.connect().await;
    let mut connection = connected.map_err(|error| {
        let remedy = remedy(&error);
        anyhow::Error::new(error).context(format!("no connection to Postgres at {place}: {remedy}"))
    })?;
    sqlx::raw_sql("set statement_timeout = 0; set idle_in_transaction_session_timeout = 0")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// What to do about a connection that was refused.
fn remedy(error: &sqlx::Error) -> &'static str {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match (error, code.as_deref()) {
        (_, Some("28P01" | "28000")) => "the role or the password of DATABASE_URL is wrong, or pg_hba.conf refuses it",
        (_, Some("3D000")) => "create the database first (createdb)",
        (_, Some("53300")) => "the server has no free connections",
        (sqlx::Error::Tls(_), _) => "its certificate is not trusted; sslrootcert names a CA of your own",
        (sqlx::Error::Io(_), _) => "is a server up at this address?",
        _ => "DATABASE_URL names the server",
    }
}

/// Creates a database on the server of `url`, as its role, and gives the new one's URL.
pub async fn create_beside(url: &str, name: &str) -> Result<String> {
    let mut connection = connect(url).await?;
    let create = AssertSqlSafe(format!("create database {name}"));
    let why = "the role of DATABASE_URL cannot create a database for the tests (or unset it, for a private server)";
    sqlx::raw_sql(create).execute(&mut connection).await.context(why)?;
    let mut beside = Url::parse(url).context("DATABASE_URL is not a valid URL")?;
    beside.set_path(name);
    Ok(beside.into())
}

/// Drops a database that [`create_beside`] made.
pub async fn drop_beside(url: &str, name: &str) -> Result<()> {
    let drop = AssertSqlSafe(format!("drop database if exists {name} with (force)"));
    sqlx::raw_sql(drop).execute(&mut connect(url).await?).await?;
    Ok(())
}

/// Host and port of a server's URL, which the manifest's templates for allowed hosts need apart.
pub fn host_and_port(url: &str, what: &str, usual_port: u16) -> Result<(String, u16)> {
    let url = Url::parse(url).with_context(|| format!("{what} is not a valid URL"))?;
    let host = url.host_str().with_context(|| format!("{what} names no host"))?;
    Ok((host.to_owned(), url.port().unwrap_or(usual_port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_port_has_the_usual_one() {
        let found = host_and_port("postgres://u:p@db.internal/todo", "DATABASE_URL", 5432).unwrap();
        assert_eq!(found, ("db.internal".to_owned(), 5432));
        let found = host_and_port("redis://:p@127.0.0.1:7001", "REDIS_URL", 6379).unwrap();
        assert_eq!(found, ("127.0.0.1".to_owned(), 7001));
    }

    #[test]
    fn an_error_does_not_repeat_the_password() {
        let error = host_and_port("postgres//u:hunter2@db", "DATABASE_URL", 5432).unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"));
    }
}
