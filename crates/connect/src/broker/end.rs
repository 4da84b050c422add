//! A command of the operator's that ends what a target still lets somebody do.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// A program and its words. What shall be ended is named behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndCommand {
    program: String,
    words: Vec<String>,
}

impl EndCommand {
    /// Takes the words of a command; nothing where there is none.
    pub fn new(words: &[String]) -> Option<Self> {
        let (program, words) = words.split_first()?;
        Some(Self { program: program.clone(), words: words.to_vec() })
    }

    /// Runs it for what bears these names, and comes back when it says that nothing of it is left.
    pub(super) async fn run(&self, names: &[&str]) -> Result<(), String> {
        let failed = |why: String| format!("the command `{}` did not end it: {why}", self.program);
        let mut command = Command::new(&self.program);
        command.args(&self.words).args(names).kill_on_drop(true);
        // What it prints belongs to nobody who reads our errors.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ended = timeout(PATIENCE, command.status()).await;
        let ended = ended.map_err(|_| failed("it takes too long".into()))?;
        let status = ended.map_err(|error| failed(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(failed(format!("it ended with {status}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> EndCommand {
        EndCommand::new(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[tokio::test]
    async fn the_names_come_last_and_only_success_counts() {
        let said = command(&["sh", "-c", "test \"$1 $2\" = 'lease 7'", "it"]);
        said.run(&["lease", "7"]).await.unwrap();
        let error = said.run(&["lease", "8"]).await.unwrap_err();
        assert_eq!(error, "the command `sh` did not end it: it ended with exit status: 1");
        let error = command(&["/no/such/program"]).run(&[]).await.unwrap_err();
        assert!(error.starts_with("the command `/no/such/program` did not end it"), "{error}");
        assert_eq!(EndCommand::new(&[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_not_waited_for() {
        let error = command(&["sleep", "1000"]).run(&[]).await.unwrap_err();
        assert!(error.ends_with("it takes too long"), "{error}");
    }
}
