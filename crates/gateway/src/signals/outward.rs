//! What we tell others: read of the ledger, sent in order, told again until it arrives.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use bailiwick_connect::{
    PrivateError, PushPlace, Pushed, Rs256Key, Rs256KeyError, Secret, Vault, random_bytes,
    write_private,
};
use bailiwick_model::{CommandRecord, Json, JsonLimits, SecretName, SignalEvent};
use bailiwick_store::StoredRecord;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    outbox::{Outbox, OutboxView},
    pace::Pace,
    tell::{Tidings, What, name},
    tries::{Next, Tries},
};
use crate::{Desk, DeskError, door::Hosts, meter};

/// After how long a person hears that a receiver is behind.
const BEHIND: Duration = Duration::from_secs(60);

/// How a receiver gets what it is told.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// It is sent there (RFC 8935), with a secret.
    Push {
        /// Where.
        place: PushPlace,
        /// What proves who sends.
        secret: SecretName,
    },
    /// It comes for it (RFC 8936).
    Poll,
}

/// Who is told what.
#[derive(Debug)]
pub struct ReceiverSpec {
    /// What the configuration calls it.
    pub name: String,
    /// What it calls itself.
    pub audience: String,
    /// What it is told.
    pub events: Vec<SignalEvent>,
    /// How it gets that.
    pub delivery: Delivery,
    /// What it shows when it asks.
    pub token: Secret,
    /// The file that remembers up to where in the ledger it has everything.
    pub kept: PathBuf,
}

/// What a transmitter is made of.
#[derive(Debug)]
pub struct OutwardParts {
    /// What happens there is told.
    pub desk: Arc<Desk>,
    /// Where secrets are kept.
    pub vault: Arc<Vault>,
    /// What this governor is called outside.
    pub public_url: String,
    /// The file of the key that signs.
    pub key: PathBuf,
    /// Who is told.
    pub receivers: Vec<ReceiverSpec>,
    /// The values of `Host` that are answered.
    pub hosts: Vec<String>,
}

/// The key that signs what is told could not be had, or where receivers stand could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalKeyError {
    /// The key.
    #[error(transparent)]
    Key(#[from] Rs256KeyError),
    /// What a receiver has.
    #[error(transparent)]
    Kept(#[from] PrivateError),
    /// What a receiver has is no number.
    #[error(
        "`{0}` does not say up to where its receiver has everything: delete it, and what comes from now on is told"
    )]
    NoNumber(PathBuf),
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// It broke off in the middle.
    #[error("making a new key broke off: ask again")]
    BrokeOff,
}

/// What tells others.
#[derive(Debug)]
pub struct Outward {
    pub(super) desk: Arc<Desk>,
    vault: Arc<Vault>,
    pub(super) public_url: String,
    pub(super) hosts: Hosts,
    path: PathBuf,
    key: RwLock<Arc<Rs256Key>>,
    pub(super) receivers: Vec<Receiver>,
}

#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) spec: ReceiverSpec,
    outbox: Mutex<Outbox>,
    /// Something waits for it.
    pub(super) news: Notify,
    /// How many requests of its may wait at once.
    pub(super) places: Semaphore,
    /// How often it may be given something: that is signed each time.
    pub(super) pace: Pace,
}

impl Receiver {
    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn delivery(&self) -> &'static str {
        match self.spec.delivery {
            Delivery::Push { .. } => "push",
            Delivery::Poll => "poll",
        }
    }

    /// Remembers up to where it has everything. What is lost of that is told again, under the same name.
    pub(super) fn keep(&self) {
        let seq = self.outbox().has_up_to();
        if let Err(error) = write_private(&self.spec.kept, format!("{seq}\n").as_bytes()) {
            tracing::warn!(receiver = self.spec.name, %error, "what it has could not be kept");
        }
    }
}

impl Outward {
    /// Makes it: with its key, and with where each receiver stands. A new one begins now.
    pub fn new(parts: OutwardParts) -> Result<Self, SignalKeyError> {
        let OutwardParts { desk, vault, public_url, key: path, receivers, hosts } = parts;
        let key = RwLock::new(Arc::new(Rs256Key::load_or_create(&path)?));
        let last = desk.ledger().last_seq();
        let receiver = |spec: ReceiverSpec| {
            let outbox = Mutex::new(Outbox::from(stands(&spec, last)?));
            let (places, pace) = (Semaphore::new(4), Pace::default());
            let receiver = Receiver { spec, outbox, news: Notify::new(), places, pace };
            receiver.keep();
            Ok(receiver)
        };
        let receivers =
            receivers.into_iter().map(receiver).collect::<Result<_, SignalKeyError>>()?;
        let hosts = Hosts::new(hosts);
        Ok(Self { desk, vault, public_url, hosts, path, key, receivers })
    }

    /// Says how every receiver stands.
    pub fn view(&self) -> Vec<OutboxView> {
        let view = |it: &Receiver| it.outbox().view(&it.spec.name, it.delivery());
        self.receivers.iter().map(view).collect()
    }

    pub(super) fn key(&self) -> Arc<Rs256Key> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names the key that signs.
    pub fn key_name(&self) -> String {
        self.key().name()
    }

    /// Puts a new key in the place of the one that signs: from then on nothing is signed by that one, and
    /// it is published no more. It is on record first: whatever breaks off in between is done by asking
    /// again, and receivers hear of it.
    pub async fn withdraw_key(&self, by: &str) -> Result<(), SignalKeyError> {
        let old = self.key_name();
        // A key takes long to find, and nobody else's work waits for it.
        let made = tokio::task::spawn_blocking(Rs256Key::generate).await;
        let made = made.map_err(|_| SignalKeyError::BrokeOff)?.map_err(Rs256KeyError::from)?;
        let made = Arc::new(made);
        let change = "withdrawn".to_owned();
        let command = CommandRecord::TokenKeyChanged { key: old, change, signs_from: None };
        self.desk.command(command, by).await?;
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&made);
        let path = self.path.clone();
        let kept = tokio::task::spawn_blocking(move || made.replace(&path)).await;
        Ok(kept.map_err(|_| SignalKeyError::BrokeOff)??)
    }

    /// Reads the ledger on, and sends, until it is told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let pushing = (0..self.receivers.len()).map(|place| {
            let (outward, stop) = (Arc::clone(&self), stop.clone());
            tokio::spawn(async move { outward.send(place, stop).await })
        });
        let pushing: Vec<_> = pushing.collect();
        let mut unread = false;
        loop {
            let outward = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || outward.read_on()).await;
            let broke = |_| (Vec::new(), Some("reading it broke off".to_owned()));
            let (lost, failed) = read.unwrap_or_else(broke);
            for (place, count) in lost {
                self.tell_lost(place, count, "more waited for it than may wait").await;
            }
            let begins = failed.is_some() && !unread;
            unread = failed.is_some();
            if let Some(why) = failed.filter(|_| begins) {
                self.tell_unread(&why).await;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.desk.commanded() => {}
                // A word that was lost comes late and not never.
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
        for task in pushing {
            let _stopped = task.await;
        }
        self.receivers.iter().for_each(Receiver::keep);
    }

    /// Reads what is new in the ledger, and gives what had to make room at which receiver, and why it
    /// could not go on. From there on it is read again.
    fn read_on(&self) -> (Vec<(usize, u64)>, Option<String>) {
        let from = self.receivers.iter().map(|it| it.outbox().read()).min().unwrap_or(u64::MAX);
        let mut lost = vec![0_u64; self.receivers.len()];
        let mut failed = None;
        let read = self.desk.ledger().landmarks_after(from, &mut |it: StoredRecord| {
            if failed.is_some() {
                return;
            }
            let told = match What::of(&it.record, &self.desk) {
                Ok(told) => told,
                Err(error) => return failed = Some(error),
            };
            for (receiver, lost) in self.receivers.iter().zip(&mut lost) {
                let spec = &receiver.spec;
                let wanted = told.iter().filter(|(_, it)| spec.events.contains(&it.event()));
                let tidings = wanted.map(|(below, what)| {
                    let jti = name(&self.public_url, &spec.name, it.seq, below.as_ref());
                    let (at, what) = (it.record.time(), what.clone());
                    Arc::new(Tidings { seq: Some(it.seq), jti, at, what })
                });
                let tidings: Vec<_> = tidings.collect();
                let is_news = !tidings.is_empty();
                *lost = lost.saturating_add(receiver.outbox().put(it.seq, tidings));
                if is_news {
                    receiver.news.notify_waiters();
                    receiver.news.notify_one();
                }
            }
        });
        for receiver in &self.receivers {
            meter::signals_waiting(&receiver.spec.name, receiver.outbox().len());
        }
        let lost = lost.into_iter().enumerate().filter(|(_, count)| 0 < *count).collect();
        (lost, read.err().or(failed).map(|it| it.to_string()))
    }

    /// Signs what is told, for one receiver.
    pub(super) fn set(&self, receiver: &Receiver, tidings: &Tidings) -> Option<String> {
        let about = (self.public_url.as_str(), receiver.spec.audience.as_str());
        let now = self.desk.now();
        let claims = tidings.what.claims(about, (&tidings.jti, tidings.at, now));
        let claims = Json::parse(claims.to_string().as_bytes(), JsonLimits::default()).ok()?;
        self.key().token("secevent+jwt", &claims).ok()
    }

    async fn send(&self, place: usize, stop: CancellationToken) {
        let Some(receiver) = self.receivers.get(place) else { return };
        let mut tries = Tries::default();
        while !stop.is_cancelled() {
            let too_old = receiver.outbox().age(self.desk.now());
            if 0 < too_old {
                self.tell_lost(place, too_old, "it waited for seven days").await;
            }
            let first = receiver.outbox().first();
            let pause = match (first, &receiver.spec.delivery) {
                (Some(first), Delivery::Push { place: at, secret }) => {
                    self.push(receiver, (at, secret), &first, &mut tries).await
                }
                // What waits for somebody who comes for it is looked at for its age.
                (_, Delivery::Poll) | (None, Delivery::Push { .. }) => Some(BEHIND),
            };
            self.tell_behind(receiver).await;
            let Some(pause) = pause else { continue };
            // While something waits to be told again, news is no reason to hurry.
            let idle = tries.none();
            tokio::select! {
                () = stop.cancelled() => return,
                () = receiver.news.notified(), if idle => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Sends the first of what waits, and says how long to wait where that did not arrive.
    async fn push(
        &self,
        receiver: &Receiver,
        (at, secret): (&PushPlace, &SecretName),
        first: &Tidings,
        tries: &mut Tries,
    ) -> Option<Duration> {
        let name = &receiver.spec.name;
        let pushed = match (self.vault.get(secret), self.set(receiver, first)) {
            (Ok(secret), Some(set)) => at.push(set, &secret.value).await,
            (Err(error), _) => Pushed::Later(error.to_string(), None),
            (Ok(_), None) => Pushed::Later("it could not be signed".to_owned(), None),
        };
        let chance = random_bytes::<1>().map_or(0, |[it]| it);
        match tries.after(&first.jti, pushed, chance) {
            Next::Taken => {
                let (empty, len) = {
                    let mut outbox = receiver.outbox();
                    outbox.done(&first.jti, true);
                    (outbox.len() == 0, outbox.len())
                };
                meter::signal_sent(name, "taken");
                meter::signal_told(name, self.desk.now().since(first.at));
                meter::signals_waiting(name, len);
                if empty || len % 64 == 0 {
                    receiver.keep();
                }
                None
            }
            Next::SetAside => {
                receiver.outbox().done(&first.jti, false);
                receiver.keep();
                meter::signal_sent(name, "refused");
                self.tell_refused(name, &first.jti, "invalid_request").await;
                None
            }
            Next::Again(why, pause) => {
                tracing::debug!(receiver = name, why, "a signal did not arrive");
                meter::signal_sent(name, "failed");
                receiver.outbox().trouble = Some(why);
                Some(pause)
            }
        }
    }

    pub(super) async fn tell_refused(&self, receiver: &str, jti: &str, code: &str) {
        let text = format!("`{receiver}` will not take `{jti}`: {code}");
        self.notice("signal-refused", text, receiver).await;
    }

    async fn tell_lost(&self, place: usize, count: u64, why: &str) {
        let Some(receiver) = self.receivers.get(place) else { return };
        let name = &receiver.spec.name;
        receiver.keep();
        self.notice("signals-lost", format!("`{name}` is not told {count} times: {why}"), name)
            .await;
    }

    /// Tells that what happens here is told to nobody now: once, until it can be read again.
    async fn tell_unread(&self, why: &str) {
        for receiver in &self.receivers {
            let name = &receiver.spec.name;
            let text = format!("what `{name}` is to be told cannot be read of the ledger: {why}");
            self.notice("signals-unread", text, name).await;
        }
    }

    /// Tells of a receiver that is behind: once, until it takes something.
    async fn tell_behind(&self, receiver: &Receiver) {
        let now = self.desk.now();
        let text = {
            let mut outbox = receiver.outbox();
            let Some(first) = outbox.first().filter(|it| it.at.after(BEHIND) < now) else { return };
            if std::mem::replace(&mut outbox.told, true) {
                return;
            }
            let why = outbox.trouble.clone().unwrap_or_else(|| "nobody came for it".to_owned());
            let (name, count, at) = (&receiver.spec.name, outbox.len(), first.at);
            format!("`{name}` does not have {count} signals, the first of {at}: {why}")
        };
        self.notice("signals-behind", text, &receiver.spec.name).await;
    }

    async fn notice(&self, code: &str, text: String, receiver: &str) {
        tracing::warn!(receiver, code, "{text}");
        let subject = format!("receiver:{receiver}");
        if let Err(error) = self.desk.notice(code, text, &subject).await {
            tracing::error!(%error, "what was noticed of a receiver could not be recorded");
        }
    }
}

/// Reads up to where a receiver has everything; what is new begins now.
fn stands(spec: &ReceiverSpec, last: u64) -> Result<u64, SignalKeyError> {
    match std::fs::read_to_string(&spec.kept) {
        Ok(text) => {
            let seq = text.trim().parse::<u64>();
            // One of a longer ledger than this one is none of this one.
            seq.map(|it| it.min(last)).map_err(|_| SignalKeyError::NoNumber(spec.kept.clone()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(last),
        Err(_) => Err(SignalKeyError::NoNumber(spec.kept.clone())),
    }
}
