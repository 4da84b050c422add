//! Follows what a Workload API tells, as long as it is there.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use super::{Told, WorkloadError, WorkloadPlace, streams::Streams};

/// How long a connection and a piece that is sent may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long somebody who asks once listens.
const ASKED: Duration = Duration::from_secs(2);
/// How often it is asked whether the other side is still there, and how long it has for an answer.
const EVERY: Duration = Duration::from_secs(20);

/// Reads until the other side is gone, and gives everything to `hear`; says why it ended.
pub(crate) async fn follow(place: &WorkloadPlace, hear: impl FnMut(Told) + Send) -> WorkloadError {
    let gone = |error: std::io::Error| WorkloadError::Gone(error.to_string());
    match timeout(PATIENCE, UnixStream::connect(place.socket())).await {
        Ok(Ok(stream)) => match carry(stream, hear).await {
            Ok(never) => match never {},
            Err(error) => error,
        },
        Ok(Err(error)) => gone(error),
        Err(_) => WorkloadError::Silent,
    }
}

/// Asks once what trust domains a Workload API tells bundles of, by what they are called there.
pub async fn workload_domains(place: &WorkloadPlace) -> Result<BTreeSet<String>, WorkloadError> {
    let (told, all) = (Mutex::new((BTreeSet::new(), 0_usize)), Notify::new());
    let heard = |it| {
        if let Told::Bundles(_, bundles) = it {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.0.extend(bundles.into_iter().filter(|it| !it.1.is_empty()).map(|it| it.0));
            told.1 = told.1.saturating_add(1);
            // Certificates and keys.
            if told.1 == 2 {
                all.notify_one();
            }
        }
    };
    let ended = tokio::select! {
        error = follow(place, heard) => error,
        () = all.notified() => WorkloadError::Silent,
        () = tokio::time::sleep(ASKED) => WorkloadError::Silent,
    };
    let (told, times) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    if times == 0 { Err(ended) } else { Ok(told) }
}

async fn carry(
    mut stream: UnixStream,
    mut hear: impl FnMut(Told) + Send,
) -> Result<std::convert::Infallible, WorkloadError> {
    let gone = |error: std::io::Error| WorkloadError::Gone(error.to_string());
    let mut streams = Streams::new();
    let mut bytes = vec![0; 16 << 10];
    let mut asked_again = after(EVERY);
    // What was told before the first time counts as an answer, too.
    let (mut told, mut answered) = (false, false);
    loop {
        let out = streams.take_out();
        if !out.is_empty() {
            let sent = timeout(PATIENCE, stream.write_all(&out)).await;
            sent.map_err(|_| WorkloadError::Silent)?.map_err(gone)?;
        }
        tokio::select! {
            read = stream.read(&mut bytes) => {
                let read = bytes.get(..read.map_err(gone)?).unwrap_or_default();
                if read.is_empty() {
                    return Err(WorkloadError::Gone("it hung up".to_owned()));
                }
                for it in streams.receive(read)? {
                    told |= it != Told::Alive;
                    answered = true;
                    hear(it);
                }
            }
            () = sleep_until(asked_again) => {
                if !std::mem::take(&mut answered) || !told {
                    return Err(WorkloadError::Silent);
                }
                streams.ping();
                asked_again = after(EVERY);
            }
        }
    }
}

fn after(span: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(span).unwrap_or(now)
}
