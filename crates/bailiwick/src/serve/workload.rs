//! The socket of the Workload API, and the trust domains that are told by one.

use std::{
    io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use bailiwick_connect::{Attestor, WorkloadAuthority};
use bailiwick_gateway::{Desk, Workloads};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admin::{cannot_tell_children, is_confined},
    config::Config,
};

/// How often it is looked at whether keys are due.
const EVERY: Duration = Duration::from_secs(15);

/// The socket, and what answers there.
#[derive(Debug)]
pub(super) struct Served {
    listener: UnixListener,
    workloads: Arc<Workloads>,
}

/// Opens the socket, where the configuration has one.
pub(super) async fn open(config: &Config, desk: &Arc<Desk>) -> anyhow::Result<Option<Served>> {
    let Some(api) = &config.workload_api else { return Ok(None) };
    let folder = config.state.join("workload");
    let authority = WorkloadAuthority::open(&folder, api.trust_domain.clone(), desk.now());
    let authority = authority.map_err(anyhow::Error::msg).context("no SVIDs can be made")?;
    let listener = bind(&api.socket).await;
    let listener =
        listener.with_context(|| format!("cannot listen on `{}`", api.socket.display()))?;
    let workloads = Arc::new(Workloads::new(Arc::clone(desk), authority));
    Ok(Some(Served { listener, workloads }))
}

/// Binds it for every account: the kernel says whose a process is. What a dead one left there goes.
async fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(about) if !about.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else lies there"));
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "somebody else answers there"));
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Answers local processes, where there is a socket, and follows whoever tells bundles, until it is told
/// to stop.
pub(super) async fn run(
    served: Option<Served>,
    attestor: Arc<Attestor>,
    desk: Arc<Desk>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let following = follow(attestor, desk, stop.clone());
    match served {
        Some(served) => tokio::try_join!(serve(served, stop), following).map(drop),
        None => following.await,
    }
}

async fn serve(served: Served, stop: CancellationToken) -> anyhow::Result<()> {
    let Served { listener, workloads } = served;
    let connections = TaskTracker::new();
    let mut tended = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tended.tick() => {
                let its = Arc::clone(&workloads);
                // A key is made and written, which takes its time.
                if let Err(error) = tokio::task::spawn_blocking(move || its.tend()).await? {
                    tracing::error!(error, "the keys of JWT-SVIDs could not be changed");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (workloads, stop) = (Arc::clone(&workloads), stop.clone());
                    connections.spawn(async move {
                        let account = account(&stream);
                        workloads.serve(stream, account, &stop).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the Workload API was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Asks the kernel whose process is on the other end. A confined one of our own account is a tool
/// server, and nobody: it shares the account, and is none of those whom charters mean by it. Where confined
/// ones look as all others do, none of this account is anybody but the governor itself.
fn account(stream: &UnixStream) -> Option<u32> {
    let peer = stream.peer_cred().ok()?;
    if peer.uid() != rustix::process::geteuid().as_raw() {
        return Some(peer.uid());
    }
    let itself = peer.pid().and_then(|it| u32::try_from(it).ok()) == Some(std::process::id());
    let told_apart = !cannot_tell_children() && !is_confined(peer.pid());
    (itself || told_apart).then_some(peer.uid())
}

/// Follows the Workload APIs that bundles come from.
async fn follow(
    attestor: Arc<Attestor>,
    desk: Arc<Desk>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.cancelled() => {}
        () = attestor.follow(move || desk.now()) => {}
    }
    Ok(())
}
