//! Task tokens: what an agent shows with every call.
//!
//! A plain RFC 9068 access token (`at+jwt`, ES256) that lives five minutes and names one task. It
//! carries digests and names, never prompts; what the task may do stays in its record, and ending
//! the task raises a generation that makes every token of it worthless at once.

mod audience;
mod binding;
mod cache;
mod claims;
mod keys;
mod mint;
mod verify;

use std::time::Duration;

pub use audience::{Audience, Issuer};
pub use binding::Binding;
pub use claims::{Intent, TaskClaims, Verified};
pub use keys::{TokenKeyChange, TokenKeyState, TokenKeyView, TokenKeys, TokenKeysError};
pub use mint::{MintError, TokenMint};
pub use verify::{Held, TokenCounts, TokenError, TokenVerifier};

/// How long a task token lives.
pub const TASK_TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);
/// How many identities may have handed a task's authority on.
pub const VIA_MAX: usize = 4;

const KIND: &str = "at+jwt";
const GENERATION: &str = "bailiwick/gen";
const POLICY: &str = "bailiwick/pol";
const ASKED_WITH: &str = "bailiwick/key";

/// A token as foreign text: what it would say if its signature fitted.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(token: &str) {
    let issuer = Issuer::new("http://127.0.0.1:8470");
    let _said = crate::jws::Jws::read(token, KIND).map(|it| Verified::read(&it, &issuer));
}

#[cfg(test)]
mod tests;
