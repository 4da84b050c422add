//! Where a Workload API listens: what `SPIFFE_ENDPOINT_SOCKET` may say (SPIFFE Workload Endpoint, section 4).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// Where a Workload API listens: on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadPlace {
    /// At a Unix socket.
    Socket(PathBuf),
    /// At a loopback address.
    Loopback(SocketAddr),
}

/// Not a place of a Workload API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is neither `unix:` with an absolute path nor `tcp:` with a loopback address and a port"
)]
pub struct WorkloadPlaceError;

impl FromStr for WorkloadPlace {
    type Err = WorkloadPlaceError;

    fn from_str(text: &str) -> Result<Self, WorkloadPlaceError> {
        let plain = |it: &&str| !it.contains(['?', '#', '\0']);
        if let Some(rest) = text.strip_prefix("unix:").filter(plain) {
            let path = match rest.strip_prefix("//") {
                // Nobody is named between the slashes.
                Some(path) => path,
                None => rest,
            };
            let good = path.starts_with('/') && !path.starts_with("//") && 1 < path.len();
            return if good { Ok(Self::Socket(path.into())) } else { Err(WorkloadPlaceError) };
        }
        let rest = text.strip_prefix("tcp:").filter(plain).ok_or(WorkloadPlaceError)?;
        let address: SocketAddr =
            rest.strip_prefix("//").unwrap_or(rest).parse().map_err(|_| WorkloadPlaceError)?;
        let local: IpAddr = address.ip().to_canonical();
        if local.is_loopback() && address.port() != 0 {
            Ok(Self::Loopback(address))
        } else {
            Err(WorkloadPlaceError)
        }
    }
}

impl fmt::Display for WorkloadPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(out, "unix:{}", path.display()),
            Self::Loopback(address) => write!(out, "tcp:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_socket_or_a_loopback_address() {
        for (text, shown) in [
            ("unix:/run/spire/agent.sock", "unix:/run/spire/agent.sock"),
            ("unix:///run/spire/agent.sock", "unix:/run/spire/agent.sock"),
            ("tcp:127.0.0.1:8081", "tcp:127.0.0.1:8081"),
            ("tcp://127.0.0.1:8081", "tcp:127.0.0.1:8081"),
            ("tcp://[::1]:8081", "tcp:[::1]:8081"),
        ] {
            assert_eq!(text.parse::<WorkloadPlace>().unwrap().to_string(), shown);
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
            "tcp:10.0.0.1:8081",
            "tcp:0.0.0.0:8081",
            "tcp:127.0.0.1:0",
            "tcp:127.0.0.1",
            "tcp:localhost:8081",
            "tcp:127.0.0.1:8081/path",
            "https://127.0.0.1:8081",
        ] {
            assert_eq!(text.parse::<WorkloadPlace>(), Err(WorkloadPlaceError), "{text}");
        }
    }
}
