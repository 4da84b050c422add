//! Judgement by written policy: what the organisation's policies and a task's grant say of one
//! request.
//!
//! The only crate that names Cedar. It is pure: a question goes in with its moment, an answer
//! comes out, and a compiled set never changes.

// Tests beside the code share their requests with those that know only what is public.
#[cfg(test)]
extern crate self as bailiwick_policy;

mod access;
mod annotations;
mod answer;
mod brief;
mod compile;
mod counted;
mod depth;
mod error;
mod explain;
#[cfg(any(test, fuzzing))]
pub mod foreign;
mod format;
mod grant;
mod hands;
mod hold;
mod index;
mod inventory;
mod judge;
mod lint;
mod load;
mod loose;
mod mistake;
mod outlook;
mod parts;
mod pieces;
mod reads;
mod reload;
mod schema;
mod seat;
mod set;
mod sheet;
mod slice;
mod syntax;
mod view;
mod vocabulary;
mod ways;
mod when;

pub use access::{AccessPolicies, Candidates};
pub use answer::{Applying, Coverage, ListQuestion, PolicyAnswer, Question};
pub use brief::Briefs;
pub use error::PolicyError;
pub use explain::{Rank, Told};
pub use format::format;
pub use grant::GrantProgram;
pub use inventory::{Declared, IdentityType, IdentityTypeError, Inventory, Undeclarable};
pub use lint::{Idle, IdleWhy};
pub use outlook::{Stance, Stands};
pub use schema::{
    AcceptedTool, Offering, Property, PropertyKind, QuestionAction, QuestionSchema, QuestionType,
    Questions, Schema, SchemaError,
};
pub use set::{PolicyEffect, PolicyOptions, PolicySet, PolicySource, PolicySummary};
pub use view::Case;
pub use vocabulary::is_type;
pub use when::{WhenError, check_when};
