//! How much of an enforcement point is taken at once. `docs/reference/limits.md` has these numbers,
//! too.

use std::time::Duration;

use bailiwick_model::JsonLimits;

/// How large one question may be, and how intricate.
pub(super) const QUESTION: JsonLimits = JsonLimits { bytes: 256 << 10, depth: 32, values: 20_000 };
/// How long its body may take to arrive.
pub(super) const WAIT: Duration = Duration::from_secs(15);
/// How many evaluations one question may hold.
pub(super) const EVALUATIONS: usize = 256;
/// How many questions one enforcement point may have under way.
pub(super) const UNDER_WAY: usize = 128;

/// How many of these may be searches: each may take as long as many evaluations.
pub(super) const SEARCHES: usize = 4;
/// How many one page of a search may hold, and holds where nothing is said.
pub(super) const PAGE: usize = 1000;
/// How many are evaluated for one page.
pub(super) const LOOKS: usize = 4096;
/// How long one page is worked on.
pub(super) const WORK: Duration = Duration::from_millis(250);
/// How long a token that names a page may be.
pub(super) const TOKEN_MAX: usize = 8 << 10;

/// How a request is named by whoever makes it.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// How long such a name may be.
pub(super) const REQUEST_ID_MAX: usize = 256;
/// How long a type, an id or a name may be.
pub(super) const NAME_MAX: usize = 4 << 10;
