//! Gateways of others, at their own defaults, measured in turns with the governor.
//!
//! A peer that cannot be started, or that fails while it is measured, is left out with the reason:
//! a run with errors is no result.

mod contextforge;
mod hangar;
mod process;
mod turns;

use std::{
    ffi::OsStr,
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::Context as _;

use self::{process::Process, turns::Peer};
use crate::{
    agent::Target,
    figures::micros,
    machine,
    measured::{Measured, of_peer},
    tell,
};

/// How long a peer is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// How one peer is run.
struct Kind {
    name: &'static str,
    /// Under which path it speaks MCP.
    path: &'static str,
    /// What a call of the tool asks it for; see [`Target`].
    asked: &'static str,
    /// Writes what it reads, and gives the token that agents come with, where it wants one.
    prepare: fn(&Place) -> anyhow::Result<Option<String>>,
    /// Gives the command that starts it.
    command: fn(&Place) -> Command,
    /// Makes the tool server known to a peer that runs for the first time.
    register: fn(&Place, &Target) -> anyhow::Result<()>,
}

/// Every peer there is; a new one is a file under `peers/`, a line here and its name below.
const KINDS: [Kind; 2] = [contextforge::KIND, hangar::KIND];

/// The names of all peers.
pub(crate) const NAMES: [&str; 2] = [contextforge::KIND.name, hangar::KIND.name];

/// Where a peer is installed, where it works, where it listens, and which tool server it is for.
struct Place {
    environment: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    server: SocketAddr,
}

/// A peer that shall be measured.
pub(crate) struct Wanted {
    kind: &'static Kind,
    environment: PathBuf,
}

/// The peers that are measured.
pub(crate) struct Peers {
    peers: Vec<Peer>,
}

impl Wanted {
    /// Reads `PEER=ENVIRONMENT`.
    pub(crate) fn parse(word: &OsStr) -> anyhow::Result<Self> {
        let text = word.to_str().context("a peer's folder is no text")?;
        let (name, environment) = text.split_once('=').context("say PEER=ENVIRONMENT")?;
        let kind = KINDS.iter().find(|it| it.name == name);
        let kind = kind.with_context(|| format!("there is no peer `{name}`"))?;
        Ok(Self { kind, environment: environment.into() })
    }
}

impl Place {
    /// A command of the peer's environment, with nothing in its own but what it is given.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.environment.join("bin").join(program));
        command.current_dir(&self.folder).env_clear();
        // What a peer keeps in its home must not land in somebody's.
        command.env("HOME", &self.folder).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command
    }
}

impl Peers {
    /// Starts the peers one after the other, each twice: the second start is the measured one.
    pub(crate) fn start(
        wanted: &[Wanted],
        folder: &Path,
        server: SocketAddr,
        measured: &mut Measured,
    ) -> Self {
        let mut peers = Vec::new();
        for Wanted { kind, environment } in wanted {
            tell(&format!("    starting {}; load {}", kind.name, machine::load()));
            let folder = folder.join(kind.name);
            match start(kind, environment, &folder, server, measured) {
                Ok(peer) => peers.push(peer),
                Err(error) => leave_out(kind, &error, &folder, measured),
            }
        }
        Self { peers }
    }

    /// Measures each peer once.
    pub(crate) fn round(&mut self, server: SocketAddr, measured: &mut Measured) {
        self.peers.retain_mut(|peer| match peer.round(server, measured) {
            Ok(()) => true,
            Err(error) => {
                leave_out(peer.kind, &error, &peer.place.folder, measured);
                false
            }
        });
    }

    /// Stops the peers, and compares what was measured of the whole run.
    pub(crate) fn finish(self, measured: &mut Measured) {
        for Peer { kind, .. } in self.peers {
            measured.lesser(kind.name);
            let once = [
                ("rss_ratio", "rss_idle_mib", "rss_idle_mib"),
                ("start_ratio", "start_ms", "first_verdict_ms"),
            ];
            for (name, theirs, ours) in once {
                let Some(theirs) = measured.latest(&of_peer(theirs, kind.name)) else { continue };
                for ours in measured.runs(ours).to_vec() {
                    measured.add_ratio(&of_peer(name, kind.name), theirs, ours);
                }
            }
        }
    }
}

fn start(
    kind: &'static Kind,
    environment: &Path,
    folder: &Path,
    server: SocketAddr,
    measured: &mut Measured,
) -> anyhow::Result<Peer> {
    fs::create_dir_all(folder)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (environment, folder) = (environment.to_owned(), folder.to_owned());
    let place = Place { environment, folder, address, server };
    let token = (kind.prepare)(&place)?;
    let target = Target { address, path: kind.path.to_owned(), token, asked: kind.asked };
    let mut first = Process::start((kind.command)(&place), &place.folder)?;
    first.listening(address)?;
    (kind.register)(&place, &target).context("it does not take the tool server")?;
    first.answering(&target)?;
    first.stop()?;
    let mut process = Process::start((kind.command)(&place), &place.folder)?;
    let took = process.answering(&target)?;
    measured.add(&of_peer("start_ms", kind.name), micros(took) / 1000.0);
    thread::sleep(REST);
    measured.add(&of_peer("rss_idle_mib", kind.name), process.rss_mib()?);
    Ok(Peer::new(kind, place, target, process))
}

/// Says why a peer is not measured, with the end of what it wrote, and forgets the rest.
fn leave_out(kind: &Kind, why: &anyhow::Error, folder: &Path, measured: &mut Measured) {
    tell(&format!("    {} is left out: {why:#}", kind.name));
    let log = fs::read(process::log(folder)).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let lines: Vec<&str> = log.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(12)) {
        tell(&format!("      | {line}"));
    }
    measured.forget_peer(kind.name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_with_its_environment() {
        let wanted = Wanted::parse(OsStr::new("hangar=/a=b")).ok().unwrap();
        assert_eq!((wanted.kind.name, wanted.environment), ("hangar", PathBuf::from("/a=b")));
        assert!(Wanted::parse(OsStr::new("hangar")).is_err());
        assert!(Wanted::parse(OsStr::new("other=/a")).is_err());
    }

    #[test]
    fn a_peer_that_is_not_installed_is_left_out() {
        let folder = std::env::temp_dir().join(format!("bench-peers-{}", std::process::id()));
        let wanted = NAMES.map(|it| Wanted::parse(OsStr::new(&format!("{it}=/nowhere"))));
        let wanted: Vec<Wanted> = wanted.into_iter().collect::<anyhow::Result<_>>().unwrap();
        let mut measured = Measured::default();
        let server = crate::tool_server::start(0).unwrap();
        let mut peers = Peers::start(&wanted, &folder, server, &mut measured);
        peers.round(server, &mut measured);
        peers.finish(&mut measured);
        assert!(measured.metrics().is_empty());
        fs::remove_dir_all(folder).unwrap();
    }
}
