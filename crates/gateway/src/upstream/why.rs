//! Why a server is not up: in short for whoever calls, whole for whoever runs it.

/// A reason. Only what is short may reach an agent: a server's own words are not for those whom
/// it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    short: String,
    whole: String,
}

impl Why {
    pub(super) fn new(short: &str, whole: String) -> Self {
        Self { short: short.to_owned(), whole }
    }

    /// Gives what anyone may read.
    pub(super) fn short(&self) -> &str {
        &self.short
    }

    /// Gives everything that is known, for people and for the log.
    pub(super) fn whole(&self) -> &str {
        &self.whole
    }
}

impl From<String> for Why {
    /// Takes a reason that anyone may read.
    fn from(why: String) -> Self {
        Self { short: why.clone(), whole: why }
    }
}
