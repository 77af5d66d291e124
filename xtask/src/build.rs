//! `cargo xtask build`: the release components.

use std::process::ExitCode;

use anyhow::Result;
use tokio::process::Command;

use crate::Session;
use crate::progress::Step;
use crate::toolchain::{self, TARGET, Toolchain};

/// The packages that are components.
pub const COMPONENTS: [&str; 3] = ["todo-api", "todo-worker", "todo-docs"];

/// Components that only tests use. They ask nothing of a dependency that the service's do not, so that those are the
/// same with and without them.
pub const FIXTURES: [&str; 1] = ["todo-host-probe"];

/// The component that only measurements use; the same holds for it.
pub const REFERENCE: &str = "todo-bench-reference";

/// What to select in a native build of the service, whatever part of it is wanted. Cargo unifies the features of
/// dependencies over the selected packages: another selection would build wasmtime and its compiler anew. xtask is not
/// in it, so that `cargo xtask` (which selects itself) does not disagree.
pub const SERVICE: [&str; 3] = ["--workspace", "--exclude", "xtask"];

#[derive(clap::Args)]
pub struct Args {
    /// Build only these packages (all three by default).
    #[arg(long = "package", short, value_name = "PACKAGE", value_parser = COMPONENTS)]
    packages: Vec<String>,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let packages: Vec<&str> = args.packages.iter().map(String::as_str).collect();
    components(session, if packages.is_empty() { &COMPONENTS } else { &packages }).await?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the components where `spin.toml` looks for them.
pub async fn components(session: &Session, packages: &[&str]) -> Result<()> {
    let toolchain = toolchain::find(session).await?;
    let cold = !session.checkout.artifacts().is_dir();
    let step = Step::begin(match (&toolchain, cold) {
        (Toolchain::Debian { .. }, true) => "building the components, and std before them (minutes, this first time)",
        (Toolchain::Installed, true) => "building the components from nothing (a minute or two, this first time)",
        (_, false) => "building the components",
    });
    let mut command = cargo();
    command.current_dir(session.checkout.root());
    command.args(["build", "--release", "--lib", "--target", TARGET, "--target-dir"]);
    command.arg(session.checkout.wasm_target());
    for package in packages {
        command.args(["--package", package]);
    }
    if !session.assistants {
        command.arg("--no-default-features");
    }
    toolchain.apply(&mut command);
    session.processes.succeed("cargo build", command).await?;
    step.done();
    Ok(())
}

/// The cargo that runs xtask.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.stdin(std::process::Stdio::null());
    command
}
