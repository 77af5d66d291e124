//! The types of the domain. Each is parsed once, at the edge, and cannot be wrong afterwards. Nothing here does I/O.

pub mod bulk;
pub mod cursor;
pub mod feed;
pub mod filter;
pub mod id;
pub mod instant;
pub mod list;
mod markup;
pub mod people;
mod sanitising;
pub mod text;
pub mod todo;
pub mod token;
