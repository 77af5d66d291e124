//! The published OpenAPI documents.

use crate::error::Result;

/// The document of version 2.
pub async fn v2() -> Result {
    Err(crate::error::route_not_found().await)
}
