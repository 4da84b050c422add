//! The Model Context Protocol in both its eras: sessions that `initialize` opens, and requests that
//! each say everything themselves. Only reading and writing; nothing here waits or decides.

pub(crate) mod answers;
pub(crate) mod askable;
pub(crate) mod bridge;
pub(crate) mod client;
pub(crate) mod era;
pub(crate) mod headers;
pub(crate) mod input_required;
pub(crate) mod log_level;
pub(crate) mod meta;
pub(crate) mod mirror;
pub(crate) mod names;
pub(crate) mod ours;
pub(crate) mod param_header;
pub(crate) mod refusal;
pub(crate) mod request_state;
pub(crate) mod revision;
pub(crate) mod session;
pub(crate) mod subscription;
pub(crate) mod task_handle;
pub(crate) mod tasks;
pub(crate) mod waiting;

pub(crate) use era::{Era, Spoken};

/// The codes that the protocol of 2026-07-28 adds.
pub(crate) mod code {
    /// A header is missing, malformed or says something else than the body.
    pub(crate) const HEADER_MISMATCH: i64 = -32020;
    /// The client must be able to answer something that it did not declare.
    pub(crate) const MISSING_CAPABILITY: i64 = -32021;
    /// The revision that was asked for is not spoken here.
    pub(crate) const UNSUPPORTED_VERSION: i64 = -32022;
}
