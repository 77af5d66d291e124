//! Pages of the feed and their cursors: what is refused, where they begin, how large they are, and how long they are
//! good for.

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use todo_core::domain::cursor::Cursor;
use todo_core::domain::feed::FeedPosition;

use crate::changes::FEED;
use crate::harness::follower::{Follower, settle, state};
use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, suite};

suite![
    a_cursor_belongs_to_its_feed,
    parameters_are_checked,
    the_feed_is_never_cached,
    #[database]
    what_commits_late_is_not_missed,
    #[database]
    a_first_page_begins_where_the_log_ends,
    pages_are_bounded_in_bytes,
    #[embedded]
    a_cursor_is_good_for_thirty_days_unless_its_time_is_lost,
    #[database]
    what_nobody_can_ask_for_is_purged,
    #[embedded]
    who_pauses_for_too_long_begins_anew_and_who_goes_on_never_does,
];

async fn a_cursor_belongs_to_its_feed() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    ws.titled("x").await;
    // The cursor begins behind what others may hold back.
    settle(&ws).await;
    let cursor = ws.get(FEED).send().await.ok()["next_cursor"].as_str().unwrap().to_owned();
    let refused = async |client: &Workspace, query: &[(&str, &str)]| {
        client.get(FEED).query(query).send().await.problem(400, "invalid_cursor").in_parameter("cursor");
    };
    refused(&other, &[("cursor", &cursor)]).await;
    refused(&ws, &[("cursor", &cursor), ("types", "todo")]).await;
    refused(&ws, &[("cursor", &cursor[1..])]).await;
    refused(&ws, &[("cursor", "")]).await;
    let list = ws.get("/api/v2/todos?limit=1").send().await.ok();
    assert_eq!(list["next_cursor"], Value::Null);
    // The order of kinds is no other feed, nor is all of them named.
    let all = "todo,list,tag,employee,department";
    assert_eq!(ws.get(FEED).query(&[("cursor", &cursor), ("types", all)]).send().await.ok()["items"], json!([]));
}

async fn parameters_are_checked() {
    let ws = Workspace::new().await;
    for (query, parameter, code) in [
        ("limit=0", "limit", "out_of_range"),
        ("limit=201", "limit", "out_of_range"),
        ("limit=x", "limit", "out_of_range"),
        ("wait=26", "wait", "out_of_range"),
        ("wait=-1", "wait", "out_of_range"),
        ("wait=0.5", "wait", "out_of_range"),
        ("types=job", "types", "invalid_value"),
        ("types=", "types", "invalid_value"),
        ("wait=1&wait=1", "wait", "duplicate"),
        ("status=pending", "status", "unknown_parameter"),
    ] {
        let answer = ws.get(&format!("{FEED}?{query}")).send().await;
        let found = answer.problem(400, "invalid_parameter").in_parameter(parameter).faults()[0]["code"].clone();
        assert_eq!(found, code, "{query}");
    }
    ws.with_scopes(&["todos:write"]).await.get(FEED).send().await.problem(403, "insufficient_scope");
    ws.get(&format!("{FEED}?limit=200")).send().await.ok();
}

async fn the_feed_is_never_cached() {
    let ws = Workspace::new().await;
    for _ in 0..3 {
        let answer = ws.get(FEED).send().await;
        answer.ok();
        assert_eq!((answer.header("cache-control"), answer.header("x-cache")), ("no-store", "BYPASS"));
        assert!(!answer.headers.contains_key("etag"), "{answer}");
    }
}

/// The number of a transaction is given when it begins to write, and its changes are seen when it commits: in between
/// others may come and go.
async fn what_commits_late_is_not_missed() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    let transaction = database.transaction().await.unwrap();
    let late = crate::harness::uuid();
    let create = "select outcome from todo_create_v1(as_actor_v1($1, null, null), null, null, null, false, \
                  $2::text::uuid, \
        '{\"title\": \"late\", \"status\": \"pending\", \"priority\": 2, \"tags\": []}')";
    let row = transaction.query_one(create, &[&workspace, &late]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "done");
    let early = ws.titled("early").await;
    // It is committed and yet not told: the older transaction may still write before it.
    let changes = follower.ask(&ws, &[("wait", "1")]).await.unwrap().ok();
    assert_eq!((&changes["items"], &changes["more"]), (&json!([]), &json!(false)));
    follower.apply(&changes);
    // So whoever has read all there is has not read all that is committed.
    let read = "select p.pending and p.complete_at::timestamptz = y.yesterday
        from feed f, (select date_trunc('second', now()) - interval '1 day' as yesterday) y,
            feed_page_v1($1, f.epoch, 'changes', 0, pg_snapshot_xmin(pg_current_snapshot())::text, 0, y.yesterday, \
            '{todo}', 10) p";
    assert!(
        transaction.query_one(read, &[&workspace]).await.unwrap().get::<_, bool>(0),
        "nothing is known to be complete since"
    );
    // A copy that begins now does not miss it either.
    let mut newcomer = Follower::default();
    while newcomer.apply(&newcomer.ask(&ws, &[]).await.unwrap().ok()) {}
    let todos = newcomer.copy.keys().filter(|(kind, _)| kind == "todo").count();
    assert_eq!(todos, 1, "{newcomer:?}");
    transaction.commit().await.unwrap();
    let told: Vec<String> =
        follower.catch_up(&ws, &[]).await.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, [late, early], "in the order in which they began to write");
    newcomer.catch_up(&ws, &[]).await;
    assert_eq!(newcomer.sorted(), follower.sorted());
}

/// Not at a number that no line has: after a crash Postgres may give it to a later transaction.
async fn a_first_page_begins_where_the_log_ends() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    ws.titled("x").await;
    settle(&ws).await;
    let newest = "select xid::text, id from events where workspace_id = $1 order by events.xid desc, id desc limit 1";
    let newest = database.query_one(newest, &[&workspace]).await.unwrap();
    let (xid, id): (&str, i64) = (newest.get(0), newest.get(1));
    let last = "select (p.xid::xid8, p.id) <= ($2::text::xid8, $3) \
        from feed_page_v1($1, null, null, null, null, null, null, '{todo}', 10) p";
    assert!(database.query_one(last, &[&workspace, &xid, &id]).await.unwrap().get::<_, bool>(0));
    let empty = "select p.xid || ' ' || p.id from feed_page_v1(0, null, null, null, null, null, null, '{todo}', 10) p";
    assert_eq!(database.query_one(empty, &[]).await.unwrap().get::<_, &str>(0), "0 0");
}

/// Of the state and of what changes; nothing is left out.
async fn pages_are_bounded_in_bytes() {
    let ws = Workspace::new().await;
    let long = json!({ "op": "create", "todo": { "title": "x", "description": "\u{1f600}".repeat(10_000) } });
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[]).await;
    for _ in 0..3 {
        ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![long.clone(); 20] })).send().await.ok();
    }
    settle(&ws).await;
    for mut follower in [follower, Follower::default()] {
        let mut pages = 0;
        loop {
            let page = follower.ask(&ws, &[("limit", "200")]).await.unwrap();
            assert!(page.body.len() < 3 << 20, "{} bytes", page.body.len());
            pages += 1;
            if !follower.apply(&page.ok()) {
                break;
            }
        }
        assert!(pages > 1, "60 todos of 40 kB");
        assert_eq!(follower.sorted(), state(&ws).await);
    }
}

/// After a failover a cursor may be of a time that the cluster has lost: what is told next has lower numbers.
async fn a_cursor_is_good_for_thirty_days_unless_its_time_is_lost() {
    const SECRET: &str = "known to the tests and nobody else";
    let server = Server::private(Options::default().with("cursor_secret", SECRET)).await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let epoch: String = database.query_one("select epoch::text from feed", &[]).await.unwrap().get(0);
    let reached = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let lost = u64::try_from(database::number(&database, reached, &[]).await).unwrap() + 1_000_000;
    // All kinds of the first release. Where there are more, such a cursor is not damaged (400), but has to begin anew
    // (410).
    let scope = format!("changes\n{workspace}\ndepartment,employee,tag,list,todo");
    for (epoch, days, transaction, good) in [
        (&epoch, 29, 3, true),
        (&epoch, 31, 3, false),
        (&crate::harness::uuid(), 0, 3, false),
        (&epoch, 0, lost, false),
    ] {
        let complete_at = Utc::now() - TimeDelta::days(days);
        let position = FeedPosition {
            epoch: epoch.parse().unwrap(),
            phase: "changes".to_owned(),
            after: 0,
            line: (transaction, 0),
            complete_at: complete_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        };
        let cursor = Cursor::encode(SECRET.as_bytes(), &scope, &position.to_position());
        let answer = ws.get(FEED).query(&[("cursor", &cursor)]).send().await;
        if good {
            assert_eq!(answer.ok()["items"][0]["data"]["title"], "x");
        } else {
            answer.problem(410, "resync_required");
            assert_eq!(answer.header("link"), "</api/v2/changes>; rel=\"first\"");
        }
    }
}

/// A day later than the last cursor that could ask for it.
async fn what_nobody_can_ask_for_is_purged() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let mut ids = Vec::new();
    for (title, age) in [("a", Some("31 days 1 hour")), ("b", Some("30 days 12 hours")), ("c", None)] {
        let id = ws.titled(title).await;
        let sql = "update events set at = now() - $2::text::interval where subject = $1::text::uuid";
        if let Some(age) = age {
            assert_eq!(database.execute(sql, &[&id, &age]).await.unwrap(), 1);
        }
        ids.push(id);
    }
    let left = async || {
        let sql = "select subject::text from events where workspace_id = $1 order by xid, id";
        let lines = database.query(sql, &[&workspace]).await.unwrap();
        lines.iter().map(|line| line.get(0)).collect::<Vec<String>>()
    };
    // One at a time makes progress, whatever other workspaces have.
    for _ in 0..200 {
        database.execute("select purge_chunk_v1('events', 1, 1000, interval '1 second')", &[]).await.unwrap();
        if left().await.len() < 3 {
            break;
        }
    }
    database.execute("select purge_chunk_v1('events', 1000, 1000000, interval '1 second')", &[]).await.unwrap();
    assert_eq!(left().await, ids[1..]);
    let mut follower = Follower::default();
    follower.catch_up(&ws, &[("types", "todo")]).await;
    assert_eq!(follower.copy.len(), 3);
}

/// With a retention of seconds instead of days.
async fn who_pauses_for_too_long_begins_anew_and_who_goes_on_never_does() {
    let Some(postgres) = Postgres::start().await else { return };
    let database = database::connect_to(&postgres.url()).await;
    let shorten = "create or replace function events_retention_v1() returns interval language sql immutable parallel \
                   safe
            return interval '8 seconds';
        do $$ begin
            execute replace(pg_get_functiondef('purge_chunk_v1'::regproc), 'interval ''1 day''', \
            'interval ''1 second''');
        end $$";
    database.batch_execute(shorten).await.unwrap();
    let server = Server::private(postgres.used_by(Options::default())).await;
    database::make_admin(&database, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let deleted = ws.titled("deleted").await;
    let (mut steady, mut paused) = (Follower::default(), Follower::default());
    for follower in [&mut steady, &mut paused] {
        follower.catch_up(&ws, &[]).await;
    }
    let (begun, mut written) = (Instant::now(), 0);
    ws.delete(&format!("/api/v2/todos/{deleted}")).send().await.no_content();
    while begun.elapsed() < Duration::from_secs(12) {
        ws.titled(&format!("todo {written}")).await;
        written += 1;
        steady.apply(&steady.ask(&ws, &[("wait", "1")]).await.unwrap().ok());
        database.execute("select purge_chunk_v1('events', 1000, 1000000, interval '1 second')", &[]).await.unwrap();
    }
    let lines = "select count(*) from events where subject = $1::text::uuid";
    assert_eq!(database::number(&database, lines, &[&deleted]).await, 0, "nobody is told of it any more");
    paused.ask(&ws, &[]).await.unwrap().problem(410, "resync_required");
    paused = Follower::default();
    for follower in [&mut steady, &mut paused] {
        follower.catch_up(&ws, &[]).await;
        assert_eq!(follower.sorted(), state(&ws).await, "{written} were written");
    }
}
