//! Unpacks an OpenSSH server where Debian's packages are to be had, without installing it.

use std::path::PathBuf;
use std::process::Command;

use super::Places;
use crate::run;

/// The server, and a library that it wants.
const PACKAGES: [&str; 2] = ["openssh-server", "libwrap0"];

/// Unpacks it, and returns the program; nothing where there is no such package, which is no fault.
pub(super) fn unpack(places: &Places) -> Option<PathBuf> {
    if !run::answers("dpkg", &["--version"]) {
        return None;
    }
    let unpacked = places.once("sshd", &[], |folder| {
        run::quietly(
            Command::new("apt-get").args(["-qq", "download"]).args(PACKAGES).current_dir(folder),
        )?;
        for file in std::fs::read_dir(folder)? {
            run::quietly(Command::new("dpkg").arg("-x").arg(file?.path()).arg(folder))?;
        }
        Ok(())
    });
    if let Err(error) = unpacked {
        run::tell(&format!("    the OpenSSH server is left out: {error:#}"));
        return None;
    }
    Some(places.home.join("sshd/usr/sbin/sshd"))
}
