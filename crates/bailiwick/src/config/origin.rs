//! Where a setting comes from: flags, then environment, then file, then default.

use std::{
    collections::BTreeMap,
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
};

use bailiwick_model::ServerName;

use super::file::Source;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(&'static str),
    /// A line of the configuration file.
    File {
        /// Which.
        line: usize,
    },
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(out, "{name}"),
            Self::Environment(name) => write!(out, "{name}"),
            Self::File { line } => write!(out, "file, line {line}"),
            Self::Default => out.write_str("default"),
        }
    }
}

/// One setting as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name, such as `listen.http`.
    pub(crate) key: String,
    /// Its value, as people write it.
    pub(crate) value: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

impl Setting {
    /// Says whether a flag or the environment decided it, whatever the file says.
    pub(crate) fn is_overridden(&self) -> bool {
        matches!(self.origin, Origin::Flag(_) | Origin::Environment(_))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} = {} ({})", self.key, self.value, self.origin)
    }
}

/// Collects settings while a file is read.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    source: &'a Source,
    found: Vec<Setting>,
}

impl<'a> Settings<'a> {
    /// Starts on a file.
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, found: Vec::new() }
    }

    /// Adds a setting of the file, or its default where it stands nowhere.
    pub(super) fn add(
        &mut self,
        key: impl Into<String>,
        value: &dyn fmt::Display,
        at: Option<Range<usize>>,
    ) {
        let origin = match at {
            Some(at) => Origin::File { line: self.source.line(at.start) },
            None => Origin::Default,
        };
        self.found.push(Setting { key: key.into(), value: value.to_string(), origin });
    }

    /// Adds a setting that was given outside the file.
    pub(super) fn given(&mut self, key: &'static str, given: &Given) {
        let (value, origin) = (given.text.clone(), given.origin.clone());
        self.found.push(Setting { key: key.to_owned(), value, origin });
    }

    /// Gives all of them, by name.
    pub(super) fn all(mut self) -> Vec<Setting> {
        self.found.sort_by(|one, other| one.key.cmp(&other.key));
        self.found
    }
}

/// A value given outside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// What was given.
    pub(crate) text: String,
    /// By a flag or a variable.
    pub(crate) origin: Origin,
}

/// What flags and environment say; it wins over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Where to listen.
    pub(crate) listen: Option<Given>,
    /// Where the state lies. Unlike a path in the file, it starts at the current folder, as paths
    /// in commands do.
    pub(crate) state: Option<Given>,
    /// What is logged.
    pub(crate) log: Option<Given>,
    /// A tool server that the file does not have.
    pub(crate) server: Option<GivenServer>,
}

/// A tool server given on the command line.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct GivenServer {
    /// What the configuration calls it.
    pub(crate) name: ServerName,
    /// Its program and arguments.
    pub(crate) command: Vec<String>,
    /// All the variables it gets.
    pub(crate) env: BTreeMap<String, String>,
    /// Where it runs.
    pub(crate) dir: PathBuf,
}

// Variables often hold secrets, so only their names are shown.
impl fmt::Debug for GivenServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, command, env, dir } = self;
        let env: Vec<&String> = env.keys().collect();
        let mut shown = out.debug_struct("GivenServer");
        shown.field("name", name).field("command", command);
        shown.field("env", &env).field("dir", dir).finish()
    }
}

impl Overrides {
    /// Joins flags and environment.
    pub(crate) fn new(
        listen: Option<String>,
        state: Option<PathBuf>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> io::Result<Self> {
        let pick = |flag: Option<String>, name: &'static str, key: &'static str| {
            let given = |text: String, origin: Origin| Given { text, origin };
            flag.map(|text| given(text, Origin::Flag(name))).or_else(|| {
                let text = variable(key).filter(|text| !text.is_empty());
                text.map(|text| given(text, Origin::Environment(key)))
            })
        };
        let state = state.map(|path| path.to_string_lossy().into_owned());
        let mut state = pick(state, "--state", "BAILIWICK_STATE");
        if let Some(given) = &mut state {
            given.text =
                std::path::absolute(Path::new(&given.text))?.to_string_lossy().into_owned();
        }
        let listen = pick(listen, "--listen", "BAILIWICK_LISTEN");
        let log = pick(None, "--log", "BAILIWICK_LOG");
        Ok(Self { listen, state, log, server: None })
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Overrides};

    #[test]
    fn a_flag_wins_over_the_environment() {
        let variable = |name: &str| (name == "BAILIWICK_LISTEN").then(|| "127.0.0.1:1".to_owned());
        let from_environment = Overrides::new(None, None, &variable).unwrap();
        let listen = from_environment.listen.unwrap();
        assert_eq!(listen.text, "127.0.0.1:1");
        assert_eq!(listen.origin, Origin::Environment("BAILIWICK_LISTEN"));

        let both = Overrides::new(Some("127.0.0.1:2".to_owned()), None, &variable).unwrap();
        let listen = both.listen.unwrap();
        assert_eq!(listen.text, "127.0.0.1:2");
        assert_eq!(listen.origin, Origin::Flag("--listen"));
    }

    #[test]
    fn an_empty_variable_says_nothing() {
        let given = Overrides::new(None, None, &|_| Some(String::new())).unwrap();
        assert_eq!(given, Overrides::default());
    }

    #[test]
    fn a_state_given_outside_the_file_starts_at_the_current_folder() {
        let given = Overrides::new(None, Some("here".into()), &|_| None).unwrap();
        let expected = std::env::current_dir().unwrap().join("here");
        assert_eq!(given.state.unwrap().text, expected.to_string_lossy());
    }
}
