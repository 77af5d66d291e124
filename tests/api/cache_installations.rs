//! Two installations with databases of their own on one Redis, and one whose database was restored.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Options, Server, database, suite, unique};

suite![
    #[embedded]
    two_databases_on_one_redis_have_nothing_in_common,
    #[embedded]
    a_renewed_installation_knows_nothing_of_the_former,
];

/// A new database beside that of the tests, with our schema.
struct Beside {
    name: String,
    url: String,
}

impl Beside {
    async fn new() -> Self {
        let given = std::env::var("DATABASE_URL").unwrap();
        let name = unique("beside").replace([' ', '-'], "_");
        database::connect().await.batch_execute(&format!("create database {name}")).await.unwrap();
        let (server, _) = given.rsplit_once('/').unwrap();
        let query = given.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        let url = format!("{server}/{name}{query}");
        let new = database::connect_to(&url).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "sql")).collect();
        files.sort_unstable();
        for file in files {
            let sql = std::fs::read_to_string(&file).unwrap();
            new.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        }
        Self { name, url }
    }

    /// A server on it for which everybody is the workspace `default`.
    async fn serve(&self) -> Arc<Server> {
        open(Options::default().with("database_url", &self.url)).await
    }

    async fn remove(self) {
        let sql = format!("drop database {} with (force)", self.name);
        database::connect().await.batch_execute(&sql).await.unwrap();
    }
}

async fn open(options: Options) -> Arc<Server> {
    Server::private(options.with("auth", "off")).await
}

/// The titles of a server's first todos once they come from the cache.
async fn cached(server: &Arc<Server>) -> Vec<String> {
    for _ in 0..300 {
        let answer = server.anonymous().get("/api/v2/todos?limit=5").send().await;
        let body = answer.ok();
        let titles = body["data"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap().to_owned());
        let titles = titles.collect();
        if answer.header("x-cache") == "HIT" {
            return titles;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never answered from the cache");
}

async fn two_databases_on_one_redis_have_nothing_in_common() {
    let (one, two) = (Beside::new().await, Beside::new().await);
    let (first, second) = (one.serve().await, two.serve().await);
    let todo = json!({ "title": "of the first" });
    first.anonymous().post("/api/v2/todos").json(todo).send().await.has_status(201);
    assert_eq!(cached(&first).await, ["of the first"]);
    let answer = second.anonymous().get("/api/v2/todos?limit=5").send().await;
    assert_eq!(answer.ok()["data"], json!([]), "{answer}");
    assert_ne!(answer.header("x-cache"), "HIT", "{answer}");
    assert_eq!(cached(&second).await, Vec::<String>::new());
    assert_eq!(cached(&first).await, ["of the first"]);
    one.remove().await;
    two.remove().await;
}

async fn a_renewed_installation_knows_nothing_of_the_former() {
    let one = Beside::new().await;
    let server = one.serve().await;
    let todo = json!({ "title": "lost with the restore" });
    server.anonymous().post("/api/v2/todos").json(todo).send().await.has_status(201);
    assert_eq!(cached(&server).await, ["lost with the restore"]);
    // As a restored backup does, past the API, while the instances live on.
    let sql = database::connect_to(&one.url).await;
    sql.batch_execute("delete from todos; select installation_renew_v1()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answer = server.anonymous().get("/api/v2/todos?limit=5").send().await;
    assert_eq!(answer.ok()["data"], json!([]), "{answer}");
    assert_eq!(answer.header("x-cache"), "BYPASS", "nothing is cached in the first minute: {answer}");
    sql.batch_execute("update installation set renewed_at = now() - interval '2 minutes'").await.unwrap();
    assert_eq!(cached(&server).await, Vec::<String>::new());
    one.remove().await;
}
