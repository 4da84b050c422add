//! One user certificate (`PROTOCOL.certkeys`).

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{key::Key, words::Written};

const KIND: &str = "ssh-ed25519-cert-v01@openssh.com";
/// It is for somebody who signs in, not for a host.
const FOR_USERS: u32 = 1;

/// What a certificate says.
pub(super) struct Certificate<'c> {
    pub(super) serial: u64,
    pub(super) key_id: &'c str,
    pub(super) principals: &'c [String],
    /// In seconds since 1970-01-01 UTC, like the next.
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) command: Option<&'c str>,
    pub(super) sources: &'c [String],
    pub(super) terminal: bool,
}

impl Certificate<'_> {
    /// Signs it for the holder's key, and writes it as a line.
    pub(super) fn signed(&self, holder: &Key, authority: &Key, nonce: [u8; 32]) -> String {
        let seconds = |at: i64| u64::try_from(at).unwrap_or(0);
        let principals =
            self.principals.iter().fold(Written::default(), |it, name| it.string(name.as_bytes()));
        let body = Written::default()
            .string(KIND.as_bytes())
            .string(&nonce)
            .string(holder.public())
            .u64(self.serial)
            .u32(FOR_USERS)
            .string(self.key_id.as_bytes())
            .string(&principals.done())
            .u64(seconds(self.from))
            .u64(seconds(self.until))
            .string(&self.critical())
            .string(&self.extensions())
            .string(b"")
            .string(&authority.blob());
        let body = body.done();
        let signature = authority.sign(&body);
        let whole = Written::default().raw(&body).string(&signature).done();
        format!("{KIND} {} {}\n", STANDARD.encode(whole), self.key_id)
    }

    /// What whoever does not know it must refuse: in the order of their names.
    fn critical(&self) -> Vec<u8> {
        let option = |it: Written, name: &[u8], value: &str| {
            it.string(name).string(&Written::default().string(value.as_bytes()).done())
        };
        let mut options = Written::default();
        if let Some(command) = self.command {
            options = option(options, b"force-command", command);
        }
        if !self.sources.is_empty() {
            options = option(options, b"source-address", &self.sources.join(","));
        }
        options.done()
    }

    /// What is allowed beyond signing in. Forwarding is not.
    fn extensions(&self) -> Vec<u8> {
        let none = Written::default();
        if self.terminal { none.string(b"permit-pty").string(b"").done() } else { none.done() }
    }
}
