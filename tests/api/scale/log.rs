//! The log of changes at a million lines: the feed, lists of events, and the purge.

use todo_core::domain::cursor::Cursor;
use todo_core::domain::feed::{FeedPosition, SubjectKind};

use super::ledger::Ledger;
use super::place::{CURSOR_SECRET, Place};
use super::plans::Plan;
use super::shapes;
use crate::harness::uuid;

/// How many lines of the log a page looks at.
const WINDOW: f64 = 5_000.0;

/// The cursor of a client that has read the first lines of a workspace's log.
async fn read_so_far(place: &Place, workspace: &str, lines: i64) -> String {
    let line = "select w.id, f.epoch::text, e.xid::text, e.id from workspaces w cross join feed f cross join lateral (
        select xid, id from events where workspace_id = w.id order by xid, id offset $2 limit 1) e where w.name = $1";
    let row = place.database.query_one(line, &[&workspace, &lines]).await.unwrap();
    let (epoch, transaction): (String, String) = (row.get(1), row.get(2));
    let position = FeedPosition {
        epoch: epoch.parse().unwrap(),
        phase: "changes".to_owned(),
        after: 0,
        line: (transaction.parse().unwrap(), row.get(3)),
        complete_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    };
    let kinds = SubjectKind::ALL.map(SubjectKind::as_str).join(",");
    let scope = format!("changes\n{}\n{kinds}", row.get::<_, i64>(0));
    Cursor::encode(CURSOR_SECRET.as_bytes(), &scope, &position.to_position())
}

pub async fn the_feed_costs_the_same_however_long_it_is() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let mut costs = Vec::new();
    // Not where the large workspace tells of the todo with ten thousand subtasks: at the beginning of each half.
    for (workspace, lines) in [("other 7", [1_000, 5_000, 9_900]), ("large", [1_000, 600_000, 999_900])] {
        for line in lines {
            let path = format!("/api/v2/changes?limit=100&cursor={}", read_so_far(&place, workspace, line).await);
            let client = if workspace == "large" { &place.large } else { &place.small };
            let call = client.get(&path);
            let (answer, plans) = place.observe(call).await;
            assert!(!answer.ok()["items"].as_array().unwrap().is_empty(), "{answer}");
            reads_the_log_in_its_order(&plans);
            ledger.enter(&answer, &plans);
            ledger.at_most(WINDOW + 100.0 * 100.0);
            costs.push(plans.iter().map(Plan::rows).sum::<f64>());
        }
    }
    eprintln!("rows that a page of the feed looked at: {costs:?}");
    let most = |costs: &[f64]| costs.iter().copied().fold(0.0, f64::max);
    assert!(
        most(&costs[3..]) <= 1.5 * most(&costs[..3]),
        "a page of a million lines costs what one of ten thousand does"
    );
    let cursor = read_so_far(&place, "large", 10).await;
    let live = "select t.uid::text from todos t join workspaces w on w.id = t.workspace_id \
        where w.name = 'large' and t.deleted_at is null limit 1";
    let todo = place.text(live).await;
    for path in [
        "/api/v2/changes".to_owned(),
        "/api/v2/changes?types=todo&limit=200".to_owned(),
        format!("/api/v2/changes?cursor={cursor}"),
        format!("/api/v2/todos/{todo}/history"),
    ] {
        let call = place.large.get(&path);
        let (answer, plans) = place.observe(call).await;
        if path.starts_with("/api/v2/changes") {
            reads_the_log_in_its_order(&plans);
        }
        ledger.enter(&answer, &plans);
        ledger.at_most(40_000.0);
    }
    ledger.close(10);
}

/// By nothing but `events_pkey`; only what has become of a subject that is gone is found by the subject.
fn reads_the_log_in_its_order(plans: &[Plan]) {
    for plan in plans {
        let index = if plan.query.contains("e.subject = p_uid") { "events_by_subject" } else { "events_pkey" };
        let others: Vec<_> = plan.indexes().into_iter().filter(|read| read.starts_with("events")).collect();
        assert!(others.iter().all(|read| *read == index), "{others:?} in: {}", plan.query);
    }
}

/// Whoever did it, or nobody, and however far back.
pub async fn every_list_of_events_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let wide = place.text(&shapes::parent(true)).await;
    let actor = "select substr(actor, 3) from events e join workspaces w on w.id = e.workspace_id \
        where w.name = 'large' and actor like 'j:%' order by e.xid, e.id limit 1";
    let (early, nobody) = (place.text(actor).await, uuid());
    for (query, index, rows) in [
        (String::new(), "events_pkey", WINDOW + 100.0),
        (format!("actor={nobody}"), "events_pkey", WINDOW),
        (format!("actor={early}"), "events_pkey", WINDOW),
        ("type=todo.restored".to_owned(), "events_pkey", WINDOW + 100.0),
        (format!("subject={wide}"), "events_by_subject", 500.0),
        (format!("subject={nobody}"), "events_by_subject", 0.0),
        (format!("subject={wide}&actor={nobody}"), "events_by_subject", 500.0),
    ] {
        let mut path = format!("/api/v2/events?limit=50&{query}");
        for _ in 0..3 {
            let call = place.admin.get(&path);
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
            ledger.at_most(rows);
            let looked =
                plans.iter().find(|plan| plan.query.contains("looked AS MATERIALIZED")).expect("the page's plan");
            assert!(looked.indexes().contains(&index), "{path} reads {:?}", looked.indexes());
            let Some(next) = answer.ok()["next_cursor"].as_str().map(str::to_owned) else { break };
            path = format!("/api/v2/events?limit=50&{query}&cursor={next}");
        }
    }
    ledger.close(5);
}

/// Undone in the end.
pub async fn old_events_are_purged_by_their_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let age = "begin; set local statement_timeout = 0; \
        update events set at = at - interval '30 days' where (workspace_id, xid, id) in ( \
            select workspace_id, xid, id from events where workspace_id = (select id from workspaces \
            where name = 'large') \
            order by xid, id limit 1500)";
    place.database.batch_execute(age).await.unwrap();
    let purge = "select purge_chunk_v1('events', 1000, 8388608, interval '15 seconds')";
    for removed in [1000, 500, 0] {
        place.plans();
        let row = place.database.query_one(purge, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), removed);
        // The first line of each of fifty workspaces, those that are looked at, and those that go.
        ledger.note(&format!("a purge of {removed} events"), &place.plans());
        ledger.at_most(3_000.0);
    }
    place.database.batch_execute("rollback").await.unwrap();
    ledger.close(5);
}
