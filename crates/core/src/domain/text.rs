//! Text that callers write: titles, descriptions, names of tags, search terms.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

pub use super::sanitising::SanitisingBudget;
use super::{markup, sanitising};

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// Stable snake_case code.
    pub code: &'static str,
    /// One sentence for the caller. Never repeats the text.
    pub detail: String,
}

impl TextError {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// The title of a todo: plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Title(String);

impl Title {
    /// The most characters (Unicode scalar values) after sanitising.
    pub const MAX: usize = 200;

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

/// The description of a todo: rich text, sanitised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description(String);

impl Description {
    /// The most characters (Unicode scalar values) after sanitising.
    pub const MAX: usize = 10_000;

    /// Sanitises a text; `None` if nothing is left, since an empty description and none are the same.
    pub fn parse(text: &str) -> Result<Option<Self>, TextError> {
        Self::parse_within(text, &SanitisingBudget::default())
    }

    /// The same for one of several texts, which share a budget.
    pub fn parse_within(text: &str, budget: &SanitisingBudget) -> Result<Option<Self>, TextError> {
        let text = sanitising::rich(text, Self::MAX, budget)?;
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    /// The words of a sanitised description, without its markup.
    pub fn plain(sanitised: &str) -> String {
        markup::text_of(sanitised)
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

/// The name of a tag: plain text, the same tag in every spelling of upper and lower case.
///
/// `==` compares spellings; [`TagName::folded`] is the identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagName(String);

impl TagName {
    /// The most characters (Unicode scalar values) after sanitising.
    pub const MAX: usize = 50;

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

    /// What identifies the tag in its workspace. The database stores this and never folds case itself: its rules depend
    /// on its locale and would not agree with these.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// Merges tags that differ only in case; the first spelling stays, and so does the order.
    pub fn distinct(tags: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut seen = HashSet::new();
        tags.into_iter().filter(|tag| seen.insert(tag.folded())).collect()
    }

    /// Gives every tag the spelling of the first that is the same tag.
    pub fn unify_spellings<'a>(tags: impl IntoIterator<Item = &'a mut Self>) {
        let mut spellings = HashMap::new();
        for tag in tags {
            *tag = spellings.entry(tag.folded()).or_insert_with(|| tag.clone()).clone();
        }
    }
}

/// A search term in `websearch` syntax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SearchText(String);

impl SearchText {
    /// The most characters (Unicode scalar values).
    pub const MAX: usize = 200;

    /// Trims and normalises a text; markup stays, since it is only searched for.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        sanitising::search(text, Self::MAX).map(Self)
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The normalised text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Folds case character by character. Greek has two small sigmas for one capital; they count as one. Full case folding
/// would go further and take "Maße" for "Masse".
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> TagName {
        TagName::parse(name).unwrap()
    }

    #[test]
    fn each_kind_has_its_own_length() {
        assert!(Title::parse(&"x".repeat(200)).is_ok());
        assert_eq!(Title::parse(&"x".repeat(201)).unwrap_err().code, "too_long");
        assert!(TagName::parse(&"x".repeat(50)).is_ok());
        assert_eq!(TagName::parse(&"x".repeat(51)).unwrap_err().code, "too_long");
        assert!(Description::parse(&"x".repeat(10_000)).is_ok());
        assert_eq!(Description::parse(&"x".repeat(10_001)).unwrap_err().code, "too_long");
        assert!(SearchText::parse(&"x".repeat(200)).is_ok());
        assert_eq!(SearchText::parse(&"x".repeat(201)).unwrap_err().code, "too_long");
    }

    #[test]
    fn only_a_description_may_be_empty() {
        for text in ["", " \n", "<script>x</script>", "<!-- x -->"] {
            assert_eq!(Title::parse(text).unwrap_err().code, "too_short", "{text}");
            assert_eq!(TagName::parse(text).unwrap_err().code, "too_short", "{text}");
            assert_eq!(Description::parse(text), Ok(None), "{text}");
        }
        assert_eq!(SearchText::parse(" ").unwrap_err().code, "too_short");
    }

    #[test]
    fn plain_text_loses_markup_and_rich_text_keeps_some() {
        let text = "<b onclick=x()>a</b> & <script>b</script>c";
        assert_eq!(Title::parse(text).unwrap().as_str(), "a & c");
        assert_eq!(TagName::parse(text).unwrap().as_str(), "a & c");
        assert_eq!(Description::parse(text).unwrap().unwrap().as_str(), "<b>a</b> &amp; c");
        assert_eq!(SearchText::parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn an_error_does_not_repeat_the_text() {
        let error = Title::parse("secret\u{0}").unwrap_err();
        assert!(!error.detail.contains("secret"));
    }

    #[test]
    fn a_tag_is_the_same_in_every_case() {
        for (one, other) in [("Home", "hOME"), ("ÄÖÜ", "äöü"), ("ΟΔΟΣ", "οδος"), ("É", "e\u{301}"), ("\u{212a}", "k")]
        {
            assert_eq!(tag(one).folded(), tag(other).folded(), "{one}, {other}");
        }
        for (one, other) in [("Home", "Hom"), ("resume", "résumé"), ("Maße", "Masse"), ("a b", "a  b")] {
            assert_ne!(tag(one).folded(), tag(other).folded(), "{one}, {other}");
        }
        assert_eq!(tag("Home").as_str(), "Home");
    }

    #[test]
    fn duplicate_tags_merge_into_the_first_spelling() {
        let tags = ["Home", "work", "HOME", "Work", "garden"].map(tag);
        let distinct: Vec<String> = TagName::distinct(tags).into_iter().map(TagName::into_string).collect();
        assert_eq!(distinct, ["Home", "work", "garden"]);
    }

    #[test]
    fn the_first_spelling_of_a_tag_is_that_of_all() {
        let mut tags = ["Home", "work", "HOME", "Work", "home"].map(tag);
        TagName::unify_spellings(&mut tags);
        assert_eq!(tags.map(TagName::into_string), ["Home", "work", "Home", "work", "Home"]);
    }
}
