//! Strategies: random JSON, worlds and events for property tests.

mod events;
mod json;
mod worlds;

pub use events::{call_line, events, open_line};
pub use json::json;
pub use worlds::world;
