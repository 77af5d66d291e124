//! Lists of todos, and the order of things among their siblings.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::id::Id;
use super::instant::Instant;
use super::people::Name;
use super::text::fold;

/// Where something stands among its siblings; ties are broken by id. A new thing has the seconds of its creation, so
/// that it is the last without anybody asking for the last one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rank(f64);

impl Rank {
    /// The largest number, and the smallest with a minus. Seconds, and what other protocols count by, are far within,
    /// and halves between any two of them are exact for long.
    pub const MOST: f64 = 1e15;
    /// What is nearer to zero is zero, so that no middle underflows.
    const LEAST: f64 = 1e-100;

    /// A finite number within the bounds.
    pub fn new(number: f64) -> Option<Self> {
        let number = if number.abs() < Self::LEAST { 0.0 } else { number };
        (number.abs() <= Self::MOST).then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Serialize for Rank {
    /// Whole numbers as such, as Postgres writes them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 is one of 64 bits")]
        if self.0.fract() == 0.0 && self.0.abs() < 9_007_199_254_740_992.0 {
            return serializer.serialize_i64(self.0 as i64);
        }
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Rank {
    /// As Postgres wrote it. serde's own way to read a number may miss the last bit, and then two neighbours could
    /// change places.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?;
        text.get().parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// The colour of a list: `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Color(String);

impl Color {
    /// Six hexadecimal digits of either case after a `#`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let sound = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound.then(|| Self(text.to_ascii_lowercase()))
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// What identifies a list beside its ids: its name without regard to case.
pub fn folded(name: &Name) -> String {
    fold(name.as_str())
}

/// The most lists of a workspace.
pub const MOST_LISTS: i64 = 1000;

/// A list as the store returns it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct List {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The name, unique without regard to case.
    pub name: Name,
    /// How clients show it.
    pub color: Option<Color>,
    /// Where it stands among the lists.
    pub position: Rank,
    /// Since when it is archived, while it is.
    pub archived_at: Option<Instant>,
    /// How many open todos are in it.
    pub count: i64,
    /// When it was created.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// What is written of a list; what is `None` stays, or is the default of a new one. A new one has a name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListFields {
    /// The name.
    pub name: Option<Name>,
    /// The colour; the inner `None` clears it.
    pub color: Option<Option<Color>>,
    /// The place; the inner `None` is that of its creation.
    pub position: Option<Option<Rank>>,
    /// Whether it is archived.
    pub archived: Option<bool>,
}

/// Which list, or which parent, todos have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// None.
    None,
    /// This one.
    Id(Id),
}

/// Where a todo is moved, with all that is below it. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Move {
    /// The list. If it is another one, and no parent is named, the todo has none from then on.
    pub list: Option<Option<Id>>,
    /// The todo that it is a subtask of.
    pub parent: Option<Option<Id>>,
    /// The place among its siblings there.
    pub spot: Option<Spot>,
}

/// A place among siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// Right after this one.
    After(Id),
    /// Right before this one.
    Before(Id),
    /// Before all.
    First,
    /// After all.
    Last,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_finite_and_bounded_and_keeps_its_bits() {
        for number in [0.0, -1.5, 1e15, -1e15, 1_795_894_887.724_401_2, 0.1 + 0.2] {
            let written = serde_json::to_string(&Rank::new(number).unwrap()).unwrap();
            assert_eq!(serde_json::from_str::<Rank>(&written).unwrap().get().to_bits(), number.to_bits(), "{written}");
        }
        for number in [1.1e15, f64::NAN, f64::INFINITY] {
            assert_eq!(Rank::new(number), None);
        }
        assert_eq!(Rank::new(1e-300), Rank::new(0.0));
        assert_eq!(serde_json::to_string(&Rank::new(7.0).unwrap()).unwrap(), "7");
    }

    #[test]
    fn a_colour_has_six_digits() {
        assert_eq!(Color::parse("#FF00aa").unwrap().as_str(), "#ff00aa");
        for text in ["", "#", "red", "#fff", "ff00aa", "#ff00ag", "#ff00aa ", "#ff00aaa"] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }
}
