//! What every broker has to keep, tried at each kind of target: real ones where there are some, and
//! strict stubs of those that no test can have.

pub(crate) mod exchange;
mod github;
mod kubernetes;
pub(crate) mod oauth;
mod postgres;
mod program;
mod ssh;
mod sts;
mod x509;

use std::{fs, path::Path, time::Duration};

use bailiwick_model::Timestamp;
use bailiwick_testkit::broker::Limit;

use crate::real::now;

/// Waits until the clock of this machine, which the target goes by, says that it is so late.
pub(crate) async fn until(at: Timestamp) {
    while now() < at {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn the_manual_says_what_each_kind_of_target_cannot() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/leases.md");
    let page = fs::read_to_string(page).unwrap();
    let kinds: &[(&str, &[Limit])] = &[
        ("postgres", postgres::LIMITS),
        ("ssh", ssh::LIMITS),
        ("x509", x509::LIMITS),
        ("oauth", oauth::LIMITS),
        ("exchange", exchange::LIMITS),
        ("kubernetes", kubernetes::LIMITS),
        ("program", program::LIMITS),
        ("sts", sts::LIMITS),
        ("github", github::LIMITS),
    ];
    for (kind, limits) in kinds {
        let said: Vec<_> = limits.iter().map(|it| it.words()).collect();
        let said = if said.is_empty() { "none".to_owned() } else { said.join(" · ") };
        let row = page.lines().find(|it| it.starts_with(&format!("| `{kind}` | ")));
        let row = row.unwrap_or_else(|| panic!("no row for `{kind}`"));
        assert!(row.ends_with(&format!(" | {said} |")), "{kind}: {said}, and not: {row}");
    }
}
