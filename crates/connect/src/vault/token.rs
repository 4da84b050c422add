//! A key that never leaves its token: what it wraps is sealed and opened in there.
//!
//! A module of PKCS#11 is code of others in our process, and may wait on a device or a network for as
//! long as it likes. It is therefore called by a thread of its own, which is asked one thing at a time
//! and waited for so long and no longer.

mod connection;
mod pin;
mod words;

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use zeroize::Zeroizing;

pub use self::pin::PinSource;
use self::{connection::Connection, words::Trouble};
use super::error::VaultError;

/// How long an answer of the token is waited for: with a login over a network, say.
const WAIT: Duration = Duration::from_secs(20);

/// Where a key in a token is found, and what opens the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource {
    /// The library that speaks with the token.
    pub module: PathBuf,
    /// Which token.
    pub place: TokenPlace,
    /// The label of the key that wraps.
    pub key: String,
    /// The labels of keys that still open.
    pub old_keys: Vec<String>,
    /// Where the PIN comes from, where the token wants one.
    pub pin: Option<PinSource>,
    /// The file that says that a PIN is tried, or was refused: while it is there, no other is tried.
    pub refused: PathBuf,
}

/// Which token of those that a module knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// The one of this label.
    Label(String),
    /// The one in this slot.
    Slot(u64),
}

/// A key in a token.
#[derive(Clone)]
pub(super) struct TokenKey {
    label: String,
    asked: Arc<mpsc::SyncSender<Ask>>,
    patience: Duration,
}

struct Ask {
    label: String,
    bound: Vec<u8>,
    work: Work,
    answer: mpsc::SyncSender<Result<Option<Zeroizing<Vec<u8>>>, Trouble>>,
}

enum Work {
    Seal(Zeroizing<Vec<u8>>),
    Open(Vec<u8>),
}

impl TokenSource {
    /// Opens the token and gives its keys, the one that wraps first. Each has sealed something and
    /// opened it again, so that none is found to be unfit when it is needed.
    pub(super) fn load(&self) -> Result<Vec<TokenKey>, VaultError> {
        self.load_within(WAIT)
    }

    pub(super) fn load_within(&self, patience: Duration) -> Result<Vec<TokenKey>, VaultError> {
        let (asked, questions) = mpsc::sync_channel::<Ask>(1);
        let source = self.clone();
        let answer = move || {
            let mut connection = Connection::new(source);
            while let Ok(ask) = questions.recv() {
                let answer = connection.answer(&ask.label, &ask.bound, &ask.work);
                // Whoever asked may have gone on without it.
                let _ = ask.answer.send(answer);
            }
        };
        let thread = thread::Builder::new().name("token".to_owned());
        let started = thread.spawn(answer);
        started.map_err(|error| VaultError::Key { why: format!("no thread for it: {error}") })?;
        let asked = Arc::new(asked);
        let labels = std::iter::once(&self.key).chain(&self.old_keys);
        let key = |label: &String| {
            let key = TokenKey { label: label.clone(), asked: Arc::clone(&asked), patience };
            key.seal(b"bailiwick vault probe", &[0; 32]).map(|_| key)
        };
        labels.map(key).collect()
    }
}

impl TokenKey {
    /// Names the key. The token's name is no part of it: a key may move to another.
    pub(super) fn name(&self) -> String {
        format!("pkcs11:{}", self.label)
    }

    /// Seals a key, bound to `bound`, and has made sure that it opens again.
    pub(super) fn seal(&self, bound: &[u8], key: &[u8]) -> Result<Vec<u8>, VaultError> {
        let sealed = self.ask(bound, Work::Seal(Zeroizing::new(key.to_vec())))?;
        let sealed = sealed.ok_or_else(|| wrong("seals nothing"))?;
        match self.open(bound, &sealed)? {
            Some(opened) if *opened == *key => Ok(sealed.to_vec()),
            Some(_) | None => Err(wrong("does not open what it sealed itself")),
        }
    }

    /// Opens what it sealed; nothing where it is not that.
    pub(super) fn open(
        &self,
        bound: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        self.ask(bound, Work::Open(sealed.to_vec()))
    }

    fn ask(&self, bound: &[u8], work: Work) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let ask = Ask { label: self.label.clone(), bound: bound.to_vec(), work, answer };
        self.asked.try_send(ask).map_err(|_| wrong("has not answered what it was asked before"))?;
        match answered.recv_timeout(self.patience) {
            Ok(answer) => answer.map_err(|trouble| VaultError::Key { why: trouble.why }),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(wrong(&format!("has not answered for {} seconds", self.patience.as_secs())))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(wrong("fails")),
        }
    }
}

fn wrong(why: &str) -> VaultError {
    VaultError::Key { why: format!("the token {why}") }
}
