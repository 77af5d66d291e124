//! The wire types of version 2. Ids are UUIDs; the integer never shows.

pub mod admin;
pub mod batch;
pub mod bulk;
pub mod feed;
pub mod filter;
pub mod list;
pub mod people;
pub mod todo;
