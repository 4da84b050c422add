//! The configuration: `bailiwick.toml` and the charters, templates and policies beside it.
//!
//! Text becomes a checked value once, here. Every mistake of all files is reported at once, each
//! with its place; a file with one mistake is not used at all.

mod across;
mod authzen;
mod charter;
mod code;
mod constraint;
mod entities;
mod error;
mod evidence;
mod exclusions;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign;
mod holds;
mod house;
mod intents;
mod kek;
mod listen;
mod log;
mod nearest;
mod origin;
mod place;
mod policies;
mod questions;
mod read;
mod restart;
mod route;
mod secrets;
mod server;
mod signals;
mod sources;
mod state;
mod target;
mod telemetry;
mod template;
mod vouch;
mod workload;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use bailiwick_model::{BoundTokens, Fact, ServerName, TargetName};
use bailiwick_policy::IdentityType;
use toml::Spanned;

use self::origin::Settings;
pub(crate) use self::{
    authzen::TOKEN_MAX,
    code::Code,
    entities::properties,
    error::{ConfigError, Warning},
    evidence::{ArgumentsKept, Evidence},
    exclusions::read_exclusions,
    file::Source,
    holds::Holds,
    house::{Against, Before, Found, Group, House},
    intents::read_intents,
    listen::{Listen, is_loopback},
    log::{Log, LogFormat},
    nearest::{nearest, suggestion},
    origin::{Given, GivenServer, Overrides, Setting},
    place::{Place, place},
    read::{Field, Reader, Table, filled, plain},
    route::{Borne, Credential, Route},
    secrets::Secrets,
    server::{Pinning, Server, ToolWord, Transport},
    signals::{Receiver, Signals, Transmitter},
    sources::LogSource,
    target::Target,
    telemetry::Telemetry,
    vouch::{Keys, Vouchers},
    workload::WorkloadApi,
};

/// What `bailiwick.toml` says, with what flags and environment put in its place.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The file.
    pub(crate) file: PathBuf,
    /// The folder it lies in; paths in it start here.
    pub(crate) home: PathBuf,
    /// Where it listens.
    pub(crate) listen: Listen,
    /// Where the state lies.
    pub(crate) state: PathBuf,
    /// How many tasks that have ended the registry keeps; the ledger tells of all.
    pub(crate) ended_tasks: u32,
    /// What becomes of evidence.
    pub(crate) evidence: Evidence,
    /// How held calls keep their callers.
    pub(crate) holds: Holds,
    /// The enforcement points elsewhere that may ask.
    pub(crate) peps: BTreeSet<String>,
    /// What these call the identities that charters register.
    pub(crate) identity_type: IdentityType,
    /// Who may vouch for identities.
    pub(crate) vouchers: Vouchers,
    /// Where local processes are told who they are, where they are.
    pub(crate) workload_api: Option<WorkloadApi>,
    /// Who tells what of whom.
    pub(crate) signals: Signals,
    /// Logs of other systems, in the file's order.
    pub(crate) sources: Vec<LogSource>,
    /// How it tells what it does.
    pub(crate) log: Log,
    /// Where traces go.
    pub(crate) telemetry: Telemetry,
    /// Whether what the grant covers is permitted without a policy that says so.
    pub(crate) builtin_permit: bool,
    /// The servers behind the gateway, in the file's order.
    pub(crate) servers: Vec<Server>,
    /// How secrets are kept.
    pub(crate) secrets: Secrets,
    /// The systems that credentials are made at, in the file's order.
    pub(crate) targets: Vec<Target>,
    /// What holds in the world, until its end.
    pub(crate) facts: Vec<Fact>,
    /// The settings as they came out, and where each comes from.
    pub(crate) settings: Vec<Setting>,
}

impl Config {
    /// Reads `path` alone, for commands that need no charters, templates or policies.
    pub(crate) fn load(path: &Path, overrides: &Overrides) -> Result<Self, Found> {
        let mut found = Found::default();
        let config = Draft::load(path, overrides, &mut found).config;
        match config {
            Some(config) if found.is_good() => Ok(config),
            Some(_) | None => Err(found.sorted()),
        }
    }

    /// Gives which calls of a server take a bound token, where something is said of it.
    pub(crate) fn bound_tokens(&self) -> BTreeMap<ServerName, BoundTokens> {
        let said = self.servers.iter().filter(|it| !it.bound_tokens.is_usual());
        said.map(|it| (it.name.clone(), it.bound_tokens)).collect()
    }

    /// Gives the folder of the identities' keys.
    pub(crate) fn keys(&self) -> PathBuf {
        self.home.join("keys")
    }

    /// Gives the files and folders that no child process may touch: whoever writes the
    /// configuration says what is allowed.
    pub(crate) fn private(&self) -> Vec<PathBuf> {
        let own = ["keys", "charters", "templates", "policies", "authzen", "constraints"]
            .map(|it| self.home.join(it));
        let checkpoints = self.evidence.checkpoints.clone();
        // A key may be reached by a link, and is private wherever it lies.
        let key = self.listen.tls.iter().map(|it| it.key.clone());
        let key = key.chain(self.secrets.kek_files());
        let keys = key.flat_map(|it| it.canonicalize().ok().into_iter().chain([it]));
        let files = [self.file.clone(), self.state.clone()].into_iter().chain(keys);
        let targets = self.targets.iter().flat_map(|it| it.settings.private());
        files.chain(own).chain(checkpoints).chain(targets).collect()
    }
}

/// What could be made of `bailiwick.toml`.
#[derive(Debug, Default)]
struct Draft {
    config: Option<Config>,
    source: Option<Source>,
    /// The servers it names, whole or not; nothing where it could not be read at all.
    servers: Option<BTreeSet<ServerName>>,
    /// The targets it names, likewise.
    targets: Option<BTreeSet<TargetName>>,
}

impl Draft {
    fn load(path: &Path, overrides: &Overrides, found: &mut Found) -> Self {
        let file = match std::path::absolute(path) {
            Ok(file) => file,
            Err(error) => {
                let message = format!("`{}` is no path: {error}", path.display());
                found.push(ConfigError::new(Code::Unreadable, message));
                return Self::default();
            }
        };
        let home = file.parent().unwrap_or(&file).to_path_buf();
        let name = file.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
        match Source::read(&home, &name) {
            Ok(source) => Self::of(source, file, home, overrides, found),
            Err(error) => {
                let help = "`bailiwick init` writes a first one; `--config` names another place";
                found.push(error.help(help));
                Self::default()
            }
        }
    }

    fn of(
        source: Source,
        file: PathBuf,
        home: PathBuf,
        overrides: &Overrides,
        found: &mut Found,
    ) -> Self {
        let reader = Reader::new(&source);
        let places = Places { file, home, overrides, source: &source };
        let read = reader.read(|root| places.read(root));
        found.extend(reader.found());
        let (config, names) = read.map_or((None, None), |(config, names)| (config, Some(names)));
        let (servers, targets) = names.unzip();
        Self { config, servers, targets, source: Some(source) }
    }
}

/// What is known before the file is read.
#[derive(Debug)]
struct Places<'a> {
    file: PathBuf,
    home: PathBuf,
    overrides: &'a Overrides,
    source: &'a Source,
}

impl Places<'_> {
    fn read(&self, root: &Table<'_>) -> (Option<Config>, Named) {
        let mut settings = Settings::new(self.source);
        let listen = listen::read(root, &self.home, self.overrides.listen.as_ref(), &mut settings);
        let state = state::read(root, &self.home, self.overrides.state.as_ref(), &mut settings);
        let evidence = evidence::read(root, &self.home, &mut settings);
        let holds = holds::read(root, &mut settings);
        let authzen = authzen::read(root, state.as_ref().map(|it| &*it.path), &mut settings);
        let vouchers = vouch::read(root, &self.home, &mut settings);
        let workload_api = workload::read(root, &self.home, &mut settings);
        let signals = signals::read(root, &self.home, &mut settings);
        let place = (self.home.as_path(), state.as_ref().map(|it| &*it.path));
        let sources = sources::read(root, place, &mut settings);
        let log = log::read(root, self.overrides.log.as_ref(), &mut settings);
        let telemetry = telemetry::read(root, &mut settings);
        let builtin_permit = policy(root, &mut settings);
        publish(root, &mut settings);
        let (mut servers, mut names) = server::read_all(root, &self.home, &mut settings);
        servers.extend(route::read_all(root, &self.home, &mut names, &mut settings));
        // What the file says of a server wins over a command line that knows no more than to start it.
        let given = self.overrides.server.as_ref();
        if let Some(given) = given.filter(|it| names.insert(it.name.clone())) {
            servers.push(Server::given(given));
        }
        let secrets = secrets::read(root, &self.home, &mut settings);
        let (targets, at) = target::read_all(root, &self.home, &mut settings);
        route::check_lent(root, &servers, &targets);
        target::check_people(root, &targets, &vouchers);
        let facts = facts(root, &mut settings);
        if let (Some(state), Some(evidence)) = (&state, &evidence) {
            evidence::apart(root.reader(), &state.path, evidence);
        }
        let config = (|| {
            let authzen::Authzen { peps, identity_type } = authzen?;
            let state::State { path: state, ended_tasks } = state?;
            Some(Config {
                file: self.file.clone(),
                home: self.home.clone(),
                listen: listen?,
                state,
                ended_tasks,
                evidence: evidence?.evidence,
                holds: holds?,
                peps,
                identity_type,
                vouchers,
                signals,
                sources,
                log: log?,
                telemetry: telemetry?,
                builtin_permit,
                servers,
                workload_api,
                secrets,
                targets,
                facts,
                settings: settings.all(),
            })
        })();
        (config, (names, at))
    }
}

/// The servers and the targets that are named.
type Named = (BTreeSet<ServerName>, BTreeSet<TargetName>);

fn policy(root: &Table<'_>, settings: &mut Settings<'_>) -> bool {
    let permit = root.get("policy").table(|policy| policy.get("builtin_permit").truth()).flatten();
    let origin = permit.as_ref().map(Spanned::span);
    let permit = permit.is_none_or(Spanned::into_inner);
    settings.add("policy.builtin_permit", &permit, origin);
    permit
}

fn publish(root: &Table<'_>, settings: &mut Settings<'_>) {
    let mode = root.get("publish").table(|publish| {
        let mode = publish.get("mode");
        let word = mode.word(&["files", "two-person"], |it| it);
        if word == Some("two-person") {
            let message = "`publish.mode = \"two-person\"` is not enforced yet";
            let help = "with `files`, a changed file is activated after `bailiwick check`";
            mode.fault(Code::NotYet, message, "one person could still publish", Some(help));
        }
        mode.at()
    });
    settings.add("publish.mode", &"files", mode.flatten());
}

fn facts(root: &Table<'_>, settings: &mut Settings<'_>) -> Vec<Fact> {
    let mut names = BTreeSet::new();
    let read = |fact: &Table<'_>| {
        let name = fact.get("name").required().made(plain);
        let until = fact.get("until").required().moment();
        let (name, until) = (name?, until?);
        let at = name.span();
        let name = name.into_inner();
        if !names.insert(name.clone()) {
            let message = format!("fact `{name}` is given twice");
            let error = fact.reader().error(Code::Twice, at, message);
            fact.reader().push(error.label("once more here"));
        }
        settings.add(format!("fact.{name}"), until.get_ref(), Some(until.span()));
        Some(Fact { name, until: until.into_inner() })
    };
    let mut read = read;
    root.get("fact").items().iter().filter_map(|field| field.table(&mut read).flatten()).collect()
}

#[cfg(test)]
mod tests;
