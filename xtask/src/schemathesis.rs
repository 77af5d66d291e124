//! `cargo xtask schemathesis`: generated requests against a service of its own, every answer compared with the
//! published documents. What counts as a violation is in `openapi/schemathesis.toml`.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use tokio::process::Command;

use crate::progress::say;
use crate::servers::free_port;
use crate::token::Scope;
use crate::{Session, python, up};

/// Pinned, because each release finds other things.
const PACKAGE: &str = "schemathesis==4.32.5";

#[derive(clap::Args)]
pub struct Args {
    /// The most generated cases of each operation and phase.
    #[arg(long, default_value_t = 50)]
    examples: u32,
    /// Begin with this seed, to repeat a run.
    #[arg(long)]
    seed: Option<u64>,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let schemathesis = python::kept(session, "schemathesis", PACKAGE).await?.join("bin/schemathesis");
    let private = up::private(session, "schemathesis", &[Scope::Read, Scope::Write, Scope::Admin]).await?;
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    up::serve_privately(session, listen, &private.settings, &[("AUTH", "token")]).await?;

    let mut code = ExitCode::SUCCESS;
    for version in ["v1", "v2"] {
        say(&format!("schemathesis on {version}"));
        let mut command = Command::new(&schemathesis);
        command.current_dir(session.checkout.dev()).stdin(std::process::Stdio::null());
        command.arg("--config-file").arg(session.checkout.root().join("openapi/schemathesis.toml"));
        command.arg("run").arg(session.checkout.root().join(format!("openapi/{version}.json")));
        // One worker: with more, the parser of Python 3.11 trips over itself now and then.
        command.args(["--url", &format!("http://{listen}"), "--workers", "1"]);
        command.args(["--max-examples", &args.examples.to_string()]);
        if let Some(seed) = args.seed {
            command.args(["--seed", &seed.to_string()]);
        }
        // In the environment, where a list of processes does not show it.
        command.env("TODO_AUTHORIZATION", format!("Bearer {}", private.token));
        let status = session.processes.run("schemathesis", command).await?;
        if !status.success() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
