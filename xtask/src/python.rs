//! Python environments of their own under `target`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::Session;
use crate::apt;
use crate::progress::Step;
use crate::run::ask;

/// The environment `target/<name>` with this package, made if it is not there with the same version.
pub async fn kept(session: &Session, name: &str, package: &str) -> Result<PathBuf> {
    let folder = session.checkout.root().join("target").join(name);
    let installed = folder.join("installed");
    if std::fs::read_to_string(&installed).unwrap_or_default() != package {
        let step = Step::begin(format!("installing {package} under target/"));
        environment(session, &folder, &[package]).await?;
        std::fs::write(installed, package)?;
        step.done();
    }
    Ok(folder)
}

/// Makes an environment with these packages, anew where there is one.
pub async fn environment(session: &Session, folder: &Path, packages: &[&str]) -> Result<()> {
    // Debian's Python comes without what fills a new environment.
    if ask("python3", &["-c", "import venv, ensurepip"]).await.is_none() {
        apt::install(session, &["python3-venv"], "Python 3 with venv").await?;
    }
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(folder);
    session.processes.succeed("python3 -m venv", command).await.context("Python 3 with venv is needed")?;
    let mut command = Command::new(folder.join("bin/pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
    session.processes.succeed("pip install", command).await
}
