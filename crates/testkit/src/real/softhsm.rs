//! `SoftHSM`: a token of PKCS#11 in software, with a key that never leaves it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{parts, skipped};

/// The PIN of every token.
pub const PIN: &str = "hsm-pin-7351";

/// A token, and the folder that holds it.
#[derive(Debug)]
pub struct SoftHsm {
    folder: PathBuf,
    part: PathBuf,
}

impl SoftHsm {
    /// Makes a token `bailiwick` in `folder`; nothing where there is no `SoftHSM` on this machine.
    pub fn start(folder: &Path) -> Option<Self> {
        let part = parts().and_then(|it| it.get("softhsm")?.as_str().map(PathBuf::from));
        let Some(part) = part else {
            skipped(
                "there is no SoftHSM: `cargo xtask real` unpacks it where Debian's packages are",
            );
            return None;
        };
        let it = Self { folder: folder.to_owned(), part };
        fs::create_dir_all(folder.join("tokens")).expect("its folder can be made");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            folder.join("tokens").display()
        );
        fs::write(it.configuration(), text).expect("its configuration can be written");
        it.util(&["--init-token", "--free", "--label", "bailiwick", "--so-pin", "87654321"]);
        Some(it)
    }

    /// Puts a new key of AES into the token.
    pub fn key(&self, label: &str, id: &str, bytes: &[u8; 32]) {
        let file = self.folder.join("key.bin");
        fs::write(&file, bytes).expect("the key can be written");
        let path = file.display().to_string();
        let words =
            ["--import", &path, "--aes", "--token", "bailiwick", "--label", label, "--id", id];
        self.util(&words);
        fs::remove_file(file).expect("the key is there");
    }

    /// Gives the module that speaks with the token.
    pub fn module(&self) -> PathBuf {
        self.part.join("usr/lib/softhsm/libsofthsm2.so")
    }

    /// Gives the configuration, which the module finds by the variable `SOFTHSM2_CONF`.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    /// Takes the token out, or puts it back in.
    pub fn is_in(&self, there: bool) {
        let (inside, outside) = (self.folder.join("tokens"), self.folder.join("taken-out"));
        let (from, to) = if there { (&outside, &inside) } else { (&inside, &outside) };
        if there {
            fs::remove_dir(&inside).expect("an empty folder");
        }
        fs::rename(from, to).expect("it can be moved");
        if !there {
            fs::create_dir(&inside).expect("an empty folder");
        }
    }

    fn util(&self, words: &[&str]) {
        let module = self.module();
        let ran = Command::new(self.part.join("usr/bin/softhsm2-util"))
            .args(words)
            .args(["--pin", PIN, "--module"])
            .arg(&module)
            .env("SOFTHSM2_CONF", self.configuration())
            .output()
            .expect("its tool runs");
        assert!(ran.status.success(), "softhsm2-util {words:?}: {ran:?}");
    }
}
