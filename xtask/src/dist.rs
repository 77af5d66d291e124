//! `cargo xtask dist`.
use std::process::ExitCode;
use anyhow::{Result, bail};
use crate::Session;
#[derive(clap::Args)]
pub struct Args {}
pub async fn main(_session: &Session, _args: &Args) -> Result<ExitCode> { bail!("later") }
