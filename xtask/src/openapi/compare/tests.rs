use serde_json::json;

use super::*;

fn document() -> Value {
    json!({
        "paths": {"/things": {
            "get": {
                "operationId": "list",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}],
                "responses": {"200": {"headers": {"ETag": {}}, "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Thing"}
                }}}},
            },
            "post": {
                "operationId": "create",
                "requestBody": {"required": true, "content": {"application/json": {"schema": {
                    "type": "object", "required": ["name"], "additionalProperties": false,
                    "properties": {"name": {"type": "string", "maxLength": 10}, "kind": {"enum": ["a", "b"]}},
                }}}},
                "responses": {"201": {}, "422": {}},
            },
        }},
        "components": {"schemas": {"Thing": {
            "type": "object", "required": ["id", "name"],
            "properties": {"id": {"type": "string"}, "name": {"type": ["string", "null"]}, "kind": {"enum": ["a"]}},
        }}},
    })
}

/// What the change to one place of the document breaks.
fn after(pointer: &str, value: Option<Value>) -> Vec<String> {
    let mut new = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = new.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(object), Some(value)) => drop(object.insert(name.replace("~1", "/"), value)),
        (Value::Object(object), None) => drop(object.remove(&name.replace("~1", "/")).unwrap()),
        (Value::Array(items), Some(value)) => items.push(value),
        (Value::Array(items), None) => drop(items.remove(name.parse().unwrap())),
        _ => panic!("{pointer}"),
    }
    breaks(&document(), &new)
}

const GET: &str = "/paths/~1things/get";
const BODY: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";
const THING: &str = "/components/schemas/Thing";

#[test]
fn nothing_breaks_by_itself_or_by_growing() {
    assert_eq!(breaks(&document(), &document()), [""; 0]);
    for (pointer, value) in [
        ("/paths/~1others".to_owned(), json!({"get": {}})),
        (format!("{GET}/parameters/1"), json!({"name": "sort", "in": "query", "schema": {}})),
        (format!("{GET}/responses/304"), json!({})),
        (format!("{THING}/properties/colour"), json!({"type": "string"})),
        (format!("{THING}/properties/kind/enum"), json!(["a", "b"])),
        (format!("{BODY}/properties/colour"), json!({"type": "string"})),
        (format!("{BODY}/properties/name/maxLength"), json!(20)),
        (format!("{BODY}/properties/name/type"), json!(["string", "null"])),
        (format!("{BODY}/properties/kind/enum"), json!(["a", "b", "c"])),
        (
            format!("{BODY}/properties/name"),
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 10}]}),
        ),
        (format!("{BODY}/required"), json!([])),
    ] {
        assert_eq!(after(&pointer, Some(value)), [""; 0], "{pointer}");
    }
}

#[test]
fn taking_away_breaks() {
    for pointer in [
        "/paths/~1things".to_owned(),
        GET.to_owned(),
        format!("{GET}/parameters/0"),
        format!("{GET}/responses/200"),
        format!("{GET}/responses/200/headers/ETag"),
        format!("{GET}/responses/200/content/application~1json"),
        format!("{THING}/properties/name"),
        format!("{THING}/required/1"),
        format!("{BODY}/properties/kind"),
    ] {
        assert!(!after(&pointer, None).is_empty(), "{pointer}");
    }
}

#[test]
fn narrowing_what_is_taken_breaks() {
    for (pointer, value) in [
        (format!("{BODY}/required"), json!(["name", "kind"])),
        (format!("{BODY}/properties/name/maxLength"), json!(9)),
        (format!("{BODY}/properties/name/minLength"), json!(1)),
        (format!("{BODY}/properties/name/pattern"), json!("^a")),
        (format!("{BODY}/properties/name/type"), json!("integer")),
        (format!("{BODY}/properties/kind/enum"), json!(["a"])),
        (
            format!("{BODY}/properties/name"),
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 9}]}),
        ),
        (format!("{BODY}/properties/name"), json!({"oneOf": [{"type": "string", "maxLength": 10}]})),
        (format!("{GET}/parameters/0/schema/maximum"), json!(50)),
        (format!("{GET}/parameters/0/required"), json!(true)),
        (format!("{GET}/parameters/1"), json!({"name": "x", "in": "query", "required": true})),
        (format!("{GET}/security"), json!([{"bearer": ["admin"]}])),
    ] {
        assert!(!after(&pointer, Some(value)).is_empty(), "{pointer}");
    }
}

#[test]
fn widening_what_comes_out_breaks() {
    for (pointer, value) in [
        (format!("{THING}/properties/id/type"), json!(["string", "null"])),
        (format!("{THING}/properties/id/type"), json!("integer")),
        (format!("{THING}/properties/id"), json!({"anyOf": [{"type": "string"}, {"type": "integer"}]})),
        (format!("{THING}/properties/id/format"), json!("uuid")),
    ] {
        assert!(!after(&pointer, Some(value)).is_empty(), "{pointer}");
    }
}
