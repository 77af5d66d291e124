//! What the user of Redis must be allowed, and how its password stands in a URL.

use std::sync::Arc;

use serde_json::json;

use crate::harness::targets::Redis;
use crate::harness::{Options, Server, Workspace, suite};

suite![
    #[embedded]
    a_user_with_the_documented_rights_is_enough,
    #[embedded]
    a_missing_right_is_told,
    #[embedded]
    a_password_may_have_every_special_character,
];

const README: &str = include_str!("../../deploy/README.md");

/// The keys and commands after the password in the README's `ACL SETUSER`.
fn rights() -> &'static str {
    let (_, after) = README.split_once("ACL SETUSER todo on >PASSWORD ").expect("the README tells the rights");
    after.split("\n```").next().unwrap().trim()
}

/// A user with these rights, in place of the default one, and a server that connects as this user.
async fn server_of(redis: &Redis, rights: &str) -> Arc<Server> {
    let told = redis.command(&format!("ACL SETUSER todo reset on >secret {rights}")).await.unwrap();
    assert!(told.starts_with("+OK"), "{told}");
    Server::private(redis.used_by_url(Options::default(), "todo:secret@", "127.0.0.1")).await
}

/// What `/health/ready` says about the cache. Readiness answers 200 in any case, since requests are served without
/// Redis.
async fn cache_of(server: &Arc<Server>) -> (String, Option<String>) {
    let ready = server.anonymous().get("/health/ready").send().await;
    let cache = &ready.ok()["checks"]["cache"];
    (cache["status"].as_str().unwrap().to_owned(), cache["reason"].as_str().map(str::to_owned))
}

async fn a_user_with_the_documented_rights_is_enough() {
    let Some(redis) = Redis::start().await else { return };
    let server = server_of(&redis, rights()).await;
    assert_eq!(cache_of(&server).await, ("up".to_owned(), None));
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    assert_eq!(ws.cached(&path).await.has_status(200).header("x-cache"), "HIT");
    ws.patch(&path).json(json!({ "title": "y" })).send().await.ok();
    assert_eq!(ws.get(&path).send().await.ok()["title"], "y");
    assert_eq!(ws.cached(&path).await.ok()["title"], "y");
    let metrics = server.admin().get("/metrics").send().await.has_status(200).text();
    assert!(metrics.contains("todo_cache_requests_total"), "{metrics}");
    // Redis keeps what it has refused. From 7.2 on it knows a command by which client libraries introduce themselves,
    // and which they can do without.
    let told = redis.lines("ACL LOG").await;
    let objects = told.iter().zip(told.iter().skip(2)).filter(|(name, _)| *name == "object").map(|(_, object)| object);
    let refused: Vec<_> = objects.filter(|object| *object != "client|setinfo").collect();
    assert!(told.first().is_some_and(|first| first.starts_with('*')) && refused.is_empty(), "{told:?}");
}

async fn a_missing_right_is_told() {
    let Some(redis) = Redis::start().await else { return };
    for command in ["info", "evalsha"] {
        let server = server_of(&redis, &format!("{} -{command}", rights())).await;
        let told = ("down".to_owned(), Some("missing_permission".to_owned()));
        assert_eq!(cache_of(&server).await, told, "without {command}");
        let ws = Workspace::on(&server).await;
        assert_eq!(ws.todo(json!({ "title": "Served" })).await["title"], "Served");
    }
}

async fn a_password_may_have_every_special_character() {
    let Some(redis) = Redis::start().await else { return };
    let password: String = (33_u8..127).map(char::from).collect();
    // In quotes Redis reads a backslash before what would end the word.
    let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
    let told = redis.command(&format!("CONFIG SET requirepass \"{quoted}\"")).await.unwrap();
    assert!(told.starts_with("+OK"), "{told}");
    let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let server = Server::private(redis.used_by_url(Options::default(), &format!(":{encoded}@"), "127.0.0.1")).await;
    assert_eq!(cache_of(&server).await, ("up".to_owned(), None));
}
