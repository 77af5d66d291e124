//! `cargo xtask manifests-check`: the manifests of `deploy/` against the schemas of Kubernetes, and of SpinKube where
//! its operator's definitions are at hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use tokio::process::Command;

use crate::progress::say;
use crate::{Session, python};

/// It brings the schemas of Kubernetes, and jsonschema.
const PACKAGE: &str = "kubernetes-validate==1.37.0";

/// Holds each object of the files against its definition in the folder.
const SPINKUBE: &str = include_str!("manifests_check/spinkube.py");

#[derive(clap::Args)]
pub struct Args {
    /// The folder of SpinKube's definitions: `config/crd/bases` in a checkout of
    /// github.com/spinframework/spin-operator.
    #[arg(long, value_name = "FOLDER")]
    crds: Option<PathBuf>,
    /// Say so and succeed where Python's packages cannot be fetched.
    #[arg(long)]
    if_installable: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let environment = match python::kept(session, "manifests", PACKAGE).await {
        Ok(environment) => environment,
        Err(error) if args.if_installable => {
            say(&format!("skipped: {PACKAGE} cannot be fetched: {error:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error),
    };
    let deploy = session.checkout.root().join("deploy");
    let mut command = Command::new(environment.join("bin/kubernetes-validate"));
    command.arg("--strict").args(manifests(&deploy.join("kubernetes"))?).args(manifests(&deploy.join("jobs"))?);
    session.processes.succeed("kubernetes-validate", command).await?;
    match &args.crds {
        None => say("SpinKube's manifests are not held against its definitions: --crds names their folder"),
        Some(crds) => {
            let mut command = Command::new(environment.join("bin/python"));
            command.args(["-c", SPINKUBE]).arg(crds).args(manifests(&deploy.join("spinkube"))?);
            session.processes.succeed("the check of SpinKube's manifests", command).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The manifests of a folder.
fn manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}
