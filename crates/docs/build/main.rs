//! Renders the pages, unpacks Swagger UI and compresses everything once, so that the component only hands out bytes.
//!
//! Swagger UI comes out of the `utoipa-swagger-ui-vendored` crate, that is from the registry like any other dependency:
//! nothing is downloaded here. The crate `utoipa-swagger-ui` itself is the road not taken: it embeds every flavour of
//! the bundle (7 MB), while we need two files of it, compressed.
//!
//! Each asset's name carries a digest of its bytes, so it may be cached for ever; pages keep their names and are
//! revalidated.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

mod pack;
mod page;
#[path = "../src/problems.rs"]
#[allow(dead_code)]
mod problems;
mod swagger;

use anyhow::{Context, Result};
use pack::Pack;
use std::{fs, path::PathBuf};

fn main() -> Result<()> {
    for input in ["assets", "build", "pages", "src/problems.rs"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let mut pack = Pack::new(out);

    for file in swagger::files()? {
        pack.asset(file.name, &file.bytes)?;
    }
    for name in ["docs.css", "reference.css", "reference.js", "favicon.svg"] {
        let bytes = fs::read(format!("assets/{name}")).with_context(|| format!("reading assets/{name}"))?;
        pack.asset(name, &bytes)?;
    }
    for page in page::all()? {
        let html = pack.link(&page.html)?;
        pack.page(page.path, html.as_bytes())?;
    }
    pack.write()
}
