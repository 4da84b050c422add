//! Names in policies that nothing here is called: slips of the finger are told apart from what is not
//! there yet.
//!
//! A forbid over `files__write_fiel` forbids nothing, and nobody notices. Only what is near to a name
//! that is known counts as a slip: any other may be a tool of tomorrow, or a server of another house.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bailiwick_model::{Environment, IdentityKind, Sensitivity};
use cedar_policy_core::ast::{BinaryOp, EntityUID, Expr, ExprKind, Literal};

use super::Offering;
use crate::{
    mistake::{Found, Mistake},
    syntax::{path, range},
    vocabulary::{Types, distance, nearest},
};

/// How many names a help lists.
const SHOWN: usize = 8;
/// Longer names are nobody's slip, and comparing them costs their square.
pub(super) const LEN_MAX: usize = 128;
/// Among how many names the one that was meant is looked for.
const COMPARED: usize = 2_000;
/// How many names of one condition are told of.
const TOLD: usize = 16;
/// What a server offers besides tools.
pub(super) const OTHERS: [&str; 2] = ["resources/read", "prompts/get"];

/// The names that policies can mean.
#[derive(Debug)]
pub(super) struct Names {
    servers: BTreeMap<String, Tools>,
    /// None where they are not known.
    templates: Option<BTreeSet<String>>,
}

/// The tools of one server.
#[derive(Debug, Default)]
struct Tools {
    /// Whether it is known what it offers: only of what was accepted that can be said.
    known: bool,
    names: BTreeSet<String>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'a> {
    Server,
    /// A tool of this server, or of any.
    Tool(Option<&'a str>),
    Template,
    Environment,
    Identity,
    Sensitivity,
}

/// A name as it is written, with what is before and behind it there.
struct Written<'a> {
    kind: Kind<'a>,
    name: &'a str,
    around: (String, String),
    at: Range<usize>,
}

impl Names {
    pub(super) fn of(offering: &Offering) -> Self {
        let mut servers: BTreeMap<String, Tools> = BTreeMap::new();
        for server in offering.servers.keys().chain(offering.targets.keys()) {
            servers.entry(server.to_string()).or_default();
        }
        for tool in &offering.tools {
            let tools = servers.entry(tool.server.to_string()).or_default();
            tools.known = true;
            tools.names.insert(tool.name.clone());
        }
        for (server, tool) in &offering.others {
            servers.entry(server.to_string()).or_default().names.insert(tool.clone());
        }
        Self { servers, templates: offering.templates.clone() }
    }

    /// Gives all of it as a text, for the digest of what policies are held against.
    pub(super) fn told(&self) -> String {
        format!("{self:?}")
    }

    /// Finds the names in `condition` that nothing is called.
    pub(super) fn unheard(&self, condition: &Expr, whole: &Range<usize>) -> Vec<Found> {
        let mut found = Vec::new();
        for part in condition.subexpressions() {
            if TOLD <= found.len() {
                break;
            }
            if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
                let at = range(part.source_loc().or_else(|| uid.loc()), whole);
                found.extend(named(uid, at).and_then(|it| self.look(&it)));
            } else if let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind() {
                for (kind, text) in compared(*op, arg1, arg2).into_iter().take(COMPARED) {
                    if TOLD <= found.len() {
                        break;
                    }
                    let ExprKind::Lit(Literal::String(name)) = text.expr_kind() else { continue };
                    let at = range(text.source_loc(), whole);
                    found.extend(self.look(&Written { kind, name, around: <_>::default(), at }));
                }
            }
        }
        found
    }

    fn look(&self, written: &Written<'_>) -> Option<Found> {
        let Written { kind, name, .. } = written;
        if let Kind::Tool(Some(server)) = kind
            && !self.servers.contains_key(*server)
        {
            // Of a server that is not there, that is told.
            return self.look(&of_server(written, server));
        }
        if self.has(*kind, name) {
            return None;
        }
        let (known, whole) = self.known(*kind)?;
        let compared = || known.iter().copied().take(COMPARED).filter(|_| name.len() <= LEN_MAX);
        let other = |it: &str| matches!(kind, Kind::Tool(_)) && is_plural(name, it);
        let slip = compared().find(|it| is_slip(name, it) && !other(it));
        let near = slip.or_else(|| nearest(name, compared()));
        // Whoever offers nothing yet may offer anything.
        if !whole && near.is_none() {
            return None;
        }
        let (message, help) = (message(*kind, name), help(written, near, &known));
        Some(Found {
            mistake: if certain(*kind) || (whole && slip.is_some()) {
                Mistake::Misnamed { message, help }
            } else {
                Mistake::Unheard { message, help }
            },
            at: written.at.clone(),
        })
    }

    /// Says whether something is called so. Most names are right, and cost no more than this.
    fn has(&self, kind: Kind<'_>, name: &str) -> bool {
        match kind {
            Kind::Server => self.servers.contains_key(name),
            Kind::Tool(Some(server)) => self.servers.get(server).is_some_and(|it| it.has(name)),
            Kind::Tool(None) => self.servers.values().any(|it| it.has(name)),
            Kind::Template => self.templates.as_ref().is_none_or(|it| it.contains(name)),
            Kind::Environment => Environment::from_word(name).is_some(),
            Kind::Identity => IdentityKind::from_word(name).is_some(),
            Kind::Sensitivity => Sensitivity::from_word(name).is_some(),
        }
    }

    /// Gives what is called something, and whether that is all; none where nothing is known.
    fn known(&self, kind: Kind<'_>) -> Option<(BTreeSet<&str>, bool)> {
        Some(match kind {
            Kind::Server => (self.servers.keys().map(String::as_str).collect(), true),
            Kind::Tool(Some(server)) => {
                let tools = self.servers.get(server)?;
                (tools.all().collect(), tools.known)
            }
            Kind::Tool(None) => {
                let all = self.servers.values().flat_map(Tools::all);
                (all.collect(), self.servers.values().all(|it| it.known))
            }
            Kind::Template => (self.templates.as_ref()?.iter().map(String::as_str).collect(), true),
            Kind::Environment => (words(Environment::ALL, Environment::as_str), true),
            Kind::Identity => (words(IdentityKind::ALL, IdentityKind::as_str), true),
            Kind::Sensitivity => (words(Sensitivity::ALL, Sensitivity::as_str), true),
        })
    }
}

impl Tools {
    fn has(&self, name: &str) -> bool {
        self.names.contains(name) || OTHERS.contains(&name)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).chain(OTHERS)
    }
}

/// Reads what names a server or a tool.
fn named(uid: &EntityUID, at: Range<usize>) -> Option<Written<'_>> {
    let types = Types::get()?;
    let id: &str = uid.eid().as_ref();
    let around = |what: &str| (format!("{}::\"{what}", uid.entity_type()), "\"".to_owned());
    if *uid == types.server(id) {
        return Some(Written { kind: Kind::Server, name: id, around: around(""), at });
    }
    if *uid != types.tool(id) && !uid.is_action() {
        return None;
    }
    if let Some(name) = id.strip_prefix("server:").filter(|_| uid.is_action()) {
        return Some(Written { kind: Kind::Server, name, around: around("server:"), at });
    }
    if let Some(name) = id.strip_prefix("lease:").filter(|_| uid.is_action()) {
        return Some(Written { kind: Kind::Server, name, around: around("lease:"), at });
    }
    // An effect that is none was told already.
    let (server, tool) = id.split_once("__")?;
    let (kind, around) = (Kind::Tool(Some(server)), around(&format!("{server}__")));
    Some(Written { kind, name: tool, around, at })
}

/// Gives the name of the server in the name of a tool.
fn of_server<'a>(tool: &Written<'_>, server: &'a str) -> Written<'a> {
    let (before, after) = &tool.around;
    let before = before.strip_suffix(&format!("{server}__")).unwrap_or_default().to_owned();
    let around = (before, format!("__{}{after}", shown(tool.name)));
    Written { kind: Kind::Server, name: server, around, at: tool.at.clone() }
}

/// Gives what is compared with something whose values are known, and what these are.
fn compared<'e>(op: BinaryOp, one: &'e Expr, other: &'e Expr) -> Vec<(Kind<'static>, &'e Expr)> {
    match op {
        BinaryOp::Eq => {
            let (left, right) = (kind_of(one).map(|it| (it, other)), kind_of(other));
            left.or_else(|| right.map(|it| (it, one))).into_iter().collect()
        }
        BinaryOp::Contains => match (one.expr_kind(), kind_of(other)) {
            (ExprKind::Set(items), Some(kind)) => items.iter().map(|it| (kind, it)).collect(),
            (_, Some(_) | None) => Vec::new(),
        },
        BinaryOp::Less
        | BinaryOp::LessEq
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::In
        | BinaryOp::ContainsAll
        | BinaryOp::ContainsAny
        | BinaryOp::GetTag
        | BinaryOp::HasTag => Vec::new(),
    }
}

fn kind_of(expr: &Expr) -> Option<Kind<'static>> {
    match path(expr)?.as_str() {
        "context.server" => Some(Kind::Server),
        "context.tool" => Some(Kind::Tool(None)),
        "context.task.template" => Some(Kind::Template),
        "context.environment" | "resource.environment" => Some(Kind::Environment),
        "principal.kind" => Some(Kind::Identity),
        "resource.sensitivity" => Some(Kind::Sensitivity),
        _ => None,
    }
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> BTreeSet<&'static str> {
    all.iter().map(|it| word(*it)).collect()
}

/// Says whether there can never be others than those that are known.
const fn certain(kind: Kind<'_>) -> bool {
    match kind {
        Kind::Environment | Kind::Identity | Kind::Sensitivity => true,
        Kind::Server | Kind::Tool(_) | Kind::Template => false,
    }
}

/// Says whether `word` is `meant` with a slip in it, and hardly another name: what differs in its
/// digits or in a short part, as `db-a` and `db-b` do, was given two names to be told apart.
pub(super) fn is_slip(word: &str, meant: &str) -> bool {
    let (word, meant) = (word.to_lowercase(), meant.to_lowercase());
    let plain = |it: &str| it.chars().filter(|it| !it.is_ascii_digit()).collect::<String>();
    if word != meant && plain(&word) == plain(&meant) {
        return false;
    }
    let parts = |it: &str| -> Vec<String> {
        it.split(|it: char| !it.is_alphanumeric()).map(str::to_owned).collect()
    };
    let (one, other) = (parts(&word), parts(&meant));
    if one.len() != other.len() {
        // A mark that was left out, or put in.
        return distance(&word, &meant) <= 1;
    }
    one.iter().zip(&other).all(|(one, other)| {
        let reach = match one.chars().count().min(other.chars().count()) {
            0..=3 => 0,
            4..=7 => 1,
            _ => 2,
        };
        distance(one, other) <= reach
    })
}

/// Says whether one is the plural of the other: `delete_user` and `delete_users` are two tools.
fn is_plural(one: &str, other: &str) -> bool {
    let of =
        |one: &str, other: &str| other.strip_prefix(one).is_some_and(|it| matches!(it, "s" | "es"));
    of(one, other) || of(other, one)
}

fn message(kind: Kind<'_>, name: &str) -> String {
    let name = shown(name);
    match kind {
        Kind::Server => format!("there is no server `{name}`"),
        Kind::Tool(Some(server)) => format!("`{server}` has no tool `{name}`"),
        Kind::Tool(None) => format!("no server has a tool `{name}`"),
        Kind::Template => format!("there is no template `{name}`"),
        Kind::Environment => format!("there is no environment `{name}`"),
        Kind::Identity => format!("there is no kind of identity `{name}`"),
        Kind::Sensitivity => format!("there is no sensitivity `{name}`"),
    }
}

fn help(written: &Written<'_>, near: Option<&str>, known: &BTreeSet<&str>) -> String {
    let Written { kind, name, around: (before, after), .. } = written;
    let Some(near) = near else {
        let listed: Vec<String> = known.iter().take(SHOWN).map(|it| format!("`{it}`")).collect();
        return match known.len().saturating_sub(listed.len()) {
            0 if listed.is_empty() => "none is known".to_owned(),
            0 => format!("known are {}", listed.join(", ")),
            more => format!("known are {} and {more} more", listed.join(", ")),
        };
    };
    let meant = format!("did you mean `{before}{near}{after}`?");
    match kind {
        Kind::Tool(Some(server)) if name.len() <= LEN_MAX => format!(
            "{meant} A tool that is truly called so and not accepted yet is declared as \
             `[server.tool.{name}]` below `{server}`"
        ),
        Kind::Server
        | Kind::Tool(_)
        | Kind::Template
        | Kind::Environment
        | Kind::Identity
        | Kind::Sensitivity => meant,
    }
}

fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(LEN_MAX).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{is_plural, is_slip};

    #[test]
    fn a_tool_for_many_is_another_than_the_one_for_one() {
        assert!(is_plural("delete_user", "delete_users") && is_plural("get_boxes", "get_box"));
        assert!(!is_plural("delete_user", "delete_user") && !is_plural("user", "usher"));
    }

    #[test]
    fn a_slip_of_the_finger_is_told_from_another_name() {
        for (word, meant) in [
            ("write_fiel", "write_file"),
            ("wirte_file", "write_file"),
            ("Write_File", "write_file"),
            ("writefile", "write_file"),
            ("fils", "files"),
            ("keep-note", "keep-notes"),
            ("resources/raed", "resources/read"),
            ("prodction", "production"),
        ] {
            assert!(is_slip(word, meant), "{word} for {meant}");
        }
        for (word, other) in [
            ("db1", "db2"),
            ("read_v2", "read_v1"),
            ("mail-a", "mail-b"),
            ("get_item", "set_item"),
            ("move_file", "save_file"),
            ("read_file", "write_file"),
            ("delete_all", "write_file"),
            ("", "db"),
        ] {
            assert!(!is_slip(word, other), "{word} for {other}");
        }
    }
}
