//! Wire types, one module per version. Version 1 is frozen; handlers know version 2's. `todobackend` and `mcp` are
//! those of the other protocols.

pub mod mcp;
pub mod scalar;
pub mod stats;
pub mod todobackend;
pub mod v1;
pub mod v2;
