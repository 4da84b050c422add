//! What tests share: scenarios as text, a virtual clock, builders, strategies and the naive
//! reference model. Nothing that ships uses this crate.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "only tests run this: what is broken here should stop them"
)]

pub mod broker;
pub mod build;
mod clock;
mod event;
pub mod leak;
pub mod organisation;
pub mod real;
pub mod reference;
mod scenario;
mod seen;
pub mod service;
mod stage;
pub mod strategies;
mod words;
mod world;

pub use clock::VirtualClock;
pub use event::{By, CallLine, Event, OpenLine, Target};
pub use reference::Reference;
pub use scenario::{Scenario, check, script};
pub use seen::Seen;
pub use stage::Stage;
pub use world::{ToyLine, ToyPolicy, World};
