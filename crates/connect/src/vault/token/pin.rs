//! The PIN of a token, and the mark that one is tried: a token locks itself after a few wrong ones, and a
//! program that is started again and again would use them up. The mark stays where the PIN is refused, and
//! where nobody hears the answer.

use std::{
    env,
    error::Error as _,
    fs,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::words::Trouble;
use crate::{
    Secret,
    private::{PrivateError, read_private, write_private},
    vault::kek_command,
};

const PIN_MAX: u64 = 4 << 10;
const MARK_MAX: u64 = 64 << 10;

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
    if !marked(mark)?.iter().any(|it| it == serial.trim()) {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "the token refused the PIN before, or a try of it was cut short, and none is tried again, so that it does not \
         lock: mend the PIN, then remove `{}`",
        mark.display()
    )))
}

/// Marks that a PIN is tried at the token of this serial number. Where that cannot be, none may be tried.
pub(super) fn mark_try(mark: &Path, serial: &str) -> Result<(), Trouble> {
    let mut serials = marked(mark)?;
    serials.push(serial.trim().to_owned());
    write_marked(mark, &serials).map_err(|error| {
        Trouble::new(format!(
            "no PIN is tried where that cannot be marked, as the token would lock after a few wrong ones: {}",
            whole(&error)
        ))
    })
}

/// Takes the mark away: the try was none, or the PIN was right.
pub(super) fn unmark(mark: &Path, serial: &str) -> Result<(), Trouble> {
    let mut serials = marked(mark)?;
    serials.retain(|it| it != serial.trim());
    write_marked(mark, &serials).map_err(|error| {
        let why = whole(&error);
        Trouble::new(format!(
            "the token did not refuse the PIN, and that it was tried stays marked: {why}"
        ))
    })
}

/// Says what to do where a PIN was refused; the try is marked.
pub(super) fn refused(mark: &Path) -> Trouble {
    Trouble::new(format!(
        "the token refuses the PIN, and none is tried again, so that it does not lock: mend it, then remove `{}`",
        mark.display()
    ))
}

/// Gives the serial numbers of the tokens at which none is tried, a line for each.
fn marked(mark: &Path) -> Result<Vec<String>, Trouble> {
    match read_private(mark, MARK_MAX) {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        Err(error) => Err(Trouble::new(whole(&error))),
        Ok(text) => Ok(text.lines().map(|it| it.trim().to_owned()).collect()),
    }
}

fn write_marked(mark: &Path, serials: &[String]) -> Result<(), PrivateError> {
    if !serials.is_empty() {
        return write_private(mark, (serials.join("\n") + "\n").as_bytes());
    }
    match fs::remove_file(mark).map_err(PrivateError::io("remove", mark)) {
        Err(error) if !error.is_missing() => Err(error),
        // Somebody may have taken it away meanwhile.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn whole(error: &PrivateError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
