//! Finding a compiler for `wasm32-wasip2`.
//!
//! rustup's target is the normal way. A machine that reaches Debian's packages but no rustup server builds std itself
//! with Debian's current compiler (its packages `rustc-web`, `rust-web-src` and `wasi-libc`). Which way works is found
//! by asking the system, once; the answer is kept beside the components' target folder. A `rust-toolchain.toml` that
//! lists the target was the road not taken: rustup would then try to download it on every command and fail offline.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::progress::{Step, say};
use crate::run::ask;
use crate::{Session, apt};

/// The components' target.
pub const TARGET: &str = "wasm32-wasip2";

/// A download of some 20 MB on a slow line; without a network rustup gives up much sooner.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(120);

/// Debian's compiler, the source of its std, and a C library for WASI.
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "wasi-libc"];

/// How the components are compiled.
#[derive(Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The target that rustup (or a distribution) installed beside the current compiler.
    Installed,
    /// Debian's compiler, building std as well.
    Debian {
        /// Its `rustc`.
        rustc: PathBuf,
        /// The folder of wasi-libc's `libc.a`.
        libc: PathBuf,
        /// The current toolchain's folder of linkers, `rust-lld` and `wasm-component-ld`.
        linkers: PathBuf,
    },
}

/// Finds a way, setting it up if need be.
pub async fn find(session: &Session) -> Result<Toolchain> {
    let forced = std::env::var("XTASK_WASM_TOOLCHAIN").ok();
    let (try_rustup, try_debian) = match forced.as_deref() {
        None | Some("") => (true, true),
        Some("rustup") => (true, false),
        Some("debian") => (false, true),
        Some(other) => bail!("XTASK_WASM_TOOLCHAIN is `{other}`; it may be `rustup` or `debian`"),
    };
    let sysroot = ask("rustc", &["--print", "sysroot"]).await.context("rustc is not on the PATH")?;
    let rustlib = Path::new(&sysroot).join("lib/rustlib");
    let memory = session.checkout.wasm_target().join("toolchain");
    if try_rustup {
        if rustlib.join(TARGET).join("lib").is_dir() {
            return Ok(Toolchain::Installed);
        }
        if try_debian && let Some(known) = recall(&memory) {
            return Ok(known);
        }
        match add_with_rustup(session).await {
            Ok(()) => return Ok(Toolchain::Installed),
            Err(reason) if try_debian => say(&format!("{reason:#}; trying Debian's compiler instead")),
            Err(reason) => return Err(reason),
        }
    } else if let Some(known) = recall(&memory) {
        return Ok(known);
    }
    let found = debian(session, &rustlib).await.with_context(|| format!("no compiler for {TARGET}"))?;
    remember(&memory, &found)?;
    Ok(found)
}

async fn add_with_rustup(session: &Session) -> Result<()> {
    if ask("rustup", &["--version"]).await.is_none() {
        bail!("the target {TARGET} is not installed and there is no rustup");
    }
    let step = Step::begin(format!("adding the target {TARGET} with rustup"));
    let mut command = Command::new("rustup");
    // rustup's own retries wait longer than the whole attempt is worth.
    command.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "1").stdin(std::process::Stdio::null());
    let rustup = session.processes.start("rustup", command, rustix::process::Signal::TERM)?;
    let Ok(status) = tokio::time::timeout(RUSTUP_PATIENCE, rustup.wait()).await else {
        rustup.stop().await;
        bail!("rustup did not add the target within {} s", RUSTUP_PATIENCE.as_secs());
    };
    if !status.success() {
        bail!("rustup could not add the target ({status}; usually its server cannot be reached)");
    }
    step.done();
    Ok(())
}

async fn debian(session: &Session, rustlib: &Path) -> Result<Toolchain> {
    let mut missing = Vec::new();
    for package in PACKAGES {
        let status = ask("dpkg-query", &["-W", "-f", "${db:Status-Status}", package]).await;
        if status.as_deref() != Some("installed") {
            missing.push(package);
        }
    }
    if !missing.is_empty() {
        apt::install(session, &missing, &format!("a compiler for {TARGET}")).await?;
    }
    let rustc = file_of("rustc-web", "/bin/rustc").await?;
    let libc = file_of("wasi-libc", "/libc.a").await?;
    file_of("rust-web-src", "/library/std/Cargo.toml").await?;
    let host = ask("rustc", &["-vV"]).await.unwrap_or_default();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not name its host")?;
    let linkers = rustlib.join(host).join("bin");
    if !linkers.join("wasm-component-ld").is_file() {
        bail!("the current toolchain ships no wasm-component-ld in {}", linkers.display());
    }
    say(&format!("using Debian's compiler {} for {TARGET}; its first build includes std", rustc.display()));
    let libc = libc.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(Toolchain::Debian { rustc, libc, linkers })
}

/// The file of an installed package whose path ends so.
async fn file_of(package: &str, ending: &str) -> Result<PathBuf> {
    let files = ask("dpkg", &["-L", package]).await.unwrap_or_default();
    let file = files.lines().find(|line| line.ends_with(ending));
    file.map(PathBuf::from).with_context(|| format!("Debian's package {package} has no …{ending}"))
}

impl Toolchain {
    /// Makes a `cargo build --target wasm32-wasip2` use this way.
    pub fn apply(&self, cargo: &mut Command) {
        let Self::Debian { rustc, libc, linkers } = self else {
            return;
        };
        let mut path = OsString::from(linkers);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut flags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
        flags.push(" -L native=");
        flags.push(libc);
        cargo.arg("-Zbuild-std=std,panic_abort");
        // The bootstrap switch allows the -Z flag in a stable cargo.
        cargo.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags).env("PATH", path);
    }
}

/// Reads the answer of an earlier run, if it still holds.
fn recall(memory: &Path) -> Option<Toolchain> {
    let text = std::fs::read_to_string(memory).ok()?;
    let mut lines = text.lines().map(PathBuf::from);
    let (rustc, libc, linkers) = (lines.next()?, lines.next()?, lines.next()?);
    let whole = rustc.is_file() && libc.join("libc.a").is_file() && linkers.join("wasm-component-ld").is_file();
    whole.then_some(Toolchain::Debian { rustc, libc, linkers })
}

fn remember(memory: &Path, found: &Toolchain) -> Result<()> {
    let Toolchain::Debian { rustc, libc, linkers } = found else {
        return Ok(());
    };
    let folder = memory.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
    let text = format!("{}\n{}\n{}\n", rustc.display(), libc.display(), linkers.display());
    std::fs::write(memory, text).with_context(|| format!("{} cannot be written", memory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_no_longer_holds_is_not_recalled() {
        let memory = std::env::temp_dir().join(format!("xtask-toolchain-{}", std::process::id()));
        let gone = Toolchain::Debian { rustc: "/gone/rustc".into(), libc: "/gone".into(), linkers: "/gone".into() };
        remember(&memory, &gone).unwrap();
        assert_eq!(recall(&memory), None);
        std::fs::remove_file(memory).unwrap();
    }
}
