//! TLS on the listener: handshakes within bounds, and files that are taken when they change.

use std::{sync::Arc, time::Duration};

use bailiwick_connect::{ClientCertificate, ListenerTls};
use bailiwick_gateway::Desk;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// How long a handshake may take.
const WAIT: Duration = Duration::from_secs(5);
/// How many handshakes are under way at once.
pub(super) const HALF_OPEN: usize = 1024;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// After how many looks files that were refused are tried again as they are: their time may have come.
const ANEW: u8 = 30;

/// A connection, and the certificate that the client proved the key of, where it showed one.
pub(super) type Shaken = (TlsStream<TcpStream>, Option<Arc<ClientCertificate>>);

/// Greets new connections.
#[derive(Debug)]
pub(super) struct Handshakes {
    tls: Arc<ListenerTls>,
}

impl Handshakes {
    pub(super) const fn new(tls: Arc<ListenerTls>) -> Self {
        Self { tls }
    }

    /// Shakes hands with what is in force now, and gives what the client showed; gives nothing where
    /// that does not come about.
    pub(super) async fn shake(&self, stream: TcpStream) -> Option<Shaken> {
        let shaking = TlsAcceptor::from(self.tls.config()).accept(stream);
        let shaken = tokio::time::timeout(WAIT, shaking).await.ok()?;
        let stream =
            shaken.inspect_err(|error| tracing::debug!(%error, "no handshake came about")).ok()?;
        let shown = stream.get_ref().1.peer_certificates();
        let certificate = match shown {
            None => None,
            // What was taken was read; whatever is not readable now is no connection.
            Some(chain) => Some(Arc::new(ClientCertificate::of(chain)?)),
        };
        Some((stream, certificate))
    }
}

/// Takes new files when they lie there, whole: those that change between two looks are still
/// being written. What is refused is tried again when it changes, and now and then.
pub(super) async fn watch(
    tls: Arc<ListenerTls>,
    desk: Arc<Desk>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(LOOK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (mut seen, mut told, mut looks) = (None, None, 0_u8);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = interval.tick() => {}
        }
        let changed = tls.changed();
        let lies_still = changed.is_some() && changed == seen;
        looks = if tls.are_refused() { looks.saturating_add(1) } else { 0 };
        let anew = changed.is_none() && ANEW <= looks;
        seen = changed.filter(|_| !lies_still);
        if lies_still || anew {
            looks = 0;
            match take(&tls, &desk, told.as_deref()).await {
                Ok(why) => told = why,
                Err(error) => {
                    tracing::error!(%error, "what became of the certificate could not be recorded");
                }
            }
        }
    }
}

/// Takes the files, or gives why the old ones stay in force; on record unless that was `told` last.
async fn take(
    tls: &ListenerTls,
    desk: &Desk,
    told: Option<&str>,
) -> anyhow::Result<Option<String>> {
    match tls.reload(desk.now()) {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!("the listener has new certificates");
            let text = "the listener has new certificates, its own or those of clients".to_owned();
            desk.notice("listener-certificate", text, "listen.tls").await?;
        }
        Err(error) => {
            let why = error.to_string();
            if told != Some(&*why) {
                tracing::warn!(%error, "the listener keeps its certificate");
                let text = format!("the listener keeps its old certificate: {why}");
                desk.notice("listener-certificate-refused", text, "listen.tls").await?;
            }
            return Ok(Some(why));
        }
    }
    Ok(None)
}
