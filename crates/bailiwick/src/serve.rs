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
mod sources;
mod stop;
mod tls;
mod work;
mod workload;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use bailiwick_gateway::{Desk, Lane, Room, Upstreams};
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
    work::Work,
};
pub(crate) use self::{
    listen::panics_say_where,
    meter::{Meter, spans_lost},
    parts::{snapshot, tool},
    reload::{Misfits, Reload},
    sources::{Pushed, Sources},
    stop::{Asked, Signal},
};
use crate::{
    admin, client,
    config::{Config, House, Overrides, Warning},
};

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
        for it in warnings {
            tracing::warn!("{it}");
        }
        let config = house.config.clone();
        let lock = parts::prepare(&config)?;
        let (listener, address) = bound(front, &config).await?;
        let public_url = called_outside(&config, address);

        let desk = Arc::new(parts::desk(&house).await?);
        let (attestor, shown) = doors::shown(&config, &public_url, desk.now())?;
        let (sources, watch) = sources::open(front, &house, &desk)?.unzip();
        let reload =
            Reload::new(config.file.clone(), overrides, &house, shown.clone(), sources.clone());
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
            (attestor, shown.as_ref().is_some_and(|it| it.asks()), sources.as_ref()),
        )?;
        end_keys_without_charter(&admin).await?;
        let workloads = workload::open(&config, &desk).await?;

        write_addresses(&config, &public_url, front)?;
        let socket = client::socket(&config.state);
        let admin_listener = admin_socket(&socket)?;

        let work =
            Work { desk: Arc::clone(&desk), reload, heard, vault, meter, keys, signals, workloads };
        let mut running = work.start(&config, &stop);
        sources::follow(sources.zip(watch), &mut running, &stop);
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
