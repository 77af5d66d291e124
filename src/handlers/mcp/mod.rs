//! The Model Context Protocol, by which assistants use the service: `POST /mcp`.
//!
//! A translation layer over the use cases: no rule is its own. Requests are answered by themselves, without sessions,
//! streams or state, so that any instance serves any of them. An SDK was the road not taken: what the protocol asks of
//! such a server is less than what an SDK brings along.

mod call;
pub mod endpoint;
mod era;
mod headers;
mod message;
mod result;
pub mod tool;
