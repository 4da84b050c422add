//! How long it takes until somebody else has heard that a task ended.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_connect::{KekSource, PushPlace, Secret, Vault};
use bailiwick_gateway::{Delivery, Outward, OutwardParts, ReceiverSpec};
use bailiwick_model::{EndCause, SignalEvent};
use bailiwick_testkit::broker::ScriptedTarget;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::{
    figures::Spread,
    governor::{Governor, START},
    rows::Rows,
};

const TASKS: usize = 100;
const RUNS: usize = 5;

/// Measures from the call of `end` until a receiver on this machine has the whole of what it is told:
/// written to the ledger, read of it, signed and sent.
pub(crate) async fn measure(folder: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let folder = folder.join("pushed");
    std::fs::create_dir(&folder)?;
    let governor = Governor::start(&folder, &ScriptedTarget::new("orders-db")).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/events", listener.local_addr()?);
    let (heard, mut hears) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(at) = take(stream).await {
                let _nobody_waits = heard.send(at);
            }
        }
    });
    let secrets = folder.join("pushed-secrets");
    let vault = Vault::open(&secrets, KekSource::File(folder.join("pushed-kek")))?;
    vault.set(&"siem".parse()?, &Secret::new("a-secret-of-the-receiver"), START)?;
    let receiver = ReceiverSpec {
        name: "siem".to_owned(),
        audience: "https://siem.example".to_owned(),
        events: vec![SignalEvent::SessionRevoked],
        delivery: Delivery::Push { place: PushPlace::new(&url, None)?, secret: "siem".parse()? },
        token: Secret::new("a-token-that-nobody-shows"),
        kept: folder.join("siem.told"),
    };
    let outward = Arc::new(Outward::new(OutwardParts {
        desk: Arc::clone(governor.engine.desk()),
        vault: Arc::new(vault),
        public_url: "https://governor.example".to_owned(),
        key: folder.join("signals.pem"),
        receivers: vec![receiver],
        hosts: Vec::new(),
    })?);
    let stop = CancellationToken::new();
    let telling = tokio::spawn(Arc::clone(&outward).run(stop.clone()));
    let mut rows = Rows::default();
    for _ in 0..RUNS {
        let mut all = Vec::new();
        for _ in 0..TASKS {
            let task = governor.open().await?;
            let asked = Instant::now();
            governor.engine.desk().end(&task.id, EndCause::Asked, "uid:0").await?;
            let heard = tokio::time::timeout(Duration::from_secs(60), hears.recv()).await?;
            all.push(heard.context("nobody hears")?.saturating_duration_since(asked));
        }
        rows.add_shares("ssf_push_ms", &all)?;
    }
    stop.cancel();
    telling.await?;
    governor.stop().await;
    rows.told()
}

/// Takes one request, and says when it was there whole.
async fn take(mut stream: TcpStream) -> anyhow::Result<Instant> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let at = loop {
        let count = stream.read(&mut piece).await?;
        anyhow::ensure!(0 < count, "it broke off");
        bytes.extend(piece.iter().take(count));
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|it| {
            let (name, value) = it.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if length.unwrap_or(0) <= body.len() {
            break Instant::now();
        }
    };
    let answer = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer).await?;
    Ok(at)
}
