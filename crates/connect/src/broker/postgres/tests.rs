//! Servers that are none, lie, ask too much or never end.

use std::{future::Future, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

use super::*;

fn name() -> TargetName {
    "orders-db".parse().unwrap()
}

fn target(port: u16) -> PostgresTarget {
    PostgresTarget {
        host: "127.0.0.1".into(),
        port,
        trust: None,
        database: "orders".into(),
        login: "gatekeeper".into(),
        password: Some(SecretSource::Held(Secret::new("hunter2"))),
        groups: vec!["readers".into()],
        heir: None,
        connections: 1,
        defaults: Defaults::default(),
        longest: Duration::from_secs(3600),
        prefix: "bw_".into(),
    }
}

/// Asks a server for what it has, and gives what the broker says and what the server was told.
async fn met<F: Future<Output = ()> + Send + 'static>(
    server: impl FnOnce(TcpStream, Arc<Mutex<Vec<u8>>>) -> F + Send + 'static,
) -> (String, Vec<u8>) {
    met_as(target, server).await
}

/// The same, of a target like this.
async fn met_as<F: Future<Output = ()> + Send + 'static>(
    target: impl FnOnce(u16) -> PostgresTarget,
    server: impl FnOnce(TcpStream, Arc<Mutex<Vec<u8>>>) -> F + Send + 'static,
) -> (String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        server(stream, heard).await;
    });
    let error = Postgres::new(name(), target(port)).unwrap().found().await.unwrap_err();
    serving.abort();
    let told = told.lock().await.clone();
    (error.to_string(), told)
}

/// Reads the greeting, says these bytes, then listens until nobody speaks any more.
async fn says(bytes: &'static [u8]) -> (String, Vec<u8>) {
    met(move |mut stream, told| async move {
        let mut greeting = [0; 256];
        let _len = stream.read(&mut greeting).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = vec![0; 4096];
        while let Ok(len @ 1..) = stream.read(&mut rest).await {
            told.lock().await.extend_from_slice(&rest[..len]);
        }
    })
    .await
}

#[tokio::test]
async fn what_is_not_postgres_is_said_to_be_away() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"R\0\0\0\x03",
        b"R\xff\xff\xff\xff",
        b"R\0\0\0\x06\0\0",
        b"D\0\0\0\x06\0\0",
        b"Z\0\0\0\x05I",
    ] {
        let (error, _) = says(bytes).await;
        assert!(error.contains("not PostgreSQL"), "{}: {error}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn a_password_is_not_given_to_who_asks_for_it_in_the_clear() {
    for asked in [&b"R\0\0\0\x08\0\0\0\x03"[..], b"R\0\0\0\x0c\0\0\0\x05salt"] {
        let (error, told) = says(asked).await;
        assert!(error.contains("another way than SCRAM-SHA-256"), "{error}");
        assert_eq!(told, b"", "nothing was said to that");
    }
}

#[tokio::test]
async fn who_asks_for_no_password_where_one_is_configured_is_not_believed() {
    let (error, told) = says(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await;
    assert!(error.contains("has not proved itself"), "{error}");
    assert_eq!(told, b"", "nothing was said to that");
}

#[tokio::test]
async fn who_skips_the_proof_in_the_middle_is_not_believed() {
    let (error, told) =
        says(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await;
    assert!(error.contains("does not go on with SCRAM"), "{error}");
    assert!(!String::from_utf8_lossy(&told).contains("hunter2"));
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let trusting = |port| PostgresTarget { password: None, ..target(port) };
    let (error, _) = met_as(trusting, |mut stream, _| async move {
        let mut greeting = [0; 256];
        let _len = stream.read(&mut greeting).await.unwrap();
        stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
        let row = [&b"D\0\0\xf0\x0a\0\x01\0\0\xf0\0"[..], &b"x".repeat(0xf000)].concat();
        while stream.write_all(&row).await.is_ok() {}
    })
    .await;
    assert!(error.contains("has no end"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_never_answers_is_waited_for_as_long_as_an_attempt_takes() {
    let began = tokio::time::Instant::now();
    let (error, _) = met(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    assert!(error.contains("too long"), "{error}");
    assert!(began.elapsed() <= PATIENCE + Duration::from_secs(1));
}

#[test]
fn what_cannot_be_meant_is_refused_in_the_operators_words() {
    type Change = fn(&mut PostgresTarget);
    let changes: [(Change, &str); 7] = [
        (|it| it.host = "db.example".into(), "`db.example` is another machine: reach it with TLS"),
        (|it| it.groups.clear(), "`groups` names none"),
        (|it| it.groups.push("x".repeat(64)), "is no name in PostgreSQL"),
        (|it| it.heir = Some("a\nb".into()), "is no name in PostgreSQL"),
        (|it| it.prefix = "pg_x".into(), "`pg_x` cannot begin a role's name"),
        (|it| it.prefix = "BW".into(), "`BW` cannot begin a role's name"),
        (|it| it.connections = 0, "`connections` lets nobody in"),
    ];
    for (change, wanted) in changes {
        let mut wrong = target(5432);
        change(&mut wrong);
        let error = Postgres::new(name(), wrong).unwrap_err().to_string();
        assert!(error.starts_with(wanted) || error.contains(wanted), "{error}");
    }
}

#[test]
fn a_role_and_its_lease_lead_to_each_other() {
    let broker = Postgres::new(name(), target(5432)).unwrap();
    let lease: LeaseId = "lease_01JD8Q3W5X6Y7Z8A9B0C1D2E3F".parse().unwrap();
    let role = broker.role(&lease);
    assert_eq!(role, "bw_01jd8q3w5x6y7z8a9b0c1d2e3f");
    assert_eq!(broker.lease(&role), Some(lease));
    for other in ["bw_somebody", "01jd8q3w5x6y7z8a9b0c1d2e3f", "bw_", "postgres"] {
        assert_eq!(broker.lease(other), None);
    }
}
