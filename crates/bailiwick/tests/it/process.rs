//! A governor's process as the system sees it, and sockets that hardly take anything.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
};

use rustix::net::{
    AddressFamily, SocketType, connect, socket, sockopt::set_socket_recv_buffer_size,
};

use crate::governor::{Governor, PATIENCE};

fn folder(governor: &Governor) -> PathBuf {
    Path::new("/proc").join(governor.pid().to_string())
}

/// Gives how much memory a governor has now, in KiB.
pub(crate) fn memory(governor: &Governor) -> u64 {
    let status = fs::read_to_string(folder(governor).join("status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Gives how many descriptors a governor has.
pub(crate) fn descriptors(governor: &Governor) -> usize {
    fs::read_dir(folder(governor).join("fd")).unwrap().count()
}

/// Connects with as little room for what comes as the system lets one have.
pub(crate) fn narrow(to: &str) -> TcpStream {
    let to: SocketAddr = to.parse().unwrap();
    let made = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    // Before it connects, or the system takes a whole answer for it.
    set_socket_recv_buffer_size(&made, 4096).unwrap();
    connect(&made, &to).unwrap();
    let stream = TcpStream::from(made);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
