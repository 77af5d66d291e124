//! A million todos and a service that serves them. Made once; the tests on it run one after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::plans::{Log, Plan};
use crate::harness::client::Call;
use crate::harness::server::authority;
use crate::harness::{Answer, Client, Options, Server, database, uuid};

/// What signs the cursors, so that a test can make the one of a far page.
pub const CURSOR_SECRET: &str = "known to the tests and nobody else";

/// The large database and its service.
pub struct Place {
    /// A client of the workspace with 500,000 todos.
    pub large: Client,
    /// A client of one of the 49 that share the other 500,000.
    pub small: Client,
    /// A client of the large workspace that may read its events.
    pub admin: Client,
    /// The database itself.
    pub database: tokio_postgres::Client,
    log: Log,
}

impl Place {
    /// The place, for one test at a time.
    pub async fn get() -> MutexGuard<'static, Self> {
        static PLACE: OnceCell<Mutex<Place>> = OnceCell::const_new();
        PLACE.get_or_init(|| async { Mutex::new(Self::make().await) }).await.lock().await
    }

    async fn make() -> Self {
        let from = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let url = from("TODO_LARGE_DATABASE_URL");
        let database = database::connect_to(&url).await;
        let began = Instant::now();
        // Already there where somebody runs these tests by hand, again and again.
        let filled = "SELECT EXISTS (SELECT FROM workspaces WHERE name = 'large')";
        if !database.query_one(filled, &[]).await.unwrap().get::<_, bool>(0) {
            database.batch_execute(include_str!("fill.sql")).await.expect("the database can be filled");
        }
        database.batch_execute("VACUUM (ANALYZE)").await.unwrap();
        // Purges would run beside what is observed.
        database.batch_execute("UPDATE purges SET due_at = now() + interval '1 day'").await.unwrap();
        eprintln!("a million todos took {:.0} s", began.elapsed().as_secs_f64());
        let (host, port) = authority(&url, "5432");
        let options = Options::default().with("database_url", &url).with("database_host", host);
        let options = options.with("database_port", port).with("cursor_secret", CURSOR_SECRET);
        // Every statement is to be seen, and only those of the requests.
        let server = Server::private(options.with("cache", "off").with("enable_metrics", "off")).await;
        let large = token(&server, &database, "large", "todos:read,todos:write").await;
        let small = token(&server, &database, "other 7", "todos:read,todos:write").await;
        let admin = token(&server, &database, "large", "admin").await;
        Self { large, small, admin, database, log: Log::open(from("TODO_POSTGRES_LOG").into()) }
    }

    /// Sends a request and gives the plans of all statements that it caused meanwhile.
    pub async fn observe(&mut self, call: Call) -> (Answer, Vec<Plan>) {
        self.log.news();
        let answer = call.send().await;
        (answer, self.log.news())
    }

    /// The same for a request that would be answered for minutes: it is broken off after two seconds.
    pub async fn glimpse(&mut self, call: Call) -> Vec<Plan> {
        self.log.news();
        tokio::time::timeout(Duration::from_secs(2), call.send()).await.err();
        self.log.news()
    }

    /// The most rows that statistics may look at: they count only what is overdue or due today, and the completions of
    /// one hour at most.
    pub async fn counted(&self) -> f64 {
        let stats = self.large.get("/api/v2/todos/stats").send().await.ok();
        let [total, overdue, today] = ["total", "overdue", "due_today"].map(|name| stats[name].as_f64().unwrap());
        let counted = overdue + 2.0 * today + 5_000.0;
        assert!(counted < total / 2.0, "less than half of what there is: {stats}");
        counted
    }

    /// The plans since the last look.
    pub fn plans(&mut self) -> Vec<Plan> {
        self.log.news()
    }

    /// One text out of the database.
    pub async fn text(&self, sql: &str) -> String {
        self.database.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{error:?}: {sql}")).get(0)
    }
}

/// A client with a new token of the workspace of this name, with these scopes.
async fn token(server: &Arc<Server>, database: &tokio_postgres::Client, workspace: &str, scopes: &str) -> Client {
    let text = format!("tdo_{}", uuid());
    let hash = Sha256::digest(&text).to_vec();
    let sql = "INSERT INTO tokens (workspace_id, uid, name, hash, scopes) \
        SELECT id, gen_random_uuid(), 'test', $2, string_to_array($3, ',') FROM workspaces WHERE name = $1";
    assert_eq!(database.execute(sql, &[&workspace, &hash, &scopes]).await.unwrap(), 1);
    server.bearer(&text)
}
