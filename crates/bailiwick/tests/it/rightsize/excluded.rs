//! What somebody excluded stays, and the whole window is needed.

use serde_json::json;

use super::House;

const WORDS: [&str; 4] = ["deployer", "log.jsonl", "--grants", "grants.json"];

fn with<'w>(more: &[&'w str]) -> Vec<&'w str> {
    WORDS.iter().chain(more).copied().collect()
}

#[test]
fn a_log_of_a_few_days_takes_nothing_away_and_the_certificate_says_so() {
    let house = House::new();
    let ran = house.run(&with(&["--out", "out"]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let certificate = house.read("out/certificate.json");
    assert_eq!(certificate["removed"]["actions"], json!([]));
    assert_eq!(certificate["wishes"]["window_days"], 90);
    let kept = certificate["kept"]["too_few_days"].as_array().unwrap();
    assert!(kept.contains(&json!("ec2:StopInstances")), "{kept:?}");
}

#[test]
fn what_is_excluded_stays_and_the_certificate_says_why_and_holds() {
    let house = House::new();
    let exclude = |permission: &str, until: &str| {
        format!(
            "[[exclude]]\npermission = \"{permission}\"\nreason = \"by hand\"\nowner = \"ana\"\nuntil = {until}\n"
        )
    };
    let all = [
        exclude("aws:ec2:Stop*", "2026-06-01"),
        exclude("aws:s3:*", "2026-03-02"),
        exclude("kubernetes:*", "2026-06-01"),
    ];
    house.write("excluded.toml", &all.concat());
    let more = ["--window", "2d", "--grace", "0d", "--out", "out", "--exclude", "excluded.toml"];
    let ran = house.run(&with(&more));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let certificate = house.read("out/certificate.json");
    assert_eq!(certificate["kept"]["named"], json!(["ec2:StopInstances"]));
    assert_eq!(certificate["wishes"]["keep"], json!(["ec2:Stop*"]));
    let removed = certificate["removed"]["actions"].as_array().unwrap();
    assert!(removed.contains(&json!("s3:DeleteObject")), "its exclusion has ended");
    assert_eq!(
        certificate["notes"],
        json!([
            "aws:ec2:Stop* stays until 2026-06-01T00:00:00.000Z: by hand (ana)",
            "the exclusion of aws:s3:* ended at 2026-03-02T00:00:00.000Z, and counts no more",
        ])
    );
    assert_eq!(house.verify().code, 0);
}
