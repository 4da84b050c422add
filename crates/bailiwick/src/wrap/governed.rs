//! The governor behind a wrapped server: one that runs, or this very process.

use std::{
    path::PathBuf,
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bailiwick_model::{ServerName, Task, TaskId};
use bailiwick_store::LockError;
use tokio::sync::Mutex;

use crate::{
    accepted,
    cli::Common,
    client::Client,
    config::{Config, House, Overrides},
    exit::CommandError,
    place::Place,
    run::{not_started, wrong},
    serve::{Front, Governor},
};

/// How long it is waited for a governor that is just starting, or just stopping.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a governor that serves may be away before somebody takes its place: so long a restart
/// takes.
const RESTART: Duration = Duration::from_secs(10);
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Where messages are decided.
#[derive(Debug)]
pub(super) struct Governed {
    file: PathBuf,
    overrides: Overrides,
    config: Config,
    /// Where things lie, as whoever governs says.
    place: std::sync::Mutex<Place>,
    /// The governor that this process is, while nobody else is one.
    own: Mutex<Option<Governor>>,
    /// Whether the one that was reached last governs to stay.
    stays: AtomicBool,
}

impl Governed {
    pub(super) fn new(common: &Common, overrides: Overrides) -> Result<Self, CommandError> {
        let config = Config::load(&common.config, &overrides).map_err(|found| wrong(&found))?;
        let place = std::sync::Mutex::new(Place::of(&config));
        let file = common.config.clone();
        let (own, stays) = (Mutex::new(None), AtomicBool::new(false));
        Ok(Self { file, overrides, config, place, own, stays })
    }

    /// Gives where things lie.
    pub(super) fn place(&self) -> Place {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the socket of whoever governs.
    pub(super) fn socket(&self) -> PathBuf {
        crate::client::socket(&self.config.state)
    }

    /// Reaches the governor; where there is none, becomes it. Two that start at once agree by the
    /// lock of the state: one becomes it, and the other waits for it.
    pub(super) async fn reach(&self) -> Result<Client, CommandError> {
        let started = Instant::now();
        let mut own = self.own.lock().await;
        loop {
            if let Some(client) = Client::reach(&self.config.state).await {
                // What a governor calls itself is known once it runs.
                *self.place.lock().unwrap_or_else(PoisonError::into_inner) =
                    Place::of(&self.config);
                self.stays.store(Front::is_listener(&self.config.state), Ordering::Relaxed);
                return Ok(client);
            }
            if self.stays.load(Ordering::Relaxed) && started.elapsed() < RESTART {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            match self.start().await? {
                Started::Governs(governor) => *own = Some(*governor),
                Started::AnotherDoes(why) if PATIENCE < started.elapsed() => {
                    return Err(CommandError::Unreachable(why));
                }
                Started::AnotherDoes(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn start(&self) -> Result<Started, CommandError> {
        let loaded = House::load_against(accepted::KNOWN, &self.file, &self.overrides);
        let (house, warnings) = loaded.map_err(|found| wrong(&found))?;
        let start = Governor::start(house, self.overrides.clone(), &warnings, Front::Socket);
        match Box::pin(start).await {
            Ok(governor) => Ok(Started::Governs(Box::new(governor))),
            Err(error) => match error.downcast_ref::<LockError>() {
                Some(LockError::InUse { .. }) => Ok(Started::AnotherDoes(format!("{error:#}"))),
                Some(LockError::File(_)) | None => Err(not_started(&error)),
            },
        }
    }

    /// Asks whether the governor has the server at all.
    pub(super) async fn knows(
        &self,
        client: &Client,
        server: &ServerName,
    ) -> Result<(), CommandError> {
        let path = format!("/api/v1/servers/{server}/offer");
        match client.get::<serde_json::Value>(&path).await {
            Ok(_) => Ok(()),
            Err(CommandError::No(_)) => Err(CommandError::Words(format!(
                "the governor knows no server `{server}`: add it to `{}` as a `[[server]]`, and restart the governor",
                self.config.file.display(),
            ))),
            // A server that is down now may be up when it is needed.
            Err(CommandError::Words(_) | CommandError::Unreachable(_) | CommandError::Fault(_)) => {
                Ok(())
            }
        }
    }

    /// Ends the task.
    pub(super) async fn end(&self, task: &TaskId) -> Result<(), CommandError> {
        let client = self.reach().await?;
        client.post::<(), Task>(&format!("/api/v1/tasks/{task}/end"), &()).await.map(drop)
    }

    /// Stops the governor, if this process was it.
    pub(super) async fn leave(&self) {
        if let Some(own) = self.own.lock().await.take() {
            own.stop().await;
        }
    }
}

/// What came of the wish to govern.
enum Started {
    /// This process does now.
    Governs(Box<Governor>),
    /// Another one holds the state.
    AnotherDoes(String),
}
