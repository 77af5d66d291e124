//! Decoding a JSON object field by field, collecting every fault with its JSON Pointer.
//!
//! serde stops at the first error; people who fill in forms want all of them.

use std::ops::RangeInclusive;
use std::rc::Rc;

use serde_json::{Map, Value};
use todo_core::domain::id::Id;
use todo_core::domain::text::{SanitisingBudget, TextError};
use todo_core::error::Fault;

use super::person::CallerPerson;

mod later;
mod value;

pub use later::LaterField;
use value::wrong_type;
pub use value::{array, boolean, instant, integer, number, serial, string, text, uuid, word};

/// The most items that are read of an array before equal ones are merged: they cost time, too.
const MOST_ITEMS: usize = 1_000;

/// An object whose fields are taken one by one; whatever is left at the end is unknown.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    pointer: String,
    faults: Vec<Fault>,
    budget: Rc<SanitisingBudget>,
    me: CallerPerson,
}

impl Fields {
    /// The body itself; `me`: whom it may call so.
    pub fn root(value: Value, me: CallerPerson) -> Result<Self, Fault> {
        Self::at(value, String::new(), Rc::default(), me)
    }

    /// An object somewhere in the body.
    fn at(value: Value, pointer: String, budget: Rc<SanitisingBudget>, me: CallerPerson) -> Result<Self, Fault> {
        match value {
            Value::Object(object) => Ok(Self { object, pointer, faults: Vec::new(), budget, me }),
            other => Err(wrong_type(&pointer, "an object", &other)),
        }
    }

    /// A parser of texts that are sanitised: all texts of a body share its budget.
    pub fn sanitised<T, P>(&self, parse: P) -> impl Fn(Value, &str) -> Result<T, Fault> + use<T, P>
    where
        P: Fn(&str, &SanitisingBudget) -> Result<T, TextError>,
    {
        let budget = Rc::clone(&self.budget);
        move |value, pointer| text(|text| parse(text, &budget))(value, pointer)
    }

    /// A parser of the id of an employee, or `me`.
    pub fn employee(&self) -> impl Fn(Value, &str) -> Result<Id, Fault> + Copy + use<> {
        let me = self.me;
        move |value, pointer| {
            let text = string(value, pointer)?;
            me.employee(&text).map_err(|(code, detail)| Fault::at(pointer, code, detail))
        }
    }

    /// True if the field is there, `null` included.
    pub fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// Takes a field that must be there; `parse` gets its value and its pointer.
    pub fn required<T>(&mut self, name: &str, parse: impl FnOnce(Value, &str) -> Result<T, Fault>) -> Option<T> {
        let pointer = self.pointer_to(name);
        match self.object.remove(name) {
            None => {
                self.fault(Fault::at(pointer, "required", "is required"));
                None
            }
            Some(value) => self.keep(parse(value, &pointer)),
        }
    }

    /// Takes a field that may be absent. The outer `None` is a fault, already noted.
    pub fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Value, &str) -> Result<T, Fault>,
    ) -> Option<Option<T>> {
        let pointer = self.pointer_to(name);
        match self.object.remove(name) {
            None => Some(None),
            Some(value) => self.keep(parse(value, &pointer)).map(Some),
        }
    }

    /// Takes a field that may be absent or `null`: absent is `Some(None)`, `null` is `Some(Some(None))`.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Value, &str) -> Result<T, Fault>,
    ) -> Option<Option<Option<T>>> {
        if self.take_null(name) {
            return Some(Some(None));
        }
        self.optional(name, |value, pointer| parse(value, pointer).map(Some))
    }

    /// Takes the field if it is `null`.
    pub fn take_null(&mut self, name: &str) -> bool {
        let null = self.object.get(name).is_some_and(Value::is_null);
        if null {
            self.object.remove(name);
        }
        null
    }

    /// Takes an array and parses each item at its own pointer; all faulty items are noted.
    pub fn array<T>(
        &mut self,
        name: &str,
        at_most: usize,
        mut parse: impl FnMut(Value, &str) -> Result<T, Fault>,
    ) -> Option<Option<Vec<T>>> {
        let items = self.optional(name, |value, pointer| array(value, pointer, at_most))?;
        let Some(items) = items else {
            return Some(None);
        };
        let pointer = self.pointer_to(name);
        let mut sound = Vec::with_capacity(items.len());
        let mut faulty = false;
        for (index, item) in items.into_iter().enumerate() {
            match parse(item, &format!("{pointer}/{index}")) {
                Ok(item) => sound.push(item),
                Err(fault) => {
                    self.fault(fault);
                    faulty = true;
                }
            }
        }
        (!faulty).then_some(Some(sound))
    }

    /// Takes an array whose equal items `merge` makes one of; the bounds count what is left.
    pub fn set<T>(
        &mut self,
        name: &str,
        bounds: RangeInclusive<usize>,
        parse: impl FnMut(Value, &str) -> Result<T, Fault>,
        merge: impl FnOnce(Vec<T>) -> Vec<T>,
    ) -> Option<Option<Vec<T>>> {
        let Some(items) = self.array(name, MOST_ITEMS, parse)? else {
            return Some(None);
        };
        let items = merge(items);
        let (code, detail) = match items.len() {
            fewer if fewer < *bounds.start() => ("too_few", format!("must have at least {} items", bounds.start())),
            more if more > *bounds.end() => ("too_many", format!("must have at most {} items", bounds.end())),
            _ => return Some(Some(items)),
        };
        self.fault(Fault::at(self.pointer_to(name), code, detail));
        None
    }

    /// Takes an array of objects that must be there; the faults of all items are noted.
    pub fn objects<T>(
        &mut self,
        name: &str,
        at_most: usize,
        mut read: impl FnMut(&mut Fields) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.required(name, |value, pointer| match array(value, pointer, at_most)? {
            items if items.is_empty() => Err(Fault::at(pointer, "too_short", "must have at least 1 item")),
            items => Ok(items),
        })?;
        let pointer = self.pointer_to(name);
        let items = items.into_iter().enumerate();
        let items: Vec<_> = items.map(|(at, item)| self.nested(item, format!("{pointer}/{at}"), &mut read)).collect();
        items.into_iter().collect()
    }

    /// Takes a nested object.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields) -> Option<T>) -> Option<Option<T>> {
        let pointer = self.pointer_to(name);
        let Some(value) = self.object.remove(name) else {
            return Some(None);
        };
        self.nested(value, pointer, read).map(Some)
    }

    /// Reads `value`, which stands at `pointer`, as an object and takes over its faults.
    pub fn nested<T>(
        &mut self,
        value: Value,
        pointer: String,
        read: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let mut fields = match Self::at(value, pointer, Rc::clone(&self.budget), self.me) {
            Ok(fields) => fields,
            Err(fault) => {
                self.fault(fault);
                return None;
            }
        };
        let value = read(&mut fields);
        let faults = fields.finish();
        let sound = faults.is_empty();
        faults.into_iter().for_each(|fault| self.fault(fault));
        value.filter(|_| sound)
    }

    /// Refuses fields that exist but cannot be written.
    pub fn read_only(&mut self, names: &[&str]) {
        for name in names {
            if self.object.remove(*name).is_some() {
                let pointer = self.pointer_to(name);
                self.fault(Fault::at(pointer, "read_only", "cannot be written"));
            }
        }
    }

    /// Notes a fault, if it is one of those that are told.
    pub fn fault(&mut self, fault: Fault) {
        if self.faults.len() < Fault::LIMIT {
            self.faults.push(fault);
        }
    }

    /// Looks at nothing else: what nobody took is not unknown.
    pub fn leave(&mut self) {
        self.object.clear();
    }

    /// The pointer of this object.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The pointer of a field of this object.
    pub fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// All faults; fields that nobody took are unknown.
    pub fn finish(mut self) -> Vec<Fault> {
        let unknown: Vec<String> = self.object.keys().take(Fault::LIMIT).cloned().collect();
        for name in unknown {
            let pointer = self.pointer_to(&name);
            self.fault(Fault::at(shortened(pointer), "unknown_field", "there is no such field"));
        }
        self.faults
    }

    fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.fault(fault)).ok()
    }
}

/// A hostile field name must not make a long answer.
pub(super) fn shortened(mut pointer: String) -> String {
    const LONGEST: usize = 200;
    if let Some((end, _)) = pointer.char_indices().nth(LONGEST) {
        pointer.truncate(end);
        pointer.push('…');
    }
    pointer
}
