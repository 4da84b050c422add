//! Where the secret lies that a broker itself needs at its target.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};
use zeroize::Zeroizing;

use crate::{PrivateError, Secret, private::read_private};

/// The longest secret: keys in PEM are a few thousand bytes.
const SECRET_MAX: u64 = 16 * 1024;
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a secret comes from. It is fetched whenever it is needed, so that it can be changed there.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// A file that nobody else may open.
    File(PathBuf),
    /// What a command prints: its program and its words.
    Command(Vec<String>),
    /// It is at hand.
    Held(Secret),
}

/// A secret could not be had. No message holds a part of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretSourceError {
    /// Its file cannot be read, or is not private.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// Its command did not print one.
    #[error("the command `{program}` gives no secret: {why}")]
    Command {
        /// What was run.
        program: String,
        /// What was wrong.
        why: String,
    },
    /// There is nothing in it.
    #[error("the secret is empty")]
    Empty,
}

impl SecretSource {
    /// Fetches the secret, without the end of its line.
    pub async fn fetch(&self) -> Result<Secret, SecretSourceError> {
        let text = match self {
            Self::File(path) => Zeroizing::new(read_private(path, SECRET_MAX)?),
            Self::Command(words) => printed(words).await?,
            Self::Held(secret) => return Ok(secret.clone()),
        };
        let secret = text.trim_end_matches(['\n', '\r']);
        if secret.is_empty() {
            return Err(SecretSourceError::Empty);
        }
        Ok(Secret::new(secret))
    }
}

async fn printed(words: &[String]) -> Result<Zeroizing<String>, SecretSourceError> {
    let Some((program, rest)) = words.split_first() else { return Err(SecretSourceError::Empty) };
    let failed = |why: String| SecretSourceError::Command { program: program.clone(), why };
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it says there may be the secret, too.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let run = async {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(out) = child.stdout.take() {
            out.take(SECRET_MAX.saturating_add(1)).read_to_end(&mut bytes).await?;
        }
        std::io::Result::Ok((bytes, child.wait().await?))
    };
    let ended = timeout(PATIENCE, run).await.map_err(|_| failed("it takes too long".into()))?;
    let (bytes, status) = ended.map_err(|error| failed(error.to_string()))?;
    if SECRET_MAX < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(failed("it prints more than a secret is long".into()));
    }
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    let text = str::from_utf8(&bytes).map_err(|_| failed("it prints what is no text".into()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_private;

    fn command(script: &str) -> SecretSource {
        SecretSource::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    #[tokio::test]
    async fn a_file_or_a_command_gives_a_line_without_its_end() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("password");
        write_private(&file, b"hunter2\r\n").unwrap();
        for source in [SecretSource::File(file), command("echo hunter2")] {
            assert_eq!(source.fetch().await.unwrap().expose(), "hunter2");
        }
    }

    #[tokio::test]
    async fn what_gives_no_secret_says_why_and_shows_nothing() {
        for (script, why) in [
            ("echo hunter2; exit 3", "exit status: 3"),
            ("printf '\\n'", "empty"),
            ("yes hunter2", "more than a secret is long"),
            ("printf '\\377'", "no text"),
        ] {
            let error = command(script).fetch().await.unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{script}: {error}");
        }
        let none = SecretSource::Command(vec!["/no/such/program".into()]);
        assert!(none.fetch().await.unwrap_err().to_string().contains("/no/such/program"));
    }
}
