//! Installing Debian packages where we may: as root, or with a sudo that asks nothing. And unpacking them anywhere.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::Session;
use crate::progress::{Step, say};
use crate::run::ask;
use crate::servers::on_path;

/// Installs `packages`, or says in one line what to install. `purpose` completes "… is needed".
pub async fn install(session: &Session, packages: &[&str], purpose: &str) -> Result<()> {
    let list = packages.join(" ");
    if ask("apt-get", &["--version"]).await.is_none() {
        bail!("{purpose} is missing, and this system has no apt-get: install what Debian calls {list}");
    }
    let Some(prefix) = permission().await else {
        bail!("{purpose} is missing: run `apt-get install {list}` as root, then this again");
    };
    let step = Step::begin(format!("installing {list} with apt, because {purpose} is missing"));
    // The lists of a fresh machine may be empty or old. A mirror that is partly away is no reason to give up yet.
    let update = session.processes.run("apt-get update", apt(prefix, &["update", "-qq"])).await?;
    if !update.success() {
        say("apt-get update failed; trying to install with the lists that are there");
    }
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend_from_slice(packages);
    let status = session.processes.run("apt-get install", apt(prefix, &arguments)).await?;
    if !status.success() {
        bail!("{purpose} is missing, and `apt-get install {list}` failed ({status}); see its messages above");
    }
    step.done();
    Ok(())
}

/// A program from the `PATH`, or from its package, unpacked under `target`: to install that would start a server.
pub async fn program(session: &Session, program: &str, package: &str) -> Result<PathBuf> {
    if let Some(found) = on_path(program) {
        return Ok(found);
    }
    let folder = session.checkout.root().join("target").join(program);
    let unpacked = folder.join("usr/bin").join(program);
    if !unpacked.exists() {
        unpack(session, package, &folder).await?;
    }
    Ok(unpacked)
}

/// Unpacks a package into a folder without installing it: that needs no permission, and starts nothing.
pub async fn unpack(session: &Session, package: &str, folder: &Path) -> Result<()> {
    let step = Step::begin(format!("unpacking {package} into {}", folder.display()));
    tokio::fs::create_dir_all(folder).await?;
    let mut download = apt(&[], &["download", "-qq", package]);
    download.current_dir(folder);
    session.processes.succeed("apt-get download", download).await?;
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("--extract").args([&entry.path(), folder]);
            session.processes.succeed("dpkg-deb", unpack).await?;
            tokio::fs::remove_file(entry.path()).await?;
        }
    }
    step.done();
    Ok(())
}

/// What to put before `apt-get`, or `None` where we may not install anything.
async fn permission() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Some(&[]);
    }
    // -n: never ask for a password; a build that waits for one looks like a hang.
    ask("sudo", &["-n", "true"]).await.map(|_| &["sudo", "-n"] as _)
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Command {
    // `env` sets the variable behind sudo, too, which clears the environment.
    let frontend = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=180"];
    let mut words = prefix.iter().chain(&frontend).chain(arguments);
    let mut command = Command::new(words.next().unwrap_or(&"env"));
    command.args(words).stdin(std::process::Stdio::null());
    // stdout is for results; apt's chatter goes with the rest of the progress.
    command.stdout(std::io::stderr());
    command
}
