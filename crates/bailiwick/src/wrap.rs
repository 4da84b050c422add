//! `bailiwick wrap`: a governed tool server on standard input and output, for a client that starts
//! its servers itself.
//!
//! It opens a task, carries every message to a governor and every answer back, and ends the task
//! when the client goes. Where no governor runs it is one itself, with the same configuration; where
//! that one goes first, the next takes over. Nothing but the protocol goes to standard output.

mod governed;
mod message;
mod post;
mod relay;
mod tickets;
mod until;

use std::time::Duration;

use bailiwick_model::ServerName;

use crate::{
    admin::wire::OpenedTask,
    cli::{Common, Wrap},
    command::{task, word},
    config::{GivenServer, Overrides},
    exit::{CommandError, Exit, Outcome},
    output::remark,
};
use governed::Governed;
use relay::Relay;
use until::{Ending, Until};

/// How long the end of the task may take to be written down.
const END_WAIT: Duration = Duration::from_secs(5);

/// Serves one client until it goes.
pub(crate) async fn wrap(common: &Common, words: &Wrap, mut overrides: Overrides) -> Outcome {
    let server: ServerName = word(&words.server)?;
    overrides.server = given(&server, &words.command)?;
    // Heard from the start: who stops us while the task opens stops us before anything happens.
    let mut until = Until::listen()?;
    let governed = Governed::new(common, overrides)?;
    let opening = open(&governed, &server, words);
    let opened = tokio::select! {
        opened = opening => opened,
        _ = until.wait() => return Ok(Exit::Done),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            governed.leave().await;
            return Err(error);
        }
    };
    let task = opened.task.clone();
    remark(&format!(
        "bailiwick: {task} is open until {}; `bailiwick path {task}` shows what it does",
        opened.grant.window.deadline,
    ));

    let own = (word(&words.task.identity)?, words.task.key.clone());
    let relay = Relay::new(governed, server, opened, own);
    let ending = relay.run(&mut until).await;
    remark(&format!("bailiwick: {task} ends: {ending}"));
    let governed = relay.governed();
    match tokio::time::timeout(END_WAIT, governed.end(&task)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => remark(&format!("bailiwick: {task} could not be ended: {error}")),
        Err(_) => remark(&format!("bailiwick: {task} could not be ended in time")),
    }
    governed.leave().await;
    match ending {
        Ending::Input | Ending::Signal(_) | Ending::Parent | Ending::Deaf => Ok(Exit::Done),
        Ending::Broken(why) => Err(CommandError::Words(why)),
    }
}

async fn open(
    governed: &Governed,
    server: &ServerName,
    words: &Wrap,
) -> Result<OpenedTask, CommandError> {
    let client = governed.reach().await?;
    governed.knows(&client, server).await?;
    task::opened(&governed.place(), &client, &words.task).await
}

/// Reads the command of a tool server that the configuration does not have.
fn given(server: &ServerName, command: &[String]) -> Result<Option<GivenServer>, CommandError> {
    if command.is_empty() {
        return Ok(None);
    }
    let dir = std::env::current_dir().map_err(|error| {
        CommandError::Words(format!("the current folder cannot be found: {error}"))
    })?;
    // It is started as whoever wrote the command would have started it: in the same folder, with the
    // same variables but our own.
    let ours = |name: &str| name.starts_with("BAILIWICK_");
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let env = variables.filter(|(name, _)| !ours(name)).collect();
    Ok(Some(GivenServer { name: server.clone(), command: command.to_vec(), env, dir }))
}
