//! The PIN of a token, and the mark that one was refused: a token locks itself after a few wrong ones,
//! and a program that is started again and again would use them up.

use std::{
    env,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::words::Trouble;
use crate::{
    Secret,
    private::{read_private, write_private},
    vault::kek_command,
};

const PIN_MAX: u64 = 4 << 10;

/// Where a PIN comes from. It is fetched whenever it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinSource {
    /// A file that nobody else may open.
    File(PathBuf),
    /// What a command prints: a program and its words.
    Command(Vec<String>),
    /// A variable of the environment that we were started with.
    Variable(String),
}

impl PinSource {
    pub(super) fn fetch(&self) -> Result<Secret, Trouble> {
        let failed = |why: String| Trouble::new(format!("the PIN is not to be had: {why}"));
        let text = match self {
            Self::File(path) => {
                Zeroizing::new(read_private(path, PIN_MAX).map_err(|it| failed(it.to_string()))?)
            }
            Self::Command(words) => kek_command::run(words).map_err(|it| failed(it.to_string()))?,
            Self::Variable(name) => Zeroizing::new(
                env::var(name).map_err(|_| failed(format!("`{name}` is not set, or no text")))?,
            ),
        };
        match text.trim_end_matches(['\n', '\r']) {
            "" => Err(failed("it is empty".to_owned())),
            pin => Ok(Secret::new(pin)),
        }
    }
}

/// Says whether a PIN may be tried at the token of this serial number.
pub(super) fn may_try(mark: &Path, serial: &str) -> Result<(), Trouble> {
    match read_private(mark, PIN_MAX) {
        Err(error) if error.is_missing() => Ok(()),
        Err(error) => Err(Trouble::new(error.to_string())),
        Ok(refused) if refused.trim() != serial => Ok(()),
        Ok(_) => Err(Trouble::new(format!(
            "the token refused the PIN before, and none is tried again, so that it does not lock: mend the PIN, \
             then remove `{}`",
            mark.display()
        ))),
    }
}

/// Marks that the token of this serial number refused one. Says what to do, and whether it is marked.
pub(super) fn mark_refused(mark: &Path, serial: &str) -> (Trouble, bool) {
    let text = "the token refuses the PIN, and none is tried again, so that it does not lock: mend it, then";
    match write_private(mark, serial.as_bytes()) {
        Ok(()) => (Trouble::new(format!("{text} remove `{}`", mark.display())), true),
        Err(error) => (Trouble::new(format!("{text} start again ({error})")), false),
    }
}
