//! Unpacks packages of Debian's below `target/real`, and installs none.

use std::path::PathBuf;
use std::process::Command;

use super::Places;
use crate::run;

/// Unpacks them, and returns the folder; nothing where there are no such packages, which is no fault.
pub(super) fn unpack(
    places: &Places,
    part: &str,
    what: &str,
    packages: &[&str],
) -> Option<PathBuf> {
    if !run::answers("dpkg", &["--version"]) {
        return None;
    }
    let unpacked = places.once(part, &[], |folder| {
        run::quietly(
            Command::new("apt-get").args(["-qq", "download"]).args(packages).current_dir(folder),
        )?;
        for file in std::fs::read_dir(folder)? {
            run::quietly(Command::new("dpkg").arg("-x").arg(file?.path()).arg(folder))?;
        }
        Ok(())
    });
    if let Err(error) = unpacked {
        run::tell(&format!("    {what} is left out: {error:#}"));
        return None;
    }
    Some(places.home.join(part))
}
