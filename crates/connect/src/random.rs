//! Randomness from the operating system, through the one cryptographic provider.

use bailiwick_model::{Timestamp, Ulid};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The operating system gives no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct RandomError;

/// Draws `N` random bytes.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// Draws 16 random bytes and writes them as 22 characters of base64url: an id nobody can guess.
pub fn random_text() -> Result<String, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<16>()?))
}

/// Makes the unique part of an id for something that begins `now`.
pub fn new_ulid(now: Timestamp) -> Result<Ulid, RandomError> {
    Ok(Ulid::new(now, random_bytes()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bailiwick_model::TaskId;

    use super::*;

    #[test]
    fn no_two_draws_are_the_same() {
        let drawn: BTreeSet<String> = (0..1000).map(|_| random_text().unwrap()).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|it| it.len() == 22));
    }

    #[test]
    fn ids_of_later_moments_sort_later() {
        let early = new_ulid(Timestamp::from_millis(1_000)).unwrap();
        let late = new_ulid(Timestamp::from_millis(1_001)).unwrap();
        assert!(early < late);
        assert!(TaskId::new(early).as_str().parse::<TaskId>().is_ok());
    }
}
