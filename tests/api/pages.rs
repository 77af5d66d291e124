//! Keyset pages: cursors, links, limits.

use serde_json::{Value, json};

use crate::harness::{Answer, Workspace, raw, suite};

suite![
    pages_follow_each_other_without_gaps,
    the_link_header_leads_to_the_next_page,
    the_spelling_of_a_query_changes_nothing,
    a_cursor_goes_with_another_limit,
    a_cursor_goes_with_no_other_filter_or_sort,
    a_tampered_cursor_is_refused,
    a_cursor_of_another_workspace_is_refused,
    a_cursor_of_another_list_is_refused,
    pages_stay_whole_while_todos_come_and_go,
    the_limit_is_never_clamped,
    every_collection_has_pages,
];

fn next(page: &Answer) -> String {
    page.ok()["next_cursor"].as_str().unwrap_or_else(|| panic!("expected another page: {page}")).to_owned()
}

async fn filled(count: usize) -> Workspace {
    let ws = Workspace::new().await;
    for number in 0..count {
        ws.titled(&format!("todo {number:02}")).await;
    }
    ws
}

async fn pages_follow_each_other_without_gaps() {
    let ws = filled(7).await;
    let expected: Vec<String> = (0..7).map(|number| format!("todo {number:02}")).collect();
    for limit in ["1", "2", "3", "6", "7", "8"] {
        assert_eq!(ws.titles(&[("sort", "created_at"), ("limit", limit)]).await, expected, "limit {limit}");
    }
    // A page that ends exactly with the last item says that there is no other.
    assert_eq!(ws.get("/api/v2/todos?limit=7").send().await.ok()["next_cursor"], Value::Null);
}

async fn the_link_header_leads_to_the_next_page() {
    let ws = filled(3).await;
    let page = ws.get("/api/v2/todos?limit=2&sort=title&status=pending").send().await;
    let link = page.header("link");
    assert!(link.contains("rel=\"next\""), "{page}");
    let target = link.split_once('<').and_then(|(_, rest)| rest.split_once('>')).expect("a link has a target").0;
    let path = target.strip_prefix(&ws.server.url).unwrap_or(target);
    let second = ws.get(path).send().await;
    assert_eq!(second.ok()["items"][0]["title"], "todo 02");
    assert_eq!(second.ok()["next_cursor"], Value::Null);
    assert!(second.optional("link").is_none_or(|link| !link.contains("rel=\"next\"")), "{second}");
}

async fn the_spelling_of_a_query_changes_nothing() {
    let ws = Workspace::new().await;
    for number in 0..3 {
        ws.titled(&format!("ärger {number}")).await;
    }
    let get = async |target: &str| {
        let head = format!("Host: test\r\nConnection: close\r\nAuthorization: Bearer {}", ws.token.as_ref().unwrap());
        raw::exchange(&ws.server, format!("GET {target} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await
    };
    let link = |answer: &Answer| {
        let link = answer.header("link").to_owned();
        assert!(link.is_ascii() && link.matches("cursor=").count() == 1 && !link.contains("%75"), "{answer}");
        link.split_once('<').unwrap().1.split_once('>').unwrap().0.trim_start_matches(&ws.server.url).to_owned()
    };
    // Once from the database, and then, where there is a cache, from there, with all that the first answer said of its
    // body.
    let has_cache = std::env::var("REDIS_URL").is_ok_and(|url| !url.is_empty());
    let of_the_request = ["date", "x-cache", "x-request-id", "server-timing"];
    let said = |answer: &Answer| {
        let mut said: Vec<String> = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        said.retain(|line| !of_the_request.iter().any(|name| line.starts_with(&format!("{name}: "))));
        said.sort();
        said
    };
    for (spelled, target) in [
        ("ärger", "/api/v2/todos?q=ärger&limit=1&sort=title"),
        ("%C3%A4rger", "/api/v2/todos?q=%C3%A4rger&limit=1&sort=title"),
        ("%c3%a4%72ger", "/api/v2/todos?%71=%c3%a4%72ger&limit=1&&sort=title&"),
    ] {
        let (first, mut again) = (get(target).await, get(target).await);
        // A busy Redis may be left alone for a moment.
        for _ in 0..50 {
            if !has_cache || again.header("x-cache") == "HIT" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            again = get(target).await;
        }
        assert!(!has_cache || again.header("x-cache") == "HIT", "{again}");
        assert_eq!((said(&first), first.ok()), (said(&again), again.ok()), "{spelled}");
        assert_eq!(link(&first), link(&again), "{spelled}");
        let second = get(&link(&first)).await;
        assert_eq!(second.ok()["items"][0]["title"], "ärger 1", "{spelled}");
        let third = get(&link(&second).replace("cursor=", "c%75rsor=")).await;
        assert_eq!(third.ok()["items"][0]["title"], "ärger 2", "{spelled}");
        assert_eq!(third.optional("link"), None, "{third}");
        let second = get(&link(&first).replace("cursor=", "c%75rsor=")).await;
        assert_eq!(get(&link(&second)).await.ok()["items"][0]["title"], "ärger 2", "{spelled}");
    }
}

async fn a_cursor_goes_with_another_limit() {
    let ws = filled(4).await;
    let cursor = next(&ws.get("/api/v2/todos?limit=1&sort=title").send().await);
    let rest = ws.get("/api/v2/todos?limit=50&sort=title").query(&[("cursor", &cursor)]).send().await.ok();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
}

async fn a_cursor_goes_with_no_other_filter_or_sort() {
    let ws = filled(3).await;
    let cursor = next(&ws.get("/api/v2/todos?limit=1&sort=title&status=pending").send().await);
    for query in [
        "sort=-title&status=pending",
        "sort=created_at&status=pending",
        "status=pending",
        "sort=title",
        "sort=title&status=completed",
        "sort=title&status=pending&priority=low",
        "sort=title&status=pending&deleted=true",
    ] {
        let answer = ws.get(&format!("/api/v2/todos?{query}")).query(&[("cursor", &cursor)]).send().await;
        answer.problem(400, "invalid_cursor");
    }
    // The same filter said otherwise is the same filter.
    for query in ["status=pending&sort=title", "sort=title&status=pending,pending"] {
        ws.get(&format!("/api/v2/todos?{query}")).query(&[("cursor", &cursor)]).send().await.ok();
    }
}

async fn a_tampered_cursor_is_refused() {
    let ws = filled(3).await;
    let cursor = next(&ws.get("/api/v2/todos?limit=1").send().await);
    let mut tampered =
        vec![String::new(), "x".to_owned(), "AAAA".to_owned(), cursor.to_lowercase() + "A", cursor[1..].to_owned()];
    for position in 0..cursor.len() {
        let mut letters: Vec<char> = cursor.chars().collect();
        letters[position] = if letters[position] == 'A' { 'B' } else { 'A' };
        tampered.push(letters.into_iter().collect());
    }
    for wrong in tampered.iter().filter(|wrong| **wrong != cursor) {
        let answer = ws.get("/api/v2/todos").query(&[("cursor", wrong)]).send().await;
        answer.problem(400, "invalid_cursor");
    }
}

async fn a_cursor_of_another_workspace_is_refused() {
    let (ws, other) = (filled(2).await, filled(2).await);
    let cursor = next(&other.get("/api/v2/todos?limit=1").send().await);
    ws.get("/api/v2/todos").query(&[("cursor", &cursor)]).send().await.problem(400, "invalid_cursor");
}

async fn a_cursor_of_another_list_is_refused() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "a", "tags": ["x", "y"] })).await;
    ws.titled("b").await;
    let cursor = next(&ws.get("/api/v2/todos?limit=1").send().await);
    for list in ["tags", "employees", "departments", "jobs"] {
        let answer = ws.get(&format!("/api/v2/{list}")).query(&[("cursor", &cursor)]).send().await;
        answer.problem(400, "invalid_cursor");
    }
    let cursor = next(&ws.get("/api/v2/tags?limit=1").send().await);
    ws.get("/api/v2/todos").query(&[("cursor", &cursor)]).send().await.problem(400, "invalid_cursor");
}

async fn pages_stay_whole_while_todos_come_and_go() {
    let ws = filled(6).await;
    let first = ws.get("/api/v2/todos?limit=3&sort=title").send().await;
    // Those already read change or go; new ones come before and after the place.
    let seen = first.ok()["items"][2]["id"].as_str().unwrap().to_owned();
    ws.delete(&format!("/api/v2/todos/{seen}")).send().await.no_content();
    ws.titled("aaa").await;
    ws.titled("zzz").await;
    let second = ws.get("/api/v2/todos?limit=3&sort=title").query(&[("cursor", &next(&first))]).send().await;
    let third = ws.get("/api/v2/todos?limit=3&sort=title").query(&[("cursor", &next(&second))]).send().await;
    let items = [second.ok()["items"].clone(), third.ok()["items"].clone()];
    let titles: Vec<&str> =
        items.iter().flat_map(|items| items.as_array().unwrap()).map(|todo| todo["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["todo 03", "todo 04", "todo 05", "zzz"]);
}

async fn the_limit_is_never_clamped() {
    let ws = Workspace::new().await;
    for wrong in ["0", "101", "1000", "-5", "1.5", "0x10", " 5"] {
        let answer = ws.get("/api/v2/todos").query(&[("limit", wrong)]).send().await;
        answer.problem(400, "invalid_parameter").in_parameter("limit");
    }
    ws.get("/api/v2/todos?limit=1").send().await.ok();
    ws.get("/api/v2/todos?limit=100").send().await.ok();
}

async fn every_collection_has_pages() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "t", "tags": ["a", "b", "c"] })).await;
    for name in ["Ann", "Ben", "Cid"] {
        ws.employee(name).await;
        ws.department(name).await;
    }
    for list in ["tags", "employees", "departments"] {
        let path = format!("/api/v2/{list}");
        let all: Vec<Value> = ws.all(&path, &[]).await;
        assert_eq!(all.len(), 3, "{list}");
        assert_eq!(ws.all(&path, &[("limit", "1")]).await, all, "{list}");
        assert_eq!(ws.all(&path, &[("limit", "2")]).await, all, "{list}");
        let page = ws.get(&format!("{path}?limit=2")).send().await;
        assert!(page.header("link").contains("rel=\"next\""), "{page}");
        ws.get(&format!("{path}?limit=0")).send().await.problem(400, "invalid_parameter").in_parameter("limit");
        ws.get(&format!("{path}?colour=red")).send().await.problem(400, "invalid_parameter").in_parameter("colour");
        ws.get(&format!("{path}?cursor=tampered")).send().await.problem(400, "invalid_cursor");
    }
    let admin = ws.server.admin();
    for list in ["workspaces", "tokens"] {
        let page = admin.get(&format!("/api/v2/admin/{list}?limit=1")).send().await;
        let cursor = next(&page);
        let second = admin.get(&format!("/api/v2/admin/{list}?limit=1")).query(&[("cursor", &cursor)]).send().await;
        assert_ne!(second.ok()["items"], page.ok()["items"], "{list}");
    }
}
