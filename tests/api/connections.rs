//! Connections to Postgres as a budget: replicas that together may hold fewer than it has disturb each other by waiting alone.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::targets::Postgres;
use crate::harness::{Client, Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    four_replicas_share_a_postgres_of_twenty_connections,
];

/// What Postgres accepts, and what each of the replicas may hold: 16 in all, which leaves four for the tests and the operator.
const ACCEPTED: usize = 20;
const REPLICAS: usize = 4;
const EACH: usize = 4;

async fn four_replicas_share_a_postgres_of_twenty_connections() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let sql = database::connect_to(&postgres.url()).await;
    sql.batch_execute(&format!("alter system set max_connections = {ACCEPTED}")).await.unwrap();
    drop(sql);
    postgres.restart().await;
    let mut clients = Vec::new();
    let mut workspaces = Vec::new();
    for replica in 0..REPLICAS {
        let options = Options { postgres_connections: Some(EACH), ..Options::default() };
        let server = Server::private(postgres.used_by(options)).await;
        if replica == 0 {
            database::make_admin(&database::connect_to(&postgres.url()).await, &server.admin_token).await;
        }
        let ws = Workspace::on(&server).await;
        // Four times as many clients as connections, who all write and read what is in no cache.
        for number in 0..4 * EACH {
            let client = Client::new(ws.server.clone(), ws.token.clone());
            clients.push(tokio::spawn(load(client, number)));
        }
        workspaces.push(ws);
    }
    let mut longest = Duration::ZERO;
    for client in clients {
        longest = longest.max(client.await.unwrap());
    }
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    let sql = database::connect_to(&postgres.url()).await;
    let row = sql.query_one("show max_connections", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), ACCEPTED.to_string());
    for ws in &workspaces {
        let written = ws.get("/api/v2/todos/stats").send().await;
        assert_eq!(written.ok()["total"], 4 * EACH * 10, "{written}");
    }
}

/// Ten writes and ten reads, none of which fails. How long the slowest took.
async fn load(client: Client, number: usize) -> Duration {
    let mut longest = Duration::ZERO;
    for round in 0..10 {
        let since = Instant::now();
        client.post("/api/v2/todos").json(json!({ "title": format!("{number}-{round}") })).send().await.created();
        longest = longest.max(since.elapsed());
        let since = Instant::now();
        client.get(&format!("/api/v2/todos?q={number}-{round}")).send().await.ok();
        longest = longest.max(since.elapsed());
    }
    longest
}
