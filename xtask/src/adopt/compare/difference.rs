//! What differs on purpose between the old application and version 1. Each has a row in `/docs/migrating` with its reason, under
//! the same id; a test compares the two lists.

use std::collections::BTreeMap;

use crate::progress::print;

/// A difference on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Fields that the old application did not have.
    MoreFields,
    /// The same instant in another spelling.
    Instants,
    /// The same tags in another order.
    TagOrder,
    /// Text without the markup and the outer blanks that it had.
    Sanitised,
    /// Tags that differed in upper and lower case only.
    MergedTags,
    /// A status, priority or time that was empty, contradicted `completed` or had another name.
    Mended,
    /// The body of an error.
    ErrorBody,
    /// 400 where the path, the query or the JSON is wrong; it was 422, or 404 for an id below 1.
    Malformed,
    /// A page size that is refused.
    Limit,
    /// A word or a parameter that nobody knows, refused instead of ignored.
    UnknownQuery,
    /// A body that was accepted and is refused.
    UnknownBody,
    /// 415 for a body that is not declared as JSON.
    MediaType,
    /// A refusal where the old application failed.
    Failure,
    /// The shape of `/todos/stats`.
    Counts,
}

impl Difference {
    /// Its id in `/docs/migrating`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::MoreFields => "old-fields",
            Self::Instants => "old-instants",
            Self::TagOrder => "old-tag-order",
            Self::Sanitised => "old-text",
            Self::MergedTags => "old-merged-tags",
            Self::Mended => "old-mended",
            Self::ErrorBody => "old-errors",
            Self::Malformed => "old-malformed",
            Self::Limit => "old-limit",
            Self::UnknownQuery => "old-unknown-query",
            Self::UnknownBody => "old-unknown-body",
            Self::MediaType => "old-media-type",
            Self::Failure => "old-failures",
            Self::Counts => "old-counts",
        }
    }
}

/// What has been compared, and what was found.
#[derive(Default)]
pub struct Findings {
    /// Requests sent to both.
    pub requests: u64,
    /// Todos compared field by field.
    pub todos: u64,
    /// What differs and should not.
    pub others: u64,
    /// How often each difference on purpose was seen, and where first.
    on_purpose: BTreeMap<Difference, (u64, String)>,
}

impl Findings {
    /// A difference on purpose; `at`: the request, or the todo and its field.
    pub fn on_purpose(&mut self, difference: Difference, at: &str) {
        self.on_purpose.entry(difference).or_insert_with(|| (0, at.to_owned())).0 += 1;
    }

    /// Anything else that differs.
    pub fn other(&mut self, at: &str, what: &str) {
        self.others += 1;
        print(format_args!("differs: {at}: {what}"));
    }

    /// The ids of the differences on purpose that were seen.
    #[cfg(test)]
    pub fn ids(&self) -> Vec<&'static str> {
        self.on_purpose.keys().map(|difference| difference.id()).collect()
    }

    /// One line for each difference on purpose.
    pub fn print(&self) {
        for (difference, (count, first)) in &self.on_purpose {
            print(format_args!("on purpose: /docs/migrating#{}: {count} times, first {first}", difference.id()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of the page.
    const ALL: [Difference; 14] = [
        Difference::MoreFields,
        Difference::Instants,
        Difference::TagOrder,
        Difference::Sanitised,
        Difference::MergedTags,
        Difference::Mended,
        Difference::ErrorBody,
        Difference::Malformed,
        Difference::Limit,
        Difference::UnknownQuery,
        Difference::UnknownBody,
        Difference::MediaType,
        Difference::Failure,
        Difference::Counts,
    ];

    #[test]
    fn the_migration_page_gives_the_reason_of_each_difference() {
        let page = include_str!("../../../../crates/docs/pages/migrating.html");
        let told: Vec<&str> = page.split("<tr id=\"").skip(1).filter_map(|row| row.split('"').next()).collect();
        assert_eq!(told, ALL.map(Difference::id));
    }
}
