//! Events against the schema of OCSF itself, as a package of others carries it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{super::House, INVICTUS, STRATUS, file};
use crate::real::parts::Parts;

/// Holds events against the schema.
fn judged(parts: &Parts, events: &str) -> Value {
    let words = parts.words("ocsf");
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg("1.8.0").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(events.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success());
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn our_own_events_are_of_the_schema_and_wrong_ones_are_not() {
    let Some(parts) = Parts::find() else { return };
    let ran = House::new().run(&["log.jsonl", "--format", "ocsf"]);
    let told = judged(&parts, &ran.stdout);
    assert_eq!((&told["version"], &told["faults"]), (&json!("1.8.0"), &json!({})));
    assert_eq!(told["classes"], json!({ "api_activity": 8, "authentication": 1 }));
    for (from, to) in [
        ("\"api\":{", "\"apis\":{"),
        ("\"status\":\"Success\"", "\"status\":\"Fine\""),
        ("\"programmatic_credentials\":[{\"uid\":", "\"credential_uid\":[{\"uid\":"),
        ("\"time\":1772", "\"time\":1"),
    ] {
        assert!(ran.stdout.contains(from), "{from}");
        let told = judged(&parts, &ran.stdout.replace(from, to));
        assert_ne!(told["faults"], json!({}), "{to}");
    }
}

#[test]
fn every_event_of_every_log_of_others_is_of_the_schema() {
    let Some(parts) = Parts::find() else { return };
    let (house, mut events) = (House::new(), 0);
    let samples = [
        "AWS_CloudTrail",
        "Amazon_EKS_Audit",
        "Anthropic_Activity",
        "Azure_Audit",
        "Azure_MonitorActivity",
        "GCP_AuditLog",
        "GSuite_ActivityEvent",
        "GitHub_Audit",
        "Okta_SystemLog",
        "OpenAI_Audit",
    ];
    let samples = samples.iter().map(|it| format!("panther-tests/{it}.jsonl.zst"));
    let whole = [INVICTUS, STRATUS, "k8s-audit2rbac/audit.jsonl.zst"];
    for name in whole.into_iter().map(str::to_owned).chain(samples) {
        let Some(log) = file(&name) else { return };
        let ran = house.run(&[&log.display().to_string(), "--format", "ocsf"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        let told = judged(&parts, &ran.stdout);
        assert_eq!(told["faults"], json!({}), "{name}");
        let count = told["events"].as_u64().unwrap();
        assert_ne!(count, 0, "{name}");
        events += count;
    }
    assert_eq!(events, 3_815);
}
