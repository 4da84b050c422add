//! HTTP APIs behind the gateway. A route is a server whose tools are the operations of an API: what
//! is decided of a tool's call is decided of a request.

mod body;
mod credential;
mod headers;
mod lent;
mod operation;
mod other_method;
mod outgoing;
mod read;
mod scrub;
mod target;

pub(crate) use credential::Made;
pub use credential::{Injection, Outfit};
pub use headers::may_pass;
pub(crate) use headers::{goes_back, is_coded};
pub use lent::{Borne, Lent};
pub use operation::{BodyField, Operation, OperationError, PathTemplate, Scalar, takes_a_body};
pub(crate) use outgoing::{Outgoing, Summary};
pub(crate) use read::{Came, Read, read};
pub(crate) use scrub::{Scrubber, Scrubbing};
#[cfg(any(test, fuzzing))]
pub(crate) use target::foreign;

use http::{HeaderName, Uri};

/// What stands for the operation of a request that is none of the API's: nothing offers it.
pub const UNMATCHED: &str = "unmatched";

/// One HTTP API, as configured.
#[derive(Clone, Debug)]
pub struct WebSpec {
    /// Where it is: what a request names stands behind this.
    pub base: Uri,
    /// What can be asked of it.
    pub operations: Vec<Operation>,
    /// Headers of requests that go on besides those that always do.
    pub headers: Vec<HeaderName>,
    /// How large an answer may be.
    pub response_max: u64,
}
