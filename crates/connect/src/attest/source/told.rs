//! Keys that come by themselves: halves of a bundle, told as they change.

use std::sync::PoisonError;

use bailiwick_model::{Timestamp, TrustDomain};

use super::{KeyPlace, KeySource};
use crate::{
    jwk::ForeignKeys,
    workload::{Half, Told, WorkloadError, WorkloadPlace},
};

impl KeySource {
    /// Gives whoever tells these keys by themselves.
    pub(crate) const fn teller(&self) -> Option<&WorkloadPlace> {
        match &self.place {
            KeyPlace::Workload(place) => Some(place),
            KeyPlace::File(_) | KeyPlace::Address(_) => None,
        }
    }

    /// Takes what was told of `domain`. What is not named any more is taken back; whoever is still there
    /// would have told of what is new, so what was taken of the last that they told is young again.
    pub(crate) fn hear(&self, domain: &TrustDomain, told: &Told, now: Timestamp) {
        match told {
            Told::Bundles(half, bundles) => {
                let bundle = bundles.get(&format!("spiffe://{domain}"));
                self.take_half(*half, bundle.map_or(&[][..], Vec::as_slice), now);
            }
            Told::Alive => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                for half in [Half::X509, Half::Jwt] {
                    let (part, _) = known.part(half);
                    if part.current && part.counts(now) {
                        part.read = Some(now);
                    }
                }
            }
        }
    }

    /// Takes note that nobody tells any more, and why: what was told counts for a while, unless it was
    /// taken back.
    pub(crate) fn lost(&self, why: &WorkloadError, now: Timestamp) {
        if why.takes_back() {
            self.take_keys(Ok(ForeignKeys::default()), now);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.failed = Some(why.to_string());
        (known.x509.current, known.jwt.current) = (false, false);
    }

    fn take_half(&self, half: Half, bundle: &[u8], now: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tried = Some(now);
        let keys = known.keys.as_ref().clone();
        let taken = match half {
            Half::X509 => keys.with_authorities(bundle),
            Half::Jwt => keys.with_told_keys(bundle),
        };
        match taken {
            Ok(keys) => known.take(keys, &[half], now),
            Err(why) => known.part(half).0.refuse(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{WorkloadAuthority, jwk::Purpose};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const DAY: u64 = 24 * 60 * 60;

    fn later(seconds: u64) -> Timestamp {
        NOW.after(Duration::from_secs(seconds))
    }

    /// A trust domain that is told by somebody, and its authority.
    struct House {
        keys: KeySource,
        domain: TrustDomain,
        authority: WorkloadAuthority,
        _dir: tempfile::TempDir,
    }

    impl House {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let domain: TrustDomain = "example.org".parse().unwrap();
            let authority =
                WorkloadAuthority::open(&dir.path().join("own"), domain.clone(), NOW).unwrap();
            let place = KeyPlace::Workload("unix:/run/agent.sock".parse().unwrap());
            Self { keys: KeySource::new(place, Purpose::Svid), domain, authority, _dir: dir }
        }

        fn tells(&self, half: Half, domain: &str, now: Timestamp) {
            let bundle = match half {
                Half::X509 => self.authority.certificate().to_vec(),
                // As SPIRE has it: a plain set, in which nothing is said of what keys are for.
                Half::Jwt => {
                    let set = self.authority.keys(now).canonical();
                    set.replace(r#","use":"jwt-svid""#, "").into_bytes()
                }
            };
            let bundles = BTreeMap::from([(format!("spiffe://{domain}"), bundle)]);
            self.keys.hear(&self.domain, &Told::Bundles(half, bundles), now);
        }

        /// Whether certificates count, and tokens.
        async fn counts(&self, now: Timestamp) -> (bool, bool) {
            let certificate = {
                let known = self.keys.known.read().unwrap();
                known.authorities.is_some() && known.x509.counts(now)
            };
            let keys = self.authority.keys(now);
            let Some(bailiwick_model::Json::List(all)) = keys.get("keys") else { panic!() };
            let name = all[0].get("kid").unwrap().as_text().unwrap();
            (certificate, self.keys.keys(name, now).await.named(name).next().is_some())
        }
    }

    #[tokio::test]
    async fn halves_come_each_by_itself_and_what_is_not_named_any_more_is_taken_back() {
        let it = House::new();
        assert_eq!(it.counts(NOW).await, (false, false));
        it.tells(Half::X509, "example.org", NOW);
        assert_eq!(it.counts(NOW).await, (true, false));
        it.tells(Half::Jwt, "example.org", NOW);
        assert_eq!(it.counts(NOW).await, (true, true));
        assert_eq!(it.keys.tend(later(1)).await, None);
        it.tells(Half::X509, "partner.example", later(2));
        assert_eq!(it.counts(later(2)).await, (false, true));
        it.tells(Half::Jwt, "partner.example", later(2));
        assert_eq!(it.counts(later(2)).await, (false, false));
        let told = it.keys.tend(later(3)).await.unwrap();
        assert!(told.contains("none that counts"), "{told}");
    }

    #[tokio::test]
    async fn what_was_told_last_counts_for_a_day_after_its_teller_was_last_there() {
        let it = House::new();
        it.tells(Half::X509, "example.org", NOW);
        it.tells(Half::Jwt, "example.org", NOW);
        it.keys.hear(&it.domain, &Told::Alive, later(DAY - 1));
        it.keys.lost(&WorkloadError::Silent, later(DAY));
        assert_eq!(it.keys.tend(later(DAY)).await, None, "it may come back at once");
        let told = it.keys.tend(later(DAY + 300)).await.unwrap();
        assert!(told.contains("does not answer") && told.contains("count until"), "{told}");
        assert_eq!(it.keys.tend(later(DAY + 400)).await, None, "it is told once");
        assert_eq!(it.counts(later(2 * DAY - 2)).await, (true, true));
        assert_eq!(it.counts(later(2 * DAY)).await, (false, false));
        // What does not count any more is not revived: not by somebody who tells nothing of it, nor by
        // the other half.
        it.keys.hear(&it.domain, &Told::Alive, later(2 * DAY));
        assert_eq!(it.counts(later(2 * DAY)).await, (false, false));
        it.tells(Half::Jwt, "example.org", later(2 * DAY));
        it.keys.hear(&it.domain, &Told::Alive, later(2 * DAY + 20));
        assert_eq!(it.counts(later(2 * DAY + 20)).await, (false, true));
    }

    #[tokio::test]
    async fn what_its_teller_changed_and_we_cannot_take_counts_for_a_day_and_is_told_at_once() {
        for (half, other) in [(Half::X509, Half::Jwt), (Half::Jwt, Half::X509)] {
            let it = House::new();
            it.tells(Half::X509, "example.org", NOW);
            it.tells(Half::Jwt, "example.org", NOW);
            let spoil = |at| {
                let bundle = ("spiffe://example.org".to_owned(), b"0\x03x".to_vec());
                it.keys.hear(&it.domain, &Told::Bundles(half, [bundle].into()), at);
            };
            spoil(later(1));
            let told = it.keys.tend(later(1)).await.unwrap();
            assert!(told.contains("could not be read") && told.contains("count until"), "{told}");
            // Its teller is there, tells the other half, and goes on telling what we cannot take.
            for at in (20..DAY + 100).step_by(20) {
                it.keys.hear(&it.domain, &Told::Alive, later(at));
                if at.is_multiple_of(600) {
                    it.keys.lost(&WorkloadError::Silent, later(at));
                    spoil(later(at));
                    it.tells(other, "example.org", later(at));
                    assert_eq!(it.keys.tend(later(at)).await, None, "it is told once");
                }
            }
            let counts = it.counts(later(DAY)).await;
            assert_eq!(counts, (half == Half::Jwt, half == Half::X509));
            // It is taken as soon as it can be read.
            it.tells(half, "example.org", later(DAY + 100));
            assert_eq!(it.counts(later(DAY + 100)).await, (true, true));
            spoil(later(DAY + 200));
            assert!(it.keys.tend(later(DAY + 200)).await.is_some(), "and told anew the next time");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_leaves_what_was_told_before_and_being_nobody_leaves_nothing() {
        let it = House::new();
        it.tells(Half::X509, "example.org", NOW);
        it.tells(Half::Jwt, "example.org", NOW);
        for half in [Half::X509, Half::Jwt] {
            let spoiled = BTreeMap::from([("spiffe://example.org".to_owned(), b"0\x03x".to_vec())]);
            it.keys.hear(&it.domain, &Told::Bundles(half, spoiled), later(1));
            assert_eq!(it.counts(later(1)).await, (true, true));
        }
        for _ in [Half::X509, Half::Jwt] {
            assert!(it.keys.tend(later(1)).await.unwrap().contains("could not be read"));
        }
        assert_eq!(it.keys.tend(later(400)).await, None, "each is told once");
        let nobody = WorkloadError::Refused { code: 7, text: "no identity".to_owned() };
        it.keys.lost(&nobody, later(401));
        assert_eq!(it.counts(later(401)).await, (false, false));
        let told = it.keys.tend(later(402)).await;
        assert!(told.is_some_and(|it| it.contains("no identity")), "it is told why");
    }
}
