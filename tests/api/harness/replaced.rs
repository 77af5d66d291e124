//! The application that this service replaces, on a database of its own.

use std::process::{Child, Command};
use std::time::Duration;

/// The application that this service replaces, running.
pub struct OldApplication {
    process: Child,
    /// Where it serves `/todos`.
    pub url: String,
}

impl OldApplication {
    /// Started on a database that its own models have filled with so many todos.
    pub async fn with(todos: u32) -> Self {
        let database = std::env::var("TODO_OLD_DATABASE_URL").unwrap().replace("postgres://", "postgresql://");
        let folder = std::env::var("TODO_OLD_FOLDER").unwrap();
        let python = |program: &str| {
            let mut command = Command::new(format!("{}/{program}", std::env::var("TODO_OLD_PYTHON").unwrap()));
            command.env("ANCHOR_DB", &database).env("PYTHONPATH", &folder).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        };
        let filled = python("python").args(["tests/api/adopt/fill.py", &todos.to_string()]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&filled.stdout).trim(), todos.to_string(), "{filled:?}");
        let port = super::targets::free_port().to_string();
        let process = python("uvicorn")
            .args(["baseline:app", "--port", &port, "--log-level", "critical"])
            .current_dir(&folder)
            .spawn()
            .unwrap();
        let old = Self { process, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).await.is_ok() {
                return old;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the old application does not answer");
    }
}

impl Drop for OldApplication {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
