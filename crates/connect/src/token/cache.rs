//! Remembers which tokens were verified, because verifying costs a hundred times as much as
//! looking one up.
//!
//! The whole token is the key: equal bytes, equal claims. An entry lives a minute at most and dies
//! with the key generation. Refusals are not remembered: they would let strangers fill the memory.

use std::{
    borrow::Borrow,
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bailiwick_model::Timestamp;
use zeroize::Zeroize;

use super::Verified;

const SHARDS: usize = 16;
/// The most entries of one shard: with its token an entry takes about 1.5 KiB.
const SHARD_MAX: usize = 1024;
/// The longest an entry is believed.
const LIFE: Duration = Duration::from_secs(60);

/// A token's bytes, wiped when dropped.
#[derive(PartialEq, Eq, Hash)]
struct TokenBytes(Box<[u8]>);

impl Borrow<[u8]> for TokenBytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for TokenBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

struct Entry {
    verified: Arc<Verified>,
    key_generation: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Entry {
    fn is_live(&self, key_generation: u64, now: Timestamp) -> bool {
        // A clock that was turned back makes nothing live longer.
        self.key_generation == key_generation && self.since <= now && now < self.until
    }
}

/// A bounded map from verified tokens to what they say. The standard map's hash is keyed at random
/// in each process, so nobody can choose tokens that collide.
pub(super) struct Cache {
    shards: [RwLock<HashMap<TokenBytes, Entry>>; SHARDS],
}

impl Default for Cache {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Cache({} tokens)", self.len())
    }
}

impl Cache {
    /// Gives what `token` was verified to say, if that is still to be believed.
    pub(super) fn get(
        &self,
        token: &str,
        key_generation: u64,
        now: Timestamp,
    ) -> Option<Arc<Verified>> {
        let shard = self.shard(token)?.read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.get(token.as_bytes()).filter(|it| it.is_live(key_generation, now))?;
        Some(Arc::clone(&entry.verified))
    }

    /// Keeps what `token` was verified to say.
    pub(super) fn keep(
        &self,
        token: &str,
        verified: Arc<Verified>,
        key_generation: u64,
        now: Timestamp,
    ) {
        let until = now.after(LIFE).min(verified.expires);
        let entry = Entry { verified, key_generation, since: now, until };
        let Some(shard) = self.shard(token) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if SHARD_MAX <= shard.len() {
            shard.retain(|_, it| it.is_live(key_generation, now));
            if SHARD_MAX <= shard.len() {
                // Forgetting costs one verification each, and happens once in a thousand.
                shard.clear();
            }
        }
        shard.insert(TokenBytes(token.as_bytes().into()), entry);
    }

    /// Counts the entries.
    pub(super) fn len(&self) -> usize {
        let len =
            |it: &RwLock<HashMap<_, _>>| it.read().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(len).fold(0, usize::saturating_add)
    }

    /// Chooses by the signature's end, which is as good as random.
    fn shard(&self, token: &str) -> Option<&RwLock<HashMap<TokenBytes, Entry>>> {
        let mixed = token
            .bytes()
            .rev()
            .take(8)
            .fold(0_usize, |all, it| all.wrapping_mul(31).wrapping_add(usize::from(it)));
        self.shards.get(mixed % SHARDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Audience;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }

    fn verified(expires: Timestamp) -> Arc<Verified> {
        Arc::new(Verified {
            task: "task_01JD8X00000000000000000000".parse().unwrap(),
            identity: "a".parse().unwrap(),
            via: Vec::new(),
            generation: 1,
            policy: "p".to_owned(),
            audience: Audience::All,
            bound: None,
            exposed: false,
            issued: at(0),
            expires,
            credentials: std::collections::BTreeSet::new(),
        })
    }

    #[test]
    fn an_entry_is_believed_a_minute_at_most_and_never_past_its_end() {
        let cache = Cache::default();
        cache.keep("long", verified(at(300)), 1, at(100));
        cache.keep("short", verified(at(110)), 1, at(100));
        assert!(cache.get("long", 1, at(159)).is_some());
        assert!(cache.get("long", 1, at(160)).is_none());
        assert!(cache.get("short", 1, at(109)).is_some());
        assert!(cache.get("short", 1, at(110)).is_none());
    }

    #[test]
    fn other_bytes_another_generation_and_a_clock_turned_back_miss() {
        let cache = Cache::default();
        cache.keep("token", verified(at(300)), 1, at(100));
        assert!(cache.get("token", 1, at(100)).is_some());
        assert!(cache.get("tokeN", 1, at(100)).is_none());
        assert!(cache.get("toke", 1, at(100)).is_none());
        assert!(cache.get("token", 2, at(100)).is_none());
        assert!(cache.get("token", 1, at(99)).is_none());
    }

    #[test]
    fn it_never_grows_past_its_bound_and_the_newest_stays() {
        let cache = Cache::default();
        for number in 0..(SHARDS * SHARD_MAX * 2) {
            let token = format!("token-{number}");
            cache.keep(&token, verified(at(300)), 1, at(100));
            assert!(cache.get(&token, 1, at(100)).is_some());
        }
        assert!(cache.len() <= SHARDS * SHARD_MAX, "{}", cache.len());
    }

    #[test]
    fn dead_entries_make_room_before_live_ones_do() {
        let cache = Cache::default();
        // The same eight bytes at the end: the same shard.
        let token = |number: usize| format!("{number}-same-end");
        cache.keep(&token(0), verified(at(900)), 1, at(200));
        for number in 1..SHARD_MAX {
            cache.keep(&token(number), verified(at(900)), 1, at(100));
        }
        cache.keep(&token(SHARD_MAX), verified(at(900)), 1, at(200));
        assert_eq!(cache.len(), 2);
        assert!(cache.get(&token(0), 1, at(200)).is_some());
    }

    #[test]
    fn no_token_is_printed() {
        let cache = Cache::default();
        cache.keep("token-bytes", verified(at(300)), 1, at(100));
        assert_eq!(format!("{cache:?}"), "Cache(1 tokens)");
    }
}
