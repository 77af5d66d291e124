//! The two ids of a thing: the integer of version 1 and the UUID.

use serde::{Deserialize, Serialize};
use uuid::{Uuid, Variant};

/// How a caller names a thing inside its workspace.
///
/// Its stored form is a JSON number or a JSON string, so that the two can never be confused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// The integer that Postgres gave.
    Serial(i64),
    /// The public UUID (version 4 or 7).
    Uuid(Uuid),
}

impl Id {
    /// A UUID of version 4 or 7 in its canonical form with hyphens, in either case. Braces, URNs and bare digits are
    /// refused: one thing has one URL.
    pub fn parse_uuid(text: &str) -> Option<Self> {
        // Every other form that `Uuid` reads has another length.
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        let uuid = Uuid::try_parse(text).ok()?;
        Self::acceptable(&uuid).then_some(Self::Uuid(uuid))
    }

    /// A positive integer in decimal, without a sign or leading zeros.
    pub fn parse_serial(text: &str) -> Option<Self> {
        let canonical = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        // The empty text and numbers beyond 64 bits fail here.
        text.parse().ok().filter(|_| canonical).map(Self::Serial)
    }

    /// The UUID, if it is one.
    pub fn uuid(self) -> Option<Uuid> {
        match self {
            Self::Uuid(uuid) => Some(uuid),
            Self::Serial(_) => None,
        }
    }

    fn acceptable(uuid: &Uuid) -> bool {
        uuid.get_variant() == Variant::RFC4122 && matches!(uuid.get_version_num(), 4 | 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V7: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
    const V4: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    #[test]
    fn versions_4_and_7_are_accepted_in_either_case() {
        for text in [V4, V7, &V4.to_uppercase()] {
            let Some(Id::Uuid(uuid)) = Id::parse_uuid(text) else { panic!("{text} refused") };
            assert_eq!(uuid.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn other_forms_and_versions_are_refused() {
        let compact = V4.replace('-', "");
        let braced = format!("{{{V4}}}");
        let urn = format!("urn:uuid:{V4}");
        let others = [
            "",
            "7",
            compact.as_str(),
            &braced,
            &urn,
            " 67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67e55044-10b1-426f-9247-bb680e5fe0cg",
            "67e5504410b1-426f-9247-bb680e5fe0c8-",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "c232ab00-9414-11ec-b3c8-9f6bdeced846",
            "67e55044-10b1-426f-c247-bb680e5fe0c8",
        ];
        for text in others {
            assert_eq!(Id::parse_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn serials_are_positive_and_canonical() {
        assert_eq!(Id::parse_serial("7"), Some(Id::Serial(7)));
        assert_eq!(Id::parse_serial("9223372036854775807"), Some(Id::Serial(i64::MAX)));
        for text in ["", "0", "07", "-7", "+7", " 7", "7.0", "1e3", "٧", "9223372036854775808"] {
            assert_eq!(Id::parse_serial(text), None, "{text}");
        }
    }

    #[test]
    fn the_stored_form_keeps_the_kind() {
        for id in [Id::Serial(7), Id::parse_uuid(V7).unwrap()] {
            let stored = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<Id>(&stored).unwrap(), id);
        }
        assert_eq!(serde_json::to_string(&Id::Serial(7)).unwrap(), "7");
    }
}
