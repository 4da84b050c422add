//! X.509: servers of OpenSSL, one for each connection, which the command ends.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Read as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bailiwick_connect::{Broker, Credential, EndCommand, X509, X509Target};
use bailiwick_model::Timestamp;
use bailiwick_testkit::broker::{Limit, Stay, Trial, Waited, conforms};
use tempfile::TempDir;

use super::until;
use crate::real::{field, now};

pub(super) const LIMITS: &[Limit] = &[Limit::NothingIsListed, Limit::MadeAlone];

/// Ends every server that notes its number in the folder.
const END: &str = "test ! -e away && for it in *.pid; do
    test -e $it && { kill $(cat $it); rm $it; }
done; test ! -e away";

struct Tried {
    folder: TempDir,
    broker: X509,
    count: AtomicU32,
}

/// A server and its one client.
struct Connection {
    server: Child,
    client: Child,
    words: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tried {
    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, words: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(self.folder.path()).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// Starts a server that echoes lines backwards to whoever shows a certificate that counts.
    fn connect(&self, credential: &Credential) -> Connection {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut server = self.openssl(
            "s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -CAfile private/ca.pem \
             -CRL crl.pem -crl_check -purpose sslclient -Verify 1 -verify_return_error -rev",
        );
        let mut server = server.stdin(Stdio::null()).spawn().unwrap();
        fs::write(self.place(&format!("{number}.pid")), server.id().to_string()).unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the server does not listen");
        }
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        for (name, end) in [("certificate", "pem"), ("private_key", "key")] {
            fs::write(self.place(&format!("{number}.{end}")), field(credential, name)).unwrap();
        }
        let mut client = self.openssl(&format!(
            "s_client -connect {} -cert {number}.pem -key {number}.key -CAfile server.pem \
             -verify_return_error -quiet -no_ign_eof",
            line.trim_start_matches("ACCEPT ").trim()
        ));
        let mut client = client.spawn().unwrap();
        let words = client.stdin.take().unwrap();
        let lines = BufReader::new(client.stdout.take().unwrap()).lines();
        Connection { server, client, words, lines }
    }
}

impl Stay for Connection {
    fn goes_on(&mut self) -> Waited<'_, bool> {
        Box::pin(async {
            self.words.write_all(b"abc\n").is_ok()
                && self.lines.next().is_some_and(|it| it.is_ok_and(|it| it == "cba"))
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for child in [&mut self.client, &mut self.server] {
            // It may have ended by itself.
            let _ended = (child.kill(), child.wait());
        }
    }
}

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["/reports/{identity}".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("/admin".into())
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async {
            let mut connection = self.connect(credential);
            let let_in = connection.goes_on().await;
            let note = format!("{}.pid", self.count.load(Ordering::Relaxed).saturating_sub(1));
            fs::remove_file(self.place(&note)).unwrap();
            let_in
        })
    }

    fn stays<'a>(&'a self, credential: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async {
            let stays: Box<dyn Stay> = Box::new(self.connect(credential));
            Some(stays)
        })
    }

    /// What is away is whatever makes servers read the list.
    fn away(&self, away: bool) -> Waited<'_, ()> {
        Box::pin(async move {
            let file = self.place("away");
            if away { fs::write(file, "") } else { fs::remove_file(file) }.unwrap();
        })
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        Box::pin(until(at))
    }
}

#[tokio::test]
async fn the_broker_conforms_at_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("server.pem"), server.cert.pem()).unwrap();
    fs::write(folder.path().join("server.key"), server.signing_key.serialize_pem()).unwrap();
    let words = ["env", "-C", &folder.path().display().to_string(), "sh", "-c", END];
    let target = X509Target {
        folder: folder.path().join("private"),
        crl: folder.path().join("crl.pem"),
        trust_domain: "example.org".into(),
        paths: vec!["/reports/{identity}".into()],
        longest: Duration::from_secs(3600),
        end: EndCommand::new(&words.map(str::to_owned)).unwrap(),
    };
    let broker = X509::new("reports".parse().unwrap(), target, now()).unwrap();
    conforms(&Tried { folder, broker, count: AtomicU32::new(0) }).await;
}
