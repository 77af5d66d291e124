//! Compares one todo of the old application with the same todo of version 1, field by field.

use serde_json::{Map as Object, Value};
use todo_core::domain::instant::Instant;
use todo_core::domain::text::{Description, TagName, Title};
use todo_core::domain::todo::Priority;

use super::difference::{Difference, Findings};
use super::zone::Zone;
use crate::adopt::map::Map;
use crate::adopt::todos::agreed;

/// What version 1 has and the old application did not.
const NEW_FIELDS: [&str; 3] = ["assignee", "completed_at", "version"];

/// Compares two todos. `ours`: fields that each application chooses itself, since both made a todo of their own.
pub fn compare(at: &str, old: &Value, new: &Value, map: &Map, ours: &[&str], findings: &mut Findings) {
    findings.todos += 1;
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        findings.other(at, &format!("one of the two is no object: {old} and {new}"));
        return;
    };
    for (field, before) in old {
        let at = format!("{at}, {field}");
        let Some(after) = new.get(field) else {
            findings.other(&at, "is missing");
            continue;
        };
        if before == after || ours.contains(&field.as_str()) {
            continue;
        }
        match reason(field, before, after, old, map, &mut findings.zone) {
            Some(reasons) => reasons.iter().for_each(|reason| findings.on_purpose(*reason, &at)),
            None => findings.other(&at, &format!("was {before} and is {after}")),
        }
    }
    for field in new.keys().filter(|field| !old.contains_key(*field)) {
        match NEW_FIELDS.contains(&field.as_str()) {
            true => findings.on_purpose(Difference::MoreFields, &format!("{at}, {field}")),
            false => findings.other(at, &format!("{field} is new")),
        }
    }
}

/// Why two values of a field differ; `None` if there is no good reason.
fn reason(
    field: &str,
    before: &Value,
    after: &Value,
    old: &Object<String, Value>,
    map: &Map,
    zone: &mut Zone,
) -> Option<Vec<Difference>> {
    match field {
        "title" => title(before.as_str()?, after.as_str()?).map(|reason| vec![reason]),
        "description" => {
            let sanitised = Description::parse(before.as_str()?).ok()?;
            (sanitised.as_ref().map(Description::as_str) == after.as_str()).then(|| vec![Difference::Sanitised])
        }
        "due_date" | "created_at" | "updated_at" | "completed_at" => {
            let Some(before) = before.as_str() else {
                return (before.is_null() && field != "due_date").then(|| vec![Difference::Mended]);
            };
            let after = Instant::parse(after.as_str()?).ok()?;
            let same = match (Instant::parse(before), Instant::parse(&format!("{before}Z"))) {
                (Ok(before), _) => before == after,
                (_, Ok(before)) => zone.explains(before.to_utc() - after.to_utc()),
                _ => false,
            };
            same.then(|| vec![Difference::Instants])
        }
        "status" => {
            let completed = old.get("completed").and_then(Value::as_bool);
            let named = before.as_str().and_then(|word| map.status(word));
            let mended = agreed(named, completed);
            (after.as_str()? == mended.as_str()).then(|| vec![Difference::Mended])
        }
        "completed" => (before.is_null() && after.is_boolean()).then(|| vec![Difference::Mended]),
        "priority" => {
            let mended = before.as_str().map_or(Some(Priority::Medium), |word| map.priority(word))?;
            (after.as_str()? == mended.as_str()).then(|| vec![Difference::Mended])
        }
        "tags" => tags(before.as_array()?, after.as_array()?),
        _ => None,
    }
}

/// Why two titles differ.
fn title(before: &str, after: &str) -> Option<Difference> {
    let cleaned = |text: &str| Title::parse(text).is_ok_and(|title| title.as_str() == after);
    // The application after its owners' plan writes plain text as HTML.
    let plain = before.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    match (cleaned(before), cleaned(&plain)) {
        (true, _) => Some(Difference::Sanitised),
        (false, true) => Some(Difference::PlanTitles),
        (false, false) => None,
    }
}

/// Why two lists of tags differ.
fn tags(before: &[Value], after: &[Value]) -> Option<Vec<Difference>> {
    let mut reasons = Vec::new();
    let mut matched = Vec::new();
    for old in before {
        let name = TagName::parse(old["name"].as_str()?).ok()?;
        let folded = |tag: &&Value| tag["name"].as_str().and_then(|name| TagName::parse(name).ok());
        let new = after.iter().find(|tag| folded(tag).is_some_and(|other| other.folded() == name.folded()))?;
        if new["id"] != old["id"] {
            reasons.push(Difference::MergedTags);
        } else if new["name"] != old["name"] {
            (new["name"].as_str()? == name.as_str()).then(|| reasons.push(Difference::Sanitised))?;
        }
        if !matched.contains(&new["id"]) {
            matched.push(new["id"].clone());
        }
    }
    if matched.len() != after.len() {
        return None;
    }
    if after.iter().map(|tag| &tag["id"]).ne(&matched) {
        reasons.push(Difference::TagOrder);
    }
    (!reasons.is_empty()).then_some(reasons)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(old: Value, new: Value) -> (u64, Vec<&'static str>) {
        let (map, mut findings) = (Map::load(None).unwrap(), Findings::default());
        compare("x", &old, &new, &map, &[], &mut findings);
        (findings.others, findings.ids())
    }

    #[test]
    fn what_a_rule_explains_is_on_purpose() {
        let tag = |id: u32, name: &str| json!({ "id": id, "name": name });
        for (old, new, id) in [
            (json!({ "title": " <b>x</b> " }), json!({ "title": "x" }), "old-text"),
            (json!({ "title": "a &amp; b" }), json!({ "title": "a & b" }), "plan-titles"),
            (json!({ "description": "x " }), json!({ "description": "x" }), "old-text"),
            (
                json!({ "due_date": "2030-01-01T01:00:00.500000+01:00" }),
                json!({ "due_date": "2030-01-01T00:00:00.5Z" }),
                "old-instants",
            ),
            (
                json!({ "created_at": "2030-01-01T01:00:00" }),
                json!({ "created_at": "2030-01-01T00:00:00Z" }),
                "old-instants",
            ),
            (
                json!({ "status": "pending", "completed": true }),
                json!({ "status": "completed", "completed": true }),
                "old-mended",
            ),
            (json!({ "priority": null }), json!({ "priority": "medium" }), "old-mended"),
            (
                json!({ "tags": [tag(1, "a"), tag(2, "b")] }),
                json!({ "tags": [tag(2, "b"), tag(1, "a")] }),
                "old-tag-order",
            ),
            (json!({ "tags": [tag(1, "a"), tag(2, "A")] }), json!({ "tags": [tag(1, "a")] }), "old-merged-tags"),
            (json!({}), json!({ "version": 1 }), "old-fields"),
        ] {
            assert_eq!(differences(old.clone(), new), (0, vec![id]), "{old}");
        }
    }

    #[test]
    fn instants_without_a_zone_are_all_of_one() {
        let (map, mut findings) = (Map::load(None).unwrap(), Findings::default());
        for (after, others) in [("00:00:00Z", 0), ("05:00:00Z", 1), ("00:00:00.001Z", 2), ("00:00:00Z", 2)] {
            let (old, new) = (json!({ "due_date": "2030-01-02T01:00:00" }), format!("2030-01-02T{after}"));
            compare("x", &old, &json!({ "due_date": new }), &map, &[], &mut findings);
            assert_eq!(findings.others, others, "{after}");
        }
    }

    #[test]
    fn anything_else_is_reported() {
        let tags = |ids: &[u32]| -> Vec<Value> {
            ids.iter().map(|id| json!({ "id": id, "name": format!("t{id}") })).collect()
        };
        for (old, new) in [
            (json!({ "id": 1 }), json!({ "id": 2 })),
            (json!({ "title": "x" }), json!({ "title": "y" })),
            (json!({ "title": "x" }), json!({})),
            (json!({}), json!({ "surprise": 1 })),
            (json!({ "tags": tags(&[1]) }), json!({ "tags": [{ "id": 1, "name": "t1", "surprise": 1 }] })),
            (json!({ "description": "x" }), json!({ "description": null })),
            (json!({ "due_date": "2030-01-01T01:00:00+01:00" }), json!({ "due_date": "2030-01-01T01:00:00Z" })),
            (json!({ "due_date": null }), json!({ "due_date": "2030-01-01T01:00:00Z" })),
            (json!({ "status": "pending", "completed": false }), json!({ "status": "completed", "completed": false })),
            (json!({ "priority": "low" }), json!({ "priority": "medium" })),
            (json!({ "tags": tags(&[1, 2]) }), json!({ "tags": tags(&[1]) })),
            (json!({ "tags": tags(&[1]) }), json!({ "tags": tags(&[1, 2]) })),
        ] {
            assert_eq!(differences(old.clone(), new), (1, Vec::new()), "{old}");
        }
        let (others, on_purpose) = differences(json!({}), json!({ "assignee": null, "surprise": 1 }));
        assert_eq!((others, on_purpose.len()), (1, 1), "a new field hides no other one");
    }
}
