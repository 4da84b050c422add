//! The listener by TLS, over real sockets, with certificates of the test's own making.

mod certified;
mod crowd;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
    time::Instant,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use serde_json::json;

use crate::governor::{Answer, Governor, NOTES, PATIENCE, try_answer};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Makes a certificate for this machine, and its key.
fn made() -> (String, String) {
    let names = vec!["127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

/// Puts a certificate and a key where the governor looks for them.
fn put(governor: &Governor, (certificate, key): (&str, &str)) {
    // Both at once, as far as two files can be: made beside, then moved over.
    for (name, text, mode) in [("tls/cert.pem", certificate, 0o644), ("tls/key.pem", key, 0o600)] {
        governor.write(&format!("{name}.new"), text);
        let new = governor.path(&format!("{name}.new"));
        fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(new, governor.path(name)).unwrap();
    }
}

/// A governor that speaks TLS, and the certificate it shows.
fn house() -> (Governor, String) {
    let (certificate, key) = made();
    let mut governor = Governor::prepare(NOTES);
    let tls = "[listen.tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n";
    governor.write("bailiwick.toml", &format!("{}{tls}", NOTES[0].1));
    put(&governor, (&certificate, &key));
    governor.serve();
    (governor, certificate)
}

/// Who believes the certificates in `pem`, and speaks these versions and protocols.
fn believer(
    pem: &str,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn host(governor: &Governor) -> &str {
    governor.url().strip_prefix("https://").unwrap()
}

/// Connects and shakes hands.
fn connect(governor: &Governor, config: Arc<ClientConfig>) -> Result<Stream, std::io::Error> {
    shake(TcpStream::connect(host(governor))?, config)
}

fn shake(mut socket: TcpStream, config: Arc<ClientConfig>) -> Result<Stream, std::io::Error> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut connection = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

fn believing(governor: &Governor, pem: &str) -> Result<Stream, std::io::Error> {
    connect(governor, believer(pem, &[&TLS13, &TLS12], &[]))
}

/// Sends one request and reads its answer; the connection stays.
fn ask(governor: &Governor, stream: &mut Stream, line: &str, headers: &str, body: &str) -> Answer {
    let (host, length) = (host(governor), body.len());
    let head =
        format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    try_answer(stream).unwrap()
}

fn is_alive(governor: &Governor, stream: &mut Stream) -> bool {
    ask(governor, stream, "GET /healthz", "", "").status == 200
}

#[test]
fn an_agent_calls_and_discovers_by_tls() {
    let (governor, certificate) = house();
    let (_, token) = governor.open("reader", "reading", &[]);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "read_note", "arguments": {"path": "/notes/today"}}});
    let headers = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    );
    for version in [&TLS13, &TLS12] {
        let config = believer(&certificate, &[version], &["http/1.1"]);
        let mut stream = connect(&governor, config).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ask(&governor, &mut stream, "POST /mcp/notes", &headers, &call.to_string());
        assert_eq!(answer.json()["result"]["isError"], false, "{answer:?}");
    }
    let mut stream = believing(&governor, &certificate).unwrap();
    let found =
        ask(&governor, &mut stream, "GET /.well-known/oauth-authorization-server", "", "").json();
    assert_eq!(found["issuer"], governor.url());
    assert!(found["token_endpoint"].as_str().unwrap().starts_with("https://"), "{found}");
    assert_eq!(governor.reached(), 2);
}

#[test]
fn whoever_does_not_speak_as_it_does_gets_nothing() {
    let (governor, certificate) = house();
    // In the clear.
    let mut plain = TcpStream::connect(host(&governor)).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _cut = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    // A protocol that is not spoken here, and somebody who believes another.
    assert!(connect(&governor, believer(&certificate, &[&TLS13], &["h2"])).is_err());
    assert!(believing(&governor, &made().0).is_err());
    assert!(is_alive(&governor, &mut believing(&governor, &certificate).unwrap()));
}

#[test]
fn connections_that_never_speak_are_closed_and_keep_nobody_out() {
    let (governor, certificate) = house();
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(host(&governor)).unwrap()).collect();
    assert!(is_alive(&governor, &mut believing(&governor, &certificate).unwrap()));
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "it is still open");
    }
}

#[test]
fn a_reload_shows_the_new_certificate_and_cuts_no_connection() {
    let (governor, old) = house();
    let mut before = believing(&governor, &old).unwrap();
    assert!(is_alive(&governor, &mut before));
    let (new, key) = made();
    put(&governor, (&new, &key));
    governor.json(&["reload"]);
    assert!(believing(&governor, &old).is_err());
    assert!(is_alive(&governor, &mut believing(&governor, &new).unwrap()));
    assert!(is_alive(&governor, &mut before), "what was there before goes on");
    let noticed = governor.records();
    assert!(noticed.iter().any(|it| it["code"] == "listener-certificate"), "{noticed:?}");

    // One that is no pair changes nothing, and the command says so.
    let (other, _) = made();
    put(&governor, (&other, &key));
    let said = governor.refused(&["reload"], 2);
    assert!(said.contains("is not for the key"), "{said}");
    assert!(is_alive(&governor, &mut believing(&governor, &new).unwrap()));
}

#[test]
fn new_files_are_taken_without_a_word() {
    let (governor, _) = house();
    let (new, key) = made();
    put(&governor, (&new, &key));
    let began = Instant::now();
    while believing(&governor, &new).is_err() {
        assert!(began.elapsed() < PATIENCE, "the new certificate is not shown");
        std::thread::yield_now();
    }
    let records = governor.records();
    assert!(records.iter().any(|it| it["code"] == "listener-certificate"), "{records:?}");
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let governor = Governor::prepare(NOTES);
    let tls = "[listen.tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n";
    governor.write("bailiwick.toml", &format!("{}{tls}", NOTES[0].1));
    let says = |code: &str| {
        let ran = governor.run(&["check"]);
        assert!(ran.code == 2 && ran.stdout.contains(code), "{code}: {ran:?}");
    };
    let (certificate, key) = made();
    says("CFG-014");
    put(&governor, (&certificate, &key));
    assert_eq!(governor.run(&["check"]).code, 0);
    put(&governor, (&made().0, &key));
    says("CFG-014");
    put(&governor, (&certificate, "no key"));
    says("CFG-014");
    put(&governor, (&certificate, &key));
    fs::set_permissions(governor.path("tls/key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    says("CFG-015");
    let ran = governor.refuses_to_serve();
    assert!(ran.code == 2 && ran.stderr.contains("CFG-015"), "{ran:?}");
}
