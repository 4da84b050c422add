//! The parts of a governor: its private directories, its desk, its servers.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use bailiwick_connect::{
    Attestor, EvidenceKey, ListenerTls, ServerTrust, Vault, check_private_tree, create_dir_private,
};
use bailiwick_gateway::{
    Borne, CanarySpec, Clock, Confine, Desk, DeskParts, Evidence, Injection, KeptSecret, Lane,
    Leases, LeasesParts, Lent, Outfit, ServerSpec, TargetSpec, ToolSpec, Transport, WebSpec,
};
use bailiwick_kernel::Snapshot;
use bailiwick_model::{Containment, Environment, Reach, Sensitivity, Timestamp, ToolName};
use bailiwick_store::{CheckpointKey, Folding, Ledger, LedgerOptions, Registry, StateLock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Config, House},
    place::keep,
};

/// How often the ledger's head is signed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);

/// Makes the private directories, refuses loose permissions, and takes the state for this process.
pub(super) fn prepare(config: &Config) -> anyhow::Result<StateLock> {
    create_dir_private(&config.state)?;
    create_dir_private(&config.state.join("keys"))?;
    create_dir_private(&config.state.join("ledger"))?;
    create_dir_private(&config.state.join("secrets"))?;
    check_private_tree(&config.state)?;
    let keys = config.keys();
    if keys.exists() {
        private_keys(&keys)?;
    }
    Ok(StateLock::acquire(&config.state)?)
}

/// Private keys are for their owner alone; public halves may be read.
fn private_keys(folder: &Path) -> anyhow::Result<()> {
    bailiwick_connect::check_private(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let public = path.file_name().is_some_and(|it| it.to_string_lossy().ends_with(".pub.pem"));
        if path.is_dir() {
            private_keys(&path)?;
        } else if !public {
            bailiwick_connect::check_private(&path)?;
        }
    }
    Ok(())
}

/// Opens ledger and registry, and takes up what was open.
pub(super) async fn desk(house: &House) -> anyhow::Result<Desk> {
    let config = &house.config;
    let keys = config.state.join("keys");
    let key = CheckpointKey::load_or_create(&keys.join("checkpoint.key"))?;
    let options = LedgerOptions {
        dir: config.state.join("ledger"),
        key,
        copies: config.evidence.checkpoints.clone(),
        checkpoint_every: CHECKPOINT_EVERY,
        retain: config.evidence.retain,
    };
    let (ledger, recovered) = Ledger::open(options).context("the ledger cannot be opened")?;
    let latest = last_time(&ledger, recovered.last_seq)?;
    let folding = Folding { tasks: config.ended_tasks, ..Folding::default() };
    let registry = Registry::open_folding(&config.state.join("registry.db"), folding)
        .context("the registry cannot be opened")?;
    untouched(&registry)?;
    let evidence_key = Arc::new(EvidenceKey::load_or_create(&keys.join("evidence.key"))?);
    // Files come into force by their activation, which is on record.
    let nothing_yet =
        Snapshot { charters: BTreeMap::new(), templates: BTreeMap::new(), ..snapshot(house) };
    let parts = DeskParts {
        snapshot: nothing_yet,
        ledger,
        registry,
        evidence: Evidence::new(keep(config.evidence.arguments), evidence_key),
        clock: Clock::start(latest),
    };
    let desk = Desk::resume(parts).await?;
    desk.started(env!("CARGO_PKG_VERSION"), recovered.truncated).await?;
    Ok(desk)
}

/// Loads what the listener shows, where it speaks TLS, and whom it asks for certificates.
pub(super) fn tls(
    config: &Config,
    attestor: &Arc<Attestor>,
    now: Timestamp,
) -> anyhow::Result<Option<Arc<ListenerTls>>> {
    let load =
        |files| ListenerTls::load_asking(files, Some(Arc::clone(attestor)), now).map(Arc::new);
    config.listen.tls.clone().map(load).transpose().context("the listener cannot speak TLS")
}

/// Refuses a registry that somebody changed behind the governor's back.
fn untouched(registry: &Registry) -> anyhow::Result<()> {
    let log = registry.verify_changes().context("the registry cannot be read")?;
    let rows = registry.verify_rows().context("the registry cannot be read")?;
    match log.iter().chain(&rows).next() {
        None => Ok(()),
        Some(first) => anyhow::bail!("the registry was changed by somebody else: {first}"),
    }
}

/// Gives the last moment on record: no clock that was set back brings an earlier one again.
fn last_time(ledger: &Ledger, last: u64) -> anyhow::Result<Timestamp> {
    let mut latest = Timestamp::from_millis(0);
    ledger.scan(last, &mut |it| {
        latest = latest.max(it.record.time());
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(latest)
}

/// Gives what the files say; what people decided comes from the registry.
pub(crate) fn snapshot(house: &House) -> Snapshot {
    Snapshot {
        policies: Arc::clone(&house.policies),
        access: Arc::clone(&house.access),
        charters: house.charters.clone(),
        templates: house.templates.clone(),
        contained: Containment::default(),
        lowered: Vec::new(),
        pins: BTreeMap::new(),
        facts: house.config.facts.clone(),
        exceptions: Vec::new(),
        bound_tokens: house.config.bound_tokens(),
    }
}

/// Turns the configuration's servers into what is started. No child may see what is private.
pub(super) fn specs(config: &Config, vault: &Arc<Vault>) -> anyhow::Result<Vec<ServerSpec>> {
    let own = std::env::current_exe().context("this program does not know its own path")?;
    let private = config.private();
    config.servers.iter().map(|it| spec(it, &own, (&private, vault))).collect()
}

fn spec(
    server: &config::Server,
    own: &Path,
    (private, vault): (&[std::path::PathBuf], &Arc<Vault>),
) -> anyhow::Result<ServerSpec> {
    let transport = match &server.transport {
        config::Transport::Child { env, dir, .. } => Transport::Stdio {
            command: server.transport.command_with(own).unwrap_or_default(),
            env: env.clone(),
            dir: Some(dir.clone()),
        },
        config::Transport::Http { url, .. } => Transport::Http { url: url.clone() },
        config::Transport::Route(route) => Transport::Web(Arc::new(web(route))),
    };
    let trust = trust(&server.transport)
        .with_context(|| format!("`{}` cannot be reached by TLS", server.name))?;
    Ok(ServerSpec {
        name: server.name.clone(),
        transport,
        trust,
        environment: server.environment,
        confine: Confine { forbidden: private.to_vec() },
        extra_methods: server.methods.clone(),
        call_timeout: server.timeout,
        credential: server.credential.as_ref().map(|it| outfit(it, vault)),
        tools: server.tools.iter().map(|(name, word)| (name.to_string(), tool(word))).collect(),
    })
}

/// Turns a route into what is asked.
fn web(route: &config::Route) -> WebSpec {
    WebSpec {
        base: route.url.clone(),
        operations: route.operations.clone(),
        headers: route.headers.clone(),
        response_max: route.response_max,
    }
}

/// Turns the word on a credential into what makes one.
fn outfit(word: &config::Credential, vault: &Arc<Vault>) -> Outfit {
    let names = |it: &BTreeSet<ToolName>| it.iter().map(ToString::to_string).collect();
    match word {
        config::Credential::Kept(word) => Outfit::Kept(Injection {
            vault: Arc::clone(vault),
            secret: word.secret.clone(),
            read_only: word.read_only.clone(),
            header: word.header.clone(),
            around: word.around.clone(),
            only: word.only.as_ref().map(names),
        }),
        config::Credential::Lent(word) => Outfit::Lent(Lent {
            target: word.target.clone(),
            wants: word.wants.clone(),
            borne: match &word.borne {
                config::Borne::InHeader(header, around) => {
                    Borne::InHeader(header.clone(), around.clone())
                }
                config::Borne::Signed(service, region) => {
                    Borne::Signed { service: service.clone(), region: region.clone() }
                }
            },
            only: word.only.as_ref().map(names),
        }),
    }
}

/// Says by whom a server is believed to be itself, where TLS is spoken to it.
fn trust(transport: &config::Transport) -> anyhow::Result<Option<ServerTrust>> {
    match transport {
        config::Transport::Http { url, ca } if url.scheme_str() == Some("https") => {
            let trust = ca.as_ref().map_or_else(ServerTrust::system, |it| ServerTrust::of_file(it));
            Ok(Some(trust?))
        }
        config::Transport::Route(route) if route.url.scheme_str() == Some("https") => {
            let trust =
                route.ca.as_ref().map_or_else(ServerTrust::system, |it| ServerTrust::of_file(it));
            Ok(Some(trust?))
        }
        config::Transport::Http { .. }
        | config::Transport::Route(_)
        | config::Transport::Child { .. } => Ok(None),
    }
}

/// Turns the operator's word on one tool into what calls are read by.
pub(crate) fn tool(word: &config::ToolWord) -> ToolSpec {
    ToolSpec {
        effects: word.effects.clone(),
        resource: word.resource.clone(),
        destinations: word.destinations.clone().unwrap_or_default(),
        sensitivity: word.sensitivity,
        results_trusted: word.results_trusted,
        reversible: word.reversible,
        reach: word.reach,
    }
}

/// Makes a target of each secret that requests get here, so that a task's end tells of it, too.
fn kept(config: &Config, vault: &Arc<Vault>) -> Vec<TargetSpec> {
    const NEVER_GROWS_OLD: Duration = Duration::from_secs(12 * 3600);
    let words = config.servers.iter().filter_map(|it| it.credential.as_ref()?.kept());
    let secrets: BTreeSet<_> = words.map(|it| it.secret.clone()).collect();
    let target = |secret| {
        Some(TargetSpec {
            broker: Arc::new(KeptSecret::of(secret, Arc::clone(vault))?),
            environment: Environment::Production,
            sensitivity: Sensitivity::Restricted,
            reach: Reach::Own,
            at_once: 4,
            sweep: NEVER_GROWS_OLD,
            canary: None,
        })
    };
    secrets.into_iter().filter_map(target).collect()
}

/// How long a target may take to end a canary: longer than a sweep of its servers takes.
const CANARY_WAIT: Duration = Duration::from_secs(60);

/// The lease engine, and its work.
type Ending = (Arc<Leases>, JoinHandle<anyhow::Result<()>>);

/// Starts the lease engine. What was left open is taken up already, with the desk. It goes on until
/// `stop`: as long as anybody may still be handed something.
pub(super) fn leases(
    config: &Config,
    lane: &Arc<Lane>,
    vault: &Arc<Vault>,
    stop: CancellationToken,
) -> anyhow::Result<Ending> {
    let vault = Arc::clone(vault);
    let target = |it: &config::Target| {
        let broker = it.settings.broker(&it.name);
        let broker = broker.with_context(|| format!("target `{}` has no broker", it.name))?;
        Ok(TargetSpec {
            broker,
            environment: it.environment,
            sensitivity: it.sensitivity,
            reach: it.reach,
            at_once: it.at_once,
            sweep: it.sweep,
            canary: it.canary.clone().map(|(every, wants)| CanarySpec {
                every,
                wants,
                patience: CANARY_WAIT,
            }),
        })
    };
    let mut targets = config.targets.iter().map(target).collect::<anyhow::Result<Vec<_>>>()?;
    targets.extend(kept(config, &vault));
    let leases = Leases::new(LeasesParts { lane: Arc::clone(lane), targets, vault });
    let working = Arc::clone(&leases).run(stop);
    let ending = tokio::spawn(async move {
        working.await;
        Ok(())
    });
    Ok((leases, ending))
}
