//! A host in a process of its own, which a test may kill: this program, started once more.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Options, Server, suite};

/// Tells a process of this program where it shall serve, and nothing else. Its variables are those of [`VARIABLES`].
const LISTEN: &str = "TODO_TEST_HOST";
const VARIABLES: &str = "TODO_TEST_HOST_VARIABLES";

/// Files that a host reads instead of the system's.
#[derive(Default)]
pub struct Files {
    /// The authorities that it trusts.
    pub trusted: Option<PathBuf>,
    /// `/etc/hosts`.
    pub hosts: Option<PathBuf>,
}

/// A running host.
pub struct Host {
    process: Child,
    listen: String,
    variables: String,
    /// What it reads instead of the system's.
    files: Files,
    /// Its face, which stays the same.
    pub server: Arc<Server>,
}

impl Host {
    /// Starts one, and waits until it answers.
    pub async fn start(options: Options) -> Self {
        Self::reading(Files::default(), options).await
    }

    /// The same for one that reads these files.
    pub async fn reading(files: Files, options: Options) -> Self {
        let listen = format!("127.0.0.1:{}", super::free_port());
        let variables = serde_json::to_string(&options.variables).unwrap();
        let server = Arc::new(Server::at(format!("http://{listen}")));
        let process = Self::spawn(&listen, &variables, &files);
        let host = Self { process, listen, variables, files, server };
        host.answers().await;
        host
    }

    fn spawn(listen: &str, variables: &str, files: &Files) -> Child {
        let program = std::env::current_exe().unwrap();
        let mut command = match &files.hosts {
            None => Command::new(program),
            Some(hosts) => {
                let mut command = in_own_mount_namespace();
                command
                    .args(["sh", "-c", "mount --bind \"$1\" /etc/hosts && exec \"$2\"", "sh"])
                    .args([hosts, &program]);
                command
            }
        };
        command.envs(files.trusted.iter().map(|authorities| ("SSL_CERT_FILE", authorities)));
        // Its input is its life line: it ends when ours is cut, however we end.
        command.env(LISTEN, listen).env(VARIABLES, variables).stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Killed, and back.
    pub async fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::spawn(&self.listen, &self.variables, &self.files);
        self.answers().await;
    }

    async fn answers(&self) {
        for _ in 0..600 {
            if self.server.anonymous().get("/health/live").try_send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the host does not answer");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Begins a command whose mounts nobody else sees.
fn in_own_mount_namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount"]);
    command
}

/// Writes a file for [`Files::hosts`]. `None`, and the test ignored, where a host cannot read it instead of the
/// system's.
pub fn hosts(text: &str) -> Option<PathBuf> {
    let mut tried = in_own_mount_namespace();
    tried.args(["mount", "--bind", "/etc/hosts", "/etc/hosts"]).stderr(Stdio::null());
    if !tried.status().is_ok_and(|status| status.success()) {
        return suite::ignored("needs unshare of util-linux, and a system that lets it mount");
    }
    let file = super::folder("hosts").join("hosts");
    std::fs::write(&file, text).unwrap();
    Some(file)
}

/// Is this process to be such a host? Then it is one until it is killed.
pub fn serve_if_asked() -> Option<ExitCode> {
    let listen = std::env::var(LISTEN).ok()?;
    let variables = serde_json::from_str(&std::env::var(VARIABLES).unwrap_or_default()).unwrap();
    let options = Options { variables, ..Options::default() };
    let options = todo_host::Options { listen: listen.parse().unwrap(), faults: false, ..options.of_host() };
    let _host = suite::runtime().block_on(todo_host::Host::start(options)).unwrap();
    drop(std::io::stdin().read(&mut [0]));
    Some(ExitCode::SUCCESS)
}
