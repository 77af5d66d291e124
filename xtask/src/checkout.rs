//! Where things are in this checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout that xtask was built from.
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Finds the root. `cargo run` tells it; a binary started by hand looks upwards from the current folder.
    pub fn find() -> Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().context("the current folder cannot be read")?,
        };
        let root = start
            .ancestors()
            .find(|folder| folder.join("spin.toml").is_file() || folder.join("xtask/Cargo.toml").is_file())
            .with_context(|| format!("no checkout of the project at or above {}", start.display()))?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// The repository's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder for the components. A folder of their own, because the std that the Debian way builds is
    /// kept there, and fixed, because `spin.toml` names the artifacts by it.
    pub fn wasm_target(&self) -> PathBuf {
        self.root.join("target/wasm")
    }

    /// The release artifacts of the components.
    pub fn artifacts(&self) -> PathBuf {
        self.wasm_target().join("wasm32-wasip2/release")
    }

    /// What development servers keep: `target/dev`.
    pub fn dev(&self) -> PathBuf {
        self.root.join("target/dev")
    }

    /// Where `migrations/` lies.
    pub fn migrations(&self) -> PathBuf {
        self.root.join("migrations")
    }

    /// The sum of the migrations.
    pub fn schema(&self) -> PathBuf {
        self.migrations().join("schema.sql")
    }
}
