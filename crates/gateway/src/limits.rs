//! How much this gateway takes of anybody at once. `docs/reference/limits.md` has these numbers, too.

use std::time::Duration;

use bailiwick_model::JsonLimits;

/// How large one message may be, and how intricate.
pub(crate) const MESSAGE: JsonLimits = JsonLimits { bytes: 4 << 20, depth: 64, values: 200_000 };
/// How long a body may take to arrive.
pub(crate) const BODY_WAIT: Duration = Duration::from_secs(30);

/// How many requests one task may have under way.
pub(crate) const REQUESTS_UNDER_WAY_OF_A_TASK: usize = 256;
/// How many all tasks may.
pub(crate) const REQUESTS_UNDER_WAY: usize = 4096;
/// How many bytes the requests may have that one task has under way.
pub(crate) const REQUEST_BYTES_OF_A_TASK: usize = 64 << 20;
/// How many those of all tasks may.
pub(crate) const REQUEST_BYTES: usize = 256 << 20;
/// How many streams of changes one task may have open.
pub(crate) const STREAMS_OF_A_TASK: usize = 8;
/// How many all tasks may.
pub(crate) const STREAMS: usize = 4096;
