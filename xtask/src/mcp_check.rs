//! `cargo xtask mcp-check`: public clients of the Model Context Protocol play a day at `POST /mcp`, in both of its
//! eras, and the protocol's conformance suite tries the endpoint at both versions. The scripts and what cannot apply
//! are in `tests/assistants`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, Result, bail};
use tokio::process::Command;

use crate::progress::{Step, say};
use crate::run::ask;
use crate::servers::free_port;
use crate::token::Scope;
use crate::{Session, python, up};

const CONFORMANCE: &str = "@modelcontextprotocol/conformance";
/// Pinned, because each release finds other things.
const NPM: [&str; 4] = [
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/inspector@2.12.0",
];
const PIP: [&str; 2] = ["mcp==2.3.0", "fastmcp==4.2.3"];
/// The conformance suite needs a Node of this age; where an older one is installed, this one comes with the packages.
const NODE: (u32, &str) = (22, "node@22.23.3");
/// The versions of the suite, each with scenarios of which at least one check must have passed: a suite that tries
/// nothing fails at nothing. `http-header-validation` tries of a server what `http-standard-headers` tries of clients.
/// What cannot apply to a product is listed beside the scripts.
const VERSIONS: [(&str, &[&str]); 2] = [
    ("2025-11-25", &["dns-rebinding-protection", "ping", "server-initialize", "tools-list"]),
    (
        "2026-07-28",
        &["caching", "dns-rebinding-protection", "http-header-validation", "server-stateless", "tools-list"],
    ),
];

#[derive(clap::Args)]
pub struct Args {
    /// Say so and succeed where the registries of the clients cannot be reached.
    #[arg(long)]
    if_installable: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let tools = match install(session).await {
        Ok(tools) => tools,
        Err(error) if args.if_installable && error.is::<Unreachable>() => {
            say(&format!("skipped: {error:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error),
    };
    let private = up::private(session, "mcp-check", &[Scope::Read, Scope::Write]).await?;
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    up::serve_privately(session, listen, &private.settings, &[("AUTH", "token")]).await?;
    tools.play(session, &format!("http://{listen}/mcp"), &private.token).await?;

    // The suite sends no token, and pretends to be a page of the server's own origin.
    let open = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let origin = format!("http://{open}");
    up::serve_privately(session, open, &private.settings, &[("AUTH", "off"), ("CORS_ORIGINS", &origin)]).await?;
    for (version, scenarios) in VERSIONS {
        tools.conform(&format!("{origin}/mcp"), version, scenarios).await?;
    }
    say("public clients play their day, and the endpoint conforms at both versions");
    Ok(ExitCode::SUCCESS)
}

/// What was installed under `target`.
struct Tools {
    folder: PathBuf,
    node: PathBuf,
    scripts: PathBuf,
}

impl Tools {
    async fn play(&self, session: &Session, url: &str, token: &str) -> Result<()> {
        // Modules are looked for from where a script stands.
        let here = |name: &str| {
            let script = self.folder.join(name);
            std::fs::copy(self.scripts.join(name), &script).with_context(|| format!("{name} cannot be copied"))?;
            anyhow::Ok(script)
        };
        let python = self.folder.join("python/bin/python");
        let days = [
            (&python, self.scripts.join("day.py")),
            (&self.node, here("day.mjs")?),
            (&self.node, here("inspector.mjs")?),
        ];
        for (program, script) in days {
            let mut command = Command::new(program);
            // In the environment, where a list of processes does not show it.
            command.current_dir(&self.folder).arg(script).arg(url).env("TODO_TOKEN", token);
            session.processes.succeed("a day of assistants", command).await?;
        }
        Ok(())
    }

    async fn conform(&self, url: &str, version: &str, scenarios: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.node);
        command.current_dir(&self.folder).arg(self.folder.join("node_modules").join(CONFORMANCE).join("dist/index.js"));
        command.args(["server", "--url", url, "--suite", "all", "--spec-version", version]);
        command.arg("--expected-failures").arg(self.scripts.join("conformance").join(format!("{version}.yml")));
        command.args(["--output-dir", "results"]);
        // Pages of it: shown only where it fails.
        let output = command.kill_on_drop(true).output().await.context("the conformance suite does not start")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("the endpoint does not conform at {version}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let passed = passed(&text);
        let missing: Vec<_> = scenarios.iter().filter(|scenario| !passed.contains(scenario)).copied().collect();
        if !missing.is_empty() {
            bail!("the conformance suite has passed no check of {} at {version}:\n{text}", missing.join(", "));
        }
        let total = text.lines().rev().find(|line| line.starts_with("Total:")).unwrap_or_default();
        let tried = scenarios.join(", ");
        say(&format!(
            "conformance at {version}: {total}, all failures of checks that cannot apply; {tried} were tried"
        ));
        Ok(())
    }
}

/// The scenarios of which the suite's summary says that checks have passed, as in `✓ tools-list: 2 passed, 0 failed`.
fn passed(summary: &str) -> Vec<&str> {
    let passed = summary.lines().filter_map(|line| {
        let (_, told) = line.split_once(' ')?;
        let (scenario, counts) = told.split_once(": ")?;
        let (count, _) = counts.split_once(" passed, ")?;
        (count.parse::<u32>().ok()? > 0).then_some(scenario)
    });
    passed.collect()
}

/// Installs the clients where they are not yet.
async fn install(session: &Session) -> Result<Tools> {
    let folder = session.checkout.root().join("target/assistants");
    let scripts = session.checkout.root().join("tests/assistants");
    let installed = ask("node", &["--version"]).await.unwrap_or_default();
    let age = installed.trim_start_matches('v').split('.').next().and_then(|age| age.parse().ok()).unwrap_or(0);
    let new_enough = age >= NODE.0;
    let node = if new_enough { PathBuf::from("node") } else { folder.join("node_modules/node/bin/node") };
    let mut packages = NPM.to_vec();
    if !new_enough {
        packages.push(NODE.1);
    }
    let wanted = [&packages[..], &PIP[..]].concat().join(" ");
    let mark = folder.join("installed");
    if std::fs::read_to_string(&mark).unwrap_or_default() != wanted {
        let step = Step::begin(format!("installing {wanted} under target/"));
        std::fs::create_dir_all(&folder)?;
        if let Err(error) = npm(session, &folder, &packages).await {
            let question = ["view", "npm", "name", "--prefer-online", "--fetch-retries=0"];
            return Err(told(error, "npm's registry", "npm", &question).await);
        }
        let python = folder.join("python");
        if let Err(error) = python::environment(session, &python, &PIP).await {
            let pip = python.join("bin/pip");
            let question = ["index", "versions", "pip", "--retries", "0"];
            return Err(told(error, "Python's registry", &pip.to_string_lossy(), &question).await);
        }
        std::fs::write(&mark, &wanted)?;
        step.done();
    }
    Ok(Tools { folder, node, scripts })
}

/// Why nothing could be installed, where that is no fault of what was to be.
#[derive(Debug)]
struct Unreachable(&'static str);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be reached", self.0)
    }
}

/// A failed installation, as [`Unreachable`] if the registry does not answer a question about something that it has: a
/// version that does not exist, or a broken package, is a failure like any other.
async fn told(error: Error, registry: &'static str, program: &str, question: &[&str]) -> Error {
    match ask(program, question).await {
        Some(_) => error,
        None => error.context(Unreachable(registry)),
    }
}

async fn npm(session: &Session, folder: &Path, packages: &[&str]) -> Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(folder).args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel", "error"]);
    command.arg("--prefix").arg(folder).args(packages);
    session.processes.succeed("npm install", command).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_has_passed_only_where_one_of_its_checks_has() {
        let told = "Running all suite (4 scenarios) against http://localhost/mcp\n\n\
            === Running scenario: resources-list ===\n\n\
            === SUMMARY ===\n\
            ✓ tools-list: 2 passed, 0 failed\n\
            ✗ server-stateless: 21 passed, 4 failed\n\
            ✗ resources-list: 0 passed, 1 failed\n\
            ✓ caching: 0 passed, 0 failed\n\n\
            Total: 23 passed, 5 failed\n";
        assert_eq!(passed(told), ["tools-list", "server-stateless"]);
        assert!(passed("Running all suite (0 scenarios)\n\n=== SUMMARY ===\n\nTotal: 0 passed, 0 failed\n").is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_passed_over_only_where_the_registry_does_not_answer() {
        let failure = || Error::msg("no such version");
        assert!(!told(failure(), "it", "true", &[]).await.is::<Unreachable>());
        for silent in ["false", "there-is-no-such-program"] {
            let error = told(failure(), "it", silent, &[]).await;
            assert!(error.is::<Unreachable>(), "{silent}");
            assert_eq!(format!("{error:#}"), "it cannot be reached: no such version");
        }
    }
}
