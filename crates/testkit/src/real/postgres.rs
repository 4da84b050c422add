//! A real PostgreSQL: its own folder, its own port, and everything it says kept for the test.

use std::{
    io::{BufRead as _, BufReader, Read},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use tempfile::TempDir;

use super::{free_port, parts, skipped};

/// `nobody`: PostgreSQL does not run as root.
const NOBODY: u32 = 65534;
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped. Its superuser is `postgres`, who needs no password on its
/// Unix socket; over TCP everybody needs one.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    home: TempDir,
    port: u16,
    settings: Vec<String>,
    child: Option<Child>,
    said: Arc<Mutex<String>>,
}

impl Postgres {
    /// Finds what is installed: the folders of programs. Where there is none the test cannot show
    /// anything, and says so.
    pub fn installed() -> Vec<PathBuf> {
        let part = parts().and_then(|it| it.get("postgres")?.as_str().map(PathBuf::from));
        let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let found = part.into_iter().chain(debian.map(|it| it.path().join("bin")));
        let found: Vec<_> = found.filter(|it| it.join("initdb").exists()).collect();
        if found.is_empty() {
            skipped("there is no PostgreSQL here: `cargo xtask real` installs one");
        }
        found
    }

    /// Finds one that pgaudit can be loaded into; says so where there is none.
    pub fn audited() -> Option<PathBuf> {
        let part = parts().and_then(|it| it.get("pgaudit")?.as_str().map(PathBuf::from));
        let found = part.filter(|it| it.join("initdb").exists());
        if found.is_none() {
            skipped(
                "there is no pgaudit here: `cargo xtask real` unpacks it where Debian's packages are to be had",
            );
        }
        found
    }

    /// Makes a server of the programs in a folder and starts it with some settings (`name=value`).
    pub fn start(programs: &Path, settings: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755))
            .expect("it can be opened");
        if is_root(home.path()) {
            chown(home.path(), Some(NOBODY), Some(NOBODY)).expect("root gives it away");
        }
        let mut server = Self {
            programs: programs.to_owned(),
            home,
            port: free_port(),
            settings: settings.iter().map(|it| (*it).to_owned()).collect(),
            child: None,
            said: Arc::default(),
        };
        let made = server
            .program("initdb")
            .args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres"])
            .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pgdata"])
            .arg(server.data())
            .output()
            .expect("initdb can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.resume();
        server
    }

    /// Starts it again after [`Postgres::stop`].
    pub fn resume(&mut self) {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "fsync=off"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres can be started");
        let log = child.stderr.take().expect("it was asked for");
        self.child = Some(child);
        let (ready, waiting) = mpsc::channel();
        let said = Arc::clone(&self.said);
        std::thread::spawn(move || listen(log, &said, &ready));
        assert!(waiting.recv_timeout(PATIENCE).is_ok(), "it does not start:\n{}", self.said());
    }

    /// Stops it at once, as a crash does.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let mut command = self.program("pg_ctl");
            command.args(["stop", "--silent", "--mode=immediate", "--pgdata"]).arg(self.data());
            let stopped = command.status().expect("pg_ctl can be started");
            if !stopped.success() {
                child.kill().expect("it can be ended");
            }
            child.wait().expect("it ends");
        }
    }

    /// Runs SQL as the superuser and gives what it answers, a row a line.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        let (answer, error) = self.sql_as("postgres", sql);
        assert!(error.is_empty(), "{sql}: {error}");
        answer
    }

    /// Runs SQL as somebody and gives what it answers, and what went wrong.
    pub fn sql_as(&self, role: &str, sql: &str) -> (String, String) {
        let mut command = self.program("psql");
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", "postgres"]);
        command.arg("-h").arg(self.folder()).args(["-p", &self.port.to_string(), "-c", sql]);
        let ran = command.output().expect("psql can be started");
        let text = |it: &[u8]| String::from_utf8_lossy(it).trim_end().to_owned();
        let failed = !ran.status.success();
        let error = if failed { format!("psql: {}", text(&ran.stderr)) } else { String::new() };
        (text(&ran.stdout), error)
    }

    /// Gives one of its programs, to be run as its own account.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env_clear().env("LC_ALL", "C").current_dir(self.folder());
        if is_root(Path::new("/proc/self")) {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Where its Unix socket is.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Where its tables are, and its settings.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Its port, on 127.0.0.1 and in the name of its Unix socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All that it has written to its log.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(log: impl Read, said: &Mutex<String>, ready: &mpsc::Sender<()>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if line.contains("ready to accept connections") {
            // Who started it may have given up.
            let _unheard = ready.send(());
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&line);
        said.push('\n');
    }
}

fn is_root(ours: &Path) -> bool {
    std::fs::metadata(ours).is_ok_and(|it| it.uid() == 0)
}
