//! The SPIFFE Workload API, both sides of it: what a local workload is told of itself, and the bundles of
//! trust domains that a local agent tells us.
//!
//! What is spoken is remote calls over HTTP/2 on a local socket, of which no more is known here than these
//! few calls need.

mod authority;
mod calls;
mod follow;
mod grpc;
mod place;
mod streams;
mod wire;

pub use self::{
    authority::{JwtSvid, WorkloadAuthority, X509Svid},
    calls::{WorkloadAnswer, WorkloadAsk, WorkloadCall, WorkloadCalls, WorkloadHeard},
    follow::workload_domains,
    grpc::WorkloadStatus,
    place::{WorkloadPlace, WorkloadPlaceError},
};
pub(crate) use self::{
    follow::follow,
    streams::{Half, Told},
};
use crate::http2::Broken;
#[cfg(any(test, fuzzing))]
use crate::http2::STREAMS_MAX;

/// Nothing came of talking to the other side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// It cannot be reached, or is gone.
    #[error("{0}")]
    Gone(String),
    /// It says nothing, or takes nothing.
    #[error("it does not answer")]
    Silent,
    /// It speaks something else.
    #[error("{0}")]
    Broken(String),
    /// It will not tell.
    #[error("it answered with status {code}: {text}")]
    Refused {
        /// The code of its answer.
        code: u32,
        /// What it said, shortened.
        text: String,
    },
}

impl From<Broken> for WorkloadError {
    fn from(error: Broken) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Bytes of either side as foreign bytes: whatever comes, it is taken or refused, and what is taken is bounded.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let (mut calls, mut streams) = (WorkloadCalls::default(), streams::Streams::new());
    if let Ok(heard) = calls.receive(bytes) {
        assert!(heard.len() <= bytes.len(), "more questions than bytes");
        assert!(calls.kept() <= STREAMS_MAX, "more calls are kept than can be under way");
        for it in heard {
            if let WorkloadHeard::Asked(call, _) = it {
                calls.end(call, WorkloadStatus::Unavailable, "not now");
            }
        }
    }
    let told = streams.receive(bytes).map(|it| it.len()).unwrap_or_default();
    assert!(told <= bytes.len(), "more was told than came");
    let _read_or_not = (wire::bundles(bytes, 1), wire::texts(bytes, 1), wire::fields(bytes));
}

#[cfg(test)]
mod tests;
