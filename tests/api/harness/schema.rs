//! Holds values against JSON Schemas as far as those of the tools go. A keyword that is not known here fails the test,
//! so that none is passed over. No crate does it: the smallest brings nine others, and changes crates of which the host
//! is built.

use chrono::{DateTime, NaiveDate};
use serde_json::Value;
use uuid::Uuid;

use super::hostile::takes;

/// Where a value is not as the schema says, and which keyword says so.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, value, "", &mut faults);
    faults
}

fn check(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let at_least = |have: Option<f64>, rule: &Value| have.is_none_or(|have| have >= rule.as_f64().unwrap());
    let at_most = |have: Option<f64>, rule: &Value| have.is_none_or(|have| have <= rule.as_f64().unwrap());
    let characters = value.as_str().map(|text| text.chars().count() as f64);
    let (items, members) = (value.as_array(), value.as_object());
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "type" => takes(schema, value),
            "enum" => rule.as_array().unwrap().contains(value),
            "format" => value.as_str().is_none_or(|text| has_format(text, rule.as_str().unwrap())),
            "minimum" => at_least(value.as_f64(), rule),
            "maximum" => at_most(value.as_f64(), rule),
            "minLength" => at_least(characters, rule),
            "maxLength" => at_most(characters, rule),
            "maxItems" => at_most(items.map(|items| items.len() as f64), rule),
            "maxProperties" => at_most(members.map(|members| members.len() as f64), rule),
            "required" => {
                let mut names = rule.as_array().unwrap().iter().filter_map(Value::as_str);
                members.is_none_or(|members| names.all(|name| members.contains_key(name)))
            }
            "oneOf" | "anyOf" => {
                let fitting = |branch: &&Value| self::faults(branch, value).is_empty();
                let fitting = rule.as_array().unwrap().iter().filter(fitting).count();
                fitting == 1 || keyword == "anyOf" && fitting > 0
            }
            "items" => {
                for (index, item) in items.into_iter().flatten().enumerate() {
                    check(rule, item, &format!("{place}/{index}"), faults);
                }
                true
            }
            "properties" => {
                check_properties(rule, members.into_iter().flatten(), place, faults);
                true
            }
            "additionalProperties" => {
                for (name, member) in members.into_iter().flatten() {
                    check(rule, member, &format!("{place}/{name}"), faults);
                }
                true
            }
            // Patterns say again what a type of the domain has let through.
            "description" | "examples" | "pattern" => true,
            unknown => panic!("the keyword {unknown} is not known to the tests"),
        };
        if !holds {
            faults.push(format!("{place}: {keyword}"));
        }
    }
}

fn check_properties<'a>(
    properties: &Value,
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    place: &str,
    faults: &mut Vec<String>,
) {
    for (name, member) in members {
        match &properties[name] {
            Value::Null => faults.push(format!("{place}/{name}: is not described")),
            property => check(property, member, &format!("{place}/{name}"), faults),
        }
    }
}

fn has_format(text: &str, format: &str) -> bool {
    match format {
        "uuid" => Uuid::try_parse(text).is_ok(),
        "date-time" => text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok(),
        "date" => NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
        "email" => text.contains('@'),
        unknown => panic!("the format {unknown} is not known to the tests"),
    }
}
