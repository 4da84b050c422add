//! OpenSSH: certificates that let in, run what they may, and end with the connections they opened.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use bailiwick_connect::{Broker as _, BrokerError, Credential, EndCommand, Ssh, SshTarget};
use bailiwick_testkit::real::Sshd;
use tempfile::TempDir;

use super::{ended, field, now, order};

/// A server, and the folder of the authority that it believes.
pub(crate) struct Stage {
    pub(crate) server: Sshd,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [authority, list] = ["private/ca.pub", "krl"].map(|it| folder.path().join(it));
        // The server reads neither before somebody comes.
        let server = Sshd::start(&authority, &list)?;
        Some(Self { server, folder })
    }

    pub(crate) fn target(&self) -> SshTarget {
        SshTarget {
            host: "127.0.0.1".into(),
            port: 22,
            host_key: None,
            folder: self.folder.path().join("private"),
            krl: self.folder.path().join("krl"),
            principals: vec![self.server.account().to_owned(), "deploy".to_owned()],
            command: None,
            terminal: false,
            sources: vec!["127.0.0.0/8".into()],
            longest: Duration::from_secs(300),
            end: EndCommand::new(&self.server.end()).unwrap(),
        }
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn broker(&self) -> Ssh {
        Ssh::new("build-host".parse().unwrap(), self.target(), now()).unwrap()
    }

    /// Writes a credential to files, and gives the client that uses it.
    pub(crate) fn client(&self, number: u8, credential: &Credential) -> Command {
        let place = |end: &str| self.folder.path().join(format!("{number}{end}"));
        let [key, certificate]: [PathBuf; 2] = [place(""), place("-cert.pub")];
        fs::write(&key, field(credential, "private_key")).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&certificate, field(credential, "certificate")).unwrap();
        self.server.client(&key, &certificate)
    }

    fn run(&self, number: u8, credential: &Credential, words: &[&str]) -> Output {
        self.client(number, credential).args(words).stdin(Stdio::null()).output().unwrap()
    }
}

/// A command that goes on at the server until somebody ends it.
struct Open {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Open {
    fn start(mut client: Command) -> Self {
        client.arg("while :; do date +%s%3N; sleep 0.02; done");
        let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        Self { child, lines }
    }

    /// Reads what the server still says, and gives the last: a moment of its clock.
    fn last(mut self) -> i64 {
        let last = self.lines.by_ref().map_while(Result::ok).last();
        self.child.wait().unwrap();
        last.and_then(|it| it.parse().ok()).unwrap_or(0)
    }
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).trim().to_owned()
}

#[tokio::test]
async fn a_lease_lets_in_until_it_is_ended_and_another_still_does() {
    let Some(stage) = Stage::new() else { return };
    let (broker, guest) = (stage.broker(), [stage.server.account()]);
    let first = broker.issue(&order(1, &guest)).await.unwrap();
    let second = broker.issue(&order(2, &guest)).await.unwrap();
    assert_eq!(
        said(&stage.run(1, &first.credential, &["echo hello"])),
        "hello",
        "{}",
        stage.server.said()
    );
    broker.revoke(&ended(1)).await.unwrap();
    let refused = stage.run(1, &first.credential, &["echo hello"]);
    assert!(said(&refused).contains("Permission denied"), "{}", said(&refused));
    assert!(stage.server.said().contains("revoked"), "{}", stage.server.said());
    assert_eq!(said(&stage.run(2, &second.credential, &["echo hello"])), "hello");
    broker.revoke(&ended(1)).await.unwrap();

    // Another process of ours has the same authority, and has forgotten nothing.
    let again = stage.broker();
    assert!(said(&stage.run(1, &first.credential, &["true"])).contains("Permission denied"));
    assert_eq!(said(&stage.run(2, &second.credential, &["echo hello"])), "hello");
    again.revoke(&ended(2)).await.unwrap();
    assert!(said(&stage.run(2, &second.credential, &["true"])).contains("Permission denied"));
}

#[tokio::test]
async fn an_open_connection_ends_with_its_lease() {
    let Some(stage) = Stage::new() else { return };
    let (broker, guest) = (stage.broker(), [stage.server.account()]);
    let ends = broker.issue(&order(3, &guest)).await.unwrap();
    let stays = broker.issue(&order(4, &guest)).await.unwrap();
    let open = Open::start(stage.client(3, &ends.credential));
    let mut other = Open::start(stage.client(4, &stays.credential));
    let asked = now();
    broker.revoke(&ended(3)).await.unwrap();
    let returned = now();
    let last = open.last();
    assert!(last <= returned.millis(), "nothing is said after the revocation is done");
    assert!(last - asked.millis() < 5_000, "{} ms", last - asked.millis());
    assert!(other.lines.next().unwrap().is_ok(), "the connection of another lease goes on");
    broker.revoke(&ended(4)).await.unwrap();
    other.last();
}

/// The control: the list alone ends nothing that is open.
#[tokio::test]
async fn with_the_list_alone_an_open_connection_goes_on() {
    let Some(stage) = Stage::new() else { return };
    let end = EndCommand::new(&["true".to_owned()]).unwrap();
    let broker =
        Ssh::new("build-host".parse().unwrap(), SshTarget { end, ..stage.target() }, now())
            .unwrap();
    let issued = broker.issue(&order(5, &[stage.server.account()])).await.unwrap();
    let mut open = Open::start(stage.client(5, &issued.credential));
    broker.revoke(&ended(5)).await.unwrap();
    let until = Instant::now() + Duration::from_millis(300);
    while Instant::now() < until {
        assert!(open.lines.next().unwrap().is_ok());
    }
    assert!(said(&stage.run(5, &issued.credential, &["true"])).contains("Permission denied"));
    stage.broker().revoke(&ended(5)).await.unwrap();
    open.last();
}

#[tokio::test]
async fn a_certificate_is_for_its_account_and_its_command_and_forwards_nothing() {
    let Some(stage) = Stage::new() else { return };
    let command = Some("echo only this".to_owned());
    let broker =
        Ssh::new("build-host".parse().unwrap(), SshTarget { command, ..stage.target() }, now())
            .unwrap();
    let issued = broker.issue(&order(6, &[stage.server.account()])).await.unwrap();
    assert_eq!(said(&stage.run(6, &issued.credential, &["id"])), "only this");
    let mut client = stage.client(6, &issued.credential);
    let forwarded = client.args(["-W", "127.0.0.1:22"]).stdin(Stdio::null()).output().unwrap();
    assert!(!forwarded.status.success());
    assert!(stage.server.said().contains("refused local port forward"), "{}", stage.server.said());

    let other = broker.issue(&order(7, &["deploy"])).await.unwrap();
    assert!(said(&stage.run(7, &other.credential, &["id"])).contains("Permission denied"));
    for wants in [&["root"][..], &[], &["deploy", "root"]] {
        let error = broker.issue(&order(8, wants)).await.unwrap_err();
        assert!(matches!(error, BrokerError::Unfit { .. }), "{error}");
    }
}

#[tokio::test]
async fn openssh_reads_what_a_certificate_says_and_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let target = SshTarget {
        host: "build.example".into(),
        port: 22,
        host_key: None,
        folder: place("private"),
        krl: place("krl"),
        principals: vec!["deploy".into()],
        command: Some("/usr/bin/report".into()),
        terminal: true,
        sources: vec!["10.0.0.0/8".into()],
        longest: Duration::from_secs(300),
        end: EndCommand::new(&["true".to_owned()]).unwrap(),
    };
    let broker = Ssh::new("build-host".parse().unwrap(), target, now()).unwrap();
    let issued = broker.issue(&order(9, &["deploy"])).await.unwrap();
    fs::write(place("id-cert.pub"), field(&issued.credential, "certificate")).unwrap();
    let keygen = |words: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        command.args(words).current_dir(folder.path()).env("TZ", "UTC").output().unwrap()
    };
    let shown = said(&keygen(&["-L", "-f", "id-cert.pub"]));
    let lease = issued.called.as_str();
    for wanted in [
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
        &format!("Key ID: \"{lease}\""),
        "Serial: 651061555542690057",
        "force-command /usr/bin/report",
        "source-address 10.0.0.0/8",
        "permit-pty",
        "deploy",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    assert!(!shown.contains("forwarding"), "{shown}");
    assert!(said(&keygen(&["-Q", "-f", "krl", "id-cert.pub"])).ends_with("ok"));
    broker.revoke(&ended(9)).await.unwrap();
    let listed = said(&keygen(&["-Q", "-f", "krl", "id-cert.pub"]));
    assert!(listed.contains("REVOKED"), "{listed}");

    // The key of the authority is one that OpenSSH knows, and no other account can read it.
    let public = said(&keygen(&["-y", "-f", "private/ca.key"]));
    let written = fs::read_to_string(place("private/ca.pub")).unwrap();
    assert_eq!(public.split(' ').nth(1), written.split(' ').nth(1));
    let mode = fs::metadata(place("private/ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
