//! JSON in which every name occurs once per object.
//!
//! Parsers differ in which of two equal names they believe, so what a proxy checked need not be what we store (RFC
//! 8259, 4). serde_json silently takes the last one; this reader reports the pointer.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use todo_core::error::Fault;

use super::fields::shortened;

/// The value, and a fault for each name that occurs again.
pub fn from_slice(bytes: &[u8]) -> serde_json::Result<(Value, Vec<Fault>)> {
    let faults = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = ValueSeed { path: Path::Root, faults: &faults }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, faults.into_inner()))
}

/// The way from the root to a value. Its pointer is written only for a fault: one for every value would copy a long
/// name as often as there are values under it, which is the square of a hostile body.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) => write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1")),
            Self::Item(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// A value somewhere in the document.
struct ValueSeed<'a> {
    path: Path<'a>,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
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
        while let Some(item) =
            items.next_element_seed(ValueSeed { path: Path::Item(&self.path, array.len()), faults: self.faults })?
        {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let path = Path::Member(&self.path, &name);
            if object.contains_key(&name) && self.faults.borrow().len() < Fault::LIMIT {
                let pointer = shortened(path.to_string());
                self.faults.borrow_mut().push(Fault::at(pointer, "duplicate", "may be given only once"));
            }
            let value = entries.next_value_seed(ValueSeed { path, faults: self.faults })?;
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
    fn a_long_name_over_many_values_is_read_at_once() {
        let body = format!("{{\"{}\":[{}0]}}", "x".repeat(500_000), "0,".repeat(250_000));
        let began = std::time::Instant::now();
        assert_eq!(from_slice(body.as_bytes()).unwrap().1, []);
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in ["", "{", "{\"a\":1,}", "{} {}", "nul", "{\"a\" 1}"] {
            assert!(from_slice(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
