//! What one file says of another: names that must exist, and things that nobody uses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    ops::Range,
};

use bailiwick_connect::EnforcedAs;
use bailiwick_model::{AllowLine, BoundTokens, Proof, ServerName, Subject, TargetName};
use toml::Spanned;

use super::{
    Code, Config, ConfigError, Draft, Server,
    charter::CharterFile,
    file::{Folder, Source},
    house::{Folders, Found},
    nearest::suggestion,
    target::{Target, lacking},
    template::TemplateFile,
};

/// Reports all that does not fit together.
pub(super) fn check(
    draft: &Draft,
    folders: &Folders,
    charters: &[CharterFile],
    templates: &[TemplateFile],
    found: &mut Found,
) {
    twice_charters(charters, found);
    twice_templates(templates, found);
    shared_keys(charters, found);
    vouched_for(draft, charters, found);
    if let Some(servers) = &draft.servers {
        servers_exist(servers, charters, templates, found);
        unused_servers(draft, charters, found);
    }
    if let Some(targets) = &draft.targets {
        targets_exist(targets, charters, templates, found);
        unused_targets(draft, charters, found);
    }
    if let Some(config) = &draft.config {
        leases_beside(&config.targets, templates, found);
        leases_given(&config.targets, templates, found);
        waived_tokens((draft, config), templates, found);
    }
    let known = Known::new(folders, charters, templates);
    known.signals_mean_somebody(draft, charters, found);
    known.templates_exist(charters, found);
    known.delegates_exist(charters, found);
    unused_templates(charters, templates, folders, found);
    out_of_reach(charters, templates, found);
}

/// Reports the second of two files that say the same name.
fn twice<T: Ord + Display, F>(
    files: &[F],
    name: impl Fn(&F) -> (T, Range<usize>, &Source),
    say: impl Fn(&T, &Source) -> (Code, String),
    found: &mut Found,
) {
    let mut first: BTreeMap<T, &Source> = BTreeMap::new();
    for file in files {
        let (name, at, source) = name(file);
        if let Some(other) = first.get(&name) {
            let (code, message) = say(&name, other);
            found
                .push(ConfigError::new(code, message).at(&source.file, at).label("once more here"));
        } else {
            first.insert(name, source);
        }
    }
}

fn twice_charters(charters: &[CharterFile], found: &mut Found) {
    twice(
        charters,
        |it| (it.charter.identity.clone(), it.identity.clone(), &it.source),
        |name, other| {
            (Code::CharterTwice, format!("`{name}` has a charter in `{}` already", other.name))
        },
        found,
    );
}

fn twice_templates(templates: &[TemplateFile], found: &mut Found) {
    twice(
        templates,
        |it| (it.template.name.clone(), it.name.clone(), &it.source),
        |name, other| {
            (Code::TemplateTwice, format!("template `{name}` stands in `{}` already", other.name))
        },
        found,
    );
}

/// Two identities with one key cannot be told apart: each could speak as the other.
fn shared_keys(charters: &[CharterFile], found: &mut Found) {
    let mut first: BTreeMap<String, &CharterFile> = BTreeMap::new();
    for file in charters {
        for (proof, at) in file.charter.proof.iter().zip(&file.proofs) {
            let Proof::Key { pem, .. } = proof else { continue };
            // The same key may be wrapped at another width.
            let key = pem.split_whitespace().collect();
            let other = *first.entry(key).or_insert(file);
            if other.charter.identity != file.charter.identity {
                let message = format!("this key proves `{}` already", other.charter.identity);
                let error = ConfigError::new(Code::SharedKey, message);
                found.push(error.at(&file.source.file, at.clone()).label("the same key").help(
                    "give each identity a key of its own, or neither can be told from the other",
                ));
            }
        }
    }
}

/// What others vouch for must be vouched for by somebody configured, and prove one identity.
fn vouched_for(draft: &Draft, charters: &[CharterFile], found: &mut Found) {
    let mut first: Vec<(&Proof, &CharterFile)> = Vec::new();
    for file in charters {
        for (proof, at) in file.charter.proof.iter().zip(&file.proofs) {
            let unknown = match (proof, &draft.config) {
                (Proof::Key { .. } | Proof::Uid(_) | Proof::Enrolled, _) => continue,
                (_, None) => None,
                (Proof::Spiffe(id), Some(config)) => {
                    let domains = &config.vouchers.domains;
                    let domain = id.domain();
                    let told = config.workload_api.iter().any(|it| it.trust_domain == *domain);
                    let known = told || domains.iter().any(|it| it.name == *domain);
                    (!known).then(|| format!("trust domain `{domain}` is not configured"))
                }
                (Proof::Oidc { issuer, .. }, Some(config)) => {
                    let known = config.vouchers.issuers.iter().any(|it| it.name == *issuer);
                    (!known).then(|| format!("issuer `{issuer}` is not configured"))
                }
            };
            if let Some(message) = unknown {
                let error = ConfigError::new(Code::UnknownVoucher, message);
                let help =
                    "say in `bailiwick.toml` where its keys lie: `[[trust]]` or `[[issuer]]`";
                found.push(
                    error.at(&file.source.file, at.clone()).label("nobody vouches").help(help),
                );
            }
            let other = first.iter().find(|(it, _)| *it == proof).map(|(_, other)| *other);
            let Some(other) = other.filter(|it| it.charter.identity != file.charter.identity)
            else {
                first.push((proof, file));
                continue;
            };
            let message = format!("this proves `{}` already", other.charter.identity);
            let error = ConfigError::new(Code::SharedProof, message);
            found.push(error.at(&file.source.file, at.clone()).label("the same proof").help(
                "give each identity a name of its own where it is vouched for: neither could be told from the other",
            ));
        }
    }
}

fn servers_exist(
    servers: &BTreeSet<ServerName>,
    charters: &[CharterFile],
    templates: &[TemplateFile],
    found: &mut Found,
) {
    let of_charters = charters.iter().map(|it| (Code::CharterServer, &it.servers, &it.source));
    let of_templates = templates.iter().map(|it| (Code::LineServer, &it.servers, &it.source));
    for (code, named, source) in of_charters.chain(of_templates) {
        for name in named.iter().filter(|name| !servers.contains(name.get_ref())) {
            let message = format!("server `{}` is not configured", name.get_ref());
            let known = servers.iter().map(ServerName::as_str);
            found.push(unknown(code, message, name, source, known));
        }
    }
}

fn targets_exist(
    targets: &BTreeSet<TargetName>,
    charters: &[CharterFile],
    templates: &[TemplateFile],
    found: &mut Found,
) {
    let of_charters = charters.iter().map(|it| (Code::CharterTarget, &it.targets, &it.source));
    let of_templates = templates.iter().map(|it| (Code::LineTarget, &it.targets, &it.source));
    for (code, named, source) in of_charters.chain(of_templates) {
        for name in named.iter().filter(|name| !targets.contains(name.get_ref())) {
            let message = format!("target `{}` is not configured", name.get_ref());
            let known = targets.iter().map(TargetName::as_str);
            found.push(unknown(code, message, name, source, known));
        }
    }
}

/// Whoever holds a credential that works by itself is not held to what calls of the same system may
/// say: a template that limits the one may not hand out the other.
fn leases_beside(targets: &[Target], templates: &[TemplateFile], found: &mut Found) {
    for file in templates {
        let limited = |target: &Target| {
            let lines = file.template.allow.iter();
            let mut limited = lines.filter(|it| it.leases.is_empty() && it.when.is_some());
            limited.find(|it| target.is_of(&it.server))
        };
        for name in &file.targets {
            let of_name = |it: &&Target| it.name == *name.get_ref();
            let session = |it: &&Target| it.settings.reach() == EnforcedAs::Session;
            let target = targets.iter().find(of_name).filter(session);
            let Some((target, line)) = target.and_then(|it| Some((it, limited(it)?))) else {
                continue;
            };
            let message = format!(
                "`{}` limits the arguments of `{}`, and a credential of `{}` has no such limits",
                line.source, line.server, target.name
            );
            found.push(
                ConfigError::new(Code::LeaseBeside, message)
                    .at(&file.source.file, name.span())
                    .label("who holds it does with it what its target lets it")
                    .help("hand it out by another template, or take the conditions out and say at the target what it allows"),
            );
        }
    }
}

/// A lease that no task could ever get is a line that promises something.
fn leases_given(targets: &[Target], templates: &[TemplateFile], found: &mut Found) {
    for file in templates {
        for name in &file.targets {
            let Some(target) = targets.iter().find(|it| it.name == *name.get_ref()) else {
                continue;
            };
            let error = |code, message: String| {
                ConfigError::new(code, message).at(&file.source.file, name.span())
            };
            if target.settings.reach() == EnforcedAs::Prevent {
                let message = format!("credentials of `{}` never leave the gateway", target.name);
                found.push(error(Code::LeaseStays, message).label("no task gets one").help(
                    "take the `[[lease]]` out: a route's requests bear what it makes, and no template names it for that",
                ));
                continue;
            }
            let of_it = |it: &&AllowLine| it.server.as_str() == target.name.as_str();
            let lines = file.template.allow.iter().filter(of_it);
            let wants: Vec<_> = lines.flat_map(|it| it.leases.iter().cloned()).collect();
            if let Some(strange) = lacking(target.settings.as_ref(), &wants) {
                let message =
                    format!("a lease of `{}` wants what there is not: {strange}", target.name);
                found.push(error(Code::LeaseStranger, message).label("no task gets this one"));
            }
        }
    }
}

fn unknown<'a, T: Display>(
    code: Code,
    message: String,
    name: &Spanned<T>,
    source: &Source,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> ConfigError {
    let error = ConfigError::new(code, message).at(&source.file, name.span());
    let error = error.label("named here");
    match suggestion(&name.get_ref().to_string(), known) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// Remarks on servers that no charter reaches: they run for nobody.
fn unused_servers(draft: &Draft, charters: &[CharterFile], found: &mut Found) {
    let (Some(source), Some(config)) = (&draft.source, &draft.config) else { return };
    for server in &config.servers {
        if charters.iter().any(|it| it.charter.servers.contains(&server.name)) {
            continue;
        }
        let message = format!("no charter reaches server `{}`", server.name);
        found.push(
            ConfigError::warning(Code::UnusedServer, message)
                .at(&source.file, server.place.clone())
                .help("it is started and nobody may use it: name it in a charter's `servers`"),
        );
    }
}

/// Remarks on what takes bearer tokens for calls of high impact where others may have read them.
fn waived_tokens(
    (draft, config): (&Draft, &Config),
    templates: &[TemplateFile],
    found: &mut Found,
) {
    if config.listen.http.ip().is_loopback() {
        return;
    }
    let remark = |whose: String| {
        let message = format!("calls of {whose} take tokens that are bound to nothing");
        ConfigError::warning(Code::WaivedTokens, message).help(
            "whoever reads such a token on its way can make its calls: take `bound_tokens = \"waived\"` out once its agents have tokens that are bound to a key or a certificate",
        )
    };
    let waives = |it: &&Server| it.bound_tokens == BoundTokens::Waived;
    for server in config.servers.iter().filter(waives) {
        let Some(source) = &draft.source else { continue };
        let whose = format!("server `{}`", server.name);
        found.push(remark(whose).at(&source.file, server.place.clone()));
    }
    for file in templates {
        let Some(at) = file.waived.clone() else { continue };
        let whose = format!("template `{}`", file.template.name);
        found.push(remark(whose).at(&file.source.file, at));
    }
}

/// Remarks on targets that no charter reaches: nobody gets a credential there.
fn unused_targets(draft: &Draft, charters: &[CharterFile], found: &mut Found) {
    let (Some(source), Some(config)) = (&draft.source, &draft.config) else { return };
    let reached =
        |it: &&Target| charters.iter().any(|file| file.charter.targets.contains(&it.name));
    let lent: BTreeSet<_> = config
        .servers
        .iter()
        .filter_map(|it| Some(&it.credential.as_ref()?.lent()?.target))
        .collect();
    let reached = |it: &&Target| reached(it) || lent.contains(&it.name);
    for target in config.targets.iter().filter(|it| !reached(it)) {
        let message = format!("no charter reaches target `{}`", target.name);
        found.push(
            ConfigError::warning(Code::UnusedTarget, message)
                .at(&source.file, target.place.clone())
                .help("nobody may have a credential of it: name it in a charter's `targets`, or in a route's credential"),
        );
    }
}

/// The names that exist, also those of files with mistakes in them, by their file's name: one
/// mistake is not to bring a second with it.
struct Known {
    templates: BTreeSet<String>,
    identities: BTreeSet<String>,
}

impl Known {
    fn new(folders: &Folders, charters: &[CharterFile], templates: &[TemplateFile]) -> Self {
        let read: BTreeSet<&str> = charters
            .iter()
            .map(|it| it.source.name.as_str())
            .chain(templates.iter().map(|it| it.source.name.as_str()))
            .collect();
        let broken = |folder: &Folder| -> BTreeSet<String> {
            let unread = folder.sources.iter().filter(|it| !read.contains(it.name.as_str()));
            unread.map(|it| it.stem().to_owned()).collect()
        };
        let mut known =
            Self { templates: broken(&folders.templates), identities: broken(&folders.charters) };
        known.templates.extend(templates.iter().map(|it| it.template.name.to_string()));
        known.identities.extend(charters.iter().map(|it| it.charter.identity.to_string()));
        known
    }

    fn templates_exist(&self, charters: &[CharterFile], found: &mut Found) {
        for file in charters {
            let gone = |it: &&Spanned<_>| !self.templates.contains(&named(it));
            for name in file.templates.iter().filter(gone) {
                let message = format!("template `{}` does not exist", name.get_ref());
                let known = self.templates.iter().map(String::as_str);
                found.push(unknown(Code::UnknownTemplate, message, name, &file.source, known));
            }
        }
    }

    /// A signal of somebody who is nobody here would end nothing, and nobody would notice.
    fn signals_mean_somebody(&self, draft: &Draft, charters: &[CharterFile], found: &mut Found) {
        let (Some(source), Some(config)) = (&draft.source, &draft.config) else { return };
        let owners: BTreeSet<&str> = charters.iter().map(|it| it.charter.owner.as_str()).collect();
        for (subject, at) in &config.signals.meant {
            let (known, names): (bool, Vec<&str>) = match subject {
                Subject::Identity(it) => (
                    self.identities.contains(it.as_str()),
                    self.identities.iter().map(String::as_str).collect(),
                ),
                Subject::Owner(it) => {
                    (owners.contains(it.as_str()), owners.iter().copied().collect())
                }
                Subject::Credential(_)
                | Subject::Task(_)
                | Subject::Server(_)
                | Subject::Tool(..)
                | Subject::Class(_)
                | Subject::Everyone => continue,
            };
            if known {
                continue;
            }
            let text = subject.to_string();
            let (kind, name) = text.split_once(':').unwrap_or_default();
            let message = format!("no charter has the {kind} `{name}`");
            let error = ConfigError::new(Code::SignalSubject, message);
            let error = error.at(&source.file, at.clone()).label("a signal would mean nobody");
            found.push(match suggestion(name, names) {
                Some(help) => error.help(help),
                None => error,
            });
        }
    }

    fn delegates_exist(&self, charters: &[CharterFile], found: &mut Found) {
        for file in charters {
            let gone = |it: &&Spanned<_>| !self.identities.contains(&named(it));
            for name in file.delegates.iter().filter(gone) {
                let message = format!("`{}` has no charter", name.get_ref());
                found.push(
                    ConfigError::warning(Code::UnknownDelegate, message)
                        .at(&file.source.file, name.span())
                        .help("whoever gets this name one day may be handed authority"),
                );
            }
        }
    }
}

fn named<T: Display>(name: &Spanned<T>) -> String {
    name.get_ref().to_string()
}

/// Remarks on templates that nobody may open, unless a charter with mistakes might name them.
fn unused_templates(
    charters: &[CharterFile],
    templates: &[TemplateFile],
    folders: &Folders,
    found: &mut Found,
) {
    if charters.len() != folders.charters.sources.len() {
        return;
    }
    for file in templates {
        let name = &file.template.name;
        if charters.iter().any(|it| it.charter.templates.contains(name)) {
            continue;
        }
        found.push(
            ConfigError::warning(Code::UnusedTemplate, format!("no one may open `{name}`"))
                .at(&file.source.file, file.name.clone())
                .help("name it in a charter's `templates`"),
        );
    }
}

/// Remarks on templates whose lines lie outside the charter that names them.
fn out_of_reach(charters: &[CharterFile], templates: &[TemplateFile], found: &mut Found) {
    for charter in charters {
        for name in &charter.templates {
            let same = |it: &&TemplateFile| it.template.name == *name.get_ref();
            let Some(template) = templates.iter().find(same) else { continue };
            let its = &charter.charter;
            let beyond = |it: &&AllowLine| {
                let target = !it.leases.is_empty();
                let reached = if target {
                    its.targets.contains(it.server.as_str())
                } else {
                    its.servers.contains(&it.server)
                };
                !reached
            };
            let lines = template.template.allow.iter().filter(beyond);
            let lines = lines
                .map(|it| (if it.leases.is_empty() { "server" } else { "target" }, &it.server));
            for (what, server) in lines.collect::<BTreeSet<_>>() {
                let message = format!(
                    "`{}` uses {what} `{server}`, which this charter does not reach",
                    name.get_ref()
                );
                let help =
                    format!("such calls are denied: add the {what} to `{what}s`, or leave it so");
                found.push(
                    ConfigError::warning(Code::OutOfReach, message)
                        .at(&charter.source.file, name.span())
                        .help(help),
                );
            }
        }
    }
}
