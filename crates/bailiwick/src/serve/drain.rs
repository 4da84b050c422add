//! The end of a governor: nobody new comes in, who is here is served to the end, then the tool
//! servers go, and last the ledger is closed.

use std::time::Duration;

use anyhow::Context as _;

use super::{Asked, Governor, Signal};

/// How long the tool servers may take to end, and how long those whose calls were cut may take to
/// hear of it.
const LAST: Duration = Duration::from_secs(5);
/// How long the ledger may take to be closed.
const CLOSE: Duration = Duration::from_secs(5);

impl Governor {
    /// Runs until a signal, or until something of it breaks. Gives the second signal, if somebody
    /// would not wait for the end.
    pub(crate) async fn run(mut self, mut asked: Asked) -> anyhow::Result<Option<Signal>> {
        let broken = tokio::select! {
            signal = asked.wait() => {
                tracing::info!(%signal, drain = ?self.drain, "stopping");
                None
            }
            ended = self.running.join_next() => ended,
            ended = &mut self.leases => Some(ended),
        };
        let hurried = tokio::select! {
            () = self.drained() => None,
            signal = asked.wait() => {
                tracing::warn!(%signal, "stopping at once: what is under way is cut");
                Some(signal)
            }
        };
        self.close().await;
        match broken {
            Some(Ok(ended)) => ended.context("a part of the governor ended").map(|()| hurried),
            // What a panic said is nobody's to read.
            Some(Err(_)) => Err(anyhow::anyhow!("a part of the governor broke")),
            None => Ok(hurried),
        }
    }

    /// Stops everything, as gently as there is time for.
    pub(crate) async fn stop(mut self) {
        self.drained().await;
        self.close().await;
    }

    /// Lets nobody in any more, tells those who only wait, and waits for calls that are under way;
    /// for so long and no longer. Then the servers end, and with them the calls that are left.
    async fn drained(&mut self) {
        self.stop.cancel();
        if tokio::time::timeout(self.drain, self.settled()).await.is_err() {
            tracing::warn!("some requests did not end in time: they are cut");
        }
        self.servers.cancel();
        let upstreams = std::sync::Arc::clone(self.lane.upstreams());
        if tokio::time::timeout(LAST, upstreams.stopped()).await.is_err() {
            tracing::warn!("some servers did not end in time");
        }
        // Those who were cut are still answered, and what became of their calls is on record.
        let lane = std::sync::Arc::clone(&self.lane);
        let left = async { tokio::join!(self.settled(), lane.left()) };
        if tokio::time::timeout(LAST, left).await.is_err() {
            tracing::warn!("some connections did not end in time: they are cut");
        }
        // What is known of leases by now is written; what is not is taken up by the next start.
        if !self.leases.is_finished() && tokio::time::timeout(LAST, &mut self.leases).await.is_err()
        {
            tracing::warn!("what became of some leases is not written");
        }
    }

    /// Waits until every part has ended, and no call is under way.
    async fn settled(&mut self) {
        while self.running.join_next().await.is_some() {}
        self.lane.settled().await;
    }

    /// Writes down what is left to say, signs the ledger's head, and lets the state go.
    async fn close(mut self) {
        self.running.abort_all();
        self.leases.abort();
        let desk = std::sync::Arc::clone(self.lane.desk());
        let closed = async move {
            if let Err(error) = desk.tell_turned_away().await {
                tracing::error!(%error, "who was turned away could not be recorded");
            }
            let (ledger, registry) = (desk.ledger().clone(), desk.registry().clone());
            tokio::task::spawn_blocking(move || {
                ledger.close();
                registry.close();
            })
            .await
        };
        if !matches!(tokio::time::timeout(CLOSE, closed).await, Ok(Ok(()))) {
            tracing::error!("the ledger did not close well");
        }
        let _gone = std::fs::remove_file(&self.socket);
    }
}
