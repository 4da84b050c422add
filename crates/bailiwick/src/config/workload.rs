//! `[workload_api]`: the socket at which local processes are told who they are.

use std::path::{Path, PathBuf};

use bailiwick_model::TrustDomain;

use super::{
    origin::Settings,
    read::{Table, filled},
};

/// The longest path of a socket that every system takes.
const PATH_MAX: usize = 100;

/// Where local processes are told who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkloadApi {
    /// The socket.
    pub(crate) socket: PathBuf,
    /// The trust domain whose ids are vouched for.
    pub(crate) trust_domain: TrustDomain,
}

/// Reads it; nothing is served where it is left out.
pub(super) fn read(
    root: &Table<'_>,
    home: &Path,
    settings: &mut Settings<'_>,
) -> Option<WorkloadApi> {
    let field = root.get("workload_api");
    if !field.is_given() {
        return None;
    }
    let read = field.table(|table| {
        let (socket, domain) =
            (table.get("socket").required(), table.get("trust_domain").required());
        let path = |text: &str| {
            let path = home.join(filled(text)?);
            if PATH_MAX < path.as_os_str().len() {
                return Err("a socket's path has at most 100 bytes");
            }
            Ok(path)
        };
        let trust_domain = domain.parsed::<TrustDomain>();
        let socket_path = socket.made(path)?.into_inner();
        let trust_domain = trust_domain?.into_inner();
        settings.add("workload_api.socket", &socket_path.display(), socket.at());
        settings.add("workload_api.trust_domain", &trust_domain, domain.at());
        Some(WorkloadApi { socket: socket_path, trust_domain })
    });
    read.flatten()
}
