//! The enforcement point: calls in, decisions asked, permitted calls out.

mod call;
mod jsonrpc;
mod mcp;
mod path;
pub mod upstream;

pub use call::{Call, CallError};
