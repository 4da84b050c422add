//! The checker: whether a smaller policy gives nothing new, and still gives all that was used.
//!
//! It shares no code with what makes policies smaller. It reads policies by itself, compares patterns as texts instead
//! of looking names up in a list, and knows one way only to call a statement harmless: each that allows lies within one
//! that allowed, and each that denied lies within one that denies.

mod claims;
mod condition;
mod contain;
mod evaluate;
mod glob;
mod house;
mod kubernetes;
mod named;
mod policy;
mod postgres;
mod sql;
mod toml;
mod verify;
mod yaml;

pub use self::{
    contain::gives_more,
    evaluate::{Allowed, Request, allows},
    policy::{NoPolicy, Policy},
    verify::{Replay, Used, Verified, replay, used_of, verify},
};
pub(super) use self::{
    named::{checks, evaluator},
    verify::{digest_of, used},
};

/// Names the rules by which policies are read here; another reading gets another name.
pub const EVALUATOR: &str = "bailiwick-iam/1";
