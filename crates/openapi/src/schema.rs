//! The schemas: collected from the wire types, with bounds that hold for all of them; and the bodies that no struct
//! says well.

mod finish;

use serde_json::{Map, Value, json};
use todo_api::extract::fields::LaterField;
use todo_api::extract::query;
use todo_api::route::Version;
use todo_api::types::v2::batch;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::parameter;
use finish::{bound, close, overlap};

/// Schemas by name.
#[derive(Debug, Default)]
pub struct Schemas(Map<String, Value>);

impl Schemas {
    /// Adds a type and all types it refers to.
    #[must_use]
    pub fn of<T: ToSchema>(mut self) -> Self {
        let mut found: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            let value = serde_json::to_value(schema).unwrap_or_default();
            self.0.insert(name, value);
        }
        self
    }

    /// Adds a page of `T`, which is there already.
    #[must_use]
    pub fn page_of<T: ToSchema + PartialSchema>(mut self) -> Self {
        let item = T::name();
        self.0.insert(
            format!("{item}Page"),
            json!({
                "type": "object",
                "description": "Some of the items, and where the next ones begin.",
                "required": ["items", "next_cursor"],
                "properties": {
                    "items": {"type": "array", "maxItems": 100, "items": reference(&item), "description": "In order."},
                    "next_cursor": {
                        "type": ["string", "null"], "minLength": 1, "maxLength": 4096, "pattern": "^[A-Za-z0-9_-]+$",
                        "description": "The `cursor` of the next page; null on the last page and only there. A page \
                            may have fewer items than `limit` although more follow. It has none only where no more \
                            match, or where none of at least 200,000 todos that come next in the order does.",
                    },
                },
            }),
        );
        self
    }

    /// Adds an array of `T`, which is there already.
    #[must_use]
    pub fn list_of<T: ToSchema + PartialSchema>(mut self) -> Self {
        let item = T::name();
        self.0.insert(
            format!("{item}List"),
            json!({
                "type": "array", "maxItems": 100, "items": reference(&item), "description": "By id.",
            }),
        );
        self
    }

    /// Adds one that is written out.
    #[must_use]
    pub fn with(mut self, name: &str, schema: Value) -> Self {
        self.0.insert(name.to_owned(), schema);
        self
    }

    /// Marks the fields of a body that came after the first release.
    #[must_use]
    pub fn later<T>(mut self, name: &str, fields: &[LaterField<T>]) -> Self {
        let mut properties = self.0.get_mut(name).and_then(|schema| schema.get_mut("properties")?.as_object_mut());
        for LaterField { name, added_in, .. } in fields {
            let property = properties.as_mut().and_then(|properties| properties.get_mut(*name)?.as_object_mut());
            let Some(property) = property else { continue };
            let said = property.get("description").and_then(Value::as_str).unwrap_or_default();
            let added =
                format!("{said} Added in {added_in}: a PUT that does not name it leaves it alone; null clears it.");
            property.insert("description".to_owned(), added.trim_start().into());
            property.insert("x-added-in".to_owned(), (*added_in).into());
        }
        self
    }

    /// All of them; those of `bodies` and what they refer to take no other fields.
    pub fn finish(self, bodies: &[String]) -> Map<String, Value> {
        let mut schemas = self.0;
        for schema in schemas.values_mut() {
            bound(schema);
            overlap(schema);
        }
        let mut closed: Vec<String> = bodies.to_vec();
        let mut next = 0;
        while let Some(name) = closed.get(next).cloned() {
            if let Some(schema) = schemas.get_mut(&name) {
                close(schema);
                let mut found = Vec::new();
                references(schema, &mut found);
                found.retain(|name| !closed.contains(name));
                closed.extend(found);
            }
            next += 1;
        }
        schemas
    }
}

/// A reference to a schema.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn references(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            let target = object.get("$ref").and_then(Value::as_str);
            into.extend(target.and_then(|target| target.strip_prefix("#/components/schemas/")).map(str::to_owned));
            object.values().for_each(|value| references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

/// What `types::v2::filter` reads. The version decides how ids look.
pub fn filter(version: Version) -> Value {
    let boolean = |description: &str| json!({"type": "boolean", "description": description});
    let list = |name: &str, description: &str| {
        json!({"type": "array", "maxItems": query::MOST,
        "items": reference(name), "description": description})
    };
    let instant = |description: &str| json!({"allOf": [reference("InstantInput")], "description": description});
    let id = |description: &str| json!({"allOf": [id(version)], "description": description});
    let mut filter = json!({
        "type": "object",
        "description": "Which todos: all conditions that are given must hold, and at least one must be given.",
        "minProperties": 1,
        "properties": {
            "status": list("Status", "Any of these."),
            "priority": list("Priority", "Any of these."),
            "completed": boolean("Completed or not."),
            "tag": list("TagNameInput", "All of these tags."),
            "assignee": {"allOf": [employee(version)], "description": "Assigned to this employee."},
            "department": id("Assigned to an employee of this department."),
            "due_after": instant("Due later than this."),
            "due_before": instant("Due earlier than this."),
            "overdue": boolean("Due in the past and neither completed nor cancelled, or not."),
            "created_after": instant("Created later than this."),
            "created_before": instant("Created earlier than this."),
            "updated_since": instant(parameter::UPDATED_SINCE),
            "q": {"allOf": [reference("SearchInput")], "description": "Words in title and description: \"a phrase\", \
                or, -not."},
            "deleted": boolean("The bin instead of the live todos."),
        },
    });
    if version == Version::V2 {
        let properties = &mut filter["properties"];
        properties["list"] = json!({
            "type": "array", "maxItems": query::MOST, "items": parameter::holder(),
            "description": "In any of these lists; `none`: in none of them, the inbox.",
        });
        properties["parent"] = json!({
            "allOf": [parameter::holder()], "description": "The subtasks of this todo; `none`: todos that are no \
                subtasks.",
        });
        properties["root"] = id("This todo and all that is below it.");
        properties["archived"] = boolean("Those in archived lists, too.");
    }
    filter
}

/// What `types::v2::bulk` reads: a filter, an action, and what the action needs.
pub fn bulk(version: Version) -> Value {
    let mut variants = vec![variant(&["complete", "reopen", "delete"], None)];
    variants.push(variant(&["set_priority"], Some(("priority", reference("Priority")))));
    variants.push(variant(&["add_tag", "remove_tag"], Some(("tag", reference("TagNameInput")))));
    let assignee = json!({"oneOf": [employee(version), {"type": "null"}], "description": "Null: nobody."});
    variants.push(variant(&["assign"], Some(("assignee_id", assignee))));
    if version == Version::V2 {
        let list = json!({"oneOf": [id(version), {"type": "null"}], "description": "Null: the inbox."});
        variants.push(variant(&["move"], Some(("list_id", list))));
    }
    json!({"description": "One change to every todo that matches.", "oneOf": variants})
}

fn variant(actions: &[&str], needs: Option<(&str, Value)>) -> Value {
    let mut properties = Map::new();
    properties.insert("filter".to_owned(), reference("Filter"));
    let action = json!({"type": "string", "enum": actions, "description": "What is done to each."});
    properties.insert("action".to_owned(), action);
    let mut required = vec!["filter", "action"];
    if let Some((name, schema)) = needs {
        properties.insert(name.to_owned(), schema);
        required.push(name);
    }
    json!({"type": "object", "title": actions.join(", "), "required": required, "properties": properties})
}

/// What `types::v2::batch` reads.
pub fn batch() -> Value {
    json!({
        "type": "object",
        "description": "Operations, applied in order, all or none.",
        "required": ["operations"],
        "properties": {
            "operations": {
                "type": "array", "minItems": 1, "maxItems": batch::MOST, "items": reference("BatchOperation"),
                "description": "What is done.",
            },
        },
    })
}

/// One operation of a batch.
pub fn operation() -> Value {
    let op = |word: &str| json!({"type": "string", "enum": [word], "description": "The kind of operation."});
    let version = json!({
        "type": "integer", "format": "int64", "minimum": 1, "maximum": 9_007_199_254_740_991_i64,
        "description": "Only in this version.",
    });
    json!({
        "description": "One operation.",
        "oneOf": [
            {"type": "object", "title": "create", "required": ["op", "todo"],
                "properties": {"op": op("create"), "todo": reference("TodoDraft")}},
            {"type": "object", "title": "update", "required": ["op", "id", "todo"],
                "properties": {"op": op("update"), "id": parameter::uuid(), "if_version": version,
                "todo": reference("TodoPatch")}},
            {"type": "object", "title": "delete", "required": ["op", "id"],
                "properties": {"op": op("delete"), "id": parameter::uuid(), "if_version": version}},
        ],
    })
}

fn employee(version: Version) -> Value {
    match version {
        Version::V1 => id(version),
        Version::V2 => reference("EmployeeInput"),
    }
}

fn id(version: Version) -> Value {
    reference(match version {
        Version::V1 => "TodoId",
        Version::V2 => "Id",
    })
}
