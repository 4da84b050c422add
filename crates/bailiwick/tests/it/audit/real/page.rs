//! The page in a real browser: as a person, a keyboard and a judge of what everybody can read see it.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::{super::House, INVICTUS, STRATUS, file};
use crate::real::parts::{Parts, skipped};

/// What a name of somebody else's may be made of. A name that turns the writing round is spelled out.
const HOSTILE: [(&str, &str); 4] = [
    ("role/<script>document.title='mine'</script>", "<script>document.title='mine'</script>"),
    ("role/</style></script><img src=x onerror=alert(1)>", "</style></script><img src=x"),
    ("role/\" onmouseover=\"alert(1)\" x='", "role/\" onmouseover=\"alert(1)\" x='"),
    ("role/safe\u{202e}drowssap", "role/safe\\u{202e}drowssap"),
];

/// Opens a page in the browser, where there is one, and gives what was seen. `wish` says what is typed, what is looked for, and
/// whether the judge looks too, who takes minutes over thousands of rows.
fn seen(house: &House, page: &str, wish: &Value) -> Option<Value> {
    let parts = Parts::find()?;
    let Some(browser) = parts.where_there_is("browser") else {
        skipped("there is no Chromium: install one, or let `cargo xtask real` fetch Debian's");
        return None;
    };
    let place = |name: &str| browser[name].as_str().unwrap_or_default();
    let (words, file) = (parts.words("page"), house.0.path().join("page.html"));
    fs::write(&file, page).unwrap();
    let ran = Command::new(&words[0])
        .args(&words[1..])
        .arg(&file)
        .arg(wish.to_string())
        .env("PACKAGES", parts.path("browser_driver"))
        .env("BROWSER", place("program"))
        .env("LIBRARIES", place("libraries"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}

/// Whatever the page is of.
fn is_sound(seen: &Value) {
    let (nothing, none) = (json!([]), json!(0));
    assert_eq!(seen["said"], nothing, "no error, no warning, no dialog");
    assert_eq!(seen["requests"], nothing, "it asks for nothing");
    for scheme in ["light", "dark"] {
        for width in [1280, 390] {
            assert_eq!(seen["overflow"][format!("{scheme} {width}")], none, "{scheme} {width}");
        }
    }
    assert_eq!(seen["title"], "What identities may do, and what they did");
    for (name, count) in [("script", 1), ("style", 1), ("img", 0), ("iframe", 0), ("link", 0)] {
        assert_eq!(seen["elements"][name], count, "{name}");
    }
    let policy = seen["policy"].as_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert_eq!(seen["printed"], json!({ "filter": "none", "cut": 0 }), "paper has all of it");
}

/// Whatever the page is of, everybody can read it: contrast, names of what has the focus, order of heads, size of targets.
fn is_readable(seen: &Value) {
    for scheme in ["light", "dark"] {
        assert_eq!(seen["judged"][scheme], json!([]), "{scheme}");
    }
    let passed = seen["passed"].as_array().unwrap();
    assert!(passed.contains(&json!("color-contrast")), "the judge looked: {passed:?}");
}

/// 1,996 users with keys that last, and four roles whose names are meant to do harm.
fn crowd() -> String {
    let one = |number: usize, who: Value, call: &str| {
        json!({
            "eventVersion": "1.08",
            "eventID": format!("00000000-0000-4000-8000-{number:012x}"),
            "eventTime": "2026-03-01T10:00:00Z",
            "eventSource": "s3.amazonaws.com",
            "eventName": call,
            "awsRegion": "eu-central-1",
            "eventType": "AwsApiCall",
            "recipientAccountId": "111122223333",
            "userIdentity": who,
        })
        .to_string()
    };
    let users = (0..1_996).map(|number| {
        let who = json!({
            "type": "IAMUser", "accountId": "111122223333",
            "arn": format!("arn:aws:iam::111122223333:user/bot-{number:04}"),
            "accessKeyId": format!("AKIAEXAMPLE000000{number:04}"),
        });
        one(number, who, "ListBuckets")
    });
    let roles = HOSTILE.iter().zip(9_000..).map(|((name, _), number)| {
        let issuer = json!({ "type": "Role", "arn": format!("arn:aws:iam::111122223333:{name}") });
        let who = json!({
            "type": "AssumedRole", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/x/y",
            "sessionContext": { "sessionIssuer": issuer },
        });
        one(number, who, "GetBucketAcl")
    });
    users.chain(roles).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_page_of_two_thousand_opens_at_once_and_harm_in_names_is_text() {
    let house = House::new();
    house.write("crowd.jsonl", crowd().as_bytes());
    let ran = house.run(&["crowd.jsonl", "--format", "html"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let needles: Vec<_> = HOSTILE.iter().map(|it| it.1).collect();
    let wish = json!({ "word": "BOT-0042 s3", "needles": needles });
    let Some(seen) = seen(&house, &ran.stdout, &wish) else { return };
    is_sound(&seen);
    assert_eq!(seen["needles"], json!([1, 1, 1, 1]), "each stands there as it is written");
    let rows = json!({
        "findings": 500, "heat": 200, "reach": 500, "chains": 0, "identities": 2_000, "unmapped": 0,
    });
    assert_eq!(seen["rows"], rows);
    assert!(seen["timing"].as_f64().unwrap() < 5_000.0, "{} ms", seen["timing"]);
    // Nobody needs a mouse.
    assert_ne!(seen["toFilter"], json!(0), "the filter has the focus after some tabs");
    assert_ne!(seen["focusIsSeen"], json!("none"));
    assert_eq!(seen["filtered"]["identities"], 1, "all of its words, in small letters or capitals");
    assert_eq!(seen["filtered"]["reach"], 0, "no reach names a service");
    let said = seen["filterSays"].as_str().unwrap();
    assert!(said.ends_with(" of 3200 rows"), "{said}");
    let left = seen["nothing"].as_object().unwrap();
    assert!(left.values().all(|it| *it == json!(0)), "{left:?}");
    assert_eq!(seen["again"], rows, "Escape shows all of them again");
    assert_ne!(seen["toScroll"], json!(0), "what scrolls takes keys");
    assert_eq!(seen["opens"], true);
}

#[test]
fn a_page_with_findings_grants_and_chains_can_be_read_by_everybody() {
    let house = House::new();
    let ran = house.run(&["log.jsonl", "--grants", "grants.json", "--format", "html"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let wish = json!({ "word": "static-key", "needles": [], "judge": true });
    let Some(seen) = seen(&house, &ran.stdout, &wish) else { return };
    is_sound(&seen);
    is_readable(&seen);
    let rows = json!({
        "findings": 2, "heat": 2, "reach": 2, "chains": 1, "identities": 2, "unmapped": 1,
    });
    assert_eq!(seen["rows"], rows);
    assert_eq!((&seen["filtered"]["findings"], &seen["filtered"]["heat"]), (&json!(1), &json!(0)));
}

#[test]
fn pages_of_logs_of_others_are_sound_and_can_be_read() {
    let house = House::new();
    for (name, grants) in [
        (STRATUS, None),
        ("k8s-audit2rbac/audit.jsonl.zst", None),
        (INVICTUS, Some("aws-iam-authz/example-authz-details.json")),
    ] {
        let Some(log) = file(name) else { return };
        let log = log.display().to_string();
        let grants = grants.and_then(file).map(|it| it.display().to_string());
        let mut words = vec![log.as_str(), "--format", "html"];
        words.extend(grants.iter().flat_map(|it| ["--grants", it.as_str()]));
        let ran = house.run(&words);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        let wish = json!({ "word": "arn:aws", "needles": [], "judge": true });
        let Some(seen) = seen(&house, &ran.stdout, &wish) else { return };
        is_sound(&seen);
        is_readable(&seen);
        assert_ne!(seen["rows"]["identities"], json!(0), "{name}");
    }
}
