//! Fields that version 2 got after its first release.
//!
//! A client that was written before such a field does not send it, also where it replaces an object with PUT, and must
//! not empty it. So a later field has three states in every body: absent leaves it alone, `null` clears it, a value
//! sets it.

use super::Fields;

/// A later field of a body, whose values are kept in `T`.
pub struct LaterField<T> {
    /// Its name.
    pub name: &'static str,
    /// The version of the OpenAPI document that first had it, for example `2.1.0`.
    pub added_in: &'static str,
    /// Takes it out of the body, as [`Fields::nullable`] does, and notes in `T` what the body says. `None` is a fault,
    /// already noted.
    pub read: fn(&mut Fields, &'static str, &mut T) -> Option<()>,
}

impl Fields {
    /// Takes the later fields. The default of `T` leaves all of them alone.
    pub fn later<T: Default>(&mut self, fields: &[LaterField<T>]) -> Option<T> {
        let mut values = T::default();
        let mut sound = true;
        for field in fields {
            sound &= (field.read)(self, field.name, &mut values).is_some();
        }
        sound.then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use todo_core::error::{Fault, Place};

    use super::*;
    use crate::extract::fields::{boolean, string};
    use crate::extract::person::CallerPerson;

    /// `None`: leave alone; `Some(None)`: clear.
    #[derive(Debug, Default, PartialEq)]
    struct Probe {
        color: Option<Option<String>>,
        pinned: Option<Option<bool>>,
    }

    const PROBES: &[LaterField<Probe>] = &[
        LaterField {
            name: "color",
            added_in: "2.1.0",
            read: |fields, name, probe| fields.nullable(name, string).map(|value| probe.color = value),
        },
        LaterField {
            name: "pinned",
            added_in: "2.2.0",
            read: |fields, name, probe| fields.nullable(name, boolean).map(|value| probe.pinned = value),
        },
    ];

    fn read(body: Value) -> (Option<Probe>, Vec<Fault>) {
        let mut fields = Fields::root(body, CallerPerson::default()).unwrap();
        let probe = fields.later(PROBES);
        (probe, fields.finish())
    }

    #[test]
    fn a_later_field_is_left_alone_unless_the_body_names_it() {
        let (probe, faults) = read(json!({}));
        assert_eq!((probe, faults), (Some(Probe { color: None, pinned: None }), Vec::new()));
        let (probe, faults) = read(json!({"color": null, "pinned": true}));
        assert_eq!((probe, faults), (Some(Probe { color: Some(None), pinned: Some(Some(true)) }), Vec::new()));
    }

    #[test]
    fn the_faults_of_all_later_fields_are_reported() {
        let (probe, faults) = read(json!({"color": 1, "pinned": "yes"}));
        assert_eq!(probe, None);
        let places: Vec<Place> = faults.into_iter().map(|fault| fault.place).collect();
        assert_eq!(places, ["/color", "/pinned"].map(|pointer| Place::Pointer(pointer.to_owned())));
    }
}
