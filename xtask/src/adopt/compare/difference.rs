//! What differs on purpose between the old application and version 1. Each has a row in `/docs/migrating` with its
//! reason, under the same id; a test compares the two lists.

use std::collections::BTreeMap;

use super::zone::Zone;
use crate::progress::print;

/// The enumeration with the ids in `/docs/migrating`, in the order of the page.
macro_rules! differences {
    ($($(#[$meaning:meta])* $name:ident = $id:literal,)*) => {
        /// A difference on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Difference {
            $($(#[$meaning])* $name,)*
        }

        impl Difference {
            /// All of them.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];

            /// Its id in `/docs/migrating`.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }
        }
    };
}

differences! {
    /// 401 without a token.
    Token = "old-token",
    /// Fields that the old application did not have.
    MoreFields = "old-fields",
    /// The same instant in another spelling.
    Instants = "old-instants",
    /// The same tags in another order.
    TagOrder = "old-tag-order",
    /// Text without the markup and the outer white space that it had.
    Sanitised = "old-text",
    /// Bounds of texts, measured after sanitising.
    Lengths = "old-lengths",
    /// Control characters, which are refused.
    Controls = "old-controls",
    /// Tags that differed in upper and lower case only.
    MergedTags = "old-merged-tags",
    /// A status, priority or time that was empty, contradicted `completed` or had another name.
    Mended = "old-mended",
    /// The body of an error.
    ErrorBody = "old-errors",
    /// 400 where the path, the query or the JSON is wrong; it was 422, or 404 for an id below 1.
    Malformed = "old-malformed",
    /// Numbers that are refused in another spelling than that of their digits.
    Numbers = "old-numbers",
    /// A page size that is refused.
    Limit = "old-limit",
    /// A word or a parameter that nobody knows, refused instead of ignored.
    UnknownQuery = "old-unknown-query",
    /// Filters that were ignored, or of which the last counted.
    Filters = "old-filters",
    /// What is given twice is refused.
    Doubled = "old-doubled",
    /// A body that was accepted and is refused.
    UnknownBody = "old-unknown-body",
    /// Fields of a new todo that were ignored.
    IgnoredFields = "old-ignored-fields",
    /// Instants that are refused.
    DueDates = "old-due-dates",
    /// 413 for a long body.
    Size = "old-size",
    /// 415 for a body that is not declared as `application/json`.
    MediaType = "old-media-type",
    /// 406 for a client that does not accept JSON.
    Accept = "old-accept",
    /// Methods that were refused.
    Methods = "old-methods",
    /// A refusal where the old application failed.
    Failure = "old-failures",
    /// The shape of `/todos/stats`.
    Counts = "old-counts",
    /// Documents of the old application.
    Documents = "old-documents",
    /// The lists of the application after its owners' plan.
    PlanPages = "plan-pages",
    /// The titles of the application after its owners' plan.
    PlanTitles = "plan-titles",
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
    /// The zone of old instants that name none.
    pub zone: Zone,
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

    #[test]
    fn the_migration_page_gives_the_reason_of_each_difference() {
        let page = include_str!("../../../../crates/docs/pages/migrating.html");
        let rows: Vec<(&str, &str)> = page.split("<tr id=\"").skip(1).filter_map(|row| row.split_once('"')).collect();
        let told: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
        assert_eq!(told, Difference::ALL.iter().map(|difference| difference.id()).collect::<Vec<_>>());
        for (id, row) in rows {
            let row = row.split("</tr>").next().unwrap();
            let cells: Vec<&str> = row.split("<td>").skip(1).map(|cell| cell.split("</td>").next().unwrap()).collect();
            assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.trim().is_empty()), "{id} has no reason: {row}");
        }
    }
}
