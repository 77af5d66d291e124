//! `cargo xtask docs-check`: the documentation pages in headless Chromium (`tests/browser`).
//!
//! A command of its own, because a browser is much to install for an ordinary test run.

use std::process::ExitCode;

use anyhow::Result;

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
}

pub async fn main(session: &Session, args: Args) -> Result<ExitCode> {
    if ask("chromedriver", &["--version"]).await.is_none() {
        apt::install(session, &["chromium", "chromium-driver"], "Chromium with its driver").await?;
    }
    test::browser(session, args.base_url, args.token).await
}
