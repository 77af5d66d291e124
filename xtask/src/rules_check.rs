//! `cargo xtask rules-check`: Prometheus's own tool checks the recording and alerting rules and runs their tests.

use std::process::ExitCode;

use anyhow::Result;
use tokio::process::Command;

use crate::progress::say;
use crate::{Session, apt};

#[derive(clap::Args)]
pub struct Args {
    /// Say so and succeed where promtool cannot be fetched.
    #[arg(long)]
    if_installable: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let promtool = match apt::program(session, "promtool", "prometheus").await {
        Ok(promtool) => promtool,
        Err(error) if args.if_installable => {
            say(&format!("skipped: promtool cannot be fetched: {error:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error),
    };
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(session.checkout.root().join("deploy/observability"));
        session.processes.succeed("promtool", command).await?;
    }
    Ok(ExitCode::SUCCESS)
}
