//! What a new OpenAPI document takes away from the clients of an old one.
//!
//! It knows the parts of JSON Schema that our documents use. A change that it cannot judge counts as a break: a false
//! alarm is looked at, a missed one is shipped.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Who writes a value: the client sends it (it must stay acceptable), or the service does (it must stay readable).
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Request,
    Answer,
}

/// Every break, in words.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, found: BTreeSet::new() };
    comparison.paths();
    comparison.found.into_iter().collect()
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    fn paths(&mut self) {
        for (path, item) in object(&self.old["paths"]) {
            for method in METHODS {
                let name = format!("{} {path}", method.to_uppercase());
                match (item.get(method), self.new.get("paths").and_then(|paths| paths.get(path)?.get(method))) {
                    (Some(_), None) => self.breach(&name, "the operation is gone"),
                    (Some(old), Some(new)) => self.operation(&name, old, new),
                    (None, _) => {}
                }
            }
        }
    }

    fn operation(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        if old["operationId"] != new["operationId"] {
            self.breach(name, "its operationId changed, which generated clients are named by");
        }
        if old["security"] != new["security"] {
            self.breach(name, "it demands other credentials");
        }
        self.parameters(name, old, new);
        self.body(name, &old["requestBody"], &new["requestBody"]);
        for (status, answer) in object(&old["responses"]) {
            let place = format!("{name}: {status}");
            match new["responses"].get(status) {
                None => self.breach(&place, "the answer is gone"),
                Some(current) => {
                    let (answer, current) = (resolve(self.old, answer), resolve(self.new, current));
                    self.names_stay(&place, "the header", &answer["headers"], &current["headers"]);
                    self.content(&place, &answer["content"], &current["content"], Direction::Answer);
                }
            }
        }
    }

    fn parameters(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        let (old, new) = (parameters(self.old, old), parameters(self.new, new));
        let key = |parameter: &Value| (parameter["in"].to_string(), parameter["name"].to_string());
        for parameter in &old {
            let place = format!("{name}: parameter {}", parameter["name"]);
            match new.iter().find(|other| key(other) == key(parameter)) {
                None => self.breach(&place, "is gone"),
                Some(current) => {
                    if current["required"] == true && parameter["required"] != true {
                        self.breach(&place, "is required now");
                    }
                    self.schema(&place, &parameter["schema"], &current["schema"], Direction::Request, 0);
                }
            }
        }
        for parameter in &new {
            if parameter["required"] == true && !old.iter().any(|other| key(other) == key(parameter)) {
                self.breach(&format!("{name}: parameter {}", parameter["name"]), "is new and required");
            }
        }
    }

    fn body(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        match (old.is_object(), new.is_object()) {
            (true, false) => self.breach(name, "takes no body any more"),
            (false, true) if new["required"] == true => self.breach(name, "needs a body now"),
            (true, true) => {
                self.content(&format!("{name}: body"), &old["content"], &new["content"], Direction::Request)
            }
            _ => {}
        }
    }

    fn content(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        self.names_stay(place, "the media type", old, new);
        for (media_type, content) in object(old) {
            if let Some(current) = new.get(media_type) {
                self.schema(place, &content["schema"], &current["schema"], direction, 0);
            }
        }
    }

    fn names_stay(&mut self, place: &str, what: &str, old: &Value, new: &Value) {
        for (name, _) in object(old) {
            if new.get(name).is_none() {
                self.breach(place, &format!("{what} {name} is gone"));
            }
        }
    }

    fn schema(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction, depth: usize) {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        if depth > 30 || (old.is_null() && new.is_null()) {
            return;
        }
        if direction == Direction::Request && is_several(new) && !is_several(old) {
            if !self.is_one_of(old, new, depth) {
                self.breach(place, "it is one of several things now, and not surely what it was");
            }
            return;
        }
        self.types(place, old, new, direction);
        if direction == Direction::Request {
            self.bounds(place, old, new);
        }
        self.words(place, old, new, direction);
        self.properties(place, old, new, direction, depth);
        if old["items"].is_object() {
            self.schema(&format!("{place}/*"), &old["items"], &new["items"], direction, depth + 1);
        }
        for combination in ["oneOf", "anyOf", "allOf"] {
            let (before, after) = (array(&old[combination]), array(&new[combination]));
            let fewer = after.len() < before.len();
            let more = after.len() > before.len();
            let harmless = more && combination != "allOf" && direction == Direction::Request;
            if fewer || (more && !harmless) {
                self.breach(place, &format!("{combination} has {} branches, not {}", after.len(), before.len()));
            }
            for (number, (before, after)) in before.iter().zip(after).enumerate() {
                self.schema(&format!("{place}/{combination}/{number}"), before, after, direction, depth + 1);
            }
        }
    }

    /// Whether what a client could send is one of several things now. (`oneOf` refuses what is two of them.)
    fn is_one_of(&self, old: &'a Value, new: &'a Value, depth: usize) -> bool {
        array(&new["anyOf"]).iter().any(|branch| {
            let mut only = Comparison { old: self.old, new: self.new, found: BTreeSet::new() };
            only.schema("", old, branch, Direction::Request, depth + 1);
            only.found.is_empty()
        })
    }

    /// What a client sends may become more, what it gets may not.
    fn types(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let (before, after) = (types(old), types(new));
        let kept = match direction {
            _ if before.is_empty() && after.is_empty() => true,
            Direction::Request => after.is_empty() || (!before.is_empty() && before.is_subset(&after)),
            Direction::Answer => before.is_empty() || (!after.is_empty() && after.is_subset(&before)),
        };
        if !kept {
            self.breach(place, &format!("the type was {before:?} and is {after:?}"));
        }
        if old["format"] != new["format"] {
            self.breach(place, &format!("the format was {} and is {}", old["format"], new["format"]));
        }
    }

    fn bounds(&mut self, place: &str, old: &Value, new: &Value) {
        let number = |schema: &Value, name: &str| schema[name].as_f64();
        for name in ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"] {
            let narrower = number(new, name).is_some_and(|after| number(old, name).is_none_or(|before| after < before));
            if narrower {
                self.breach(place, &format!("{name} was {} and is {}", old[name], new[name]));
            }
        }
        for name in ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"] {
            let narrower = number(new, name).is_some_and(|after| number(old, name).is_none_or(|before| after > before));
            if narrower {
                self.breach(place, &format!("{name} was {} and is {}", old[name], new[name]));
            }
        }
        if new["pattern"].is_string() && old["pattern"] != new["pattern"] {
            self.breach(place, &format!("the pattern was {} and is {}", old["pattern"], new["pattern"]));
        }
    }

    /// Words that a client sends must stay; new ones may come in an answer (openapi/README.md tells clients to expect
    /// them).
    fn words(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let (before, after) = (array(&old["enum"]), array(&new["enum"]));
        if before.is_empty() && !after.is_empty() && direction == Direction::Request {
            self.breach(place, "only certain words are taken now");
        }
        if direction == Direction::Request && !after.is_empty() {
            for gone in before.iter().filter(|word| !after.contains(word)) {
                self.breach(place, &format!("the word {gone} is gone"));
            }
        }
        if direction == Direction::Answer && !before.is_empty() && after.is_empty() {
            self.breach(place, "any word may come now");
        }
    }

    fn properties(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction, depth: usize) {
        for (name, schema) in object(&old["properties"]) {
            let place = format!("{place}/{name}");
            match new["properties"].get(name) {
                None => self.breach(&place, "the property is gone"),
                Some(current) => self.schema(&place, schema, current, direction, depth + 1),
            }
        }
        let (before, after) = (array(&old["required"]), array(&new["required"]));
        match direction {
            Direction::Request => {
                for name in after.iter().filter(|name| !before.contains(name)) {
                    self.breach(place, &format!("the property {name} is required now"));
                }
                if new["additionalProperties"] == false && old["additionalProperties"] != false {
                    self.breach(place, "other properties are refused now");
                }
            }
            Direction::Answer => {
                for name in before.iter().filter(|name| !after.contains(name)) {
                    self.breach(place, &format!("the property {name} may be missing now"));
                }
            }
        }
    }

    fn breach(&mut self, place: &str, what: &str) {
        self.found.insert(format!("{place}: {what}"));
    }
}

fn parameters<'a>(document: &'a Value, operation: &'a Value) -> Vec<&'a Value> {
    array(&operation["parameters"]).iter().map(|parameter| resolve(document, parameter)).collect()
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(&Value::Null),
        None => value,
    }
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn is_several(schema: &Value) -> bool {
    ["anyOf", "oneOf"].iter().any(|name| schema[name].is_array())
}

#[cfg(test)]
mod tests;
