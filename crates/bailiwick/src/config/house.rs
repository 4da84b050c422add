//! Everything the configuration says, read at once: the house that is served.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bailiwick_insight::Intent;
use bailiwick_model::{Charter, Constraints, Digest, IdentityId, Proof, Template, TemplateName};
use bailiwick_policy::{AccessPolicies, Offering, PolicyOptions, PolicySet, Schema};
use miette::{Diagnostic, Report};

use super::{
    Code, Config, ConfigError, Draft, Overrides, Warning, across,
    charter::{self, CharterFile},
    constraint, entities,
    file::{Folder, Source},
    place, policies, questions,
    read::Reader,
    server::Transport,
    template::{self, TemplateFile},
};

/// Configuration, charters, templates and policies that fit together.
#[derive(Debug)]
pub(crate) struct House {
    /// `bailiwick.toml`.
    pub(crate) config: Config,
    /// The charters.
    pub(crate) charters: BTreeMap<IdentityId, Arc<Charter>>,
    /// What these say of other systems, where logs of any are read.
    pub(crate) intents: Arc<[Intent]>,
    /// The templates.
    pub(crate) templates: BTreeMap<TemplateName, Arc<Template>>,
    /// What permits may ask for, by name.
    pub(crate) constraints: Constraints,
    /// The policies, compiled.
    pub(crate) policies: Arc<PolicySet>,
    /// The policies for enforcement points elsewhere, compiled.
    pub(crate) access: Arc<AccessPolicies>,
    /// What was read, by group, for the record of its activation.
    pub(crate) groups: BTreeMap<&'static str, Group>,
    /// What policies and authority lines were held against, unless that was not asked for: the tools
    /// as far as they are known, and the names.
    pub(crate) schema: Option<Arc<Schema>>,
    /// What does not fit it. That is for whoever puts the house in force to think about: a tool may
    /// have changed while everything here stayed as it is.
    pub(crate) misfits: Vec<Report>,
}

/// What a house is held against when it is read.
#[derive(Clone, Copy)]
pub(crate) struct Against<'a> {
    /// Finds the tools that were accepted.
    pub(crate) tools: &'a dyn Fn(&Config) -> Option<Offering>,
    /// What is in force, so that what stays the same is not looked at again.
    pub(crate) before: &'a Before,
}

impl Against<'static> {
    /// Knows nothing of tools.
    pub(crate) const NOTHING: Self = Self { tools: &|_| None, before: &Before::NOTHING };
}

/// The policies that are in force, where a house is read again.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// What they are held against, so that it is made anew only where other tools are known.
    pub(crate) schema: Option<Arc<Schema>>,
    pub(crate) policies: Option<Arc<PolicySet>>,
    pub(crate) access: Option<Arc<AccessPolicies>>,
}

impl Before {
    /// Nothing is in force.
    pub(crate) const NOTHING: Self = Self { schema: None, policies: None, access: None };
}

/// The files that are activated together, and their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The digest over all names and texts.
    pub(crate) digest: Digest,
    /// The digest of each file, by name.
    pub(crate) files: BTreeMap<String, Digest>,
}

/// What was found wrong, and what deserves a look.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Every mistake, by file and place.
    pub(crate) errors: Vec<Report>,
    /// Every remark, by file and place.
    pub(crate) warnings: Vec<Warning>,
}

impl House {
    /// Reads the house whose configuration is `path`: whole, or every mistake of all its files.
    pub(crate) fn load(path: &Path, overrides: &Overrides) -> Result<(Self, Vec<Warning>), Found> {
        Self::load_against(Against::NOTHING, path, overrides)
    }

    /// Reads the house like [`Self::load`], and holds its policies and authority lines against the
    /// tools that were accepted.
    pub(crate) fn load_against(
        against: Against<'_>,
        path: &Path,
        overrides: &Overrides,
    ) -> Result<(Self, Vec<Warning>), Found> {
        let mut found = Found::default();
        let draft = Draft::load(path, overrides, &mut found);
        let house = match std::path::absolute(path).ok().as_deref().and_then(Path::parent) {
            Some(home) if draft.source.is_some() => {
                Self::assemble(against, draft, home, &mut found)
            }
            Some(_) | None => None,
        };
        match house {
            Some(house) if found.is_good() => Ok((house, found.sorted().warnings)),
            Some(_) | None => Err(found.sorted()),
        }
    }

    fn assemble(
        against: Against<'_>,
        draft: Draft,
        home: &Path,
        found: &mut Found,
    ) -> Option<Self> {
        let mut folders = Folders::read(home);
        folders.take_found(found);
        not_yet(home, found);
        let charters = read_all(&folders.charters, found, |source, reader| {
            charter::read(source, home, reader)
        });
        let templates = read_all(&folders.templates, found, template::read);
        across::check(&draft, &folders, &charters, &templates, found);
        let builtin_permit = draft.config.as_ref().is_none_or(|it| it.builtin_permit);
        let options = PolicyOptions { builtin_permit };
        let limits = read_all(&folders.constraints, found, constraint::read);
        let constraints = constraint::by_name(&limits, found);
        constraint::same_version(&limits, against.before.policies.as_deref(), found);
        // What cannot be read is no constraint that policies do not know.
        if limits.len() != folders.constraints.sources.len() {
            return None;
        }
        // What cannot be read is no template that policies misname.
        let all = templates.len() == folders.templates.sources.len();
        let before = against.before;
        let tools = draft.config.as_ref().and_then(against.tools);
        let schema =
            tools.and_then(|it| held_against(it, before.schema.as_ref(), (&templates, all), found));
        let after = (&constraints, before.policies.as_deref());
        let compiled =
            policies::compile((&folders.policies, options), schema.as_deref(), after, found);
        let (policies, mut misfits) = compiled.unzip();
        let lines = schema.iter().flat_map(|it| templates.iter().flat_map(|t| t.misfits(it)));
        misfits.get_or_insert_default().extend(lines.map(Report::new));
        let ours = draft.config.as_ref().map(|it| it.identity_type.clone()).unwrap_or_default();
        let mut questions = questions::Declared::default();
        let reading = (&mut questions, &mut *found);
        let inventory = entities::read(&folders.authzen, &ours, &charters, reading);
        let after = (&constraints, before.access.as_deref());
        let access = policies::compile_access(&folders.authzen, inventory, after, found);
        if let Some(schema) = access.as_ref().and_then(|_| questions.schema(&ours, found)) {
            policies::hold_against(&folders.authzen, &schema, found);
        }
        if let (Some(policies), Some(access)) = (&policies, &access) {
            constraint::unused(&limits, (policies, access), found);
            constraint::loose(&folders.policies, policies, found);
        }
        let mut groups = folders.groups(draft.source.as_ref(), &charters);
        let servers = draft.config.iter().flat_map(|it| &it.servers);
        for server in &draft.config.iter().flat_map(|it| &it.servers).collect::<Vec<_>>() {
            if let Transport::Route(route) = &server.transport
                && let Some((name, digest)) = &route.document
            {
                groups.entry("configuration").and_modify(|it| it.add(name.clone(), *digest));
            }
        }
        for given in servers.filter(|it| it.is_given()) {
            // A server of the command line is a part of the configuration, and on record like it.
            let shown = format!("{:?}", given.transport);
            groups.entry("configuration").and_modify(|it| {
                it.add(format!("--server {}", given.name), Digest::of(shown.as_bytes()));
            });
        }
        let config = draft.config?;
        let meant = charters.iter().filter(|_| !config.sources.is_empty());
        Some(Self {
            intents: meant.map(|it| it.intent.clone()).collect(),
            config,
            charters: charters.into_iter().map(by_identity).collect(),
            templates: templates.into_iter().map(by_name).collect(),
            constraints,
            policies: policies?,
            access: access?,
            groups,
            schema,
            misfits: misfits.unwrap_or_default(),
        })
    }
}

/// Makes the schema of what policies meet, with the parameters of all templates.
fn held_against(
    tools: Offering,
    before: Option<&Arc<Schema>>,
    (templates, all): (&[TemplateFile], bool),
    found: &mut Found,
) -> Option<Arc<Schema>> {
    let params = templates.iter().flat_map(|it| it.template.params.keys().cloned()).collect();
    let names = all.then(|| templates.iter().map(|it| it.template.name.to_string()).collect());
    let offering = Offering { params: Some(params), templates: names, ..tools };
    match Schema::after(before, &offering) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let help = "policies are in force as they are; tell us, with the names of your tools";
            found.push(ConfigError::warning(Code::NoSchema, error.to_string()).help(help));
            None
        }
    }
}

fn by_identity(file: CharterFile) -> (IdentityId, Arc<Charter>) {
    (file.charter.identity.clone(), Arc::new(file.charter))
}

fn by_name(file: TemplateFile) -> (TemplateName, Arc<Template>) {
    (file.template.name.clone(), Arc::new(file.template))
}

fn read_all<T>(
    folder: &Folder,
    found: &mut Found,
    read: impl Fn(&Source, &Reader) -> Option<T>,
) -> Vec<T> {
    let mut all = Vec::new();
    for source in &folder.sources {
        let reader = Reader::new(source);
        all.extend(read(source, &reader));
        found.extend(reader.found());
    }
    all
}

/// Refuses files that the next version will read, so that nobody relies on them today.
fn not_yet(home: &Path, found: &mut Found) {
    const NAME: &str = "thresholds.toml";
    if home.join(NAME).exists() {
        let message = format!("`{NAME}` is not enforced yet: no detector raises a verdict");
        let help = "take it away: what is written and not enforced would be believed";
        found.push(ConfigError::new(Code::NotYet, message).help(help));
    }
}

/// The folders beside `bailiwick.toml`.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) charters: Folder,
    pub(super) templates: Folder,
    policies: Folder,
    authzen: Folder,
    constraints: Folder,
}

impl Folders {
    fn read(home: &Path) -> Self {
        Self {
            charters: Folder::read(home, "charters", &["toml"]),
            templates: Folder::read(home, "templates", &["toml"]),
            policies: Folder::read(home, "policies", &["cedar"]),
            authzen: Folder::read(home, "authzen", &["cedar", "toml"]),
            constraints: Folder::read(home, "constraints", &["toml"]),
        }
    }

    fn take_found(&mut self, found: &mut Found) {
        let (one, two) = (&mut self.charters, &mut self.templates);
        let more = [&mut self.policies, &mut self.authzen, &mut self.constraints];
        for folder in [one, two].into_iter().chain(more) {
            found.extend(std::mem::take(&mut folder.found));
        }
    }

    fn groups(
        &self,
        config: Option<&Source>,
        charters: &[CharterFile],
    ) -> BTreeMap<&'static str, Group> {
        // A new key changes what a charter means though its file stays the same.
        let keys =
            charters.iter().flat_map(|it| &it.charter.proof).filter_map(|proof| match proof {
                Proof::Key { path, pem } => Some((path.clone(), Digest::of(pem.as_bytes()))),
                Proof::Spiffe(_) | Proof::Oidc { .. } | Proof::Uid(_) | Proof::Enrolled => None,
            });
        let files = |folder: &Folder| -> BTreeMap<String, Digest> {
            folder.sources.iter().map(|it| (it.name.clone(), it.digest())).collect()
        };
        let config = config.into_iter().map(|it| (it.name.clone(), it.digest())).collect();
        let mut with_keys = files(&self.charters);
        with_keys.extend(keys);
        // All policies are put in force together, whoever they are for, with what they ask for.
        let mut policies = files(&self.policies);
        policies.extend(files(&self.authzen));
        policies.extend(files(&self.constraints));
        BTreeMap::from([
            ("configuration", Group::new(config)),
            ("charters", Group::new(with_keys)),
            ("templates", Group::new(files(&self.templates))),
            ("policies", Group::new(policies)),
        ])
    }
}

impl Group {
    fn add(&mut self, name: String, digest: Digest) {
        let mut files = std::mem::take(&mut self.files);
        files.insert(name, digest);
        *self = Self::new(files);
    }

    fn new(files: BTreeMap<String, Digest>) -> Self {
        let parts: Vec<&[u8]> = files
            .iter()
            .flat_map(|(name, digest)| [name.as_bytes(), digest.as_bytes().as_slice()])
            .collect();
        Self { digest: Digest::of_parts(&parts), files }
    }
}

impl Found {
    /// Says whether nothing stands against using what was read.
    pub(crate) fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    /// Adds a mistake or a remark.
    pub(super) fn push(&mut self, error: ConfigError) {
        if error.is_warning() {
            self.warnings.push(error);
        } else {
            self.errors.push(Report::new(error));
        }
    }

    /// Adds several.
    pub(crate) fn extend(&mut self, errors: Vec<ConfigError>) {
        for error in errors {
            self.push(error);
        }
    }

    /// Puts all in the order of files and places.
    pub(crate) fn sorted(mut self) -> Self {
        let order = |it: &dyn Diagnostic| (place(it), it.to_string());
        self.errors.sort_by_cached_key(|it| order(it.as_ref()));
        self.warnings.sort_by_cached_key(|it| order(it));
        self
    }
}
