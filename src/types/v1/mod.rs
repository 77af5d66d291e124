//! The wire types of version 1, frozen: ids are integers, tags are objects. What reads bodies is version 2's, with
//! another parser for ids; nothing here may change but to keep version 1 as it is.

pub mod body;
pub mod bulk;
pub mod people;
pub mod query;
pub mod todo;
