//! What the ledger may show, and what it never does.

use std::collections::BTreeMap;

use bailiwick_model::{
    Action, ActionKind, Asked, AskedKind, AskedPart, CallDigest, Digest, Explanation, HoldStatus,
    JsonLimits, JudgedChange, Otherwise, PartSaid, Saw, Timestamp, Ulid, VerdictKind,
};

use super::*;

fn evidence(keep: Keep) -> Evidence {
    let dir = tempfile::tempdir().unwrap();
    let key = EvidenceKey::load_or_create(&dir.path().join("evidence.key")).unwrap();
    Evidence::new(keep, Arc::new(key))
}

/// Says whether a text is hidden.
fn hides(text: &str) -> bool {
    let shown = evidence(Keep::Redacted).text(text);
    assert!(shown == text || shown.starts_with("hmac:"), "{shown}");
    shown != text
}

#[test]
fn long_mixed_words_are_hidden_wherever_they_stand() {
    for text in [
        "9f86d081884c7d659a2feaa0c55ad015",
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB0000",
        "abcdefghijklmnopABCDEFGHIJKLMNOP",
        "https://e.example/x?key=9f86d081884c7d659a2feaa0c55ad015",
        "(`9f86d081884c7d659a2feaa0c55ad015`)",
        "`AKIAIOSFODNN7EXAMPLE`",
        "a.9f86d081884c7d659a2feaa0c55ad015.b",
        "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x",
        "-----BEGIN PRIVATE KEY-----",
        "sha256:9f86d081884c7d659a2feaa0c55ad015",
    ] {
        assert!(hides(text), "{text}");
    }
}

#[test]
fn names_numbers_digests_and_ids_stay_readable() {
    let digest = Digest::of(b"x").to_string();
    let uuid = "0b5f6b0e-7d4c-4c39-9c5d-2f6d1f0a9b11";
    let id = bailiwick_model::TaskId::new(Ulid::new(Timestamp::default(), [7; 10])).to_string();
    for text in [
        "the definition of `export` is no longer the accepted one",
        "/srv/data/quarterly-results/2026-11-23-report-of-the-board.txt",
        "averyveryverylongwordthatsomebodytypedinonego",
        "12345678901234567890123456789012345",
        digest.as_str(),
        uuid,
        id.as_str(),
        "an_identifier_of_many_short_words_and_42",
    ] {
        assert!(!hides(text), "{text}");
    }
}

#[test]
fn a_member_is_hidden_by_its_name() {
    let shown = |name: &str| {
        let value = Json::Object(BTreeMap::from([(name.to_owned(), Json::Text("x".to_owned()))]));
        let record = evidence(Keep::Full).arguments(&value, Sensitivity::Public);
        record.text() == value.canonical()
    };
    for name in ["pwd", "db_pass", "otp", "sessionId", "Session", "jwt", "signing_key", "API-Key"] {
        assert!(!shown(name), "{name}");
    }
    for name in ["compass", "passenger", "key", "keys", "monkey", "path", "hotpot"] {
        assert!(shown(name), "{name}");
    }
}

#[test]
fn a_sentence_loses_its_secret_and_keeps_its_sense() {
    let evidence = evidence(Keep::Redacted);
    let secret = "9f86d081884c7d659a2feaa0c55ad015";
    let text = format!("`{secret}` of `files` is in no line, and neither is {secret}");
    let hidden = evidence.phrase(secret);
    assert_eq!(
        evidence.phrase(&text),
        format!("`{hidden}` of `files` is in no line, and neither is {hidden}")
    );
}

/// Law 14, for holds: what people are shown of one.
#[test]
fn a_hold_is_shown_without_secrets_in_its_uri_its_reasons_or_its_places() {
    let secret = "ghp_0123456789abcdefABCDEF0123456789abcd";
    let uri = format!("https://git.example/{secret}/x");
    let action =
        Action { server: "git".parse().unwrap(), kind: ActionKind::Resource, name: uri.clone() };
    let ulid = Ulid::new(Timestamp::default(), [7; 10]);
    let hold = Hold {
        id: bailiwick_model::HoldId::new(ulid),
        decision: bailiwick_model::DecisionId::new(ulid),
        task: bailiwick_model::TaskId::new(ulid),
        caller: "ann".parse().unwrap(),
        via: Vec::new(),
        call: CallDigest::of(&action, &Json::Null),
        action,
        resources: BTreeSet::from([uri.clone()]),
        destinations: BTreeSet::from([uri.clone()]),
        arguments: "{}".to_owned(),
        reasons: BTreeSet::from([Reason::new(
            ReasonCode::OutsideGrant,
            format!("`{uri}` of `git` is in no line"),
            uri.clone(),
        )]),
        policy: "p".to_owned(),
        opened: Timestamp::default(),
        expires: Timestamp::default(),
        status: HoldStatus::Waiting,
    };
    for keep in [Keep::Full, Keep::Redacted, Keep::Digest] {
        let shown = serde_json::to_string(&evidence(keep).hold(hold.clone())).unwrap();
        assert!(!shown.contains(secret), "{shown}");
        assert!(shown.contains("is in no line"), "{shown}");
        assert!(!shown.contains("git.example"), "the whole place is one digest: {shown}");
    }
    let many: BTreeSet<String> = (0..5000).map(|it| format!("/srv/{it}")).collect();
    let wide = Hold { resources: many.clone(), destinations: many, ..hold.clone() };
    let shown = evidence(Keep::Full).hold(wide);
    assert_eq!((shown.resources.len(), shown.destinations.len()), (MANY + 1, MANY + 1));
    let limits = JsonLimits::default();
    assert!(Json::parse(serde_json::to_string(&hold).unwrap().as_bytes(), limits).is_ok());
}

#[test]
fn where_only_digests_are_kept_tools_still_have_their_names_and_resources_none() {
    let evidence = evidence(Keep::Digest);
    let action =
        |kind, name: &str| Action { server: "git".parse().unwrap(), kind, name: name.to_owned() };
    assert_eq!(evidence.action(&action(ActionKind::Tool, "push")).name, "push");
    assert!(evidence.action(&action(ActionKind::Resource, "a:b")).name.starts_with("hmac:"));
    let why = Reason::new(ReasonCode::OutsideGrant, "`a:b` of `git`", "a:b");
    let shown = evidence.reason(&why, &action(ActionKind::Resource, "a:b"));
    assert!(!shown.text.contains("a:b") && shown.text.ends_with("of `git`"), "{}", shown.text);
    assert!(!shown.source.contains("a:b"), "{}", shown.source);
}

#[test]
fn what_is_long_is_cut_and_can_still_be_shown_to_be_what_was_sent() {
    let evidence = evidence(Keep::Full);
    let long = "word é ".repeat(100_000);
    let shown = evidence.text(&long);
    assert!(shown.starts_with("word é ") && shown.len() < 400, "{}", shown.len());
    assert!(shown.ends_with(&format!("(of {} bytes, {})", long.len(), evidence.key.digest(&long))));
    assert_eq!(evidence.phrase(&long), shown);

    let list = Json::List(vec![Json::Text("a word".to_owned()); 100_000]);
    let sent = Json::Object(BTreeMap::from([("all".to_owned(), list)]));
    let kept = evidence.arguments(&sent, Sensitivity::Public);
    assert!(kept.text().len() < 8 << 10, "{}", kept.text().len());
    let kept = Json::parse(kept.text().as_bytes(), JsonLimits::default()).unwrap();
    let digest = kept.get("digest").and_then(Json::as_text).unwrap().to_owned();
    assert_eq!(digest, evidence.key.digest(&sent.canonical()));

    let many: BTreeSet<String> = (0..5000).map(|it| format!("/srv/{it}")).collect();
    let shown = evidence.texts(&many);
    assert_eq!(shown.len(), MANY + 1);
    assert!(shown.iter().any(|it| it.contains("of 5000, hmac:")), "{shown:?}");
}

proptest::proptest! {
    #[test]
    fn short_evidence_is_whole_and_none_is_long(words in proptest::collection::vec("[a-z é]{0,9}", 0..600)) {
        let evidence = evidence(Keep::Full);
        let text = words.concat();
        let shown = evidence.text(&text);
        proptest::prop_assert!(shown == text || 2048 < text.len() && shown.len() < 400);
    }
}

/// Makes an explanation in which a part saw these values.
fn told(values: [(&str, &str); 5]) -> Explanation {
    Explanation {
        asked: vec![Asked {
            by: "p".to_owned(),
            kind: AskedKind::Forbid,
            file: None,
            line: None,
            resource: Some("/srv/x".to_owned()),
            applies: Some(true),
            observed: false,
            parts: vec![AskedPart {
                text: "context.input.password == \"written in the policy\"".to_owned(),
                unless: false,
                line: None,
                span: None,
                said: PartSaid::Fails,
                error: None,
                saw: values
                    .map(|(name, value)| Saw {
                        name: name.to_owned(),
                        value: Some(value.to_owned()),
                        hidden: false,
                    })
                    .to_vec(),
            }],
        }],
        more: 0,
        judged: vec![JudgedChange {
            verdict: VerdictKind::Allow,
            changes: vec![
                Otherwise::Argument {
                    path: vec!["path".to_owned()],
                    value: "\"hunter2\"".to_owned(),
                    from: Some("context.task.params.password".to_owned()),
                    hidden: false,
                },
                Otherwise::Param {
                    name: "note".to_owned(),
                    value: "hunter2".to_owned(),
                    from: Some("context.input.password".to_owned()),
                    hidden: false,
                },
                Otherwise::Argument {
                    path: vec!["n".to_owned()],
                    value: "5".to_owned(),
                    from: None,
                    hidden: false,
                },
            ],
        }],
    }
}

#[test]
fn an_explanation_hides_what_the_arguments_hide() {
    let values = [
        ("context.input.password", "\"hunter2\""),
        ("context.input.list", "[\"ghp_0123456789abcdefABCDEF0123456789abcd\"]"),
        ("context.input.amount", "7"),
        ("context.task.params.token", "\"hunter2\""),
        ("context.environment", "\"production\""),
    ];
    for (keep, sensitivity, hidden) in [
        (Keep::Full, Sensitivity::Restricted, [true, true, false, true, false]),
        (Keep::Redacted, Sensitivity::Internal, [true, true, false, true, false]),
        (Keep::Redacted, Sensitivity::Confidential, [true, true, true, true, false]),
        (Keep::Digest, Sensitivity::Public, [true, true, true, true, false]),
    ] {
        let shown = evidence(keep).explanation(told(values), sensitivity);
        let saw: Vec<bool> = shown.asked[0].parts[0].saw.iter().map(|it| it.hidden).collect();
        assert_eq!(saw, hidden, "{keep:?} {sensitivity}");
        let text = format!("{shown:?}");
        assert!(!text.contains("hunter2") && !text.contains("ghp_"), "{text}");
        assert!(text.contains("written in the policy") && text.contains("production"));
        assert!(matches!(
            &shown.judged[0].changes[2],
            Otherwise::Argument { value, hidden: false, .. } if value == "5"
        ));
    }
}
