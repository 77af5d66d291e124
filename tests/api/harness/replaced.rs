//! The application that this service replaces, on a database of its own.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use super::{database, suite};

/// The application that this service replaces, running.
pub struct OldApplication {
    process: Child,
    /// Where it serves `/todos`.
    pub url: String,
}

impl OldApplication {
    /// On so many todos that its own models have stored.
    pub async fn filled_by_its_models(todos: u32) -> Self {
        // Another test may have used the database.
        execute("drop schema public cascade; create schema public").await;
        let filled = python("python").args(["tests/api/adopt/fill.py", &todos.to_string()]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&filled.stdout).trim(), todos.to_string(), "{filled:?}");
        Self::start("baseline", python("uvicorn")).await
    }

    /// The same application after its owners' plan, on the data of its `schema.sql`. `None`, and the test ignored,
    /// where there is no Redis, which it needs.
    pub async fn after_its_owners_plan() -> Option<Self> {
        let Some(redis) = std::env::var("REDIS_URL").ok().filter(|url| !url.is_empty()) else {
            return suite::ignored("needs REDIS_URL");
        };
        execute(&std::fs::read_to_string(folder().join("../schema.sql")).unwrap()).await;
        let mut redis = url::Url::parse(&redis).unwrap();
        // Not among the service's own keys.
        redis.set_path("/15");
        let mut command = python("uvicorn");
        command.env("ANCHOR_REDIS", redis.as_str()).stdout(std::process::Stdio::null());
        Some(Self::start("optimized", command).await)
    }

    async fn start(application: &str, mut command: Command) -> Self {
        let port = super::targets::free_port();
        command.args([&format!("{application}:app"), "--port", &port.to_string(), "--log-level", "critical"]);
        let process = command.current_dir(folder()).spawn().unwrap();
        let old = Self { process, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
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

fn folder() -> PathBuf {
    std::env::var_os("TODO_OLD_FOLDER").unwrap().into()
}

/// A program of the old application's environment.
fn python(program: &str) -> Command {
    let database = std::env::var("TODO_OLD_DATABASE_URL").unwrap().replace("postgres://", "postgresql://");
    let mut command = Command::new(format!("{}/{program}", std::env::var("TODO_OLD_PYTHON").unwrap()));
    command.env("ANCHOR_DB", database).env("PYTHONPATH", folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

async fn execute(sql: &str) {
    let database = database::connect_to(&std::env::var("TODO_OLD_DATABASE_URL").unwrap()).await;
    database.batch_execute(sql).await.unwrap();
}
