//! The published OpenAPI documents: the blessed files of `openapi/`, which `cargo xtask openapi` writes from the code.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::document::Document;
use crate::error::Result;
use crate::extract::query::{NoParameters, Query};
use crate::middleware::representation::{self, packed};

// Unpacked and hashed once per instance, with the first request for it: they never change.
static V1: LazyLock<Document> = LazyLock::new(|| document(packed!("v1.json")));
static V2: LazyLock<Document> = LazyLock::new(|| document(packed!("v2.json")));

/// The document of version 1.
pub async fn v1(Query(NoParameters): Query<NoParameters>) -> Result {
    Ok(V1.clone())
}

/// The document of version 2.
pub async fn v2(Query(NoParameters): Query<NoParameters>) -> Result {
    Ok(V2.clone())
}

fn document(packed: &'static [u8]) -> Document {
    let mut document = Document::page(representation::unpack(packed));
    document.gzip = Some(Bytes::from_static(packed));
    document
}
