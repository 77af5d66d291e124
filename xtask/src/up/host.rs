//! What runs the components: Spin, where it is new enough, or the host of this workspace.

use anyhow::{Context, Result, bail};

use crate::Session;
use crate::build::{SERVICE, cargo};
use crate::progress::{Step, say};
use crate::run::ask;
use crate::servers::on_path;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Host {
    /// `spin up`.
    Spin,
    /// todo-host, of this workspace.
    Embedded,
}

/// What runs the components: what was asked for, if it is there.
pub async fn choose(asked: Option<Host>) -> Result<Host> {
    let version = match asked {
        Some(Host::Embedded) => return Ok(Host::Embedded),
        _ if on_path("spin").is_none() => None,
        _ => ask("spin", &["--version"]).await,
    };
    match (version, asked) {
        (Some(version), _) if is_4_1(&version) => {
            say(&format!("running on {version}"));
            Ok(Host::Spin)
        }
        (Some(version), Some(_)) => bail!("Spin 4.1 or newer is needed; this is {version}"),
        (None, Some(_)) => bail!("there is no working `spin` on the PATH"),
        (found, None) => {
            let why = found.map_or("there is no spin on the PATH".to_owned(), |old| format!("{old} is older than 4.1"));
            say(&format!("running on the embedded host, because {why}"));
            Ok(Host::Embedded)
        }
    }
}

/// Whether `spin --version` (`spin 4.1.0 (0123abc 2026-08-01)`) is new enough.
pub(super) fn is_4_1(version: &str) -> bool {
    let number = version.split(' ').nth(1).unwrap_or_default();
    let mut parts = number.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(4), Some(1))
}

/// Builds todo-host and tells where its binary is.
pub async fn embedded(session: &Session) -> Result<std::path::PathBuf> {
    let step = Step::begin("building the embedded host (several minutes the first time: wasmtime and its compiler)");
    let mut command = cargo();
    command.current_dir(session.checkout.root());
    command.arg("build").args(SERVICE).args(["--bin", "todo-host"]);
    session.processes.succeed("cargo build", command).await?;
    step.done();
    // xtask was built by the same cargo with the same profile.
    let own = std::env::current_exe().context("xtask cannot find its own binary")?;
    Ok(own.with_file_name("todo-host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_is_new_enough_from_4_1() {
        assert!(is_4_1("spin 4.1.0 (0123abc 2026-08-01)"));
        assert!(is_4_1("spin 5.0.0-pre0 (0123abc 2026-08-01)"));
        assert!(!is_4_1("spin 4.0.2 (0123abc 2026-02-01)"));
        assert!(!is_4_1("spin 3.6.3"));
        assert!(!is_4_1("something else"));
    }
}
