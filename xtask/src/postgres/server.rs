//! The programs of Postgres: where they are, and a server made of them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::CONNECTIONS;
use crate::account::Account;
use crate::progress::Step;
use crate::run::ask;
use crate::servers::{Keep, on_path, tail, write_private};
use crate::{Session, apt};

/// The folder of `postgres` and `initdb`, installing them if need be.
pub(super) async fn binaries(session: &Session) -> Result<PathBuf> {
    if let Some(found) = installed().await {
        return Ok(found);
    }
    apt::install(session, &["postgresql"], "Postgres").await?;
    installed().await.context("Postgres was installed, but its programs are not to be found")
}

/// Distributions keep the server's programs off the `PATH`, so there are several ways to ask.
pub(super) async fn installed() -> Option<PathBuf> {
    let complete = |folder: &Path| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    // A link on the PATH leads to the folder that has all of them.
    let on_path = on_path("postgres").and_then(|file| std::fs::canonicalize(file).ok());
    let on_path = on_path.and_then(|file| file.parent().map(Path::to_path_buf));
    if let Some(folder) = on_path.filter(|folder| complete(folder)) {
        return Some(folder);
    }
    let told = ask("pg_config", &["--bindir"]).await.map(PathBuf::from);
    if let Some(folder) = told.filter(|folder| complete(folder)) {
        return Some(folder);
    }
    let packages = ask("dpkg-query", &["-W", "-f", "${Package}\n", "postgresql-[0-9]*"]).await?;
    let mut versions: Vec<(u32, &str)> = packages
        .lines()
        .filter_map(|package| Some((package.strip_prefix("postgresql-")?.parse().ok()?, package)))
        .collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    for (_, package) in versions {
        let files = ask("dpkg", &["-L", package]).await.unwrap_or_default();
        let initdb = files.lines().find(|file| file.ends_with("/bin/initdb"));
        if let Some(folder) = initdb.and_then(|file| Path::new(file).parent()).filter(|folder| complete(folder)) {
            return Some(folder.to_path_buf());
        }
    }
    None
}

/// Makes the data folder, unless it is there and of this version.
pub(super) async fn initialise(
    session: &Session,
    account: &Account,
    binaries: &Path,
    folder: &Path,
    keep: Keep,
) -> Result<()> {
    let data = folder.join("data");
    if let Ok(of) = std::fs::read_to_string(data.join("PG_VERSION")) {
        let postgres = binaries.join("postgres");
        let version = ask(&postgres.to_string_lossy(), &["--version"]).await.unwrap_or_default();
        let version = version.split(' ').nth(2).unwrap_or_default();
        if version.split('.').next() == Some(of.trim()) {
            return Ok(());
        }
        if keep == Keep::Data {
            bail!("{} was made by Postgres {}, but {version} is installed; move it away", data.display(), of.trim());
        }
    }
    // Also what an interrupted first start left: initdb wants an empty folder.
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("{} cannot be removed", data.display()))?;
    }
    let step = Step::begin("creating a Postgres data folder");
    let secret = folder.join("secret");
    // C.UTF-8 knows the case of all letters and is there wherever glibc is; C alone knows only ASCII's.
    for locale in ["C.UTF-8", "C"] {
        let mut command = account.command(binaries.join("initdb"));
        command.arg("--pgdata").arg(&data).arg("--pwfile").arg(&secret).current_dir(folder);
        command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}"));
        if keep == Keep::Nothing {
            command.arg("--no-sync");
        }
        let log = std::fs::File::create(folder.join("initdb.log")).context("initdb.log cannot be written")?;
        let errors = log.try_clone().context("initdb.log cannot be written")?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        if session.processes.run("initdb", command).await?.success() {
            step.done();
            return Ok(());
        }
    }
    bail!("initdb failed; the end of initdb.log:\n{}", tail(&folder.join("initdb.log")))
}

pub(super) fn server(
    account: &Account,
    binaries: &Path,
    folder: &Path,
    keep: Keep,
    port: u16,
) -> Result<tokio::process::Command> {
    let path = folder.join("log");
    write_private(account, &path, "")?;
    let open = || std::fs::OpenOptions::new().append(true).open(&path);
    let (output, errors) = (open().context("the log cannot be written")?, open().context("the log cannot be written")?);
    let mut command = account.command(binaries.join("postgres"));
    command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
    command.arg("-D").arg(folder.join("data")).arg("-p").arg(port.to_string());
    let mut set = |setting: &str| {
        command.arg("-c").arg(setting);
    };
    set("listen_addresses=127.0.0.1");
    // A socket's path may be too long for the system below a deep checkout, and nothing needs one.
    set("unix_socket_directories=");
    set(&format!("max_connections={CONNECTIONS}"));
    set("timezone=UTC");
    if module_installed(binaries, "pg_stat_statements") {
        set("shared_preload_libraries=pg_stat_statements");
    }
    if keep == Keep::Nothing {
        set("fsync=off");
        set("synchronous_commit=off");
        set("full_page_writes=off");
    }
    Ok(command)
}

/// Whether a contrib module can be loaded; the server would not start, nor a session, without its file.
pub(super) fn module_installed(binaries: &Path, module: &str) -> bool {
    let beside = binaries.parent().unwrap_or(binaries);
    ["lib", "lib/postgresql"].iter().any(|lib| beside.join(lib).join(format!("{module}.so")).is_file())
}
