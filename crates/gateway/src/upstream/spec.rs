//! What is known of a server before it is reached: how, where, and what the operator says of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bailiwick_connect::ServerTrust;
use bailiwick_model::{Effect, Environment, Reach, Sensitivity, ServerName};

use crate::web::{Outfit, WebSpec};

/// One MCP server behind the gateway, as configured.
#[derive(Clone, Debug)]
pub struct ServerSpec {
    /// Its name.
    pub name: ServerName,
    /// How it is reached.
    pub transport: Transport,
    /// Whom it must prove itself to be, where TLS is spoken to it.
    pub trust: Option<ServerTrust>,
    /// Where it runs.
    pub environment: Environment,
    /// What a child of ours may not touch.
    pub confine: Confine,
    /// Methods that pass although the gateway does not know them.
    pub extra_methods: BTreeSet<String>,
    /// How long one call may take.
    pub call_timeout: Duration,
    /// The operator's word on its tools, by name.
    pub tools: BTreeMap<String, ToolSpec>,
    /// What its requests get on their way out.
    pub credential: Option<Outfit>,
}

impl ServerSpec {
    /// Says whether it is an HTTP API.
    pub(crate) const fn is_web(&self) -> bool {
        matches!(self.transport, Transport::Web(_))
    }
}

/// How a server is reached.
#[derive(Clone)]
pub enum Transport {
    /// As a child process that speaks on its standard input and output.
    Stdio {
        /// The program and its arguments.
        command: Vec<String>,
        /// All the variables it gets.
        env: BTreeMap<String, String>,
        /// Where it starts; else where the gateway did.
        dir: Option<PathBuf>,
    },
    /// Over streamable HTTP.
    Http {
        /// The one address that requests are posted to.
        url: http::Uri,
    },
    /// As an HTTP API, whose operations are its tools.
    Web(Arc<WebSpec>),
}

impl fmt::Debug for Transport {
    /// Variables and addresses may carry secrets: only names and hosts are shown.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { command, env, dir } => out
                .debug_struct("Stdio")
                .field("program", &command.first())
                .field("env", &env.keys())
                .field("dir", dir)
                .finish_non_exhaustive(),
            Self::Web(web) => {
                out.debug_struct("Web").field("host", &web.base.host()).finish_non_exhaustive()
            }
            Self::Http { url } => {
                out.debug_struct("Http").field("host", &url.host()).finish_non_exhaustive()
            }
        }
    }
}

/// What a child may neither read nor write.
#[derive(Clone, Debug, Default)]
pub struct Confine {
    /// These files and everything in these folders.
    pub forbidden: Vec<PathBuf>,
}

/// The operator's word on one tool; what is left out is suggested.
#[derive(Clone, Debug, Default)]
pub struct ToolSpec {
    /// What it does.
    pub effects: Option<BTreeSet<Effect>>,
    /// Which argument names the resource, such as `{path}`.
    pub resource: Option<String>,
    /// Which arguments say where data goes.
    pub destinations: Vec<String>,
    /// How sensitive what it returns is.
    pub sensitivity: Option<Sensitivity>,
    /// May values from its results steer later calls?
    pub results_trusted: Option<bool>,
    /// Can it be undone?
    pub reversible: Option<bool>,
    /// How far it reaches.
    pub reach: Option<Reach>,
}
