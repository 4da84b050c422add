//! Answering HTTP: bounded in connections, in how long a request's head may take, and in how long
//! an answer waits for its reader.

mod at_once;
mod faults;
mod front;
mod patient;
mod places;
mod strict;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use bailiwick_connect::ListenerTls;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixListener},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use self::faults::Faults;
pub(crate) use self::faults::panics_say_where;
use self::{
    at_once::at_once,
    front::{Front, Who},
    patient::Patient,
    places::{Guest, Place, Places},
};
use super::{
    limits,
    tls::{HALF_OPEN, Handshakes},
};
use crate::admin::Peer;

/// What a connection that finds no place is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 61\r\n\r\nevery connection there is room for is taken: come back later\n";

/// What is served, and until when.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) routes: Router,
    pub(super) faults: Arc<Faults>,
    pub(super) stop: CancellationToken,
}

/// Serves the listener until it is to stop, by TLS where there is something to show, and then
/// whatever was begun to its end.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ListenerTls>>,
    served: Served,
) -> anyhow::Result<()> {
    let all = limits::connections(limits::descriptors());
    let places = Places::new(all, all.min(limits::CONNECTIONS_OF_A_PEER));
    let handshakes = tls.map(|it| Arc::new(Handshakes::new(it)));
    // Nobody waits for one: a flood of those that never end drives out its own, and who comes shakes hands.
    let half_open = Places::new(HALF_OPEN, HALF_OPEN);
    let (connections, told) =
        (TaskTracker::new(), Arc::new(Semaphore::new(limits::TURNED_AWAY_AT_ONCE)));
    loop {
        let accepted = tokio::select! {
            () = served.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                not_accepted(&places, &error).await;
                continue;
            }
        };
        let Some(place) = places.enter(Some(address.ip())) else {
            // In the clear alone: nobody who speaks TLS reads this.
            if handshakes.is_none()
                && let Ok(permit) = Arc::clone(&told).try_acquire_owned()
            {
                tokio::spawn(async move {
                    turn_away(stream).await;
                    drop(permit);
                });
            }
            continue;
        };
        let served = served.clone();
        let shakes = match &handshakes {
            None => None,
            Some(handshakes) => {
                let Some(half) = half_open.enter(Some(address.ip())) else { continue };
                Some((Arc::clone(handshakes), half))
            }
        };
        connections.spawn(at_once(take(stream, shakes, place, served)));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Serves the admin socket until it is to stop. Who is on the other end is what the kernel says.
pub(super) async fn serve_socket(listener: UnixListener, served: Served) -> anyhow::Result<()> {
    let (all, connections) = (limits::CONNECTIONS_OF_THE_SOCKET, TaskTracker::new());
    let places = Places::new(all, all);
    loop {
        let accepted = tokio::select! {
            () = served.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                not_accepted(&places, &error).await;
                continue;
            }
        };
        let Some(place) = places.enter(None) else { continue };
        let (peer, served) = (Peer::of(&stream), served.clone());
        let who = Who { peer: Some(peer), certificate: None };
        connections.spawn(at_once(answer(stream, place, who, served)));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Takes note that a connection was not accepted: by its own fault, or by a lack that passes.
async fn not_accepted(places: &Places, error: &io::Error) {
    tracing::warn!(%error, "a connection was not accepted");
    places.make_room();
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Says that there is no place. What was sent is read first, or the answer would be lost.
async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        let mut rest = (&mut stream).take(64 << 10);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    if tokio::time::timeout(limits::LAST_HEAD, told).await.is_err() {
        tracing::debug!("a connection that found no place stays open: closed");
    }
}

async fn take(
    stream: TcpStream,
    shakes: Option<(Arc<Handshakes>, Place)>,
    place: Place,
    served: Served,
) {
    // Answers are small and waited for.
    let _slower = stream.set_nodelay(true);
    // A peer that is gone without a word is noticed as soon as one that does not read.
    let gone = u32::try_from(limits::WRITE_WAIT.as_millis()).unwrap_or(u32::MAX);
    let _later = rustix::net::sockopt::set_tcp_user_timeout(&stream, gone);
    let Some((handshakes, half)) = shakes else {
        return answer(stream, place, Who::default(), served).await;
    };
    let shaken = tokio::select! {
        () = served.stop.cancelled() => None,
        () = place.guest.leave() => None,
        () = half.guest.leave() => None,
        shaken = handshakes.shake(stream) => shaken,
    };
    drop(half);
    if let Some((stream, certificate)) = shaken {
        let who = Who { peer: None, certificate };
        answer(stream, place, who, served).await;
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: Place,
    who: Who,
    Served { routes, faults, stop }: Served,
) {
    let guest = Arc::clone(&place.guest);
    let front = Front::new((routes, faults), Arc::clone(&guest), who);
    let stream = TokioIo::new(Patient::new(stream, limits::WRITE_WAIT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_WAIT)
        .max_buf_size(limits::HEAD_MAX)
        .serve_connection(stream, front);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = asked_to_leave(&guest, &stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits::LAST_HEAD, connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) if guest.is_busy() => connection.await,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Waits until a connection is to end, after what it is answering now.
async fn asked_to_leave(guest: &Guest, stop: &CancellationToken) {
    tokio::select! {
        () = guest.leave() => {}
        () = stop.cancelled() => {}
    }
}
