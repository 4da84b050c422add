//! Where a Workload API listens: of what `SPIFFE_ENDPOINT_SOCKET` may say (SPIFFE Workload Endpoint, section 4)
//! the Unix sockets alone.
//!
//! A port is whoever's who was first: while the agent is away, any account of this machine could tell
//! bundles in its place.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where a Workload API listens: at a Unix socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadPlace(PathBuf);

/// Not a place of a Workload API that may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadPlaceError {
    /// No place.
    #[error("it is not `unix:` with an absolute path")]
    Other,
    /// A port.
    #[error(
        "any account can take a port while the agent is away: name the agent's Unix socket, `unix:` with an absolute path"
    )]
    Port,
}

impl WorkloadPlace {
    /// Gives the socket.
    pub fn socket(&self) -> &Path {
        &self.0
    }
}

impl FromStr for WorkloadPlace {
    type Err = WorkloadPlaceError;

    fn from_str(text: &str) -> Result<Self, WorkloadPlaceError> {
        if text.starts_with("tcp:") {
            return Err(WorkloadPlaceError::Port);
        }
        let plain = |it: &&str| !it.contains(['?', '#', '\0']);
        let rest = text.strip_prefix("unix:").filter(plain).ok_or(WorkloadPlaceError::Other)?;
        // Nobody is named between the slashes.
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let good = path.starts_with('/') && !path.starts_with("//") && 1 < path.len();
        if good { Ok(Self(path.into())) } else { Err(WorkloadPlaceError::Other) }
    }
}

impl fmt::Display for WorkloadPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unix:{}", self.0.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_socket() {
        for text in ["unix:/run/spire/agent.sock", "unix:///run/spire/agent.sock"] {
            let place = text.parse::<WorkloadPlace>().unwrap();
            assert_eq!(place.to_string(), "unix:/run/spire/agent.sock");
            assert_eq!(place.socket(), Path::new("/run/spire/agent.sock"));
        }
        for text in [
            "",
            "/run/agent.sock",
            "unix:",
            "unix:agent.sock",
            "unix:/",
            "unix://host/run/agent.sock",
            "unix:////run",
            "unix:///run/agent.sock?x=1",
            "https://127.0.0.1:8081",
        ] {
            assert_eq!(text.parse::<WorkloadPlace>(), Err(WorkloadPlaceError::Other), "{text}");
        }
    }

    #[test]
    fn a_port_is_no_place_whoever_could_be_reached_there() {
        for text in
            ["tcp:127.0.0.1:8081", "tcp://127.0.0.1:8081", "tcp://[::1]:8081", "tcp:10.0.0.1:8081"]
        {
            assert_eq!(text.parse::<WorkloadPlace>(), Err(WorkloadPlaceError::Port), "{text}");
        }
    }
}
