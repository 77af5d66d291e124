//! Few connections to Postgres and many clients: the rate is that of the database, nothing idle is held, and a request
//! that would have to wait too long is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use todo_host::{Captured, Output};
use tokio_postgres::Client as Database;

use crate::harness::{Answer, Client, Options, Server, Workspace, database, suite, with_parameter};

suite![
    #[embedded]
    a_few_connections_serve_many_clients,
    #[embedded]
    a_request_that_waits_too_long_for_a_connection_is_refused,
    #[embedded]
    instances_that_are_too_many_end,
    #[embedded]
    cancelled_requests_hold_nothing,
];

/// The fewest connections that the host may hold.
const CONNECTIONS: usize = 4;

/// How long a statement waits for one.
const WAIT: Duration = Duration::from_secs(1);

/// A server with so many connections and a short bound of the wait for one. In `pg_stat_activity` it has this name.
async fn small(name: &str, connections: usize, options: Options) -> Arc<Server> {
    let url = std::env::var("DATABASE_URL").unwrap();
    let options = options.with("database_url", with_parameter(&url, &format!("application_name={name}")));
    let options = options.with("database_wait_ms", WAIT.as_millis()).with("request_timeout_ms", 20_000);
    Server::private(Options { postgres_connections: Some(connections), ..options }).await
}

fn client(ws: &Workspace) -> Client {
    Client::new(ws.server.clone(), ws.token.clone())
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1", "{answer}");
}

/// What became of many requests to create a todo.
struct Creates {
    /// How many were created in a second.
    rate: f64,
    /// How many were refused in all.
    refused: usize,
    /// The time that 99 of 100 todos took at most.
    p99: Duration,
}

/// Creates todos with so many clients for so long.
async fn create(ws: &Workspace, clients: usize, time: Duration) -> Creates {
    let until = Instant::now() + time;
    let work = (0..clients).map(|_| {
        let client = client(ws);
        tokio::spawn(async move {
            let (mut created, mut refused) = (Vec::new(), 0);
            while Instant::now() < until {
                let asked = Instant::now();
                let answer = client.post("/api/v2/todos").json(json!({ "title": "x" })).send().await;
                if answer.status == 201 {
                    created.push(asked.elapsed());
                } else {
                    assert_refused(&answer);
                    refused += 1;
                }
            }
            (created, refused)
        })
    });
    let (mut created, mut refused) = (Vec::new(), 0);
    for client in work.collect::<Vec<_>>() {
        let (more, others) = client.await.unwrap();
        created.extend(more);
        refused += others;
    }
    created.sort_unstable();
    let p99 = created.get(created.len() * 99 / 100).copied().unwrap_or_default();
    Creates { rate: f64::from(u32::try_from(created.len()).unwrap()) / time.as_secs_f64(), refused, p99 }
}

/// What the metrics count, over all servers.
async fn counted(server: &Arc<Server>, metric: &str) -> u64 {
    let text = server.admin().get("/metrics").send().await.has_status(200).text();
    let count = |line: &str| line.strip_prefix(metric)?.trim().parse().ok();
    text.lines().find_map(count).expect("the metric is there from the start")
}

/// Waits until the metrics show that so much was counted.
async fn until_counted(server: &Arc<Server>, metric: &str, least: u64) {
    let since = Instant::now();
    while counted(server, metric).await < least {
        assert!(since.elapsed() < Duration::from_secs(5), "the metrics never show {least} of {metric}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until no instance holds a connection and no statement of this name runs. Requests whose clients are gone may
/// still send statements; but half a second after the last one nothing may be held, and instances live for a second
/// more.
async fn until_nothing_is_held(server: &Server, database: &Database, name: &str) {
    let busy = "select count(*) from pg_stat_activity where application_name = $1 and state <> 'idle'";
    let (mut statements, mut last) = (server.host().counters().statements, Instant::now());
    while server.host().postgres_held() > 0 || database::number(database, busy, &[&name]).await > 0 {
        let (held, now) = (server.host().postgres_held(), server.host().counters().statements);
        if now > statements {
            (statements, last) = (now, Instant::now());
        }
        assert!(last.elapsed() < Duration::from_millis(500), "{held} connections are held by idle instances");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn a_few_connections_serve_many_clients() {
    for connections in [CONNECTIONS, 12] {
        let server = small("few", connections, Options::default()).await;
        let ws = Workspace::on(&server).await;
        let database = database::connect().await;
        create(&ws, connections, Duration::from_secs(1)).await;
        let few = create(&ws, connections, Duration::from_secs(2)).await;
        assert_eq!(few.refused, 0, "each client finds a connection");
        let before = server.host().counters().instantiations;
        let waits = counted(&server, "todo_database_waits_total").await;
        let many = create(&ws, 128, Duration::from_secs(4)).await;
        let instances = server.host().counters().instantiations - before;
        assert!(instances >= 4, "{instances} new instances share {connections} connections");
        let told = format!(
            "{connections} connections: {:.0} a second with as many clients, {:.0} with 128, of which 99 % take {:?} \
             at most; {} were refused",
            few.rate, many.rate, many.p99, many.refused
        );
        eprintln!("{told}");
        // Held by idle instances, four connections would give a fifteenth; a busy machine takes some of the rate, too.
        assert!(many.rate > few.rate / 4.0, "{told}");
        // What waits longer for its connection is refused, so what is answered is answered in time; a busy machine adds
        // to that.
        assert!(many.p99 < WAIT * 4, "{told}");
        until_nothing_is_held(&server, &database, "few").await;
        // As many as there are connections, at once: nobody waits for an instance that has nothing to do.
        let reads =
            (0..connections).map(|number| client(&ws).get(&format!("/api/v2/todos?limit={}", number + 3)).send());
        let asked = Instant::now();
        for answer in futures::future::join_all(reads).await {
            answer.ok();
        }
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?} after the burst", asked.elapsed());
        until_counted(&server, "todo_database_waits_total", waits + 1).await;
    }
}

async fn instances_that_are_too_many_end() {
    let server = small("surplus", CONNECTIONS, Options::default()).await;
    let ws = Workspace::on(&server).await;
    // So many at once make the host begin far more instances than it needs, which is one for sixteen.
    create(&ws, 160, Duration::from_secs(8)).await;
    let counters = server.host().counters();
    let alive = counters.instantiations - counters.ends;
    eprintln!("of {} instances {alive} are left beside the load", counters.instantiations);
    assert!(alive < 64, "{alive} of {} instances are left for 160 clients", counters.instantiations);
}

/// Writers that hold all connections, each waiting for the lock of its todo, until the transaction of `database` ends.
async fn occupy(ws: &Workspace, database: &Database) -> Vec<tokio::task::JoinHandle<Answer>> {
    let mut todos = Vec::new();
    for number in 0..CONNECTIONS {
        todos.push(ws.titled(&format!("locked {number}")).await);
    }
    database.batch_execute("begin").await.unwrap();
    database::hold(database, &todos.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let patch = |todo: &String| ws.patch(&format!("/api/v2/todos/{todo}")).json(json!({ "priority": "high" })).send();
    let writes: Vec<_> = todos.iter().map(|todo| tokio::spawn(patch(todo))).collect();
    database::until_blocked(database, CONNECTIONS).await;
    writes
}

async fn a_request_that_waits_too_long_for_a_connection_is_refused() {
    let log = Captured::default();
    let options = Options { output: Output::Capture(log.clone()), ..Options::default() };
    let server = small("occupied", CONNECTIONS, options.with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let database = database::connect().await;
    let refusals = counted(&server, "todo_database_refusals_total").await;
    let writes = occupy(&ws, &database).await;
    for call in [ws.get("/api/v2/todos"), ws.post("/api/v2/todos").json(json!({ "title": "y" }))] {
        let asked = Instant::now();
        let answer = call.header("x-request-id", "crowded").send().await;
        assert_refused(&answer);
        let waited = asked.elapsed();
        assert!((900..2500).contains(&waited.as_millis()), "{waited:?}");
    }
    assert!(writes.iter().all(|write| !write.is_finished()), "the writers did not wait");
    database.batch_execute("rollback").await.unwrap();
    for write in writes {
        write.await.unwrap().ok();
    }
    assert!(!ws.titles(&[]).await.contains(&"y".to_owned()), "what was refused was not done");
    let told = log.text();
    let line = told.lines().find(|line| line.contains("crowded")).expect("the refusal is logged");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "error", "{line}");
    assert!(line["cause"].as_str().unwrap().contains("no connection within 1s"), "{line}");
    until_counted(&server, "todo_database_refusals_total", refusals + 2).await;
}

async fn cancelled_requests_hold_nothing() {
    let server = small("cancelled", CONNECTIONS, Options::default()).await;
    let ws = Workspace::on(&server).await;
    let database = database::connect().await;
    let writes = occupy(&ws, &database).await;
    // Clients that go away while their request waits for a connection, and those whose statement runs.
    let waiting: Vec<_> = (0..32)
        .map(|number| tokio::spawn(client(&ws).get(&format!("/api/v2/todos?limit={}", number + 3)).send()))
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for request in waiting.iter().chain(&writes) {
        request.abort();
    }
    for request in waiting.into_iter().chain(writes) {
        assert!(request.await.is_err_and(|error| error.is_cancelled()));
    }
    database.batch_execute("rollback").await.unwrap();
    until_nothing_is_held(&server, &database, "cancelled").await;
    // Clients that go away at any moment.
    for pause in (0..40).map(Duration::from_millis) {
        let requests: Vec<_> = (0..8)
            .map(|_| tokio::spawn(client(&ws).post("/api/v2/todos").json(json!({ "title": "x" })).send()))
            .collect();
        tokio::time::sleep(pause).await;
        requests.iter().for_each(tokio::task::JoinHandle::abort);
    }
    until_nothing_is_held(&server, &database, "cancelled").await;
    let Creates { rate, refused, .. } = create(&ws, CONNECTIONS, Duration::from_secs(1)).await;
    assert!(rate > 0.0 && refused == 0, "{rate} a second, {refused} refused");
}
