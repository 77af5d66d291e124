//! Wire types, one module per version. Version 1 is frozen; handlers know version 2's.

pub mod mcp;
pub mod scalar;
pub mod stats;
pub mod v1;
pub mod v2;
