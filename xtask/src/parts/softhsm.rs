//! Unpacks `SoftHSM`, a token of PKCS#11 in software, where Debian's packages are to be had, without
//! installing it.

use std::path::{Path, PathBuf};

use super::{Places, debian};

/// Its tool and its library.
const PACKAGES: [&str; 3] = ["softhsm2", "libsofthsm2", "softhsm2-common"];

/// Unpacks it, and returns its folder; nothing where there is no such package, which is no fault.
pub(super) fn unpack(places: &Places) -> Option<PathBuf> {
    let folder = debian::unpack(places, "softhsm", "SoftHSM", &PACKAGES)?;
    Some(folder).filter(|it| works(it))
}

/// It is not alone in the world: its libraries may be missing.
fn works(folder: &Path) -> bool {
    crate::run::answers(folder.join("usr/bin/softhsm2-util"), &["--version"])
}
