//! Bulk changes in version 1: as in version 2, with integer ids.

use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::types::v2;

/// Which todos, and what is done to each.
#[derive(Debug)]
pub struct Bulk(pub v2::bulk::Bulk);

impl FromJson for Bulk {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let mut bulk = v2::bulk::bulk(fields, fields::serial, fields::serial, None)?;
        // This version knows no lists, so none is archived for it.
        bulk.filter.archived = true;
        Some(Self(bulk))
    }
}
