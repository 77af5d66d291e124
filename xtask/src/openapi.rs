//! `cargo xtask openapi`: writes the OpenAPI documents and the definitions of the tools of assistants, which come from
//! the same types, or checks that they are what the code says and what clients rely on. The rules are in
//! `openapi/README.md`.

mod compare;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::Session;
use crate::build::{SERVICE, cargo};
use crate::progress::say;

/// The version that never changes again.
const FROZEN: &str = "v1";
/// The version that may only grow.
const CURRENT: &str = "v2";
/// The tools of assistants. Their clients ask for the list each time, so nothing of it is promised.
const TOOLS: &str = "tools";

#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail if a document is not what the code says, or if version 2 breaks what was released.
    #[arg(long)]
    check: bool,
    /// Take version 2 as it is now for released: from now on it may only grow.
    #[arg(long, conflicts_with = "check")]
    release: bool,
    /// Write version 1, too, which is frozen. Only to mend a description or an example.
    #[arg(long, conflicts_with = "check")]
    thaw_v1: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let generator = generator(session).await?;
    let mut faults = Vec::new();
    for version in [FROZEN, CURRENT, TOOLS] {
        let generated = generate(&generator, version).await?;
        let file = file(session, version);
        let blessed = std::fs::read_to_string(&file).unwrap_or_default();
        if generated == blessed {
            continue;
        }
        let frozen = version == FROZEN && !args.thaw_v1;
        if frozen {
            let first = first_difference(&blessed, &generated);
            faults.push(format!("version 1 is frozen, and the code says otherwise than {}: {first}", file.display()));
        } else if args.check {
            let first = first_difference(&blessed, &generated);
            faults.push(format!("{} is not what the code says (run `cargo xtask openapi`): {first}", file.display()));
        } else {
            std::fs::write(&file, generated).with_context(|| format!("{} cannot be written", file.display()))?;
            say(&format!("wrote {}", file.display()));
        }
    }
    let released = file(session, &format!("{CURRENT}.released"));
    let base = read(&released)?;
    let current = read(&file(session, CURRENT))?;
    let breaks = compare::breaks(&base, &current);
    faults.extend(breaks.into_iter().map(|breach| format!("version 2 breaks what was released: {breach}")));
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    if args.release {
        std::fs::copy(file(session, CURRENT), &released)?;
        say(&format!("wrote {}", released.display()));
    }
    say("the OpenAPI documents are what the code says, and nothing that was released is broken");
    Ok(ExitCode::SUCCESS)
}

fn file(session: &Session, name: &str) -> PathBuf {
    session.checkout.root().join("openapi").join(format!("{name}.json"))
}

fn read(file: &PathBuf) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// Builds the program that prints the documents. A program of its own, so that xtask need not be built with all of the
/// API.
async fn generator(session: &Session) -> Result<PathBuf> {
    let mut command = cargo();
    command.current_dir(session.checkout.root()).arg("build").args(SERVICE).args(["--bin", "openapi"]);
    session.processes.succeed("cargo build", command).await?;
    let own = std::env::current_exe().context("xtask cannot find its own binary")?;
    Ok(own.with_file_name("openapi"))
}

async fn generate(generator: &PathBuf, version: &str) -> Result<String> {
    let output = tokio::process::Command::new(generator).arg(version).output().await?;
    if !output.status.success() {
        bail!("the generator failed on {version}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where two texts first differ, for an error message.
pub fn first_difference(blessed: &str, generated: &str) -> String {
    let pairs = blessed.lines().zip(generated.lines()).enumerate();
    match pairs.into_iter().find(|(_, (old, new))| old != new) {
        Some((number, (old, new))) => format!("line {}: `{}`, now `{}`", number + 1, old.trim(), new.trim()),
        None => "one of the two is longer".to_owned(),
    }
}
