//! `cargo xtask token`: the first token of a fresh installation, and an administrator's tools where the API is out of
//! reach.
//!
//! A token's text is shown once, on stdout; the database keeps its SHA-256.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::Session;
use crate::database::Which;
use crate::progress::{print, say};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print a new token; create its workspace if there is none of that name.
    Create {
        #[command(flatten)]
        which: Which,
        /// The workspace that it opens.
        #[arg(long, default_value = "default")]
        workspace: String,
        /// What it is for.
        #[arg(long, default_value = "command line")]
        name: String,
        /// The e-mail address of the employee whom it names: that is `me` in requests with it.
        #[arg(long, value_name = "EMAIL")]
        employee: Option<String>,
        /// What it permits.
        #[arg(long, value_enum, value_delimiter = ',', default_value = "todos:read,todos:write")]
        scopes: Vec<Scope>,
        /// In how many days it ends; by default never.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i32).range(1..=3650))]
        expires_in: Option<i32>,
    },
    /// List tokens: id, workspace, scopes, expiry, the employee's e-mail address if it names one, name.
    List {
        #[command(flatten)]
        which: Which,
        /// Only those of this workspace.
        #[arg(long)]
        workspace: Option<String>,
    },
    /// Revoke a token by the id that `list` shows.
    Revoke {
        #[command(flatten)]
        which: Which,
        /// Its id, a UUID.
        id: String,
    },
}

/// What a token permits.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// Reading.
    #[value(name = "todos:read")]
    Read,
    /// Changing.
    #[value(name = "todos:write")]
    Write,
    /// Administration of all workspaces and tokens.
    #[value(name = "admin")]
    Admin,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "todos:read",
            Self::Write => "todos:write",
            Self::Admin => "admin",
        }
    }
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    match &args.action {
        Action::Create { which, workspace, name, employee, scopes, expires_in } => {
            let mut connection = which.connect(&session.checkout).await?;
            let made = create_for(&mut connection, employee.as_deref(), workspace, name, scopes, *expires_in);
            let token = made.await?;
            say(&format!("a token of the workspace `{workspace}`; it is not shown again"));
            print(token);
        }
        Action::List { which, workspace } => {
            let mut connection = which.connect(&session.checkout).await?;
            list(&mut connection, workspace.as_deref()).await?;
        }
        Action::Revoke { which, id } => {
            let mut connection = which.connect(&session.checkout).await?;
            revoke(&mut connection, id).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a token that names nobody, and its workspace if need be.
pub async fn create(
    connection: &mut PgConnection,
    workspace: &str,
    name: &str,
    scopes: &[Scope],
    expires_in_days: Option<i32>,
) -> Result<String> {
    create_for(connection, None, workspace, name, scopes, expires_in_days).await
}

/// Makes a token that names the employee with this e-mail address, if one is given.
async fn create_for(
    connection: &mut PgConnection,
    employee: Option<&str>,
    workspace: &str,
    name: &str,
    scopes: &[Scope],
    expires_in_days: Option<i32>,
) -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    let token = format!("tdo_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let mut scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    scopes.dedup();
    let id = self::workspace(connection, workspace).await?;
    let employee = match employee {
        None => None,
        Some(email) => Some(
            self::employee(connection, id, email)
                .await?
                .with_context(|| format!("the workspace `{workspace}` has no employee with the address {email}"))?,
        ),
    };
    sqlx::query(
        "insert into tokens (workspace_id, uid, name, hash, scopes, expires_at, employee_id)
         values ($1, $2::text::uuid, $3, $4, $5, now() + make_interval(days => $6), $7)",
    )
    .bind(id)
    .bind(Uuid::now_v7().to_string())
    .bind(name)
    .bind(Sha256::digest(token.as_bytes()).to_vec())
    .bind(scopes)
    .bind(expires_in_days)
    .bind(employee)
    .execute(connection)
    .await
    .context("the token cannot be stored")?;
    Ok(token)
}

/// The id of the workspace of this name, made if there is none.
pub async fn workspace(connection: &mut PgConnection, name: &str) -> Result<i64> {
    sqlx::query("insert into workspaces (uid, name) values ($1::text::uuid, $2) on conflict (name) do nothing")
        .bind(Uuid::now_v7().to_string())
        .bind(name)
        .execute(&mut *connection)
        .await
        .with_context(|| format!("no workspace `{name}` can be made (have the migrations been applied?)"))?;
    let id = sqlx::query_scalar("select id from workspaces where name = $1").bind(name).fetch_one(connection).await?;
    Ok(id)
}

/// The id of the employee with this address. Index: `employees_email_key`.
async fn employee(connection: &mut PgConnection, workspace: i64, email: &str) -> Result<Option<i64>> {
    let sql =
        "select id from employees where workspace_id = $1 and lower(email collate \"C\") = lower($2 collate \"C\")";
    Ok(sqlx::query_scalar(sql).bind(workspace).bind(email).fetch_optional(connection).await?)
}

async fn list(connection: &mut PgConnection, workspace: Option<&str>) -> Result<()> {
    let rows = sqlx::query(
        "select t.uid::text as uid, w.name as workspace, array_to_string(t.scopes, ',') as scopes, t.name,
                case when t.revoked_at is not null then 'revoked'
                     when t.expires_at <= now() then 'expired'
                     else coalesce('until ' || to_char(t.expires_at at time zone 'UTC', 'YYYY-MM-DD'), 'for ever')
                end as validity, coalesce(e.email || '  ', '') as employee
         from tokens t join workspaces w on w.id = t.workspace_id
         left join employees e on e.workspace_id = t.workspace_id and e.id = t.employee_id
         where $1::text is null or w.name = $1
         order by t.id",
    )
    .bind(workspace)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let column = |name: &str| row.try_get::<String, _>(name);
        print(format_args!(
            "{}  {}  {}  {}  {}{}",
            column("uid")?,
            column("workspace")?,
            column("scopes")?,
            column("validity")?,
            column("employee")?,
            column("name")?
        ));
    }
    Ok(())
}

async fn revoke(connection: &mut PgConnection, id: &str) -> Result<()> {
    // The service remembers tokens in Redis, and looks once a second whether it has to forget them.
    let sql = "with revoked as (
            update tokens set revoked_at = now() where uid::text = lower($1) and revoked_at \
            is null returning workspace_id)
        select invalidation_record_v1(workspace_id, true) from revoked";
    let done = sqlx::query(sql).bind(id).execute(connection).await?;
    if done.rows_affected() == 0 {
        bail!("there is no token {id} that is not revoked yet");
    }
    say(&format!("revoked {id}"));
    Ok(())
}
