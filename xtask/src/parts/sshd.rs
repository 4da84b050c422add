//! Unpacks an OpenSSH server where Debian's packages are to be had, without installing it.

use std::path::PathBuf;

use super::{Places, debian};

/// The server, and a library that it wants.
const PACKAGES: [&str; 2] = ["openssh-server", "libwrap0"];

/// Unpacks it, and returns the program; nothing where there is no such package, which is no fault.
pub(super) fn unpack(places: &Places) -> Option<PathBuf> {
    let folder = debian::unpack(places, "sshd", "the OpenSSH server", &PACKAGES)?;
    Some(folder.join("usr/sbin/sshd"))
}
