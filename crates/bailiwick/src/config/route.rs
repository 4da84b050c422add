//! `[[route]]`: the HTTP APIs behind the gateway. A route is a server whose tools are the operations
//! of an API, written here or in an `OpenAPI` document.

mod credential;
mod openapi;
mod operation;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use bailiwick_gateway::{Operation, may_pass};
use bailiwick_model::{
    BoundTokens, Digest, Environment, ServerName, ToolName, format_bytes, format_span,
};
use http::{HeaderName, Uri};
use toml::Spanned;

pub(super) use self::credential::of_a_server as credential_of_a_server;
pub(crate) use self::credential::{Borne, Credential};
use super::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
    server::{self, Pinning, Server, ToolWord, Transport},
    target::{Target, lacking},
};
use crate::targets::Bears;

/// How large an answer may be, where nobody says.
const RESPONSE_MAX: u64 = 64 << 20;

/// An HTTP API behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Where it is.
    pub(crate) url: Uri,
    /// The authorities that it is believed by, where not those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// What can be asked of it.
    pub(crate) operations: Vec<Operation>,
    /// Headers of requests that go on besides those that always do.
    pub(crate) headers: Vec<HeaderName>,
    /// How large an answer may be.
    pub(crate) response_max: u64,
    /// The document that tells of its operations, by name and digest.
    pub(crate) document: Option<(String, Digest)>,
}

/// What is said of the operations of a route.
#[derive(Debug, Default)]
struct Said {
    operations: Vec<Operation>,
    words: BTreeMap<ToolName, ToolWord>,
    document: Option<(String, Digest)>,
}

/// Reads all routes. They share their names with servers.
pub(super) fn read_all(
    root: &Table<'_>,
    home: &Path,
    names: &mut BTreeSet<ServerName>,
    settings: &mut Settings<'_>,
) -> Vec<Server> {
    let mut routes = Vec::new();
    for field in root.get("route").items() {
        let route = field.table(|table| {
            let name = table.get("name").required().parsed::<ServerName>();
            if let Some(name) = &name {
                server::seen(table, name, names);
            }
            read(table, home, name, settings)
        });
        routes.extend(route.flatten());
    }
    routes
}

fn read(
    table: &Table<'_>,
    home: &Path,
    name: Option<Spanned<ServerName>>,
    settings: &mut Settings<'_>,
) -> Option<Server> {
    let url = url(table, home);
    let environment = table.get("environment").word(Environment::ALL, Environment::as_str);
    let environment = environment.unwrap_or(Environment::Production);
    let bound = table.get("bound_tokens").word(BoundTokens::ALL, BoundTokens::as_str);
    let bound = bound.unwrap_or_default();
    let (timeout, response_max) = (server::timeout(table), response_max(table));
    let mut said = Said::default();
    openapi::read(table, home, &mut said);
    operation::read_all(table, &mut said);
    let headers = headers(table);
    let credential = credential::read(table);
    // A credential that cannot be read is none that a route could do without.
    let (name, credential) = (name?, credential.ok()?);
    let key = |what: &str| format!("route.{}.{what}", name.get_ref());
    let (url, ca) = url?;
    settings.add(key("url"), &url, table.get("url").at());
    settings.add(key("environment"), &environment, table.get("environment").at());
    settings.add(key("bound_tokens"), &bound, table.get("bound_tokens").at());
    settings.add(key("timeout"), &format_span(timeout), table.get("timeout").at());
    settings.add(key("response_max"), &format_bytes(response_max), table.get("response_max").at());
    for operation in &said.operations {
        let place = format!("{} {}", operation.method(), operation.path());
        settings.add(key(&format!("operation.{}", operation.name())), &place, None);
    }
    match &credential {
        Some(Credential::Kept(it)) => {
            settings.add(key("credential.secret"), &it.secret, table.get("credential").at());
        }
        Some(Credential::Lent(it)) => {
            let at = || table.get("credential").at();
            settings.add(key("credential.target"), &it.target, at());
            settings.add(key("credential.wants"), &it.wants.join(", "), at());
        }
        None => {}
    }
    Some(Server {
        place: name.span(),
        name: name.into_inner(),
        transport: Transport::Route(Box::new(Route {
            url,
            ca,
            operations: said.operations,
            headers,
            response_max,
            document: said.document,
        })),
        environment,
        pin: Pinning::First,
        methods: BTreeSet::new(),
        timeout,
        tools: said.words,
        bound_tokens: bound,
        credential,
    })
}

fn url(table: &Table<'_>, home: &Path) -> Option<(Uri, Option<PathBuf>)> {
    let (field, ca) = (table.get("url").required(), table.get("ca"));
    let authorities = ca.made(filled).map(|it| home.join(it.into_inner()));
    let parsed = field.made(server::address)?.into_inner();
    if parsed.query().is_some() {
        field.wrong("the address of an API has no query");
        return None;
    }
    server::remote((&field, &parsed), (&ca, authorities.as_deref()));
    Some((parsed, authorities))
}

fn response_max(table: &Table<'_>) -> u64 {
    let field = table.get("response_max");
    let most = field.size().map_or(RESPONSE_MAX, Spanned::into_inner);
    if most == 0 {
        field.wrong("no answer has no bytes");
    }
    most
}

/// Reads the headers that go on besides. A document opens none: policies do not see them.
fn headers(table: &Table<'_>) -> Vec<HeaderName> {
    let name = |it: &Field<'_>| {
        let name =
            it.made(|text| text.parse::<HeaderName>().map_err(|_| "this is no header's name"))?;
        if may_pass(name.get_ref()) {
            return Some(name.into_inner());
        }
        it.wrong(format!("`{}` is never passed on: it would say who asks, or how", name.get_ref()));
        None
    };
    let mut all: Vec<HeaderName> = table.get("headers").items().iter().filter_map(name).collect();
    all.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    all.dedup();
    all
}

impl Said {
    /// Adds an operation, unless a request could be both it and one that is there.
    fn add(&mut self, operation: Operation) -> Result<(), String> {
        let met =
            self.operations.iter().find(|it| it.name() == operation.name() || it.meets(&operation));
        match met {
            Some(met) if met.name() == operation.name() => {
                Err(format!("operation `{}` is given twice", operation.name()))
            }
            Some(met) => Err(format!(
                "`{} {}` is the operation `{}` already",
                operation.method(),
                operation.path(),
                met.name()
            )),
            None => {
                self.operations.push(operation);
                Ok(())
            }
        }
    }
}

/// Reports what routes want of targets that there are not, or that make something else.
pub(super) fn check_lent(root: &Table<'_>, servers: &[Server], targets: &[Target]) {
    for lent in servers.iter().filter_map(|it| it.credential.as_ref()?.lent()) {
        let target = targets.iter().find(|it| it.name == lent.target);
        let message = match (target.map(|it| it.kind.bears), &lent.borne) {
            (None, _) => format!("target `{}` is not configured", lent.target),
            (Some(Bears::Keys), Borne::Signed(..)) | (Some(Bears::Text), Borne::InHeader(..)) => {
                match target.and_then(|it| lacking(it.settings.as_ref(), &lent.wants)) {
                    Some(strange) => strange,
                    None => continue,
                }
            }
            (Some(Bears::Keys), Borne::InHeader(..)) => {
                format!("keys of `{}` sign requests: say for which service, as `sign`", lent.target)
            }
            (Some(Bears::Text), Borne::Signed(..)) => {
                format!("what `{}` makes signs nothing: leave `sign` out", lent.target)
            }
            (Some(Bears::Nothing), _) => {
                format!("what `{}` makes is nothing that a request could bear", lent.target)
            }
        };
        let error = root.reader().error(Code::WrongValue, lent.place.clone(), message);
        root.reader().push(error.label("no request would get it"));
    }
}

/// Reports something about an operation that keeps it from being one.
fn unfit(field: &Field<'_>, why: impl Into<String>) {
    field.fault(Code::WrongValue, why, "no request would be this", None);
}
