//! `cargo xtask dist`: the release components as they would be shipped: how large they are, what they import, and that
//! `wit/worlds.wit` allows it. The host refuses the same at run time, with the same code; this says it before anything
//! runs.

#[path = "../../crates/host/src/world.rs"]
mod world;

use std::process::ExitCode;

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

use crate::Session;
use crate::build::{COMPONENTS, components};
use crate::progress::print;

#[derive(clap::Args)]
pub struct Args {
    /// Take the components as they are, without building them.
    #[arg(long)]
    no_build: bool,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if !args.no_build {
        components(session, &COMPONENTS).await?;
    }
    for package in COMPONENTS {
        let file = session.checkout.artifacts().join(package.replace('-', "_")).with_extension("wasm");
        let bytes = std::fs::read(&file).with_context(|| format!("{} is missing", file.display()))?;
        let imports = imports(&bytes).with_context(|| format!("{} is not a component", file.display()))?;
        let (whole, tenths) = (bytes.len() / 1_000_000, bytes.len() / 100_000 % 10);
        print(format_args!("{package}: {} bytes ({whole}.{tenths} MB), {} imports", bytes.len(), imports.len()));
        for import in &imports {
            print(format_args!("  {import}"));
        }
        // The name in spin.toml, which is also the name of its world.
        let component = package.strip_prefix("todo-").unwrap_or(package);
        world::check(component, imports.iter().map(String::as_str))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The names that a component imports.
fn imports(component: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    // The modules and components inside have imports of their own, which the outermost one satisfies.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.push(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_an_error() {
        assert!(imports(b"no component").is_err());
    }

    #[test]
    fn an_empty_component_imports_nothing() {
        assert!(imports(b"\0asm\x0d\0\x01\0").unwrap().is_empty());
    }
}
