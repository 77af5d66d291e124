//! Names of people and departments, and e-mail addresses.

use super::id::Id;
use super::instant::Instant;
use super::todo::DepartmentRef;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sanitising;
use super::text::{SanitisingBudget, TextError};

/// An employee, named from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EmployeeRef {
    /// The public id.
    pub uid: Uuid,
    /// The employee's name.
    pub name: Name,
}

/// The name of an employee, a department or a workspace: plain text.
///
/// Read models take it as it is stored; input goes through [`Name::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The most characters (Unicode scalar values) after sanitising.
    pub const MAX: usize = 100;

    /// Sanitises a text and checks what is left.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        Self::parse_within(text, &SanitisingBudget::default())
    }

    /// The same for one of several texts, which share a budget.
    pub fn parse_within(text: &str, budget: &SanitisingBudget) -> Result<Self, TextError> {
        sanitising::plain(text, Self::MAX, budget).map(Self)
    }

    /// The sanitised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The sanitised text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address, kept as it was written.
///
/// `==` compares spellings; [`Email::folded`] is the identity. Read models take it as it is stored; input goes through
/// [`Email::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The most characters: a longer one does not fit into the path of an SMTP envelope (RFC 5321, erratum 1690).
    pub const MAX: usize = 254;
    /// The most characters before the `@` (RFC 5321, 4.5.3.1.1).
    pub const MAX_LOCAL: usize = 64;
    /// The most characters of one label of the domain (RFC 1035, 2.3.4).
    pub const MAX_LABEL: usize = 63;

    /// Accepts what browsers accept in `<input type=email>` (the HTML standard's "valid e-mail address"), within the
    /// limits of SMTP. The full grammar of RFC 5322 would also allow comments and quoted text, which nobody's address
    /// has and which could carry markup.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::new("too_short", "must not be empty"));
        }
        if text.len() > Self::MAX {
            return Err(TextError::new("too_long", format!("must have at most {} characters", Self::MAX)));
        }
        match text.rsplit_once('@') {
            Some((local, domain)) if is_local(local) && domain.split('.').all(is_label) => Ok(Self(text.to_owned())),
            _ => Err(TextError::new("invalid_format", "must be an e-mail address, such as ada@example.com")),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, owned.
    pub fn into_string(self) -> String {
        self.0
    }

    /// What identifies the address: without regard to case. An address is ASCII, so SQL's `lower` agrees in every
    /// locale but the Turkic ones.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_local(local: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b);
    (1..=Email::MAX_LOCAL).contains(&local.len()) && local.bytes().all(allowed)
}

fn is_label(label: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=Email::MAX_LABEL).contains(&label.len())
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A part of the organisation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Department {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The name, unique.
    pub name: Name,
    /// When the row was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// An employee, to whom todos can be assigned.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Employee {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The name.
    pub name: Name,
    /// The e-mail address, as it was written.
    pub email: Email,
    /// Where the employee works.
    pub department: Option<DepartmentRef>,
    /// When the row was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// An employee as the caller wants it to be.
#[derive(Debug, Clone, PartialEq)]
pub struct EmployeeDraft {
    /// The name.
    pub name: Name,
    /// The e-mail address.
    pub email: Email,
    /// Where the employee works.
    pub department: Option<Id>,
}

/// A partial change; the inner `None` clears.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmployeePatch {
    /// New name.
    pub name: Option<Name>,
    /// New e-mail address.
    pub email: Option<Email>,
    /// New department.
    pub department: Option<Option<Id>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_addresses_are_kept_as_written() {
        for text in [
            "ada@example.com",
            "Ada.Lovelace+todo@Mail.Example.co.uk",
            "o'neil@example.com",
            "a@b",
            "x@xn--bcher-kva.example",
            "1@2.3",
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Email::parse(" ada@example.com\n").unwrap().as_str(), "ada@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let others = [
            "ada",
            "@example.com",
            "ada@",
            "ada@@example.com",
            "a b@example.com",
            "ada@example..com",
            "ada@.example.com",
            "ada@example.com.",
            "ada@-example.com",
            "ada@example-.com",
            "ada@exa_mple.com",
            "ada@[127.0.0.1]",
            "\"ada\"@example.com",
            "<ada@example.com>",
            "Ada <ada@example.com>",
            "ada@example.com, bob@example.com",
            "äda@example.com",
            "ada@exämple.com",
            "ada\0@example.com",
        ];
        for text in others {
            assert_eq!(Email::parse(text).unwrap_err().code, "invalid_format", "{text}");
        }
        assert_eq!(Email::parse(" ").unwrap_err().code, "too_short");
    }

    #[test]
    fn limits_are_those_of_smtp() {
        let label = "d".repeat(61);
        let domain = [label.as_str(); 3].join(".");
        let local = "l".repeat(64);
        assert!(Email::parse(&format!("{local}@{domain}.aa")).is_ok());
        let longest = format!("{local}@{domain}.aa");
        assert_eq!(longest.len(), 253);
        assert_eq!(Email::parse(&format!("{longest}aa")).unwrap_err().code, "too_long");
        assert_eq!(Email::parse(&format!("{local}l@example.com")).unwrap_err().code, "invalid_format");
        assert_eq!(Email::parse(&format!("ada@{}.com", "d".repeat(64))).unwrap_err().code, "invalid_format");
    }

    #[test]
    fn case_does_not_make_another_address() {
        assert_eq!(
            Email::parse("ADA@Example.COM").unwrap().folded(),
            Email::parse("ada@example.com").unwrap().folded()
        );
    }

    #[test]
    fn a_name_is_plain_text() {
        assert_eq!(Name::parse("  Ada <b>Lovelace</b> ").unwrap().as_str(), "Ada Lovelace");
        assert_eq!(Name::parse("R&D").unwrap().as_str(), "R&D");
        assert_eq!(Name::parse("<br>").unwrap_err().code, "too_short");
        assert!(Name::parse(&"n".repeat(100)).is_ok());
        assert_eq!(Name::parse(&"n".repeat(101)).unwrap_err().code, "too_long");
    }
}
