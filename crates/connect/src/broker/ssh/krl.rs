//! The list of certificates that count no more (`PROTOCOL.krl`).

use bailiwick_model::Timestamp;

use super::words::Written;

const MAGIC: &[u8] = b"SSHKRL\n\0";
const FORMAT: u32 = 1;
/// A section about the certificates of one authority, and in it a list of serials.
const CERTIFICATES: u8 = 1;
const SERIALS: u8 = 0x20;

/// Writes the list of these serials of one authority.
pub(super) fn list(authority: &[u8], mut serials: Vec<u64>, now: Timestamp) -> Vec<u8> {
    serials.sort_unstable();
    serials.dedup();
    let (version, made) = (now.millis(), now.seconds());
    let [version, made] = [version, made].map(|it| u64::try_from(it).unwrap_or(0));
    let head = Written::default().raw(MAGIC).u32(FORMAT).u64(version).u64(made).u64(0);
    let head = head.string(b"").string(b"bailiwick");
    if serials.is_empty() {
        return head.done();
    }
    let serials = serials.into_iter().fold(Written::default(), Written::u64).done();
    let section = Written::default().string(authority).string(b"");
    let section = section.raw(&[SERIALS]).string(&serials).done();
    head.raw(&[CERTIFICATES]).string(&section).done()
}
