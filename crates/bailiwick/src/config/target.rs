//! `[[target]]`: the systems that credentials are made at.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
    sync::Arc,
    time::Duration,
};

use bailiwick_model::{Environment, Reach, Sensitivity, ServerName, TargetName, format_span};
use toml::Spanned;

use super::{
    Code,
    nearest::suggestion,
    origin::Settings,
    read::{Table, filled},
    vouch::Vouchers,
};
use crate::targets::{Home, KINDS, TargetKind, TargetSettings, kind};

/// One target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: TargetName,
    /// Which kind.
    pub(crate) kind: TargetKind,
    /// Where it runs.
    pub(crate) environment: Environment,
    /// How sensitive what its credentials open is.
    pub(crate) sensitivity: Sensitivity,
    /// How far what is done with them reaches.
    pub(crate) reach: Reach,
    /// The server behind the gateway that works on the same system.
    pub(crate) server: Option<ServerName>,
    /// How many leases are made, and how many ended, at once.
    pub(crate) at_once: usize,
    /// How often it is looked at for what should be gone.
    pub(crate) sweep: Duration,
    /// How often it is proven, and what is wanted of it then.
    pub(crate) canary: Option<(Duration, Vec<String>)>,
    /// What its own table says.
    pub(crate) settings: Arc<dyn TargetSettings>,
    /// Where its name stands in the file.
    pub(super) place: Range<usize>,
}

// The settings of a kind are compared by all that they tell.
impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        let plain =
            |it: &Self| (it.name.clone(), it.kind.name, it.environment, it.sensitivity, it.reach);
        plain(self) == plain(other)
            && (&self.server, self.at_once, self.sweep, &self.canary)
                == (&other.server, other.at_once, other.sweep, &other.canary)
            && format!("{:?}", self.settings) == format!("{:?}", other.settings)
    }
}

impl Target {
    /// Says whether it works on the same system as `server`: that is said, or they have one name.
    pub(crate) fn is_of(&self, server: &ServerName) -> bool {
        match &self.server {
            Some(said) => said == server,
            None => self.name.as_str() == server.as_str(),
        }
    }
}

/// How often a target is swept where nobody says it.
const SWEEP: Duration = Duration::from_secs(5 * 60);
/// The longest pause between two sweeps: a list of ended certificates counts for a day.
const SWEEP_MAX: Duration = Duration::from_secs(12 * 3600);
/// How often a canary is sent at the most, and at least: what is found out a week later is found out late.
const CANARY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(7 * 24 * 3600));
/// How much is done at once where nobody says it.
const AT_ONCE: u64 = 4;
/// The most that is done at once.
const AT_ONCE_MAX: u64 = 64;

/// Reads all targets, and the names of those that could not be read whole too.
pub(super) fn read_all(
    root: &Table<'_>,
    home: &Path,
    settings: &mut Settings<'_>,
) -> (Vec<Target>, BTreeSet<TargetName>) {
    let (mut names, mut targets) = (BTreeSet::new(), Vec::new());
    for field in root.get("target").items() {
        let target = field.table(|table| {
            let name = table.get("name").required().made(named);
            if let Some(name) = &name
                && !names.insert(name.get_ref().clone())
            {
                let message = format!("target `{}` is given twice", name.get_ref());
                let error = table.reader().error(Code::Twice, name.span(), message);
                table.reader().push(error.label("once more here"));
            }
            let target = read(table, home, name)?;
            tell(table, &target, settings);
            Some(target)
        });
        targets.extend(target.flatten());
    }
    shared(root, &targets);
    (targets, names)
}

/// Says which targets write to one file: each would take what the other has written away.
fn shared(root: &Table<'_>, targets: &[Target]) {
    let mut written: BTreeMap<String, &TargetName> = BTreeMap::new();
    for target in targets {
        let files = target.settings.told().into_iter();
        for (key, path) in files.filter(|(key, _)| ["folder", "krl", "crl"].contains(key)) {
            let Some(other) = written.insert(path.clone(), &target.name) else { continue };
            if *other == target.name {
                continue;
            }
            let message = format!("`{}` and `{other}` have one `{key}`: `{path}`", target.name);
            let error = root.reader().error(Code::Twice, target.place.clone(), message);
            let help = "give each target a list of its own: where a server reads one file, let `end` join them";
            root.reader().push(error.label("this one would undo what the other ended").help(help));
        }
    }
}

/// Says which targets are for the people of nobody whose word for people counts.
pub(super) fn check_people(root: &Table<'_>, targets: &[Target], vouchers: &Vouchers) {
    for target in targets {
        let Some(issuer) = target.settings.person_issuer() else { continue };
        if vouchers.knows_people_of(issuer) {
            continue;
        }
        let message = format!("no `[[mandate_issuer]]` has the `url` `{issuer}`");
        let error = root.reader().error(Code::WrongValue, target.place.clone(), message);
        root.reader().push(error.label("it serves the people of that provider"));
    }
}

/// Takes what names a target, and could name a server: policies speak of both in one way.
fn named(text: &str) -> Result<TargetName, String> {
    text.parse::<ServerName>().map_err(|error| error.to_string())?;
    if text.starts_with("secret.") {
        return Err("`secret.` begins what the leases of kept secrets are called".to_owned());
    }
    text.parse().map_err(|error: bailiwick_model::IdError| error.to_string())
}

fn read(table: &Table<'_>, home: &Path, name: Option<Spanned<TargetName>>) -> Option<Target> {
    let kind = kind_of(table);
    let environment = table.get("environment").word(Environment::ALL, Environment::as_str);
    let sensitivity = table.get("sensitivity").word(Sensitivity::ALL, Sensitivity::as_str);
    let reach = table.get("reach").word(Reach::ALL, Reach::as_str);
    let server = table.get("server").parsed::<ServerName>();
    let at_once = at_once(table);
    let sweep = table.get("sweep");
    let span = sweep.length().map_or(SWEEP, Spanned::into_inner);
    if span < Duration::from_secs(1) {
        sweep.wrong("a target is swept once a second at the most");
    }
    if SWEEP_MAX < span {
        sweep.wrong("a target is swept every twelve hours at least: what it is told grows old");
    }
    // Of an unknown kind no table is known: one mistake is not to bring a second with it.
    let settings = match kind {
        Some(kind) => {
            for other in KINDS.iter().filter(|it| it.name != kind.name) {
                let field = table.get(other.name);
                if field.is_given() {
                    field.wrong(format!("this target is of kind `{}`", kind.name));
                }
            }
            let field = table.get(kind.name);
            if !field.is_given() {
                let message = format!("a target of kind `{0}` needs `[target.{0}]`", kind.name);
                let error = table.reader().error(Code::TargetKind, table.at(), message);
                table.reader().push(error.label("nothing says how to reach it"));
            }
            let home = Home { home };
            field.table(|own| (kind.read)(own, &home)).flatten()
        }
        None => {
            for kind in KINDS {
                drop(table.get(kind.name).named());
            }
            None
        }
    };
    let canary = canary(table, settings.as_deref());
    let name = name?;
    Some(Target {
        place: name.span(),
        name: name.into_inner(),
        kind: kind?,
        environment: environment.unwrap_or(Environment::Production),
        sensitivity: sensitivity.unwrap_or(Sensitivity::Confidential),
        reach: reach.unwrap_or(Reach::Internal),
        server: server.map(Spanned::into_inner),
        at_once,
        sweep: span,
        canary,
        settings: settings?,
    })
}

/// Reads how often a target is proven, and what is wanted of it then.
fn canary(
    table: &Table<'_>,
    settings: Option<&dyn TargetSettings>,
) -> Option<(Duration, Vec<String>)> {
    let (every, wants) = (table.get("canary"), table.get("canary_wants"));
    let named: Vec<String> =
        wants.items().iter().filter_map(|it| it.made(filled)).map(Spanned::into_inner).collect();
    if wants.is_given() && !every.is_given() {
        wants.wrong("`canary` says how often: without it, none is sent");
    }
    let span = every.length()?.into_inner();
    if span < CANARY.0 || CANARY.1 < span {
        every.wrong("a canary is sent between once a minute and once a week");
    }
    let settings = settings?;
    if let Some(why) = settings.unprovable() {
        every.wrong(why);
    }
    if let Some(strange) = lacking(settings, &named) {
        wants.wrong(strange);
    }
    let named = if named.is_empty() { settings.least() } else { named };
    if named.is_empty() {
        every.wrong("say what a canary wants of this target: `canary_wants`");
    }
    Some((span, named))
}

/// Says what of `wants` is nothing that a target has, where its table says what it has.
pub(super) fn lacking(settings: &dyn TargetSettings, wants: &[String]) -> Option<String> {
    let known = settings.wants()?;
    let strange = wants.iter().find(|it| !known.contains(it))?;
    let there = || format!("there are: {}", known.join(", "));
    let help = suggestion(strange, known.iter().map(String::as_str)).unwrap_or_else(there);
    Some(format!("`{}` is nothing that this target has: {help}", strange.escape_debug()))
}

fn kind_of(table: &Table<'_>) -> Option<TargetKind> {
    let field = table.get("kind").required();
    let text = field.text()?.into_inner();
    let found = kind(&text);
    if found.is_none() {
        let names: Vec<_> = KINDS.iter().map(|it| it.name).collect();
        let message = format!("`{}` is no kind of target", text.escape_debug());
        let known = || format!("there are: {}", names.join(", "));
        let help = suggestion(&text, names.iter().copied()).unwrap_or_else(known);
        field.fault(Code::TargetKind, message, "no broker is called this", Some(&help));
    }
    found
}

fn at_once(table: &Table<'_>) -> usize {
    let field = table.get("at_once");
    let number = field.whole().map_or(AT_ONCE, Spanned::into_inner);
    if !(1..=AT_ONCE_MAX).contains(&number) {
        field.wrong(format!("between 1 and {AT_ONCE_MAX} things are done at a target at once"));
    }
    usize::try_from(number).unwrap_or(1)
}

/// Tells a target's settings. What may be a secret is not shown.
fn tell(table: &Table<'_>, target: &Target, settings: &mut Settings<'_>) {
    let key = |name: &str| format!("target.{}.{name}", target.name);
    let at = |name: &'static str| table.get(name).at();
    settings.add(key("kind"), &target.kind.name, at("kind"));
    settings.add(key("environment"), &target.environment, at("environment"));
    settings.add(key("sensitivity"), &target.sensitivity, at("sensitivity"));
    settings.add(key("reach"), &target.reach, at("reach"));
    if let Some(server) = &target.server {
        settings.add(key("server"), server, at("server"));
    }
    settings.add(key("at_once"), &target.at_once, at("at_once"));
    settings.add(key("sweep"), &format_span(target.sweep), at("sweep"));
    if let Some((every, wants)) = &target.canary {
        settings.add(key("canary"), &format_span(*every), at("canary"));
        settings.add(key("canary_wants"), &wants.join(", "), at("canary_wants"));
    }
    for (name, value) in target.settings.told() {
        let name = format!("{}.{name}", target.kind.name);
        settings.add(key(&name), &value, at(target.kind.name));
    }
}
