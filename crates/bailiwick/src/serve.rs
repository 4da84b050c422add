//! `bailiwick serve`: everything wired together, running until it is told to stop.

mod doors;
mod drain;
mod keys;
mod limits;
mod listen;
mod meter;
mod parts;
mod reload;
mod secrets;
mod stop;
mod tls;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use bailiwick_gateway::{Desk, Lane, Room, UpstreamEvent, Upstreams};
use bailiwick_store::StateLock;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use self::{
    doors::{Called, Doors},
    listen::{Faults, Served},
};
pub(crate) use self::{
    listen::panics_say_where,
    meter::{Meter, spans_lost},
    parts::{snapshot, tool},
    reload::{Misfits, Reload},
    stop::{Asked, Signal},
};
use crate::{
    admin, client,
    config::{Config, House, Overrides, Pinning, Warning},
};

/// How often time passes for tasks: how late a window may close on screens. Calls see it at once.
const TICK: Duration = Duration::from_millis(500);

/// Where a governor answers besides its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// At the address of its configuration, too.
    Listener,
    /// Nowhere else.
    Socket,
}

impl Front {
    /// Says whether whoever governs a state does so to stay, and comes back after a restart.
    pub(crate) fn is_listener(state: &Path) -> bool {
        std::fs::read(state.join("front")).is_ok_and(|it| it == Self::Listener.as_bytes())
    }

    const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Listener => b"listener",
            Self::Socket => b"socket",
        }
    }
}

/// A running governor.
#[derive(Debug)]
pub(crate) struct Governor {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it is called outside.
    pub(crate) public_url: String,
    stop: CancellationToken,
    running: JoinSet<anyhow::Result<()>>,
    lane: Arc<Lane>,
    /// Who ends leases, until the tool servers end.
    leases: JoinHandle<anyhow::Result<()>>,
    /// When the tool servers end: later than everybody who may still call them.
    servers: CancellationToken,
    /// How long calls that are under way may still take.
    drain: Duration,
    socket: PathBuf,
    _lock: StateLock,
}

impl Governor {
    /// Starts everything that `house` says. Nothing is served before what was open is taken up.
    pub(crate) async fn start(
        house: House,
        overrides: Overrides,
        warnings: &[Warning],
        front: Front,
    ) -> anyhow::Result<Self> {
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let config = house.config.clone();
        let lock = parts::prepare(&config)?;
        let (listener, address) = bound(front, &config).await?;
        let public_url = called_outside(&config, address);

        let desk = Arc::new(parts::desk(&house).await?);
        let (attestor, shown) = doors::shown(&config, &public_url, desk.now())?;
        let reload = Reload::new(config.file.clone(), overrides, &house, shown.clone());
        let reload = Arc::new(reload);
        reload.first(&desk, &house).await?;

        tell_open_socket(&desk).await?;

        let (stop, servers) = (CancellationToken::new(), CancellationToken::new());
        let (events, heard) = mpsc::channel(256);
        let vault = secrets::open(&config).context("secrets cannot be opened")?;
        let (specs, room) = (parts::specs(&config, &vault)?, Room::new(config.listen.answers));
        let upstreams = Arc::new(Upstreams::start(specs, events, servers.clone(), room));
        let lane = Arc::new(Lane::new(Arc::clone(&desk), Arc::clone(&upstreams)));

        let (leases, ending) = parts::leases(&config, &lane, &vault, servers.clone())?;
        let meter = Meter::start()?;
        let called = Called { public_url: &public_url, address };
        let Doors { routes, door, admin, keys, signals } = doors::open(
            &config,
            (&lane, &leases),
            (Arc::clone(&reload), meter.clone(), Arc::clone(&vault)),
            (&called, &stop),
            (attestor, shown.as_ref().is_some_and(|it| it.asks())),
        )?;
        end_keys_without_charter(&admin).await?;

        write_addresses(&config, &public_url, front)?;
        let socket = client::socket(&config.state);
        let admin_listener = admin_socket(&socket)?;
        let review = review(&config);

        let mut running = JoinSet::new();
        running.spawn(pins((Arc::clone(&desk), reload), heard, review, stop.clone()));
        running.spawn(meter.keep(stop.clone()));
        let rotate_every = config.secrets.rotate_every.clone();
        running.spawn(secrets::watch((Arc::clone(&desk), vault), rotate_every, stop.clone()));
        running.spawn(ticks(Arc::clone(&desk), stop.clone()));
        running.spawn(keys::tend(keys, signals.0, Arc::clone(&desk), stop.clone()));
        running.spawn(tell_others(signals.1, stop.clone()));
        let faults = Arc::new(Faults::new(Arc::clone(&desk)));
        let on_socket = Served {
            routes: admin::on_socket(&admin, &door),
            faults: Arc::clone(&faults),
            stop: stop.clone(),
        };
        running.spawn(listen::serve_socket(admin_listener, on_socket));
        if let Some(listener) = listener {
            if let Some(tls) = shown.clone() {
                running.spawn(tls::watch(tls, Arc::clone(&desk), stop.clone()));
            }
            let served = Served { routes, faults, stop: stop.clone() };
            running.spawn(listen::serve(listener, shown, served));
        }
        Ok(Self {
            address,
            public_url,
            stop,
            running,
            lane,
            leases: ending,
            servers,
            drain: config.listen.drain,
            socket,
            _lock: lock,
        })
    }
}

/// Tells others what happens here. What happens after the stop is told after the next start.
async fn tell_others(
    outward: Option<Arc<bailiwick_gateway::Outward>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    match outward {
        Some(outward) => outward.run(stop).await,
        None => stop.cancelled().await,
    }
    Ok(())
}

/// Names the servers whose tools wait for a person before they are accepted.
fn review(config: &Config) -> Vec<bailiwick_model::ServerName> {
    let reviewed = config.servers.iter().filter(|it| it.pin == Pinning::Review);
    reviewed.map(|it| it.name.clone()).collect()
}

/// Binds the address of the configuration, where the governor answers there.
async fn bound(front: Front, config: &Config) -> anyhow::Result<(Option<TcpListener>, SocketAddr)> {
    match front {
        Front::Listener => {
            let listener = listener(config.listen.http).await?;
            let address = listener.local_addr()?;
            Ok((Some(listener), address))
        }
        Front::Socket => Ok((None, config.listen.http)),
    }
}

/// Ends the keys that were brought in for identities whose charters went while nobody looked.
async fn end_keys_without_charter(admin: &admin::Admin) -> anyhow::Result<()> {
    let ended = admin.end_keys_without_charter("files").await;
    ended.map_err(|_| anyhow::anyhow!("keys whose identity has no charter cannot be ended"))
}

/// Writes down where commands find this governor.
fn write_addresses(config: &Config, public_url: &str, front: Front) -> anyhow::Result<()> {
    bailiwick_connect::write_private(&config.state.join("issuer"), public_url.as_bytes())?;
    bailiwick_connect::write_private(&config.state.join("front"), front.as_bytes())?;
    Ok(())
}

/// Says what the governor is called outside: what was configured, or where it listens.
fn called_outside(config: &Config, address: SocketAddr) -> String {
    let usual = || format!("{}://{address}", config.listen.scheme());
    config.listen.public_url.clone().unwrap_or_else(usual)
}

async fn listener(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Says so where nothing tells a tool server on the admin socket from a person.
async fn tell_open_socket(desk: &Desk) -> anyhow::Result<()> {
    if admin::cannot_tell_children() {
        let text = "the governor cannot gain privileges (NoNewPrivs), so tool servers of its account can use the admin socket";
        tracing::warn!("{text}");
        desk.notice("admin-socket-open", text.to_owned(), "admin.sock").await?;
    }
    Ok(())
}

/// Lets time pass for tasks.
async fn ticks(desk: Arc<Desk>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = interval.tick() => {
                if let Err(error) = desk.tick().await {
                    tracing::error!(%error, "time passed and could not be recorded");
                }
            }
        }
    }
}

/// Hears what servers offer, and pins it.
async fn pins(
    (desk, reload): (Arc<Desk>, Arc<Reload>),
    mut heard: mpsc::Receiver<UpstreamEvent>,
    review: Vec<bailiwick_model::ServerName>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            event = heard.recv() => event,
        };
        let Some(event) = event else { break };
        let written = match event {
            UpstreamEvent::CatalogChanged { server, catalog, noted: _noted } => {
                let offer =
                    bailiwick_gateway::offer_of(&server, &catalog, review.contains(&server));
                let written = desk.offered(&offer).await;
                if written.is_ok() {
                    reload.offered(&desk, (&server, &catalog)).await;
                }
                written
            }
            UpstreamEvent::Down { server, why } => {
                tracing::warn!(%server, why, "a server is down");
                Ok(())
            }
            UpstreamEvent::NotConfined { server, why } => {
                tracing::warn!(%server, why, "a server runs unconfined");
                let text = format!("`{server}` runs unconfined: {why}");
                desk.notice("server-not-confined", text, server.as_str()).await
            }
            _ => Ok(()),
        };
        if let Err(error) = written {
            tracing::error!(%error, "what a server offers could not be recorded");
        }
    }
    // Without servers there is nothing to hear, and everything else goes on.
    stop.cancelled().await;
    Ok(())
}

/// Binds the admin socket, for this account alone.
fn admin_socket(path: &Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    // Whoever holds the lock of the state owns the socket: what is left of a dead server goes.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)
        .with_context(|| format!("cannot listen on `{}`", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
