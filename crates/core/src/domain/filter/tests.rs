use serde_json::{Value, json};

use super::*;

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn full() -> Filter {
    let at = |text| Some(Instant::parse(text).unwrap());
    Filter {
        status: vec![Status::InProgress],
        priority: vec![Priority::Low, Priority::Urgent],
        completed: Some(false),
        tags: vec![tag("Home")],
        assignee: Some(Id::Serial(7)),
        department: Id::parse_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        due_after: at("2026-01-01T00:00:00Z"),
        due_before: at("2026-12-31T23:59:59.5Z"),
        overdue: Some(true),
        created_after: at("2025-01-01T00:00:00Z"),
        created_before: at("2025-12-31T00:00:00Z"),
        updated_since: at("2025-06-01T00:00:00Z"),
        q: Some("milk -bread".to_owned()),
        deleted: true,
        lists: vec![Holder::None, Holder::Id(Id::Serial(3))],
        parent: Some(Holder::Id(Id::Serial(4))),
        root: Some(Id::Serial(5)),
        archived: true,
    }
}

#[test]
fn the_stored_form_is_stable() {
    let stored = json!({
        "status": ["in_progress"],
        "priority": ["low", "urgent"],
        "completed": false,
        "tags": ["Home"],
        "assignee": 7,
        "department": "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "due_after": "2026-01-01T00:00:00Z",
        "due_before": "2026-12-31T23:59:59.5Z",
        "overdue": true,
        "created_after": "2025-01-01T00:00:00Z",
        "created_before": "2025-12-31T00:00:00Z",
        "updated_since": "2025-06-01T00:00:00Z",
        "q": "milk -bread",
        "deleted": true,
        "lists": ["none", {"id": 3}],
        "parent": {"id": 4},
        "root": 5,
        "archived": true,
    });
    assert_eq!(serde_json::to_value(full()).unwrap(), stored);
    assert_eq!(serde_json::from_value::<Filter>(stored).unwrap(), full());
    assert_eq!(serde_json::to_value(Filter::default()).unwrap(), json!({}));
    assert_eq!(serde_json::from_value::<Filter>(json!({})).unwrap(), Filter::default());
}

#[test]
fn a_stored_condition_that_is_not_understood_is_refused() {
    for stored in [
        json!({"colour": "red"}),
        json!({"status": ["paused"]}),
        json!({"assignee": true}),
        json!({"due_after": "soon"}),
    ] {
        assert!(serde_json::from_value::<Filter>(stored.clone()).is_err(), "{stored}");
    }
}

#[test]
fn only_a_filter_without_conditions_is_empty() {
    assert!(Filter::default().is_empty());
    let Value::Object(conditions) = serde_json::to_value(full()).unwrap() else { panic!("not an object") };
    for (name, value) in conditions {
        let filter: Filter = serde_json::from_value(json!({ name.as_str(): value })).unwrap();
        assert_eq!(filter.is_empty(), name == "archived", "{name}");
    }
}

#[test]
fn the_scope_tells_lists_apart_and_nothing_else() {
    let sort = Sort::default();
    let Value::Object(conditions) = serde_json::to_value(full()).unwrap() else { panic!("not an object") };
    let mut scopes = vec![Filter::default().scope(sort), full().scope(sort)];
    for (name, value) in conditions {
        let filter: Filter = serde_json::from_value(json!({ name.as_str(): value })).unwrap();
        scopes.push(filter.scope(sort));
    }
    for key in SortKey::ALL {
        scopes.push(full().scope(Sort { key, descending: false }));
    }
    let count = scopes.len();
    scopes.sort_unstable();
    scopes.dedup();
    assert_eq!(scopes.len(), count);

    let one = Filter {
        status: vec![Status::Pending, Status::Cancelled],
        tags: vec![tag("a"), tag("B")],
        ..Filter::default()
    };
    let other = Filter {
        status: vec![Status::Cancelled, Status::Pending, Status::Cancelled],
        tags: vec![tag("b"), tag("A"), tag("a")],
        ..Filter::default()
    };
    assert_eq!(one.scope(sort), other.scope(sort));
}

#[test]
fn a_sort_is_a_key_with_an_optional_sign() {
    for key in SortKey::ALL {
        for descending in [false, true] {
            let sort = Sort { key, descending };
            assert_eq!(Sort::parse(&sort.to_string()), Some(sort));
        }
    }
    assert_eq!(Sort::parse("-created_at"), Some(Sort::default()));
    for text in ["", "-", "--title", "+title", "Title", " title", "title ", "id", "title,priority"] {
        assert_eq!(Sort::parse(text), None, "{text}");
    }
}

#[test]
fn a_limit_is_never_clamped() {
    for (text, items) in [("1", 1), ("50", 50), ("100", 100), ("007", 7)] {
        assert_eq!(Limit::parse(text).map(Limit::get), Some(items), "{text}");
    }
    for text in ["", "0", "101", "-1", "+1", "1.0", " 1", "1e1", "99999999999999999999", "٣"] {
        assert_eq!(Limit::parse(text), None, "{text}");
    }
    assert_eq!(Limit::default().get(), 50);
}
