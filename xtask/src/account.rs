//! The account that private servers run under.
//!
//! Postgres refuses to run as root, and no server of ours needs to. So as root everything drops to an account without
//! rights; as anybody else, servers run as the user.

use std::os::unix::fs::chown;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::run::ask;

/// Who servers run as.
pub enum Account {
    /// The user who runs xtask.
    Ours,
    /// Another, because we are root.
    Lesser {
        /// Its name, for messages.
        name: &'static str,
        uid: u32,
        gid: u32,
    },
}

impl Account {
    /// Chooses: `postgres` where that account exists, else `nobody`.
    pub async fn choose() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ours);
        }
        for name in ["postgres", "nobody"] {
            let uid = ask("id", &["-u", name]).await.and_then(|id| id.parse().ok());
            let gid = ask("id", &["-g", name]).await.and_then(|id| id.parse().ok());
            if let (Some(uid), Some(gid)) = (uid, gid) {
                return Ok(Self::Lesser { name, uid, gid });
            }
        }
        anyhow::bail!("Postgres refuses to run as root, and there is no account `postgres` or `nobody` to run it as")
    }

    /// A command that will run as this account (with no other groups: the standard library drops them with the user).
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self::Lesser { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid).env("HOME", "/");
        }
        command
    }

    /// Gives it a file or folder.
    pub fn own(&self, path: &Path) -> Result<()> {
        let Self::Lesser { uid, gid, .. } = self else {
            return Ok(());
        };
        chown(path, Some(*uid), Some(*gid)).with_context(|| format!("{} cannot change its owner", path.display()))
    }

    /// Whether it can write into a folder that we made: all folders above must let it pass, too. Only trying tells for
    /// sure.
    pub async fn can_write(&self, folder: &Path) -> bool {
        if matches!(self, Self::Ours) {
            return true;
        }
        let mut command = self.command("test");
        command.arg("-w").arg(folder).current_dir("/").kill_on_drop(true);
        command.status().await.is_ok_and(|status| status.success())
    }
}
