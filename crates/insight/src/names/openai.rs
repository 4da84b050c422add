//! Events of `OpenAI`'s audit log: sign-ins are no permission's, and for the rest nothing says which is.

use super::table::Table;

pub(super) const TABLE: Table = Table {
    permissions: &[],
    permissionless: &[],
    internal: &["login.failed", "login.succeeded", "logout.failed", "logout.succeeded"],
};
