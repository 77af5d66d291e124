//! `cargo xtask docs-check`: the documentation pages and the API of Todo-Backend in headless Chromium
//! (`tests/browser`).
//!
//! A command of its own, because a browser is much to install for an ordinary test run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::progress::say;
use crate::run::ask;
use crate::{Session, apt, test};

#[derive(clap::Args)]
pub struct Args {
    /// Look at the server at this URL instead of a private one.
    #[arg(long, value_name = "URL", requires = "token")]
    base_url: Option<String>,
    /// A token of that server with the scope `admin` (printed by `cargo xtask token create`).
    #[arg(long, env = "TODO_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// The folder of the public specs of Todo-Backend (its `index.html`), to run them on a private service, too.
    #[arg(long, value_name = "FOLDER", conflicts_with = "base_url")]
    todo_backend: Option<PathBuf>,
    /// Say so and succeed where Chromium cannot be installed.
    #[arg(long)]
    if_installable: bool,
}

pub async fn main(session: &Session, args: Args) -> Result<ExitCode> {
    if ask("chromedriver", &["--version"]).await.is_none()
        && let Err(error) = apt::install(session, &["chromium", "chromium-driver"], "Chromium with its driver").await
    {
        if !args.if_installable {
            return Err(error);
        }
        say(&format!("skipped: {error:#}"));
        return Ok(ExitCode::SUCCESS);
    }
    let specs = args.todo_backend.map(std::fs::canonicalize).transpose().context("there are no specs")?;
    test::browser(session, args.base_url, args.token, specs).await
}
