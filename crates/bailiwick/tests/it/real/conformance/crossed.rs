//! The suite of one era, and behind the gateway a server of the other: what cannot be bridged is
//! written down, and nothing else may fail.

use std::collections::BTreeSet;

use super::{super::parts::Parts, through};

/// Why checks do not pass, and which.
type Missing = (&'static str, &'static [&'static str]);

const NEWER_SUITE_OVER_OLDER_SERVER: &[Missing] = &[
    (
        "a server up to 2025-11-25 knows no rounds, so none of its tools asks in one",
        &[
            "input-required-result-basic-elicitation: sep-2322-elicitation-incomplete",
            "input-required-result-basic-list-roots: sep-2322-list-roots-incomplete",
            "input-required-result-basic-sampling: sep-2322-sampling-incomplete",
            "input-required-result-capability-check: sep-2322-respect-client-capabilities",
            "input-required-result-ignore-extra-params: sep-2322-ignore-unexpected-params",
            "input-required-result-missing-input-response: sep-2322-missing-response-rerequests",
            "input-required-result-multi-round: sep-2322-multi-round-r1",
            "input-required-result-multiple-input-requests: sep-2322-multiple-inputs-incomplete",
            "input-required-result-non-tool-request: sep-2322-non-tool-incomplete",
            "input-required-result-request-state: sep-2322-request-state-incomplete",
            "input-required-result-result-type: sep-2322-result-type-included",
            "input-required-result-tampered-state: sep-2322-reject-tampered-state",
        ],
    ),
    (
        "such a server is told once for all callers what can be asked for, and not of each request",
        &[
            "server-stateless: sep-2575-missing-capability-http-400",
            "server-stateless: sep-2575-server-rejects-undeclared-capability",
        ],
    ),
];

#[test]
fn a_newer_client_at_an_older_server_misses_only_what_such_a_server_cannot_do() {
    check("2026-07-28", "legacy", NEWER_SUITE_OVER_OLDER_SERVER);
}

#[test]
fn an_older_client_at_a_newer_server_misses_nothing() {
    check("2025-11-25", "modern", &[]);
}

fn check(requirements: &str, era: &str, missing: &[Missing]) {
    let Some(parts) = Parts::find() else { return };
    let results = through(&parts, requirements, era);
    let bad =
        results.iter().filter(|(_, it)| it.contains_key("FAILURE") || it.contains_key("WARNING"));
    let bad: BTreeSet<&str> = bad.map(|(check, _)| check.as_str()).collect();
    let known: BTreeSet<&str> = missing.iter().flat_map(|(_, it)| it.iter().copied()).collect();
    assert_eq!(bad, known, "left is what does not pass, right what is known not to");
    assert!(40 < results.len(), "only {} checks ran", results.len());
}
