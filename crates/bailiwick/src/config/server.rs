//! `[[server]]`: the MCP servers behind the gateway.

mod tell;
mod tool;
mod transport;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
    time::Duration,
};

use bailiwick_model::{BoundTokens, Environment, ServerName, ToolName};
use toml::Spanned;

pub(crate) use self::{tool::ToolWord, transport::Transport};
pub(super) use self::{
    tool::read as tool_word,
    transport::{address, remote},
};
use super::{Code, Credential, GivenServer, origin::Settings, read::Table, route};

/// What happens to the tools a server offers at its first connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// They are pinned as they are, and a finding says so.
    First,
    /// A person is asked about each.
    Review,
}

impl Pinning {
    const ALL: &'static [Self] = &[Self::First, Self::Review];

    /// Gives the word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Review => "review",
        }
    }
}

/// An MCP server behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its name.
    pub(crate) name: ServerName,
    /// How it is reached.
    pub(crate) transport: Transport,
    /// Where it runs.
    pub(crate) environment: Environment,
    /// What happens to the tools it offers at first.
    pub(crate) pin: Pinning,
    /// Methods that pass besides those that are decided call by call.
    pub(crate) methods: BTreeSet<String>,
    /// How long one call may take.
    pub(crate) timeout: Duration,
    /// The operator's word on its tools.
    pub(crate) tools: BTreeMap<ToolName, ToolWord>,
    /// Which of its calls take a bound token.
    pub(crate) bound_tokens: BoundTokens,
    /// Which secret its requests get.
    pub(crate) credential: Option<Credential>,
    /// Where its name stands in the file.
    pub(super) place: Range<usize>,
}

impl Server {
    /// Makes a server of a command line: it takes what every entry without a word of its own takes.
    pub(super) fn given(given: &GivenServer) -> Self {
        let GivenServer { name, command, env, dir } = given.clone();
        Self {
            place: 0..0,
            name,
            transport: Transport::Child { command, env, dir },
            environment: Environment::Production,
            pin: Pinning::First,
            methods: BTreeSet::new(),
            timeout: TIMEOUT,
            tools: BTreeMap::new(),
            bound_tokens: BoundTokens::default(),
            credential: None,
        }
    }

    /// Says whether it stands in no file.
    pub(crate) fn is_given(&self) -> bool {
        self.place.is_empty()
    }
}

const TIMEOUT: Duration = Duration::from_secs(60);

/// Reads all servers, and the names of those that could not be read whole too.
pub(super) fn read_all(
    root: &Table<'_>,
    home: &Path,
    settings: &mut Settings<'_>,
) -> (Vec<Server>, BTreeSet<ServerName>) {
    let mut names = BTreeSet::new();
    let mut servers = Vec::new();
    for field in root.get("server").items() {
        let server = field.table(|table| {
            let name = table.get("name").required().parsed::<ServerName>();
            if let Some(name) = &name {
                seen(table, name, &mut names);
            }
            let server = read(table, home, name)?;
            tell::tell(table, &server, settings);
            Some(server)
        });
        servers.extend(server.flatten());
    }
    (servers, names)
}

pub(super) fn seen(
    table: &Table<'_>,
    name: &Spanned<ServerName>,
    names: &mut BTreeSet<ServerName>,
) {
    if !names.insert(name.get_ref().clone()) {
        let message = format!("server `{}` is given twice", name.get_ref());
        let error = table.reader().error(Code::Twice, name.span(), message);
        table.reader().push(error.label("once more here"));
    }
}

fn read(table: &Table<'_>, home: &Path, name: Option<Spanned<ServerName>>) -> Option<Server> {
    let transport = transport::read(table, home);
    let environment = table.get("environment").word(Environment::ALL, Environment::as_str);
    let pin = table.get("pin").word(Pinning::ALL, Pinning::as_str);
    let methods = methods(table);
    let timeout = timeout(table);
    let bound = table.get("bound_tokens").word(BoundTokens::ALL, BoundTokens::as_str);
    let credential = route::credential_of_a_server(table);
    let tools = tools(table);
    let name = name?;
    Some(Server {
        place: name.span(),
        name: name.into_inner(),
        transport: transport?,
        // Where nobody said so, what is behind it counts as what customers use.
        environment: environment.unwrap_or(Environment::Production),
        pin: pin.unwrap_or(Pinning::First),
        methods,
        timeout,
        tools,
        bound_tokens: bound.unwrap_or_default(),
        credential: credential.ok()?,
    })
}

pub(super) fn timeout(table: &Table<'_>) -> Duration {
    let field = table.get("timeout");
    let timeout = field.length().map_or(TIMEOUT, Spanned::into_inner);
    if timeout.is_zero() {
        field.wrong("no call can be answered in no time");
    }
    timeout
}

/// Reads methods that may pass undecided. Those that the gateway decides are refused here, since
/// listing one would open a way around every verdict.
fn methods(table: &Table<'_>) -> BTreeSet<String> {
    const DECIDED: &[&str] = &["tools/call", "resources/read", "prompts/get"];
    let mut methods = BTreeSet::new();
    for field in table.get("methods").items() {
        let Some(method) = field.made(method).map(Spanned::into_inner) else { continue };
        if DECIDED.contains(&method.as_str()) {
            let message = format!("`{method}` is decided call by call and cannot be let through");
            let help = "allow it in a template instead";
            field.fault(Code::DecidedMethod, message, "a way around every verdict", Some(help));
        }
        methods.insert(method);
    }
    methods
}

fn method(text: &str) -> Result<String, String> {
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '/' | '_' | '-' | '.' | '$');
    if !text.is_empty() && text.len() <= 128 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` is no method like `logging/setLevel`", text.escape_debug()))
    }
}

fn tools(table: &Table<'_>) -> BTreeMap<ToolName, ToolWord> {
    let mut tools = BTreeMap::new();
    for (name, field) in table.get("tool").named() {
        let word = field.table(tool::read);
        match name.get_ref().parse::<ToolName>() {
            Ok(name) => tools.extend(word.map(|word| (name, word))),
            Err(error) => {
                let error = table.reader().error(Code::WrongValue, name.span(), error.to_string());
                table.reader().push(error.label("no tool can be called this"));
            }
        }
    }
    tools
}
