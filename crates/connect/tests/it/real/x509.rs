//! OpenSSL: servers that want a certificate, read the list, and are made to read it again.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use bailiwick_connect::{Broker as _, BrokerError, Credential, EndCommand, X509, X509Target};
use tempfile::TempDir;

use super::{ended, field, now, order};

/// A folder with everything, and the port that servers in it listen on.
struct Stage {
    folder: TempDir,
    port: u16,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("server.pem"), server.cert.pem()).unwrap();
        fs::write(folder.path().join("server.key"), server.signing_key.serialize_pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn target(&self) -> X509Target {
        let script = "test -s pid && kill $(cat pid); test ! -e refuse";
        let words = ["env", "-C", &self.folder.path().display().to_string(), "sh", "-c", script];
        X509Target {
            folder: self.place("private"),
            crl: self.place("crl.pem"),
            trust_domain: "example.org".into(),
            paths: vec!["/reports/{identity}".into(), "/reports/all".into()],
            longest: Duration::from_secs(3600),
            end: EndCommand::new(&words.map(str::to_owned)).unwrap(),
        }
    }

    fn broker(&self) -> X509 {
        X509::new("reports".parse().unwrap(), self.target(), now()).unwrap()
    }

    fn openssl(&self, words: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(self.folder.path());
        command
    }

    /// A server that echoes lines backwards to whoever shows a certificate that counts.
    fn serve(&self) -> Child {
        let words = format!(
            "s_server -accept 127.0.0.1:{} -cert server.pem -key server.key -CAfile private/ca.pem \
             -CRL crl.pem -crl_check -purpose sslclient -Verify 1 -verify_return_error -rev",
            self.port
        );
        let mut command = self.openssl(&words);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        fs::write(self.place("pid"), child.id().to_string()).unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("ACCEPT") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the server does not listen");
        }
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        child
    }

    fn client(&self, number: u8, credential: &Credential) -> Command {
        let [certificate, key] = ["pem", "key"].map(|it| format!("{number}.{it}"));
        fs::write(self.place(&certificate), field(credential, "certificate")).unwrap();
        fs::write(self.place(&key), field(credential, "private_key")).unwrap();
        let mut command = self.openssl(&format!(
            "s_client -connect 127.0.0.1:{} -cert {certificate} -key {key} -CAfile server.pem \
             -verify_return_error -quiet -no_ign_eof",
            self.port
        ));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Says a line to the server and gives what comes back before the client ends.
    fn asked(&self, number: u8, credential: &Credential) -> String {
        let mut client = self.client(number, credential).spawn().unwrap();
        let mut words = client.stdin.take().unwrap();
        // Who is refused may be gone before that.
        let _unheard = words.write_all(b"abc\n");
        let mut line = String::new();
        BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
        drop(words);
        client.wait().unwrap();
        line.trim().to_owned()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn a_certificate_opens_until_its_lease_ends_and_open_connections_end_with_it() {
    let stage = Stage::new();
    let broker = stage.broker();
    let ends = broker.issue(&order(1, &["/reports/{identity}"])).await.unwrap();
    let stays = broker.issue(&order(2, &["/reports/all"])).await.unwrap();
    let mut server = stage.serve();
    assert_eq!(stage.asked(1, &ends.credential), "cba");
    let mut open = stage.client(1, &ends.credential).spawn().unwrap();
    let mut words = open.stdin.take().unwrap();
    words.write_all(b"abc\n").unwrap();
    let mut heard = BufReader::new(open.stdout.take().unwrap());
    let mut line = String::new();
    heard.read_line(&mut line).unwrap();
    assert_eq!(line, "cba\n", "it is open");

    broker.revoke(&ended(1)).await.unwrap();
    server.wait().unwrap();
    let mut rest = String::new();
    heard.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing came after");
    open.wait().unwrap();

    let mut server = stage.serve();
    assert_eq!(stage.asked(1, &ends.credential), "", "the ended one opens nothing");
    assert_eq!(stage.asked(2, &stays.credential), "cba", "the other one does");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn openssl_reads_what_a_certificate_and_the_list_say() {
    let stage = Stage::new();
    let broker = stage.broker();
    let issued = broker.issue(&order(3, &["/reports/{identity}"])).await.unwrap();
    assert_eq!(field(&issued.credential, "spiffe_id"), "spiffe://example.org/reports/triage-agent");
    fs::write(stage.place("leaf.pem"), field(&issued.credential, "certificate")).unwrap();
    let shown = said(&stage.openssl("x509 -in leaf.pem -noout -text").output().unwrap());
    for wanted in [
        "URI:spiffe://example.org/reports/triage-agent",
        "TLS Web Client Authentication",
        "CN = triage-agent",
        "CA:FALSE",
        "Digital Signature",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let serial = said(&stage.openssl("x509 -in leaf.pem -noout -serial").output().unwrap());
    let digits = issued.called.trim_start_matches('0');
    assert_eq!(serial.trim().trim_start_matches("serial=").trim_start_matches('0'), digits);
    let words =
        "verify -CAfile private/ca.pem -CRLfile crl.pem -crl_check -purpose sslclient leaf.pem";
    assert!(said(&stage.openssl(words).output().unwrap()).contains("leaf.pem: OK"));
    let server = words.replace("sslclient", "sslserver");
    assert!(!stage.openssl(&server).status().unwrap().success(), "it is for clients alone");
    broker.revoke(&ended(3)).await.unwrap();
    let refused = said(&stage.openssl(words).output().unwrap());
    assert!(refused.contains("certificate revoked"), "{refused}");

    // Another process of ours has the same authority, and has forgotten nothing.
    let again = stage.broker();
    let refused = said(&stage.openssl(words).output().unwrap());
    assert!(refused.contains("certificate revoked"), "{refused}");
    let issued = again.issue(&order(4, &["/reports/all"])).await.unwrap();
    fs::write(stage.place("leaf.pem"), field(&issued.credential, "certificate")).unwrap();
    assert!(said(&stage.openssl(words).output().unwrap()).contains("leaf.pem: OK"));
}

#[tokio::test]
async fn what_the_command_did_not_end_is_not_called_ended() {
    let stage = Stage::new();
    let broker = stage.broker();
    broker.issue(&order(5, &["/reports/all"])).await.unwrap();
    fs::write(stage.place("refuse"), "").unwrap();
    let error = broker.revoke(&ended(5)).await.unwrap_err();
    assert!(matches!(error, BrokerError::Away { .. }), "{error}");
    fs::remove_file(stage.place("refuse")).unwrap();
    broker.revoke(&ended(5)).await.unwrap();
    for wants in [&["/reports/none"][..], &[], &["/reports/all", "/reports/{identity}"]] {
        let error = broker.issue(&order(6, wants)).await.unwrap_err();
        assert!(matches!(error, BrokerError::Unfit { .. }), "{error}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_in_the_operators_words() {
    let stage = Stage::new();
    for (domain, path, wanted) in [
        ("Example.org", "/a", "`Example.org` is no trust domain"),
        ("example.org", "a", "`a` is no path of a SPIFFE id"),
        ("example.org", "/a/../b", "`/a/../b` is no path of a SPIFFE id"),
        ("example.org", "/a//b", "`/a//b` is no path of a SPIFFE id"),
        ("example.org", "/{task}", "`/{task}` is no path of a SPIFFE id"),
    ] {
        let trust_domain = domain.to_owned();
        let wrong = X509Target { trust_domain, paths: vec![path.to_owned()], ..stage.target() };
        let error = X509::new("reports".parse().unwrap(), wrong, now()).unwrap_err();
        assert!(error.starts_with(wanted), "{error}");
    }
}
