//! Private Postgres and Redis servers of the installed binaries, on free ports, with their files under
//! `target/dev/<name>`. A server that was already there is never touched.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sha2::{Digest, Sha256};

use crate::Session;
use crate::account::Account;
use crate::checkout::Checkout;
use crate::postgres::Postgres;
use crate::progress::say;
use crate::redis::Redis;

/// How the servers' data is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Somebody's data: durable.
    Data,
    /// A test's: as fast as can be, worth nothing afterwards.
    Nothing,
}

/// The servers of one command, and the lock that makes them its own.
pub struct Servers {
    /// Its folder under `target/dev`.
    pub folder: PathBuf,
    /// Its Postgres, if it was asked for.
    pub postgres: Option<Postgres>,
    /// Its Redis, if it was asked for and could be had.
    pub redis: Option<Redis>,
    _lock: File,
}

/// Which servers to start.
#[derive(Default)]
pub struct Wanted {
    pub postgres: bool,
    pub redis: bool,
    /// Another major version of Postgres than the installed one.
    pub version: Option<u32>,
    /// Another program than the installed Redis: a file, or a name on the `PATH`.
    pub redis_program: Option<String>,
}

impl Servers {
    /// Starts the wanted servers in `target/dev/<name>`, waiting until they answer.
    ///
    /// `name` must not be in use: with [`Keep::Nothing`], `<name>-2` and so on are tried, so that two test runs do not
    /// disturb each other; with [`Keep::Data`] that is an error.
    pub async fn start(session: &Session, name: &str, keep: Keep, wanted: Wanted) -> Result<Self> {
        let (name, folder, lock) = reserve(&session.checkout, name, keep)?;
        let mut servers = Self { folder, postgres: None, redis: None, _lock: lock };
        let account = Account::choose().await?;
        if wanted.postgres {
            let place = place(session, &account, &name, "postgres").await?;
            servers.postgres = Some(Postgres::start(session, &account, place, keep, wanted.version).await?);
        }
        if wanted.redis {
            let place = place(session, &account, &name, "redis").await?;
            servers.redis = Redis::start(session, &account, place, keep, wanted.redis_program.as_deref()).await?;
        }
        Ok(servers)
    }
}

/// Takes the lock of `target/dev/<name>`. The system drops it with the process, however that ends.
fn reserve(checkout: &Checkout, name: &str, keep: Keep) -> Result<(String, PathBuf, File)> {
    let numbered = (2..10).map(|number| format!("{name}-{number}"));
    for name in std::iter::once(name.to_owned()).chain(numbered) {
        let folder = checkout.dev().join(&name);
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be created", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path).with_context(|| format!("{} cannot be opened", path.display()))?;
        match lock.try_lock() {
            Ok(()) => return Ok((name, folder, lock)),
            Err(TryLockError::WouldBlock) if keep == Keep::Nothing => {}
            Err(TryLockError::WouldBlock) => {
                bail!("`cargo xtask {name}` is already running in this checkout")
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).context("the lock of the servers cannot be taken");
            }
        }
    }
    bail!("too many runs at once in this checkout")
}

/// A folder that belongs to the servers' account and that it can reach.
async fn place(session: &Session, account: &Account, name: &str, server: &str) -> Result<PathBuf> {
    let usual = session.checkout.dev().join(name).join(server);
    prepare(account, &usual)?;
    if account.can_write(&usual).await {
        return Ok(usual);
    }
    // As root in a folder that only root may enter, such as root's home.
    let Account::Lesser { name: lesser, .. } = account else { bail!("{} is not writable", usual.display()) };
    let digest = Sha256::digest(session.checkout.root().as_os_str().as_encoded_bytes());
    let key = BASE64_URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default());
    let shelter = std::env::temp_dir().join(format!("todo-dev-{key}"));
    match DirBuilder::new().mode(0o755).create(&shelter) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("{} cannot be created", shelter.display()));
        }
        _ => {}
    }
    let found = std::fs::symlink_metadata(&shelter).with_context(|| format!("{} is gone", shelter.display()))?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        bail!("{} belongs to somebody else; remove it", shelter.display());
    }
    let place = shelter.join(name).join(server);
    prepare(account, &place)?;
    if !account.can_write(&place).await {
        bail!("the account `{lesser}` can write neither to {} nor to {}", usual.display(), place.display());
    }
    say(&format!(
        "the account `{lesser}`, which {server} runs as, cannot enter {}; its data is in {} instead",
        session.checkout.root().display(),
        place.display()
    ));
    Ok(place)
}

fn prepare(account: &Account, folder: &Path) -> Result<()> {
    let why = || format!("{} cannot be prepared", folder.display());
    std::fs::create_dir_all(folder).with_context(why)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).with_context(why)?;
    account.own(folder)
}

/// A file that only the servers' account (and root) may read.
pub fn write_private(account: &Account, path: &Path, text: &str) -> Result<()> {
    let why = || format!("{} cannot be written", path.display());
    std::fs::write(path, "").with_context(why)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).with_context(why)?;
    std::fs::write(path, text).with_context(why)?;
    account.own(path)
}

/// The secret of a server, made on its first start. Other users of the machine can reach its port, too.
pub fn secret(account: &Account, folder: &Path) -> Result<String> {
    let path = folder.join("secret");
    if let Ok(known) = std::fs::read_to_string(&path)
        && known.len() >= 32
    {
        return Ok(known);
    }
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    let secret = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    write_private(account, &path, &secret)?;
    Ok(secret)
}

/// A port that is free now. Another process may take it before the server does; then the server says so and ends.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("no free port on 127.0.0.1")?.port())
}

/// Stops a server that a crashed run left behind in `folder`, going by the pid file that it wrote; we hold the folder's
/// lock, so nobody is using it. The number in a stale file may be anybody's by now: only a process that works in
/// `folder` is the one.
pub async fn stop_leftover(pid_file: &Path, folder: &Path) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(pid_file) else {
        return Ok(());
    };
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
    let ours = |pid: Pid| {
        let works_in = std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero()));
        works_in.is_ok_and(|place| std::fs::canonicalize(folder).is_ok_and(|folder| folder == place))
    };
    if let Some(pid) = pid
        && ours(pid)
    {
        say(&format!("stopping process {}, left by a run that crashed", pid.as_raw_nonzero()));
        // Interrupt is a fast, clean shutdown to Postgres and to Redis alike.
        let _ = kill_process(pid, Signal::INT);
        for _ in 0..600 {
            if test_kill_process(pid).is_err() || !ours(pid) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if ours(pid) {
            bail!("process {}, left by a run that crashed, does not stop", pid.as_raw_nonzero());
        }
    }
    match std::fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", pid_file.display()))
        }
        _ => Ok(()),
    }
}

/// The last lines of a server's log, for an error message.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n")
}

/// The file of a program on the `PATH`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
