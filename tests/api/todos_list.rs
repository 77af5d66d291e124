//! Pages of todos: their shape and their orders.

use serde_json::{Value, json};

use crate::harness::{Workspace, database, suite};

suite![
    a_page_has_summaries,
    an_empty_list_is_empty,
    by_default_the_newest_come_first,
    every_sort_orders_both_ways,
    titles_sort_without_regard_to_case,
    todos_without_a_due_date_come_last_either_way,
    ties_follow_the_direction_of_the_sort,
    among_few_todos_no_page_is_short,
    #[database]
    what_matches_far_down_the_list_is_on_the_first_page,
];

async fn a_page_has_summaries() {
    let ws = Workspace::new().await;
    let employee = ws.employee("Ada Lovelace").await;
    let body =
        json!({ "title": "T", "description": "not in summaries", "tags": ["b", "a"], "assignee_id": employee["id"] });
    let todo = ws.todo(body).await;
    let page = ws.get("/api/v2/todos").send().await;
    let expected = json!({
        "id": todo["id"],
        "title": "T",
        "status": "pending",
        "completed": false,
        "priority": "medium",
        "due_date": null,
        "tags": ["a", "b"],
        "assignee": { "id": employee["id"], "name": "Ada Lovelace" },
        "updated_at": todo["updated_at"],
        "list_id": null,
        "parent_id": null,
        "position": todo["position"],
        "subtasks": { "total": 0, "completed": 0 },
    });
    assert_eq!(page.ok(), json!({ "items": [expected], "next_cursor": null }));
    assert!(page.optional("link").is_none_or(|link| !link.contains("rel=\"next\"")), "{page}");
    page.etag();
}

async fn an_empty_list_is_empty() {
    let ws = Workspace::new().await;
    assert_eq!(ws.get("/api/v2/todos").send().await.ok(), json!({ "items": [], "next_cursor": null }));
}

async fn by_default_the_newest_come_first() {
    let ws = Workspace::new().await;
    for title in ["first", "second", "third"] {
        ws.titled(title).await;
    }
    assert_eq!(ws.titles(&[]).await, ["third", "second", "first"]);
}

async fn every_sort_orders_both_ways() {
    let ws = Workspace::new().await;
    for (title, priority, due) in [
        ("b", "urgent", "2030-01-03"),
        ("d", "low", "2030-01-01"),
        ("a", "high", "2030-01-04"),
        ("c", "medium", "2030-01-02"),
    ] {
        ws.todo(json!({ "title": title, "priority": priority, "due_date": format!("{due}T00:00:00Z") })).await;
    }
    let first = ws.all("/api/v2/todos", &[("sort", "created_at"), ("limit", "1")]).await;
    let path = format!("/api/v2/todos/{}", first[0]["id"].as_str().unwrap());
    ws.patch(&path).json(json!({ "status": "in_progress" })).send().await.ok();
    for (sort, titles) in
        [("created_at", "bdac"), ("updated_at", "dacb"), ("due_date", "dcba"), ("priority", "dcab"), ("title", "abcd")]
    {
        for limit in ["1", "3", "100"] {
            assert_eq!(ws.titles(&[("sort", sort), ("limit", limit)]).await.concat(), titles, "{sort}");
            let reversed: String = titles.chars().rev().collect();
            let descending = format!("-{sort}");
            assert_eq!(ws.titles(&[("sort", &descending), ("limit", limit)]).await.concat(), reversed, "-{sort}");
        }
    }
}

async fn titles_sort_without_regard_to_case() {
    let ws = Workspace::new().await;
    for title in ["b", "A", "a1", "B2", "_", "Zebra", "ä", "Ö"] {
        ws.titled(title).await;
    }
    // By code point of the lower-case form: `_` (5F) before letters, `ä` (E4) and `ö` (F6) after `z`.
    assert_eq!(ws.titles(&[("sort", "title"), ("limit", "2")]).await, ["_", "A", "a1", "b", "B2", "Zebra", "ä", "Ö"]);
}

async fn todos_without_a_due_date_come_last_either_way() {
    let ws = Workspace::new().await;
    for (title, due) in [
        ("a", Value::Null),
        ("b", json!("2030-01-01T00:00:00Z")),
        ("c", Value::Null),
        ("d", json!("2029-01-01T00:00:00Z")),
    ] {
        ws.todo(json!({ "title": title, "due_date": due })).await;
    }
    for limit in ["1", "2", "3", "50"] {
        assert_eq!(ws.titles(&[("sort", "due_date"), ("limit", limit)]).await.concat(), "dbac");
        assert_eq!(ws.titles(&[("sort", "-due_date"), ("limit", limit)]).await.concat(), "bdca");
    }
}

async fn ties_follow_the_direction_of_the_sort() {
    let ws = Workspace::new().await;
    for title in ["a", "b", "c", "d", "e"] {
        ws.todo(json!({ "title": title, "priority": "high" })).await;
    }
    assert_eq!(ws.titles(&[("sort", "priority"), ("limit", "2")]).await.concat(), "abcde");
    assert_eq!(ws.titles(&[("sort", "-priority"), ("limit", "2")]).await.concat(), "edcba");
}

/// Only where there are very many may a page have fewer items than match.
async fn among_few_todos_no_page_is_short() {
    let ws = Workspace::new().await;
    for due in [Value::Null, json!("2999-01-01T00:00:00Z"), json!("2998-01-01T00:00:00Z")] {
        ws.todo(json!({ "title": "pay", "priority": "high", "due_date": due, "tags": ["home"] })).await;
        let binned = ws.todo(json!({ "title": "pay", "priority": "high", "due_date": due, "tags": ["home"] })).await;
        ws.delete(&format!("/api/v2/todos/{}", binned["id"].as_str().unwrap())).send().await.has_status(204);
    }
    let conditions =
        ["overdue=false", "status=pending,in_progress", "priority=low,high", "created_before=2999-01-01T00:00:00Z"];
    for filter in
        conditions.into_iter().chain(["completed=false&updated_since=2000-01-01T00:00:00Z", "tag=home", "q=pay"])
    {
        for key in ["created_at", "updated_at", "due_date", "priority", "title"] {
            for sort in [key.to_owned(), format!("-{key}")] {
                for place in ["", "&deleted=true"] {
                    let page = ws.get(&format!("/api/v2/todos?{filter}&sort={sort}{place}")).send().await;
                    let (items, next) = (page.ok()["items"].clone(), page.ok()["next_cursor"].clone());
                    assert_eq!((items.as_array().unwrap().len(), next), (3, Value::Null), "{page}");
                }
            }
        }
    }
}

/// Many match, but none of the newest 25,000 does, nor any that has a due date.
async fn what_matches_far_down_the_list_is_on_the_first_page() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let id = database::workspace(&database, &ws).await;
    let fill = "case when n > 25000 then 'bench' else 'x' end, now() - n * interval '1 second', \
            case when n <= 3000 then now() + n * interval '1 hour' end \
        from generate_series(1, 31000) n";
    database::insert(&database, id, "title, created_at, due_date", fill).await;
    for filter in ["q=bench", "q=-x", "q=bench&sort=due_date", "q=bench&sort=-due_date", "q=bench&sort=-priority"] {
        let page = ws.get(&format!("/api/v2/todos?{filter}")).send().await.ok();
        let titles: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["bench"; 50], "{filter}");
        assert!(page["next_cursor"].is_string(), "{filter}: {page}");
    }
    for (skip, items) in [("30999", 1), ("31000", 0), ("9223372036854775807", 0)] {
        let page = ws.get(&format!("/api/v1/todos?skip={skip}")).send().await.ok();
        assert_eq!(page.as_array().map(Vec::len), Some(items), "{skip}");
    }
    database::empty(&database, id).await;
}
