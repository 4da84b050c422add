//! Who is told what, until when, and what is on record of it.

use std::{ops::ControlFlow, path::Path, time::Duration};

use bailiwick_connect::EvidenceKey;
use bailiwick_model::{CommandRecord, Record, Subject, Timestamp};
use bailiwick_store::{CheckpointKey, Ledger, LedgerOptions, Registry, StoredRecord};
use bailiwick_testkit::build;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
};

use super::*;
use crate::{Active, Clock, DeskParts, Evidence, Hand, Keep};

const OWN: u32 = 4242;

/// A governor that tells processes who they are.
struct House {
    workloads: Arc<Workloads>,
    hand: Hand,
    stop: CancellationToken,
}

/// A process that asks.
struct Process {
    stream: DuplexStream,
    heard: Vec<u8>,
    serving: JoinHandle<()>,
}

fn charter(identity: &str, account: u32, id: &str) -> Charter {
    let mut charter = build::charter(identity);
    charter.proof = vec![Proof::Uid(account), Proof::Spiffe(id.parse().unwrap())];
    charter
}

impl House {
    async fn new(dir: &Path, charters: Vec<Charter>) -> Self {
        let options = LedgerOptions {
            dir: dir.join("ledger"),
            key: CheckpointKey::load_or_create(&dir.join("checkpoint.key")).unwrap(),
            copies: None,
            checkpoint_every: Duration::from_secs(3600),
            retain: None,
        };
        let evidence = EvidenceKey::load_or_create(&dir.join("evidence.key")).unwrap();
        let (clock, hand) = Clock::set(Timestamp::from_millis(1_800_000_000_000));
        let parts = DeskParts {
            snapshot: build::snapshot(Vec::new(), Vec::new()),
            ledger: Ledger::open(options).unwrap().0,
            registry: Registry::open(&dir.join("registry.db")).unwrap(),
            evidence: Evidence::new(Keep::Full, Arc::new(evidence)),
            clock,
        };
        let desk = Arc::new(Desk::resume(parts).await.unwrap());
        let domain = "laptop.example".parse().unwrap();
        let authority = WorkloadAuthority::open(&dir.join("workload"), domain, desk.now()).unwrap();
        let workloads = Arc::new(Workloads::new(desk, authority));
        let house = Self { workloads, hand, stop: CancellationToken::new() };
        house.activate(charters).await;
        house
    }

    async fn activate(&self, charters: Vec<Charter>) {
        let snapshot = build::snapshot(charters, Vec::new());
        let active = Active { snapshot, activations: Vec::new() };
        self.workloads.desk.activate(active, "files").await.unwrap();
    }

    fn connect(&self, account: Option<u32>) -> Process {
        let (stream, other) = tokio::io::duplex(1 << 20);
        let (workloads, stop) = (Arc::clone(&self.workloads), self.stop.clone());
        let serving = tokio::spawn(async move { workloads.serve(other, account, &stop).await });
        Process { stream, heard: Vec::new(), serving }
    }

    /// The SVIDs on record: their ids.
    fn issued(&self) -> Vec<String> {
        let mut issued = Vec::new();
        let mut look = |it: StoredRecord| {
            if let Record::Command { command: CommandRecord::SvidIssued { id, .. }, .. } = it.record
            {
                issued.push(id.to_string());
            }
            ControlFlow::Continue(())
        };
        self.workloads.desk.ledger().scan(0, &mut look).unwrap();
        issued
    }
}

fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], body].concat()
}

fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |it: &str| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

impl Process {
    async fn greet(&mut self) {
        let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
        self.stream.write_all(&hello).await.unwrap();
    }

    async fn ask(&mut self, stream: u8, call: &str, message: &[u8]) {
        let path = format!("/SpiffeWorkloadAPI/{call}");
        let head = [
            field(":method", "POST"),
            field(":path", &path),
            field("content-type", "application/grpc"),
            field("workload.spiffe.io", "true"),
        ];
        let length = u8::try_from(message.len()).unwrap();
        let body = [&[0, 0, 0, 0, length], message].concat();
        let asked = [frame(1, 4, stream, &head.concat()), frame(0, 1, stream, &body)].concat();
        self.stream.write_all(&asked).await.unwrap();
    }

    /// Reads until `wanted` was heard so often.
    async fn hears(&mut self, wanted: &str, times: usize) {
        let count = |heard: &[u8]| {
            heard.windows(wanted.len()).filter(|it| *it == wanted.as_bytes()).count()
        };
        while count(&self.heard) < times {
            let read = self.stream.read_buf(&mut self.heard).await.unwrap();
            assert_ne!(read, 0, "it hung up, and said {}", self.heard.escape_ascii());
        }
        assert_eq!(count(&self.heard), times, "{wanted}");
    }
}

const DENIED: &str = "grpc-status\x017";
const A: &str = "spiffe://laptop.example/a";
const B: &str = "spiffe://laptop.example/b";

#[tokio::test]
async fn an_account_is_told_of_its_own_identities_and_of_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = charter("elsewhere", OWN, "spiffe://other.example/a");
    let charters = vec![charter("a", OWN, A), charter("b", 77, B), elsewhere];
    let house = House::new(dir.path(), charters).await;
    let mut process = house.connect(Some(OWN));
    process.greet().await;
    process.ask(1, "FetchX509SVID", b"").await;
    // Once as it is called, once in its certificate.
    process.hears(A, 2).await;
    process.ask(3, "FetchJWTSVID", b"\x0a\x01x").await;
    process.hears("grpc-status\x010", 1).await;
    process.ask(5, "FetchJWTSVID", &[b"\x0a\x01x\x12\x19", B.as_bytes()].concat()).await;
    process.hears(DENIED, 1).await;
    assert!(!process.heard.windows(B.len()).any(|it| it == B.as_bytes()));
    assert_eq!(house.issued(), [A, A]);
    for account in [None, Some(1)] {
        for (call, message) in [
            ("FetchX509SVID", &b""[..]),
            ("FetchX509Bundles", b""),
            ("FetchJWTBundles", b""),
            ("FetchJWTSVID", b"\x0a\x01x"),
            ("ValidateJWTSVID", b"\x0a\x01x\x12\x01y"),
        ] {
            let mut nobody = house.connect(account);
            nobody.greet().await;
            nobody.ask(1, call, message).await;
            nobody.hears(DENIED, 1).await;
            // It has its answer, and its place is free.
            nobody.stream.read_to_end(&mut nobody.heard).await.unwrap();
            nobody.serving.await.unwrap();
        }
    }
    assert_eq!(house.issued().len(), 2, "nobody else was given anything");
}

#[tokio::test]
async fn what_is_contained_is_told_nothing_more_and_its_stream_ends() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path(), vec![charter("a", OWN, A), charter("b", OWN, B)]).await;
    let mut process = house.connect(Some(OWN));
    process.greet().await;
    process.ask(1, "FetchX509SVID", b"").await;
    process.hears(B, 2).await;
    process.heard.clear();
    let contain = async |identity: &str| {
        let subject = Subject::Identity(identity.parse().unwrap());
        house.workloads.desk.contain(&subject, "it went astray", "test").await.unwrap();
    };
    // What is left is told again, without it.
    contain("a").await;
    process.hears(B, 2).await;
    assert!(!process.heard.windows(A.len()).any(|it| it == A.as_bytes()));
    contain("b").await;
    process.hears(DENIED, 1).await;
    process.serving.await.unwrap();
    let issued = house.issued().len();
    for (call, message) in [("FetchX509SVID", &b""[..]), ("FetchJWTSVID", b"\x0a\x01x")] {
        let mut process = house.connect(Some(OWN));
        process.greet().await;
        process.ask(1, call, message).await;
        process.hears(DENIED, 1).await;
    }
    assert_eq!(house.issued().len(), issued);
}

#[tokio::test]
async fn an_svid_comes_again_before_half_of_its_life_is_over_and_a_charter_that_goes_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let charters = || vec![charter("a", OWN, A)];
    let house = House::new(dir.path(), charters()).await;
    let mut process = house.connect(Some(OWN));
    process.greet().await;
    process.ask(1, "FetchX509SVID", b"").await;
    process.hears(A, 2).await;
    // Something changed, and nothing about it.
    house.activate(charters()).await;
    house.hand.on(Duration::from_secs(25 * 60));
    house.activate(charters()).await;
    process.hears(A, 4).await;
    assert_eq!(house.issued().len(), 2);
    house.activate(Vec::new()).await;
    process.hears(DENIED, 1).await;
    house.stop.cancel();
    process.serving.await.unwrap();
}

#[tokio::test]
async fn whoever_is_nobody_has_few_places_and_leaves_the_others_to_those_that_are_somebody() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path(), vec![charter("a", OWN, A)]).await;
    // Many accounts that are nobody, and whoever cannot be named.
    let accounts = (5000..5100).map(Some).chain([None]);
    let mut strangers = Vec::new();
    for account in accounts.flat_map(|it| [it; 3]) {
        strangers.push(house.connect(account));
    }
    let mut process = house.connect(Some(OWN));
    process.greet().await;
    process.ask(1, "FetchX509SVID", b"").await;
    process.hears(A, 2).await;
    let count = |it: &Guests| (it.strangers, it.theirs.get(&Some(5000)).copied());
    assert_eq!(count(&house.workloads.guests.lock().unwrap()), (16, Some(2)));
    for it in &mut strangers {
        // Those that have no place hear nothing.
        let _asked_or_gone = it.stream.shutdown().await;
    }
    for it in strangers {
        it.serving.await.unwrap();
    }
    assert_eq!(count(&house.workloads.guests.lock().unwrap()), (0, None));
}

#[tokio::test]
async fn questions_that_give_nothing_are_paced_too() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path(), vec![charter("a", OWN, A)]).await;
    let mut process = house.connect(Some(OWN));
    process.greet().await;
    for stream in (1..=201).step_by(2) {
        process.ask(stream, "ValidateJWTSVID", b"\x0a\x01x\x12\x01y").await;
        process.hears("grpc-status", usize::from(stream).div_ceil(2)).await;
    }
    process.hears("grpc-status\x013", 64).await;
    process.hears("grpc-status\x018", 37).await;
}

#[tokio::test]
async fn an_account_cannot_ask_faster_than_it_may_nor_take_all_places() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path(), vec![charter("a", OWN, A), charter("b", 77, B)]).await;
    let mut process = house.connect(Some(OWN));
    process.greet().await;
    for stream in (1..=201).step_by(2) {
        process.ask(stream, "FetchJWTSVID", b"\x0a\x01x").await;
        process.hears("grpc-status", usize::from(stream).div_ceil(2)).await;
    }
    assert_eq!(house.issued().len(), 64);
    let taken: Vec<_> = (0..40).map(|_| house.connect(Some(OWN))).collect();
    let mut over = 0;
    for mut it in taken {
        let mut said = [0; 9];
        over += usize::from(it.stream.read(&mut said).await.unwrap() == 0);
    }
    let mut other = house.connect(Some(77));
    other.greet().await;
    other.ask(1, "FetchX509SVID", b"").await;
    other.hears(B, 2).await;
    assert_eq!(over, 9, "32 of one account, one of which was there");
}
