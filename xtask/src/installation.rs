//! `cargo xtask installation`: which installation a database belongs to. Everything in Redis is kept under its id.

use std::process::ExitCode;

use anyhow::{Context, Result};

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
    /// Give the database a new id, after it was copied or restored from a backup: what Redis knows of the original is
    /// not its own.
    Renew {
        #[command(flatten)]
        which: Which,
    },
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let Action::Renew { which } = &args.action;
    let mut connection = which.connect(&session.checkout).await?;
    let id: String = sqlx::query_scalar("select installation_renew_v1()")
        .fetch_one(&mut connection)
        .await
        .context("the id cannot be renewed (have the migrations been applied?)")?;
    say("for a minute nothing is answered from the cache, rate limits count per instance, \
         and the first writes take a second longer");
    print(id);
    Ok(ExitCode::SUCCESS)
}
