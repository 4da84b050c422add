//! The nouns of Bailiwick: what every other crate talks about, and nothing that acts.
//!
//! Text becomes a type here once, at the edge. Nothing in this crate waits, asks a clock,
//! draws a random number or opens a file.

mod action;
mod budget;
mod calendar;
mod charter;
mod containment;
mod digest;
mod entitlement;
mod evaluation;
mod evidence;
mod exception;
mod exercise;
mod explanation;
mod finding;
#[cfg(any(test, fuzzing))]
pub mod foreign;
mod grant;
mod held;
mod hold;
mod id;
mod json;
mod lease;
mod obligation;
mod person;
mod pin;
mod request;
mod signal;
mod span;
mod spiffe;
mod task;
mod template;
mod time;
mod verdict;

pub use action::{Action, ActionFacts, ActionKind, Effect, Environment, Fact, Reach, Sensitivity};
pub use budget::{Budget, Day, DayAccount, DayBudget, Spend};
pub use calendar::{Calendar, CalendarError};
pub use charter::{Charter, IdentityKind, Proof};
pub use containment::{Containment, Subject, SubjectError};
pub use digest::{CallDigest, Digest, DigestError};
pub use entitlement::{HeldPolicy, Holder, Patterns, Statement};
pub use evaluation::{
    Deed, Entity, EntityName, Evaluation, EvaluationRecord, SearchRecord, Sought,
};
pub use evidence::{
    Activation, ArgumentsRecord, CommandRecord, DecisionRecord, OutcomeKind, OutcomeRecord, Record,
    SecretChange, SecretUse, Surface,
};
pub use exception::Exception;
pub use exercise::{
    Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, PlatformError, Via,
};
pub use explanation::{
    Asked, AskedKind, AskedPart, Explanation, JudgedChange, Otherwise, PartSaid, Saw,
};
pub use finding::Finding;
pub use grant::{ApprovedLine, Grant, Layer};
pub use held::{HeldEvaluation, HeldOpening, HeldStatus};
pub use hold::{ApprovedCall, Hold, HoldStatus};
pub use id::{
    Class, CredentialId, DecisionId, ExceptionId, HoldId, IdError, IdentityId, LeaseId, PersonName,
    SecretName, ServerName, TargetName, TaskId, TemplateName, ToolName, Ulid,
};
pub use json::{Json, JsonError, JsonLimits};
pub use lease::{EnforcedAs, Lease, LeaseCause, LeaseEnd, LeaseRecord, LeaseState};
pub use obligation::{
    ArgumentLimit, ArgumentPath, Arguments, Change, Constraint, Constraints, CredentialScope,
    FieldPath, Most, Obligation, ObligationKind, Obligations, PathError, Rate, Rates, Redact,
    Shaped, Unshaped,
};
pub use person::Person;
pub use pin::{Offered, Pin, PinStatus};
pub use request::{AccessRequest, Caller, OpenRequest, ShownToken};
pub use signal::{Lowered, SignalEffect, SignalEvent, SignalRecord};
pub use span::{SpanError, format_bytes, format_span, parse_bytes, parse_span};
pub use spiffe::{SpiffeError, SpiffeId, TrustDomain};
pub use task::{EndCause, OnBehalf, Opener, Param, Task, TaskStatus};
pub use template::{
    AllowLine, BoundTokens, Mode, OnWiden, ParamShape, Template, TemplateKind, Window,
};
pub use time::{TimeError, Timestamp};
pub use verdict::{Judgement, Reason, ReasonCode, Step, Verdict, VerdictKind};
