//! Answering HTTP: bounded in connections, and in how long a request's head may take.

use std::{sync::Arc, time::Duration};

use axum::Router;
use bailiwick_connect::ListenerTls;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::tls::Handshakes;

/// How many connections are served at once; the next wait in the kernel's queue.
const CONNECTIONS: usize = 16_384;
/// How long the head of a request may take.
const HEAD_WAIT: Duration = Duration::from_secs(15);
/// How many bytes of a request's head are read.
const HEAD_MAX: usize = 64 << 10;

/// Serves `routes` until `stop`, by TLS where there is something to show, and then whatever was begun to its end.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    tls: Option<Arc<ListenerTls>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let handshakes = tls.map(|it| Arc::new(Handshakes::new(it)));
    let (places, connections) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let (routes, handshakes, stop) = (routes.clone(), handshakes.clone(), stop.clone());
        connections.spawn(async move {
            take(stream, handshakes.as_deref(), routes, stop).await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Takes the next connection once there is a place for it. What fails is the connection's own
/// fault, or a lack that passes.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn take(
    stream: TcpStream,
    handshakes: Option<&Handshakes>,
    routes: Router,
    stop: CancellationToken,
) {
    // Answers are small and waited for.
    let _slower = stream.set_nodelay(true);
    let Some(handshakes) = handshakes else { return answer(stream, routes, stop).await };
    let shaken = tokio::select! {
        () = stop.cancelled() => None,
        shaken = handshakes.shake(stream) => shaken,
    };
    if let Some(stream) = shaken {
        answer(stream, routes, stop).await;
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    routes: Router,
    stop: CancellationToken,
) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
