//! A host in a process of its own, which a test may kill: this program, started once more.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Options, Server, suite};

/// Tells a process of this program where it shall serve, and nothing else. Its variables are those of [`VARIABLES`].
const LISTEN: &str = "TODO_TEST_HOST";
const VARIABLES: &str = "TODO_TEST_HOST_VARIABLES";

/// A running host.
pub struct Host {
    process: Child,
    listen: String,
    variables: String,
    /// The file of the authorities that it trusts instead of the system's.
    trusted: Option<PathBuf>,
    /// Its face, which stays the same.
    pub server: Arc<Server>,
}

impl Host {
    /// Starts one, and waits until it answers.
    pub async fn start(options: Options) -> Self {
        Self::trusting(None, options).await
    }

    /// The same for one that trusts these authorities instead of the system's.
    pub async fn trusting(trusted: Option<PathBuf>, options: Options) -> Self {
        let listen = format!("127.0.0.1:{}", super::free_port());
        let variables = serde_json::to_string(&options.variables).unwrap();
        let server = Arc::new(Server::at(format!("http://{listen}")));
        let process = Self::spawn(&listen, &variables, trusted.as_deref());
        let host = Self { process, listen, variables, trusted, server };
        host.answers().await;
        host
    }

    fn spawn(listen: &str, variables: &str, trusted: Option<&Path>) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.envs(trusted.map(|authorities| ("SSL_CERT_FILE", authorities)));
        // Its input is its life line: it ends when ours is cut, however we end.
        command.env(LISTEN, listen).env(VARIABLES, variables).stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Killed, and back.
    pub async fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::spawn(&self.listen, &self.variables, self.trusted.as_deref());
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
