//! A real OpenSSH server: its own folder, its own port, and what it says kept for the test.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{free_port, parts, root, skipped};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The account that is let in.
const GUEST: &str = "guest";

/// A server that runs until it is dropped, and lets in whoever has a certificate of an authority. It
/// notes which process serves which certificate, by the command that our manual has for that.
///
/// It runs in a view of the file system of its own, where it finds an account of its own and one for
/// guests, and the machine gets neither. Only root can do so.
#[derive(Debug)]
pub struct Sshd {
    home: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Sshd {
    /// Starts a server that believes an authority and reads a list. Where there is none the test cannot
    /// show anything, and says so.
    pub fn start(authority: &Path, list: &Path) -> Option<Self> {
        let Some(program) = program() else {
            skipped("there is no OpenSSH server here: `cargo xtask real` installs one on Debian");
            return None;
        };
        if !fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0) {
            skipped("only root can give an OpenSSH server accounts of its own");
            return None;
        }
        let home = tempfile::tempdir().expect("a folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(home.path(), open).expect("it can be opened");
        let mut server = Self { home, port: free_port(), child: None };
        server.configure(authority, list);
        let made = ["-q", "-t", "ed25519", "-N", "", "-f"];
        let key = server.path("host_key");
        let made = Command::new("ssh-keygen").args(made).arg(&key).status().expect("ssh-keygen");
        assert!(made.success(), "a key for the host");
        server.run(&program);
        Some(server)
    }

    fn configure(&self, authority: &Path, list: &Path) {
        let [authority, list] = [authority, list].map(Path::display);
        let settings = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile none\nTrustedUserCAKeys {authority}\nRevokedKeys {list}\n\
             AuthorizedPrincipalsCommand /run/lease-principals %i %u\n\
             AuthorizedPrincipalsCommandUser root\n",
            self.port,
            self.path("host_key").display(),
        );
        fs::write(self.path("sshd_config"), settings).expect("it can be written");
        let accounts = format!(
            "root:x:0:0::/root:/bin/sh\nsshd:x:65533:65534::/:/usr/sbin/nologin\n\
             guest:x:65534:65534::{}:/bin/sh\n",
            self.home.path().display()
        );
        fs::write(self.path("passwd"), accounts).expect("it can be written");
    }

    fn run(&mut self, program: &Path) {
        let log = fs::File::create(self.path("log")).expect("it can be made");
        let note = root().join("docs/reference/targets/ssh/lease-principals");
        let view = format!(
            "mount --bind {passwd} /etc/passwd && mount -t tmpfs -o mode=755 none /run && \
             mkdir /run/sshd && cp {note} /run/noting && \
             printf '#!/bin/sh\\nLEASE_PLACES={places} exec /run/noting \"$@\"\\n' \
             > /run/lease-principals && chmod 755 /run/lease-principals /run/noting && \
             exec {program} -D -e -f {settings}",
            passwd = self.path("passwd").display(),
            note = note.display(),
            places = self.places().display(),
            program = program.display(),
            settings = self.path("sshd_config").display(),
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &view]);
        // Libraries that came along lie beside it.
        let libraries = program.ancestors().nth(3).map(|it| it.join("usr/lib/x86_64-linux-gnu"));
        command.env("LD_LIBRARY_PATH", libraries.unwrap_or_default());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("it can be started"));
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "it does not listen:\n{}", self.said());
        }
    }

    /// A client's command that signs in with a key and its certificate.
    pub fn client(&self, key: &Path, certificate: &Path) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        command.args(["-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"]);
        command.arg("-o").arg(format!("CertificateFile={}", certificate.display()));
        command.arg("-i").arg(key).args(["-p", &self.port.to_string()]);
        command.arg(format!("{GUEST}@127.0.0.1"));
        command
    }

    /// Whom a certificate must be for.
    pub fn account(&self) -> &'static str {
        GUEST
    }

    /// The words of the command that ends connections, as our manual has it.
    pub fn end(&self) -> Vec<String> {
        let script = root().join("docs/reference/targets/ssh/lease-end").display().to_string();
        let places = format!("LEASE_PLACES={}", self.places().display());
        vec!["env".into(), places, "sh".into(), script]
    }

    fn places(&self) -> PathBuf {
        self.path("places")
    }

    /// All that it has written there.
    pub fn said(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ended = (child.kill(), child.wait());
        }
    }
}

fn program() -> Option<PathBuf> {
    let part = parts().and_then(|it| it.get("sshd")?.as_str().map(PathBuf::from));
    let places = part.into_iter().chain([PathBuf::from("/usr/sbin/sshd")]);
    places.into_iter().find(|it| it.exists())
}
