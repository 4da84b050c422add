//! How a server is reached: as a child process, or over HTTP.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use bailiwick_connect::ServerTrust;
use http::Uri;

use crate::config::{
    Code, Route,
    listen::{explained, is_loopback},
    read::{Field, Table, filled},
};

/// How a server is reached.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A child process that speaks over its standard input and output.
    Child {
        /// The program and its arguments. A program with a slash starts at the configuration's
        /// folder; one without is looked for in `PATH`.
        command: Vec<String>,
        /// All the variables it gets.
        env: BTreeMap<String, String>,
        /// Where it runs.
        dir: PathBuf,
    },
    /// A server that runs by itself.
    Http {
        /// Where it answers.
        url: Uri,
        /// The authorities that it is believed by, where not those of the system.
        ca: Option<PathBuf>,
    },
    /// An HTTP API.
    Route(Box<Route>),
}

// Variables of a child often hold its secrets, so only their names are shown.
impl fmt::Debug for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Child { command, env, dir } => {
                let env: Vec<&String> = env.keys().collect();
                let mut shown = out.debug_struct("Child");
                shown.field("command", command).field("env", &env).field("dir", dir).finish()
            }
            Self::Route(route) => out.debug_struct("Route").field("url", &route.url).finish(),
            Self::Http { url, .. } => out.debug_struct("Http").field("url", url).finish(),
        }
    }
}

impl Transport {
    /// Gives the command of a child; a bare `bailiwick` is this very program, `own`.
    pub(crate) fn command_with(&self, own: &Path) -> Option<Vec<String>> {
        let Self::Child { command, .. } = self else { return None };
        let mut command = command.clone();
        if let Some(program) = command.first_mut().filter(|it| *it == "bailiwick") {
            *program = own.to_string_lossy().into_owned();
        }
        Some(command)
    }
}

/// Reads `command` with `env` and `dir`, or `url`.
pub(super) fn read(table: &Table<'_>, home: &Path) -> Option<Transport> {
    let (command, url) = (table.get("command"), table.get("url"));
    let (env, dir, ca) = (table.get("env"), table.get("dir"), table.get("ca"));
    match (command.is_given(), url.is_given()) {
        (true, false) => {
            if ca.is_given() {
                ca.wrong(format!("`{}` is for a server with a `url`", ca.name()));
            }
            let program = command.command(home);
            let env = env.variables();
            let dir = dir.made(filled);
            let dir = dir.map_or_else(|| home.to_path_buf(), |it| home.join(it.into_inner()));
            Some(Transport::Child { command: program?, env, dir })
        }
        (false, true) => {
            for field in [&env, &dir].into_iter().filter(|it| it.is_given()) {
                field.wrong(format!("`{}` is for a child process, not for a `url`", field.name()));
            }
            let parsed = url.made(address)?.into_inner();
            let authorities = ca.made(filled).map(|it| home.join(it.into_inner()));
            remote((&url, &parsed), (&ca, authorities.as_deref()));
            Some(Transport::Http { url: parsed, ca: authorities })
        }
        (true, true) => {
            let help = "a `command` is started here, a `url` runs by itself";
            url.fault(
                Code::Transport,
                "a server has a `command` or a `url`, not both",
                "one too many",
                Some(help),
            );
            None
        }
        (false, false) => {
            let error = table.reader().error(
                Code::Transport,
                table.at(),
                "a server has a `command` or a `url`: this one has neither",
            );
            table.reader().push(error.label("nothing says how to reach it"));
            None
        }
    }
}

pub(in super::super) fn address(text: &str) -> Result<Uri, String> {
    let wrong = |why: &str| format!("`{text}` is no address of a server: {why}");
    let url: Uri = text.parse().map_err(|_| wrong("write it like `http://127.0.0.1:9000/mcp`"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong("it starts with `http://` or `https://`"));
    }
    if url.authority().is_none_or(|it| it.as_str().contains('@')) {
        // The URL would carry a secret into logs and evidence, so it is not repeated either.
        return Err("an address of a server names a host, and no secret before it".to_owned());
    }
    Ok(url)
}

/// Refuses what would go over a network in the clear, and authorities that cannot be believed.
pub(in super::super) fn remote(
    (field, url): (&Field<'_>, &Uri),
    (ca, authorities): (&Field<'_>, Option<&Path>),
) {
    if url.scheme_str() == Some("https") {
        let (trust, at) = match authorities {
            Some(path) => (ServerTrust::of_file(path), ca),
            None => (ServerTrust::system(), field),
        };
        if let Err(error) = trust {
            at.fault(Code::Certificate, explained(&error), "nobody would be believed", None);
        }
        return;
    }
    if ca.is_given() {
        ca.wrong(format!("`{}` is for a server over `https://`", ca.name()));
    }
    if !url.host().is_some_and(is_loopback) {
        let message = "arguments and results would cross a network in the clear";
        let help =
            "reach it by `https://`, or name something on this machine that speaks TLS to it";
        field.fault(Code::OpenListener, message, "not this machine", Some(help));
    }
}
