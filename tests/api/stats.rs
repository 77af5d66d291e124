//! Counts.

use serde_json::{Value, json};

use crate::harness::mcp::tool;
use crate::harness::{Workspace, database, suite};
use crate::jobs::done;

suite![
    an_empty_workspace_counts_zero_everywhere,
    everything_but_the_bin_is_counted,
    due_today_depends_on_the_time_zone,
    an_unknown_time_zone_is_refused,
    #[database]
    every_time_zone_of_the_database_is_known_by_its_name_alone,
    counts_follow_every_write,
    completions_follow_every_write,
    #[database]
    completions_of_seven_days_are_kept_by_the_hour,
];

async fn stats(ws: &Workspace) -> Value {
    ws.get("/api/v2/todos/stats").send().await.ok()
}

async fn an_empty_workspace_counts_zero_everywhere() {
    let ws = Workspace::new().await;
    let expected = json!({
        "total": 0,
        "by_status": { "pending": 0, "in_progress": 0, "completed": 0, "cancelled": 0 },
        "by_priority": { "low": 0, "medium": 0, "high": 0, "urgent": 0 },
        "overdue": 0,
        "due_today": 0,
        "completed_last_7_days": 0,
    });
    assert_eq!(stats(&ws).await, expected);
}

async fn everything_but_the_bin_is_counted() {
    let ws = Workspace::new().await;
    for (status, priority, due) in [
        ("pending", "low", json!("2020-01-01T00:00:00Z")),
        ("pending", "high", Value::Null),
        ("in_progress", "high", json!("2020-01-01T00:00:00Z")),
        ("completed", "urgent", json!("2020-01-01T00:00:00Z")),
        ("cancelled", "medium", json!("2020-01-01T00:00:00Z")),
    ] {
        ws.todo(json!({ "title": "x", "status": status, "priority": priority, "due_date": due })).await;
    }
    let binned = ws.titled("binned").await;
    ws.delete(&format!("/api/v2/todos/{binned}")).send().await.no_content();
    let expected = json!({
        "total": 5,
        "by_status": { "pending": 2, "in_progress": 1, "completed": 1, "cancelled": 1 },
        "by_priority": { "low": 1, "medium": 1, "high": 2, "urgent": 1 },
        "overdue": 2,
        "due_today": 0,
        "completed_last_7_days": 1,
    });
    assert_eq!(stats(&ws).await, expected);
}

async fn due_today_depends_on_the_time_zone() {
    let ws = Workspace::new().await;
    // Somewhere between +14 and -11 hours it is always another day; 25 hours lie between the two zones.
    let now = chrono::Utc::now();
    for hours in [-30, -18, -6, 6, 18, 30] {
        let due = (now + chrono::TimeDelta::hours(hours)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        ws.todo(json!({ "title": "x", "due_date": due })).await;
    }
    let closed = now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    ws.todo(json!({ "title": "done", "status": "completed", "due_date": closed })).await;
    for (zone, offset) in [("UTC", 0), ("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11), ("Asia/Tokyo", 9)] {
        let local = |hours: i64| (now + chrono::TimeDelta::hours(hours + offset)).date_naive();
        let expected = [-30, -18, -6, 6, 18, 30].into_iter().filter(|hours| local(*hours) == local(0)).count();
        let counted = ws.get("/api/v2/todos/stats").query(&[("tz", zone)]).send().await.ok();
        assert_eq!(counted["due_today"], expected, "{zone}");
    }
}

async fn an_unknown_time_zone_is_refused() {
    let ws = Workspace::new().await;
    for zone in [
        "Mars/Olympus",
        "",
        "+02:00",
        "UTC'; drop table todos",
        "../../etc/passwd",
        "localtime",
        "CEST",
        "EST5",
        "posixrules",
    ] {
        let answer = ws.get("/api/v2/todos/stats").query(&[("tz", zone)]).send().await;
        answer.problem(400, "invalid_parameter").in_parameter("tz");
    }
    for zone in ["GMT", "CET", "EST5EDT"] {
        ws.get("/api/v2/todos/stats").query(&[("tz", zone)]).send().await.ok();
    }
    ws.get("/api/v2/todos/stats?status=pending").send().await.problem(400, "invalid_parameter").in_parameter("status");
}

async fn every_time_zone_of_the_database_is_known_by_its_name_alone() {
    let (ws, database) = (Workspace::new().await, database::connect().await);
    // Some systems have each zone twice more, and links of their own.
    let names = "select name from pg_timezone_names \
        where name !~ '^(posix|right)/' and name not in ('localtime', 'posixrules') order by name";
    let names = texts(&database, names).await;
    assert!(names.len() > 300, "{}", names.len());
    let abbreviations = texts(&database, "select distinct abbrev from pg_timezone_abbrevs order by 1").await;
    let others: Vec<String> = abbreviations.into_iter().filter(|abbreviation| !names.contains(abbreviation)).collect();
    assert!(others.len() > 50, "{others:?}");
    let rules = ["CET-1CEST", "<+03>-3", "EST5EDT,M3.2.0,M11.1.0", "Etc/UTC+3"].map(str::to_owned);
    for (zones, status) in [(names, 200), ([others.as_slice(), &rules].concat(), 400)] {
        for zones in zones.chunks(20) {
            let asked = zones.iter().map(|zone| ws.get("/api/v2/todos/stats").query(&[("tz", zone)]).send());
            for answer in futures::future::join_all(asked).await {
                answer.has_status(status);
            }
        }
    }
}

/// The first column of a query.
async fn texts(database: &tokio_postgres::Client, query: &str) -> Vec<String> {
    database.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn counts_follow_every_write() {
    let ws = Workspace::new().await;
    stats(&ws).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    assert_eq!(stats(&ws).await["total"], 1);
    ws.patch(&path).json(json!({ "status": "completed" })).send().await.ok();
    let counted = stats(&ws).await;
    assert_eq!((&counted["by_status"]["completed"], &counted["completed_last_7_days"]), (&json!(1), &json!(1)));
    ws.delete(&path).send().await.no_content();
    assert_eq!(stats(&ws).await["total"], 0);
    ws.post(&format!("{path}/restore")).send().await.ok();
    assert_eq!(stats(&ws).await["total"], 1);
}

async fn completions_follow_every_write() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "x", "status": "completed" })).await;
    let (id, filter) = (&todo["id"], json!({ "q": "x" }));
    let path = format!("/api/v2/todos/{}", id.as_str().unwrap());
    let counted = async |todos: i32, completed: i32, after: &str| {
        let counted = stats(&ws).await;
        let numbers = (&counted["total"], &counted["by_status"]["completed"], &counted["completed_last_7_days"]);
        assert_eq!(numbers, (&json!(todos), &json!(completed), &json!(completed)), "after {after}");
    };
    let batch = async |mut operation: Value| {
        operation["id"] = id.clone();
        ws.post("/api/v2/todos/batch").json(json!({ "operations": [operation] })).send().await.ok();
    };
    counted(1, 1, "a create").await;
    for (action, completed) in [("reopen", 0), ("complete", 1), ("complete", 1)] {
        done(&ws, json!({ "filter": filter, "action": action })).await;
        counted(1, completed, action).await;
    }
    done(&ws, json!({ "filter": filter, "action": "set_priority", "priority": "low" })).await;
    counted(1, 1, "a change of priorities").await;
    for (status, completed) in [("in_progress", 0), ("completed", 1)] {
        batch(json!({ "op": "update", "todo": { "status": status } })).await;
        counted(1, completed, status).await;
    }
    batch(json!({ "op": "delete" })).await;
    counted(0, 0, "a delete in a batch").await;
    for _ in 0..2 {
        tool(&ws, "restore_todos", json!({ "ids": [id] })).send().await.content();
        counted(1, 1, "restoring several").await;
    }
    done(&ws, json!({ "filter": filter, "action": "delete" })).await;
    counted(0, 0, "a bulk delete").await;
    for _ in 0..2 {
        ws.post(&format!("{path}/restore")).send().await.ok();
        counted(1, 1, "restoring").await;
    }
}

async fn completions_of_seven_days_are_kept_by_the_hour() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let id = database::workspace(&database, &ws).await;
    // Two are too old; one lies in the hour with which the seven days begin, or in the next.
    let fill = "'x', 'completed', now() - interval '7 days' + n * interval '1 minute' \
        from unnest(array[-5000, -1, 2, 70, 5000, 10079]) n";
    database::insert(&database, id, "title, status, completed_at", fill).await;
    let counted = stats(&ws).await;
    assert_eq!((&counted["total"], &counted["completed_last_7_days"]), (&json!(6), &json!(4)));
    let kept = "select coalesce(sum(todos), 0)::bigint from completion_counts where workspace_id = $1";
    assert_eq!(database::number(&database, kept, &[&id]).await, 5, "all but what is older by more than two hours");
    // A number that no count gives shows that the kept one is read. Nobody else may see it.
    database.batch_execute("begin").await.unwrap();
    let keep = "update completion_counts set todos = todos + 1000 where workspace_id = $1 and (hour, shard) = ( \
        select hour, shard from completion_counts where workspace_id = $1 order by hour desc, shard limit 1)";
    assert_eq!(database.execute(keep, &[&id]).await.unwrap(), 1);
    let sql = include_str!("../../crates/core/src/store/sql/stats.sql");
    let told: String = database.query_one(sql, &[&id, &"UTC"]).await.unwrap().get(0);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["total"], &told["completed_last_7_days"]), (&json!(6), &json!(1004)));
    database.batch_execute("rollback").await.unwrap();
    database::empty(&database, id).await;
    assert_eq!(database::number(&database, kept, &[&id]).await, 0);
}
