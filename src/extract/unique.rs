//! JSON in which every name occurs once per object.
//!
//! Parsers differ in which of two equal names they believe, so what a proxy checked need not be what we store (RFC 8259, 4).
//! serde_json silently takes the last one; this reader reports the pointer.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use todo_core::error::Fault;

/// The value, and a fault for each name that occurs again.
pub fn from_slice(bytes: &[u8]) -> serde_json::Result<(Value, Vec<Fault>)> {
    let faults = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Node { pointer: String::new(), faults: &faults }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, faults.into_inner()))
}

/// A value somewhere in the document.
struct Node<'a> {
    pointer: String,
    faults: &'a RefCell<Vec<Fault>>,
}

impl Node<'_> {
    fn child(&self, name: &str) -> Self {
        let pointer = format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"));
        Self { pointer, faults: self.faults }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.child(&array.len().to_string()))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let child = self.child(&name);
            if object.contains_key(&name) && self.faults.borrow().len() < Fault::LIMIT {
                self.faults.borrow_mut().push(Fault::at(child.pointer.clone(), "duplicate", "may be given only once"));
            }
            let value = entries.next_value_seed(child)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_that_occur_again_are_reported_where_they_stand() {
        let (value, faults) = from_slice(br#"{"a":1,"b":[{"c":null,"c":2.5}],"a":"x"}"#).unwrap();
        assert_eq!(value, json!({"a": "x", "b": [{"c": 2.5}]}));
        let pointers: Vec<_> = faults.into_iter().map(|fault| fault.place).collect();
        assert_eq!(pointers, ["/b/0/c", "/a"].map(|pointer| todo_core::error::Place::Pointer(pointer.to_owned())));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in ["", "{", "{\"a\":1,}", "{} {}", "nul", "{\"a\" 1}"] {
            assert!(from_slice(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
