//! The primary ends sessions, dies, and a standby takes its place: what was acknowledged is kept, the rest is refused
//! as temporary, and service resumes by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::follower::{Follower, state};
use crate::harness::targets::{Postgres, leading_to};
use crate::harness::{Answer, Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    sessions_that_are_ended_cost_no_read_and_no_acknowledged_write,
    #[embedded]
    an_acknowledged_write_survives_the_promotion_of_a_standby,
];

/// Writes that were acknowledged: the todo, and which change of it that was. Its title is the number of its last
/// change.
type Acknowledged = Arc<Mutex<Vec<(String, u64)>>>;

/// Writers and readers on a service whose Postgres changes beneath it.
struct Traffic {
    workspace: Arc<Workspace>,
    acknowledged: Acknowledged,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Traffic {
    /// Four writers, who read what they have written, and two readers. Every answer is a success or a 503 (a 504 for a
    /// statement that hung) that says when to repeat.
    fn on(workspace: Arc<Workspace>, read: String, reads_may_fail: bool) -> Self {
        let (acknowledged, stop) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
        let mut traffic = Self { workspace, acknowledged, stop, tasks: Vec::new() };
        for number in 0..6 {
            let (ws, stop) = (traffic.workspace.clone(), traffic.stop.clone());
            let (acknowledged, read) = (traffic.acknowledged.clone(), read.clone());
            traffic.tasks.push(tokio::spawn(async move {
                let mut writer = Writer::default();
                while !stop.load(SeqCst) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let (path, least) = if number < 4 {
                        let Some(change) = writer.write(&ws).await else { continue };
                        acknowledged.lock().unwrap().push(change.clone());
                        change
                    } else {
                        (read.clone(), 0)
                    };
                    let answer = ws.get(&path).send().await;
                    let failed = reads_may_fail && [503, 504].contains(&answer.status);
                    assert!(failed || change_of(&answer) >= least, "an old state is shown: {least}, {answer}");
                }
            }));
        }
        traffic
    }

    /// Waits for so many more acknowledged writes.
    async fn acknowledges(&self, more: usize) {
        let count = || self.acknowledged.lock().unwrap().len();
        let wanted = count() + more;
        for _ in 0..600 {
            if count() >= wanted {
                return;
            }
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a client was answered with something else");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the service does not resume");
    }

    /// Ends it and finds every acknowledged write.
    async fn ends_with_all_kept(self) {
        self.stop.store(true, SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        let acknowledged: BTreeMap<String, u64> = self.acknowledged.lock().unwrap().drain(..).collect();
        for (path, least) in acknowledged {
            let answer = self.workspace.get(&path).send().await;
            assert!(change_of(&answer) >= least, "what was acknowledged is lost: {least}, {answer}");
        }
    }
}

/// Makes a todo, changes it until at least the fifth change is acknowledged, and begins anew.
#[derive(Default)]
struct Writer {
    path: Option<String>,
    change: u64,
}

impl Writer {
    /// The next write, if it is acknowledged. One of which nobody knows what came of it is a change of the todo, too.
    async fn write(&mut self, ws: &Workspace) -> Option<(String, u64)> {
        self.change = if self.path.is_some() { self.change + 1 } else { 1 };
        let call = self.path.as_ref().map_or_else(|| ws.post("/api/v2/todos"), |path| ws.patch(path));
        let answer = call.json(json!({ "title": self.change.to_string() })).send().await;
        match answer.status {
            201 => self.path = Some(answer.header("location").to_owned()),
            200 => {}
            status => {
                assert!([503, 504].contains(&status), "{answer}");
                assert!(status == 504 || !answer.header("retry-after").is_empty(), "{answer}");
                return None;
            }
        }
        let path = if self.change < 5 { self.path.clone() } else { self.path.take() };
        Some((path?, self.change))
    }
}

/// Which change of a todo is shown.
fn change_of(answer: &Answer) -> u64 {
    answer.ok()["title"].as_str().unwrap().parse().unwrap()
}

/// A service on a Postgres of its own that is reached by this port, and a workspace there.
async fn service(postgres: &Postgres, port: u16, cache: &str) -> Arc<Workspace> {
    let url = postgres.url().replace(&format!(":{}/", postgres.port()), &format!(":{port}/"));
    let options =
        Options::default().with("cache", cache).with("database_timeout_ms", 1000).with("database_wait_ms", 1000);
    let options = options.with("database_url", url).with("database_host", "127.0.0.1").with("database_port", port);
    let server = Server::private(options).await;
    database::make_admin(&database::connect_to(&postgres.url()).await, &server.admin_token).await;
    Arc::new(Workspace::on(&server).await)
}

async fn sessions_that_are_ended_cost_no_read_and_no_acknowledged_write() {
    let Some(postgres) = Postgres::start().await else { return };
    let ws = service(&postgres, postgres.port(), "off").await;
    let path = format!("/api/v2/todos/{}", ws.titled("0").await);
    // Without the cache, so that every read is a statement; one that lost its session is repeated.
    let traffic = Traffic::on(ws, path, false);
    let sql = database::connect_to(&postgres.url()).await;
    for _ in 0..10 {
        traffic.acknowledges(5).await;
        // 57P01, admin_shutdown.
        let ended = "select pg_terminate_backend(pid) from pg_stat_activity
            where pid <> pg_backend_pid() and backend_type = 'client backend'";
        assert!(!sql.query(ended, &[]).await.unwrap().is_empty());
    }
    traffic.acknowledges(5).await;
    traffic.ends_with_all_kept().await;
}

async fn an_acknowledged_write_survives_the_promotion_of_a_standby() {
    let Some(mut primary) = Postgres::start().await else { return };
    let Some(standby) = primary.standby().await else { return };
    let target = Arc::new(AtomicU16::new(primary.port()));
    let ws = service(&primary, leading_to(target.clone()).await, "on").await;
    let path = format!("/api/v2/todos/{}", ws.titled("0").await);
    let traffic = Traffic::on(ws.clone(), path.clone(), true);
    traffic.acknowledges(50).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[("limit", "200")]).await;
    primary.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // First the address leads to a server that accepts no writes (25006), then it does.
    target.store(standby.port(), SeqCst);
    tokio::time::sleep(Duration::from_millis(500)).await;
    standby.promote().await;
    traffic.acknowledges(50).await;
    traffic.ends_with_all_kept().await;
    ws.patch(&path).json(json!({ "title": "After" })).send().await.has_status(200);
    assert_eq!(ws.get(&path).send().await.ok()["title"], "After");
    // Nothing was lost, so cursors are as good as before.
    follower.catch_up(&ws, &[]).await;
    assert_eq!(follower.sorted(), state(&ws).await);
    let health = ws.server.anonymous().get("/health").send().await.ok();
    assert_eq!(
        (&health["database"], &health["checks"]["database"]["reason"]),
        (&json!("up"), &Value::Null),
        "{health}"
    );
}
