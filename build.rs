//! Compresses the published documents, so that the component's image, which the host copies for each instance, holds
//! little of them.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::io::{Error, Write};
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};

const DOCUMENTS: [&str; 3] = ["v1.json", "v2.json", "tools.json"];

fn main() -> Result<(), Error> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or_else(|| Error::other("cargo sets OUT_DIR"))?);
    for name in DOCUMENTS {
        let input = format!("openapi/{name}");
        println!("cargo:rerun-if-changed={input}");
        // No name and no time in the header: the same input gives the same component.
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder.write_all(&std::fs::read(&input)?)?;
        std::fs::write(out.join(format!("{name}.gz")), encoder.finish()?)?;
    }
    Ok(())
}
