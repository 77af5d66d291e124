//! Connections to Postgres as a budget: replicas whose pools together fit into it disturb each other by waiting alone.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::targets::Postgres;
use crate::harness::{Call, Client, Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    four_replicas_share_a_postgres_of_twenty_connections,
];

/// What Postgres accepts, of which it keeps three for superusers; and what one of the replicas may use at once. Each
/// has two pools, of the API and of the worker, so at most 16 are open.
const ACCEPTED: usize = 20;
const REPLICAS: usize = 4;
const EACH: usize = 2;

/// Clients of each replica, and what each of them does.
const CLIENTS: usize = 6;
const ROUNDS: usize = 10;

async fn four_replicas_share_a_postgres_of_twenty_connections() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let sql = database::connect_to(&postgres.url()).await;
    sql.batch_execute(&format!("alter system set max_connections = {ACCEPTED}")).await.unwrap();
    drop(sql);
    postgres.restart().await;
    // Time enough for a busy machine: what is to be seen is that nobody goes without a connection.
    let patient = Options::default().with("database_wait_ms", 5000).with("request_timeout_ms", 30_000);
    let mut clients = tokio::task::JoinSet::new();
    let mut workspaces = Vec::new();
    for replica in 0..REPLICAS {
        let options = Options { postgres_connections: Some(EACH), ..patient.clone() };
        let server = Server::private(postgres.used_by(options)).await;
        if replica == 0 {
            database::make_admin(&database::connect_to(&postgres.url()).await, &server.admin_token).await;
        }
        let ws = Workspace::on(&server).await;
        for number in 0..CLIENTS {
            clients.spawn(load(Client::new(ws.server.clone(), ws.token.clone()), number));
        }
        workspaces.push(ws);
    }
    let sql = database::connect_to(&postgres.url()).await;
    let (mut most, mut longest) = (0, Duration::ZERO);
    while !clients.is_empty() {
        most = most.max(open(&sql).await);
        tokio::select! {
            ended = clients.join_next() => longest = longest.max(ended.unwrap().unwrap()),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    let budget = i64::try_from(REPLICAS * 2 * EACH).unwrap();
    assert!((1..=budget).contains(&most), "{most} were open");
    assert!(longest < Duration::from_secs(15), "{longest:?}");
    for ws in &workspaces {
        let stats = ws.get("/api/v2/todos/stats").send().await.ok();
        assert_eq!(stats["total"], CLIENTS * ROUNDS, "{stats}");
    }
}

/// Connections of the service.
async fn open(sql: &tokio_postgres::Client) -> i64 {
    let count =
        "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
    sql.query_one(count, &[]).await.unwrap().get(0)
}

/// Writes, reads of what is in no cache, and bulk changes, which make the worker open its pool. None of them fails. How
/// long the slowest took.
async fn load(client: Client, number: usize) -> Duration {
    let mut longest = Duration::ZERO;
    let mut timed = async |call: Call| {
        let since = Instant::now();
        let answer = call.send().await;
        longest = longest.max(since.elapsed());
        answer
    };
    for round in 0..ROUNDS {
        let title = format!("{number}-{round}");
        timed(client.post("/api/v2/todos").json(json!({ "title": title }))).await.created();
        timed(client.get(&format!("/api/v2/todos?q={title}"))).await.ok();
    }
    let bulk = json!({ "filter": { "q": format!("{number}-1") }, "action": "add_tag", "tag": "busy" });
    timed(client.post("/api/v2/todos/bulk-process").json(bulk)).await.has_status(202);
    longest
}
