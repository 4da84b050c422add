//! Where keys of others come from, read again in time and never in a storm.
//!
//! Whoever shows a key's name that nobody heard of makes the source be read once in a while, however
//! many do so at once. While the source is away, the keys that are known go on counting for a day.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bailiwick_model::Timestamp;
use rustls::{CertificateError, pki_types::CertificateDer};

use crate::{
    fetch::FetchPlace,
    jwk::{ForeignKeys, Purpose, SET_MAX},
    tls::Authorities,
    workload::{Half, WorkloadPlace},
};

mod told;

/// How long lies between two readings at least.
const BETWEEN: Duration = Duration::from_secs(10);
/// How often keys are read again, where their owner does not say.
const USUAL: Duration = Duration::from_secs(5 * 60);
/// How often that is at the most, and at least, whatever their owner says.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(60 * 60));
/// How long keys count that could not be read again.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where keys lie.
#[derive(Clone, Debug)]
pub enum KeyPlace {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address(FetchPlace),
    /// With whoever tells local workloads.
    Workload(WorkloadPlace),
}

/// What is known of the source.
#[derive(Debug, Default)]
struct Known {
    keys: Arc<ForeignKeys>,
    /// What is known of certificates of authorities, and of keys of tokens.
    x509: Part,
    jwt: Part,
    /// When it was last tried.
    tried: Option<Timestamp>,
    /// Why the last try failed.
    failed: Option<String>,
    /// The failure is told.
    told: bool,
    /// Those that vouch for certificates, where there are some.
    authorities: Option<Authorities>,
}

/// What is known of one half of the keys.
#[derive(Debug, Default)]
struct Part {
    /// When it was read.
    read: Option<Timestamp>,
    /// What was told of it last was taken, and its teller is there.
    current: bool,
    /// Why what was told of it last was not taken.
    refused: Option<String>,
    /// That is told.
    told: bool,
}

impl Part {
    /// Says whether it counts: for a day after it was read.
    fn counts(&self, now: Timestamp) -> bool {
        self.read.is_some_and(|it| now < it.after(KEPT))
    }

    /// Takes note that what was told of it cannot be taken: what was told before stays, and gets old.
    fn refuse(&mut self, why: String) {
        self.told &= self.refused.as_ref() == Some(&why);
        (self.current, self.refused) = (false, Some(why));
    }

    /// Gives why it is not what its owner wants it to be, once.
    fn tell(&mut self) -> Option<(String, Option<Timestamp>)> {
        let why = self.refused.clone().filter(|_| !self.told)?;
        self.told = true;
        Some((why, self.read))
    }
}

impl Known {
    fn part(&mut self, half: Half) -> (&mut Part, &Part) {
        match half {
            Half::X509 => (&mut self.x509, &self.jwt),
            Half::Jwt => (&mut self.jwt, &self.x509),
        }
    }

    /// When the older half was read.
    fn read(&self) -> Option<Timestamp> {
        self.x509.read.into_iter().chain(self.jwt.read).min()
    }

    /// Takes keys in the place of those before, of which these halves were read now.
    fn take(&mut self, keys: ForeignKeys, halves: &[Half], now: Timestamp) {
        let (mut whole, had_none) = (true, self.read().is_some() && self.keys.is_empty());
        for half in halves {
            let (part, other) = self.part(*half);
            *part = Part { read: Some(now), current: true, ..Part::default() };
            // A half that is told says nothing of the other one.
            whole &= halves.len() != 1
                || other.read.is_none()
                || other.current
                || other.refused.is_some();
        }
        if keys.is_empty() {
            // Its owner took them all back: none counts, and a person hears of it.
            self.told &= had_none;
            self.failed = Some("there is none that counts".to_owned());
        } else if whole {
            (self.failed, self.told) = (None, false);
        }
        self.authorities = Authorities::of(keys.authorities());
        self.keys = Arc::new(keys);
    }
}

/// The keys of one owner.
#[derive(Debug)]
pub(super) struct KeySource {
    place: KeyPlace,
    purpose: Purpose,
    known: RwLock<Known>,
    /// One reads, and whoever else wants to know waits for it.
    reading: tokio::sync::Mutex<()>,
    /// A certificate was shown that none of the known authorities signed.
    stranger: AtomicBool,
}

impl KeySource {
    pub(super) fn new(place: KeyPlace, purpose: Purpose) -> Self {
        let (known, reading, stranger) = Default::default();
        Self { place, purpose, known, reading, stranger }
    }

    /// Gives the keys among which `name` should be: read anew where it is not among those known.
    pub(super) async fn keys(&self, name: &str, now: Timestamp) -> Arc<ForeignKeys> {
        let known = self.counting(now);
        if known.named(name).next().is_some() {
            return known;
        }
        let _reading = self.reading.lock().await;
        let known = self.counting(now);
        if known.named(name).next().is_some() || self.was_just_tried(now) {
            return known;
        }
        self.read(now).await;
        self.counting(now)
    }

    /// Says whether the authorities that count vouch for a certificate.
    pub(super) fn vouch_for(
        &self,
        chain: (&CertificateDer<'_>, &[CertificateDer<'_>]),
        now: Timestamp,
    ) -> Result<(), rustls::Error> {
        // A file is there when the first comes; nobody is kept waiting for an address in a handshake.
        if let KeyPlace::File(path) = &self.place
            && !self.was_tried()
        {
            self.take(read_file(path), now);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let authorities = known.authorities.clone().filter(|_| known.x509.counts(now));
        drop(known);
        let stranger = CertificateError::UnknownIssuer.into();
        authorities.map_or(Err(stranger), |it| it.vouch_for(chain, now))
    }

    /// Takes note that somebody came whom no known authority vouches for: perhaps there is a new one.
    pub(super) fn note_stranger(&self) {
        self.stranger.store(true, Ordering::Relaxed);
    }

    /// Reads the source, unless that was just tried.
    pub(super) async fn read_anew(&self, now: Timestamp) {
        let _reading = self.reading.lock().await;
        if !self.was_just_tried(now) {
            self.read(now).await;
        }
    }

    /// Reads again what is due, and gives why it could not be read, once for every time that it
    /// begins to fail.
    pub(super) async fn tend(&self, now: Timestamp) -> Option<String> {
        let wanted = self.stranger.swap(false, Ordering::Relaxed);
        if wanted || self.is_due(now) {
            let _reading = self.reading.lock().await;
            if (wanted || self.is_due(now)) && !self.was_just_tried(now) {
                self.read(now).await;
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let read = known.read();
        let stale = read.is_none_or(|it| it.after(every(&known.keys)) <= now);
        let none = known.keys.is_empty();
        // Whoever tells something that cannot be taken may want to take a key back: that is told at once.
        let refused = known.x509.tell().or_else(|| known.jwt.tell());
        let (why, read) = if let Some(refused) = refused {
            refused
        } else {
            let why = known.failed.clone().filter(|_| (stale || none) && !known.told)?;
            known.told = true;
            (why, read)
        };
        let since = match read {
            Some(read) if !none => format!("those of {read} count until {}", read.after(KEPT)),
            Some(_) | None => "none are known, so nobody is proved by them".to_owned(),
        };
        Some(format!("keys could not be read: {why}; {since}"))
    }

    /// Gives the keys that count: for a day after they were read.
    fn counting(&self, now: Timestamp) -> Arc<ForeignKeys> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.jwt.counts(now) { Arc::clone(&known.keys) } else { Arc::default() }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.read().is_none_or(|it| it.after(every(&known.keys)) <= now)
    }

    fn was_tried(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).tried.is_some()
    }

    fn was_just_tried(&self, now: Timestamp) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.tried.is_some_and(|it| now < it.after(BETWEEN))
    }

    /// Reads the source. What cannot be read, is no key set or is an older edition leaves the keys of
    /// before; a set without a key leaves none.
    async fn read(&self, now: Timestamp) {
        let read = match &self.place {
            KeyPlace::File(path) => read_file(path),
            KeyPlace::Address(place) => {
                place.read(SET_MAX).await.map(|it| it.to_vec()).map_err(|it| it.to_string())
            }
            // It tells by itself.
            KeyPlace::Workload(_) => return,
        };
        self.take(read, now);
    }

    /// Takes what was read.
    fn take(&self, read: Result<Vec<u8>, String>, now: Timestamp) {
        self.take_keys(read.and_then(|it| ForeignKeys::read(&it, self.purpose)), now);
    }

    fn take_keys(&self, read: Result<ForeignKeys, String>, now: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tried = Some(now);
        let read = read.and_then(|it| match (it.sequence, known.keys.sequence) {
            (Some(new), Some(old)) if new < old => {
                Err(format!("it is edition {new}, and {old} was read before"))
            }
            _ => Ok(it),
        });
        match read {
            Ok(keys) => known.take(keys, &[Half::X509, Half::Jwt], now),
            Err(why) => known.failed = Some(why),
        }
    }
}

/// Says how often keys are read again.
fn every(keys: &ForeignKeys) -> Duration {
    keys.hint.unwrap_or(USUAL).clamp(BOUNDS.0, BOUNDS.1)
}

fn read_file(path: &PathBuf) -> Result<Vec<u8>, String> {
    let len = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if u64::try_from(SET_MAX).is_ok_and(|max| max < len) {
        return Err(format!("it has {len} bytes, {SET_MAX} at most"));
    }
    fs::read(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
