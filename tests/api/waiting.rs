//! Waiting for changes: a request that is held back until there is something to tell, which hinders nobody and costs
//! next to nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::follower::Follower;
use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, suite};

suite![
    waiting_ends_with_the_change,
    waiting_ends_with_the_time,
    a_token_that_is_revoked_meanwhile_is_told_nothing,
    only_so_many_wait_and_nobody_is_behind_them,
    #[embedded]
    what_is_committed_late_is_told_though_nobody_writes,
    #[embedded]
    each_instance_lets_as_many_wait_as_it_may,
    #[embedded]
    one_token_leaves_places_to_others,
    #[embedded]
    who_waits_holds_no_connection,
    #[embedded]
    redis_may_go_away_during_a_wait,
    #[embedded]
    to_wait_for_nothing_costs_no_statement,
    #[embedded]
    to_come_back_for_nothing_costs_no_statement,
    #[embedded]
    without_redis_waiting_asks_postgres,
    #[embedded]
    a_client_that_hangs_up_ends_its_wait,
    #[embedded]
    nobody_waits_where_the_settings_say_so,
];

async fn waiting_ends_with_the_change() {
    let ws = Workspace::new().await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let (waiter, begun) = (follower.clone(), Instant::now());
    let client = ws.server.bearer(ws.token.as_deref().unwrap());
    let waiting = tokio::spawn(async move { (waiter.ask(&client, &[("wait", "25")]).await.unwrap(), Instant::now()) });
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!waiting.is_finished(), "there was nothing to tell");
    let id = ws.titled("Now").await;
    let written = Instant::now();
    let (answer, told) = waiting.await.unwrap();
    assert_eq!(answer.ok()["items"][0]["id"], json!(id));
    assert_eq!((answer.header("cache-control"), answer.header("x-cache")), ("no-store", "BYPASS"));
    assert!(told - written < Duration::from_secs(5), "{:?} after the change", told - written);
    assert!(told - begun < Duration::from_secs(15));
    // What is there already is not waited for.
    let begun = Instant::now();
    assert_eq!(follower.ask(&ws, &[("wait", "20")]).await.unwrap().ok()["items"][0]["id"], json!(id));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

async fn waiting_ends_with_the_time() {
    let ws = Workspace::new().await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let begun = Instant::now();
    // Longer than a request may take otherwise.
    let changes = follower.ask(&ws, &[("wait", "12")]).await.unwrap().ok();
    assert_eq!((&changes["items"], &changes["more"]), (&json!([]), &json!(false)));
    let took = begun.elapsed();
    assert!((Duration::from_secs(12)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert!(!follower.apply(&changes));
    let id = ws.titled("Later").await;
    assert_eq!(follower.catch_up(&ws, &[]).await[0]["id"], json!(id));
}

async fn a_token_that_is_revoked_meanwhile_is_told_nothing() {
    let ws = Workspace::new().await;
    let admin = ws.server.admin();
    let body = json!({ "workspace_id": ws.id, "name": "waits", "scopes": ["todos:read"], "expires_at": null });
    let token = admin.post("/api/v2/admin/tokens").json(body).send().await.created();
    let client = ws.server.bearer(token["token"].as_str().unwrap());
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let waiting = tokio::spawn(async move { follower.ask(&client, &[("wait", "20")]).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(700)).await;
    admin.delete(&format!("/api/v2/admin/tokens/{}", token["id"].as_str().unwrap())).send().await.no_content();
    ws.titled("secret").await;
    assert_eq!(waiting.await.unwrap().ok()["items"], json!([]));
}

async fn only_so_many_wait_and_nobody_is_behind_them() {
    let ws = Workspace::new().await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(ws.with_scopes(&["todos:read"]).await);
    }
    let mut waiting = tokio::task::JoinSet::new();
    for client in clients.iter().cycle().take(60) {
        let (client, follower) = (client.clone(), follower.clone());
        waiting.spawn(async move {
            let begun = Instant::now();
            let answer = follower.ask(&client, &[("wait", "8")]).await.unwrap();
            (answer.ok()["items"] == json!([]), answer.headers.get("retry-after").cloned(), begun.elapsed())
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..20 {
        let begun = Instant::now();
        ws.get("/api/v2/todos").send().await.ok();
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?} behind those who wait", begun.elapsed());
    }
    let (mut waited, mut refused) = (0, 0);
    while let Some(ended) = waiting.join_next().await {
        let (empty, retry_after, took) = ended.unwrap();
        assert!(empty);
        match retry_after {
            None => {
                waited += 1;
                assert!(took >= Duration::from_secs(8), "{took:?}");
            }
            Some(after) => {
                refused += 1;
                assert_eq!(after, "2");
            }
        }
    }
    assert!(waited >= 8, "{waited} waited, {refused} were answered at once");
}

/// A workspace on a server of its own, and a client that has read all of it.
async fn caught_up(options: Options) -> (Workspace, Follower) {
    let server = Server::private(options).await;
    let ws = Workspace::on(&server).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    (ws, follower)
}

/// Redis does not move when an older transaction ends: who waits knows that something is committed and not told yet,
/// and asks ever more rarely, since all who wait do.
async fn what_is_committed_late_is_told_though_nobody_writes() {
    // A database of its own: whoever else writes would hold the feed back.
    let Some(postgres) = Postgres::start().await else { return };
    let server = Server::private(postgres.used_by(Options::default())).await;
    let mut database = database::connect_to(&postgres.url()).await;
    database::make_admin(&database, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let older = database.transaction().await.unwrap();
    older.execute("select pg_current_xact_id()", &[]).await.unwrap();
    let id = ws.titled("committed").await;
    let before = ws.server.host().counters();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (follower, client) = (follower.clone(), ws.server.bearer(ws.token.as_deref().unwrap()));
        waiting.spawn(async move { follower.ask(&client, &[("wait", "25")]).await.unwrap().ok() });
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(waiting.try_join_next().is_none(), "it is told once the older transaction has ended");
    // Each asks when it comes and three times since; the rest is the installation's: checks, uses of tokens, metrics.
    let spent = (ws.server.host().counters() - before).statements;
    assert!(spent <= 24, "{spent} statements for three that waited six seconds");
    older.commit().await.unwrap();
    let ended = Instant::now();
    for changes in waiting.join_all().await {
        assert_eq!(changes["items"][0]["id"], json!(id));
    }
    assert!(ended.elapsed() < Duration::from_secs(8), "{:?}", ended.elapsed());
}

async fn each_instance_lets_as_many_wait_as_it_may() {
    let (ws, follower) = caught_up(Options::default().with("max_waiting", 1)).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let (follower, client) = (follower.clone(), ws.server.bearer(ws.token.as_deref().unwrap()));
        waiting.spawn(async move { follower.ask(&client, &[("wait", "8")]).await.unwrap() });
    }
    let answers = waiting.join_all().await;
    let refused = answers.iter().filter_map(|answer| answer.optional("retry-after")).collect::<Vec<_>>();
    assert!(refused.iter().all(|after| *after == "2"), "{refused:?}");
    let (waited, instances) = (answers.len() - refused.len(), ws.server.host().counters().instantiations);
    assert!(waited >= 1 && waited as u64 <= instances, "{waited} waited in {instances} instances");
    assert!(!refused.is_empty(), "an instance serves sixteen");
}

async fn one_token_leaves_places_to_others() {
    let (ws, follower) = caught_up(Options::default()).await;
    let other = ws.with_scopes(&["todos:read"]).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let (follower, client) = (follower.clone(), ws.server.bearer(ws.token.as_deref().unwrap()));
        waiting.spawn(async move { follower.ask(&client, &[("wait", "8")]).await.unwrap() });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answer = follower.ask(&other, &[("wait", "1")]).await.unwrap();
    assert_eq!((&answer.ok()["items"], answer.optional("retry-after")), (&json!([]), None));
    let answers = waiting.join_all().await;
    let waited = answers.iter().filter(|answer| answer.optional("retry-after").is_none()).count();
    let instances = ws.server.host().counters().instantiations;
    assert!(waited >= 1 && waited as u64 <= 3 * instances, "{waited} waited in {instances} instances");
}

async fn who_waits_holds_no_connection() {
    let (ws, follower) = caught_up(Options::default()).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (follower, client) = (follower.clone(), ws.with_scopes(&["todos:read"]).await);
        waiting.spawn(async move { follower.ask(&client, &[("wait", "8")]).await.unwrap() });
    }
    // Each asks once when it comes.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(ws.server.host().postgres_held());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // When a token was last used is noted beside, at some time.
    assert!(held.iter().filter(|held| **held > 0).count() <= 2, "{held:?} connections are held");
    assert!(waiting.try_join_next().is_none(), "all of them still wait");
    let answers = waiting.join_all().await;
    assert!(answers.iter().any(|answer| answer.optional("retry-after").is_none()), "somebody waited");
}

async fn redis_may_go_away_during_a_wait() {
    let (ws, follower) = caught_up(Options::default()).await;
    let client = ws.server.bearer(ws.token.as_deref().unwrap());
    let waiting = tokio::spawn(async move { follower.ask(&client, &[("wait", "25")]).await.unwrap().ok() });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let redis = ws.server.host().faults().redis();
    redis.refuse();
    let before = ws.server.host().counters();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let spent = (ws.server.host().counters() - before).statements;
    assert!((1..=4).contains(&spent), "{spent} statements in six seconds: it asks every two");
    assert!(!waiting.is_finished(), "there was nothing to tell");
    let id = ws.titled("x").await;
    let written = Instant::now();
    assert_eq!(waiting.await.unwrap()["items"][0]["id"], json!(id));
    assert!(written.elapsed() < Duration::from_secs(5), "{:?}", written.elapsed());
    redis.heal();
}

/// Lets what goes on beside earlier responses end, and what keeps the check good for ten seconds.
async fn rest() {
    tokio::time::sleep(Duration::from_secs(11)).await;
}

async fn to_wait_for_nothing_costs_no_statement() {
    let (ws, follower) = caught_up(Options::default().with("redis_timeout_ms", 1000)).await;
    rest().await;
    let before = ws.server.host().counters();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (follower, client) = (follower.clone(), ws.server.bearer(ws.token.as_deref().unwrap()));
        waiting.spawn(async move { follower.ask(&client, &[("wait", "10")]).await.unwrap().ok() });
    }
    for changes in waiting.join_all().await {
        assert_eq!(changes["items"], json!([]));
    }
    let spent = ws.server.host().counters() - before;
    // Each asks once, when it comes; the rest is the installation's: checks, uses of tokens, metrics.
    assert!(spent.statements <= 11, "{} statements for three that waited ten seconds", spent.statements);
    // In each instance one of them looks for all, twice a second.
    let instances = ws.server.host().counters().instantiations.min(3);
    assert!(
        (15..16 + 22 * instances).contains(&spent.redis_calls),
        "{} calls, {instances} instances",
        spent.redis_calls
    );
}

async fn to_come_back_for_nothing_costs_no_statement() {
    let (ws, mut follower) = caught_up(Options::default().with("max_waiting", 0).with("redis_timeout_ms", 1000)).await;
    follower.ask(&ws, &[("wait", "25")]).await.unwrap().ok();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = ws.server.host().counters();
    for _ in 0..30 {
        let answer = follower.ask(&ws, &[("wait", "25")]).await.unwrap();
        assert_eq!((&answer.ok()["items"], answer.header("retry-after")), (&json!([]), "2"));
    }
    let spent = (ws.server.host().counters() - before).statements;
    assert!(spent <= 10, "{spent} statements for thirty that could not wait");
    // What is answered is not what was.
    for title in ["one", "two"] {
        let id = ws.titled(title).await;
        let answer = follower.ask(&ws, &[("wait", "25")]).await.unwrap().ok();
        assert_eq!(answer["items"][0]["id"], json!(id));
        follower.catch_up(&ws, &[]).await;
        assert_eq!(follower.ask(&ws, &[("wait", "25")]).await.unwrap().ok()["items"], json!([]));
    }
}

async fn without_redis_waiting_asks_postgres() {
    for options in [Options::default().with("redis_url", ""), Options::default().with("cache", "off")] {
        let (ws, follower) = caught_up(options).await;
        let client = ws.server.bearer(ws.token.as_deref().unwrap());
        let waiting = tokio::spawn(async move { follower.ask(&client, &[("wait", "20")]).await.unwrap().ok() });
        tokio::time::sleep(Duration::from_millis(700)).await;
        let id = ws.titled("x").await;
        let written = Instant::now();
        assert_eq!(waiting.await.unwrap()["items"][0]["id"], json!(id));
        assert!(written.elapsed() < Duration::from_secs(6), "{:?}", written.elapsed());
    }
}

async fn a_client_that_hangs_up_ends_its_wait() {
    let (ws, follower) = caught_up(Options::default()).await;
    let asked = follower.ask(&ws, &[("wait", "25")]);
    let hung_up = tokio::time::timeout(Duration::from_secs(2), asked).await;
    assert!(hung_up.is_err(), "there was nothing to tell");
    rest().await;
    let before = ws.server.host().counters();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let looks = (ws.server.host().counters() - before).redis_calls;
    assert_eq!(looks, 0, "somebody still looks for it");
}

async fn nobody_waits_where_the_settings_say_so() {
    let (ws, follower) = caught_up(Options::default().with("max_waiting", 0)).await;
    let begun = Instant::now();
    let answer = follower.ask(&ws, &[("wait", "20")]).await.unwrap();
    assert_eq!((&answer.ok()["items"], answer.header("retry-after")), (&json!([]), "2"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    ws.titled("x").await;
    let answer = follower.ask(&ws, &[("wait", "20")]).await.unwrap();
    assert_eq!(answer.ok()["items"].as_array().unwrap().len(), 1);
    assert_eq!(answer.optional("retry-after"), None, "there was something to tell");
}
