//! Sends spans to the collector, a few at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::span::request;
use crate::{outward, serve::spans_lost};

/// How many spans wait for the collector; what comes beyond is lost, and counted.
const WAITING: usize = 4096;
/// How many spans go at once.
const AT_ONCE: usize = 512;
/// How long spans wait for others.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the collector may take.
const WAIT: Duration = Duration::from_secs(5);

/// Spans that were given up.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost(Arc<AtomicUsize>);

impl Lost {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// The sending of spans.
#[derive(Debug)]
pub(crate) struct Export {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Export {
    /// Begins to send; gives where spans are put.
    pub(super) fn start(collector: &Uri, lost: Lost) -> (mpsc::Sender<Value>, Self) {
        let (sender, spans) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let url = traces_of(collector);
        let running = tokio::spawn(send_all(url, spans, lost, stop.clone()));
        (sender, Self { stop, running })
    }

    /// Sends what is left, and ends.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        if tokio::time::timeout(WAIT, self.running).await.is_err() {
            tracing::warn!("the collector did not take the last spans in time");
        }
    }
}

/// Gives where a collector takes traces: below its base, or where a whole path is named.
fn traces_of(collector: &Uri) -> Uri {
    let text = collector.to_string();
    let text = text.trim_end_matches('/');
    let whole =
        if text.ends_with("/v1/traces") { text.to_owned() } else { format!("{text}/v1/traces") };
    whole.parse().unwrap_or_else(|_| collector.clone())
}

async fn send_all(url: Uri, mut spans: mpsc::Receiver<Value>, lost: Lost, stop: CancellationToken) {
    let mut well = true;
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(PAUSE) => false,
        };
        while let Some(some) = next(&mut spans) {
            let count = some.len();
            let sent = tokio::time::timeout(WAIT, post(&url, some)).await;
            let why = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{error:#}")),
                Err(_) => Some("it takes too long".to_owned()),
            };
            if let Some(why) = &why {
                lost.add(count);
                // Said once, until it has gone well again.
                if well {
                    tracing::warn!(collector = %url, why, "traces are not taken, and are lost");
                }
            }
            well = why.is_none();
        }
        spans_lost(lost.take());
        if stopping {
            return;
        }
    }
}

/// Takes what waits, up to so many.
fn next(spans: &mut mpsc::Receiver<Value>) -> Option<Vec<Value>> {
    let mut some = Vec::new();
    while some.len() < AT_ONCE
        && let Ok(span) = spans.try_recv()
    {
        some.push(span);
    }
    (!some.is_empty()).then_some(some)
}

async fn post(url: &Uri, spans: Vec<Value>) -> anyhow::Result<()> {
    let body = serde_json::to_vec(&request(spans))?;
    let request = Request::builder()
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let answer = outward::send(url, request).await?;
    let status = answer.status();
    let _rest = http_body_util::Limited::new(answer.into_body(), 64 << 10).collect().await;
    anyhow::ensure!(status.is_success(), "it answered {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_by_its_base_or_by_the_whole_path() {
        for (named, used) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/otlp", "http://127.0.0.1:4318/otlp/v1/traces"),
            ("http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/traces"),
        ] {
            assert_eq!(traces_of(&named.parse().unwrap()).to_string(), used);
        }
    }
}
