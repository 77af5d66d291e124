//! `cargo xtask migrate`: applies `migrations/` with sqlx's migrator, which takes an advisory lock (two may run at
//! once), runs each migration in a transaction, and refuses when an applied one was edited (checksums).
//!
//! The files are read when it runs, not compiled in: editing one needs no rebuild of xtask.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sqlx::PgConnection;
use sqlx::migrate::{MigrateError, Migrator};

use crate::Session;
use crate::checkout::Checkout;
use crate::database::{self, Which};
use crate::progress::{duration, print, say};

/// Postgres 15, as it tells its version.
const OLDEST: i32 = 150_000;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only list the migrations and whether they have been applied.
    #[arg(long)]
    status: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let url = args.which.url(&session.checkout)?;
    if args.status {
        let mut connection = database::connect(&url).await?;
        for (version, name, applied) in list(&session.checkout, &mut connection).await? {
            print(format_args!("{version:04} {name}: {}", if applied { "applied" } else { "pending" }));
        }
    } else {
        apply(&session.checkout, &url).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Applies what is pending.
pub async fn apply(checkout: &Checkout, url: &str) -> Result<()> {
    let began = std::time::Instant::now();
    let mut connection = database::connect(url).await?;
    new_enough(&mut connection).await?;
    let pending = list(checkout, &mut connection).await?.iter().filter(|(_, _, applied)| !applied).count();
    let migrator = read(checkout).await?;
    // Also with nothing pending: it compares the checksums.
    let applied = migrator.run(&mut connection).await;
    applied.map_err(|error| anyhow::anyhow!("the migrations cannot be applied: {error}{}", remedy(&error)))?;
    if sqlx::query_scalar("select feed_renew_v1(false)").fetch_one(&mut connection).await? {
        say("the database was restored from a dump of another cluster: the feed begins anew, \
             and clients that follow it, too");
    }
    match pending {
        0 => say("the database's schema is current"),
        _ => say(&format!("applied {pending} migrations in {}", duration(began.elapsed()))),
    }
    Ok(())
}

/// Whether the database has the schema of the migrations from before the first release, which one baseline replaced.
pub async fn is_former(connection: &mut PgConnection) -> Result<bool> {
    const FIRST: &str = "select exists (select from _sqlx_migrations where version = 1 and description = 'tenancy')";
    Ok(is_begun(connection).await? && sqlx::query_scalar(FIRST).fetch_one(connection).await?)
}

/// Whether any migration was ever applied. The migrator makes its table under its lock; a question must not.
async fn is_begun(connection: &mut PgConnection) -> Result<bool> {
    let there = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null");
    Ok(there.fetch_one(connection).await?)
}

/// Fails on a Postgres that lacks what the migrations use.
async fn new_enough(connection: &mut PgConnection) -> Result<()> {
    let version: i32 =
        sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(connection).await?;
    if version < OLDEST {
        bail!("Postgres {} is too old: the service needs {} or newer", version / 10_000, OLDEST / 10_000);
    }
    Ok(())
}

/// What to do about it, where that is known.
fn remedy(error: &MigrateError) -> &'static str {
    const EDITED: &str = "; an applied file never changes: put it back, and add another; or begin anew (remove \
        target/dev/up, if it is the private server's)";
    const RIGHTS: &str = "; the role must own the database (ALTER DATABASE … OWNER TO …), which lets it create tables \
                          and the \
        trusted extension btree_gin. Where the server trusts no extension, \
        a superuser runs CREATE EXTENSION btree_gin first";
    const CONTRIB: &str = "; install Postgres's contrib modules on the server (Debian has them in postgresql, others \
                           in postgresql-contrib)";
    let code = match error {
        MigrateError::VersionMismatch(_) | MigrateError::VersionMissing(_) => return EDITED,
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            error.as_database_error().and_then(sqlx::error::DatabaseError::code)
        }
        _ => None,
    };
    match code.as_deref() {
        Some("42501") => RIGHTS,
        // undefined_file: the extension's control file; feature_not_supported is Postgres 17's word.
        Some("58P01" | "0A000") => CONTRIB,
        _ => "",
    }
}

/// Version, name, and whether it has been applied.
async fn list(checkout: &Checkout, connection: &mut PgConnection) -> Result<Vec<(i64, String, bool)>> {
    let migrator = read(checkout).await?;
    if is_former(connection).await? {
        bail!(
            "the database was migrated before the first release, by files that one baseline has replaced. Nothing \
             leads from \
             there to the schema of today: create an empty database and migrate that"
        );
    }
    let applied: Vec<i64> = if is_begun(connection).await? {
        sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(connection).await?
    } else {
        Vec::new()
    };
    let is_applied = |version| applied.contains(&version);
    let up = migrator.iter().filter(|migration| !migration.migration_type.is_down_migration());
    Ok(up.map(|each| (each.version, each.description.to_string(), is_applied(each.version))).collect())
}

async fn read(checkout: &Checkout) -> Result<Migrator> {
    let folder = checkout.migrations();
    Migrator::new(folder.as_path()).await.with_context(|| format!("{} cannot be read", folder.display()))
}
