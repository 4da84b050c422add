//! What is minted, and that it verifies.

use bailiwick_model::{AllowLine, EndCause, IdentityId, Layer};

use super::*;

#[test]
fn a_minted_token_verifies_and_says_what_its_task_says() {
    let house = House::new();
    let verified = house.verify(house.token().expose(), NOW).unwrap();
    assert_eq!(verified.task.as_str(), TASK);
    assert_eq!(verified.identity.as_str(), "triage-agent");
    assert_eq!((verified.generation, verified.policy.as_str()), (7, "sha256:1"));
    assert_eq!(verified.audience, Audience::All);
    assert_eq!(verified.issued, Timestamp::from_millis(1_800_000_000_000));
    assert_eq!(verified.expires, Timestamp::from_millis(1_800_000_300_000));
    assert!(verified.via.is_empty());
}

#[test]
fn the_claims_are_the_documented_ones_and_hold_no_words_of_the_purpose() {
    let house = House::new();
    let token = house.token();
    let claims = claims_of(token.expose());
    let Json::Object(members) = &claims else { panic!("claims") };
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "aud",
            "authorization_details",
            "bailiwick/gen",
            "bailiwick/pol",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub",
            "txn"
        ]
    );
    let text = claims.canonical();
    assert!(text.contains(r#""aud":"http://127.0.0.1:8470/mcp""#), "{text}");
    assert!(text.contains(r#""locations":["http://127.0.0.1:8470/mcp"]"#), "{text}");
    assert!(text.contains(r#""class":"ticket-triage""#) && !text.contains("Jones"), "{text}");
    assert!(token.expose().len() <= 1400, "{}", token.expose().len());
}

#[test]
fn no_two_tokens_are_the_same() {
    let house = House::new();
    assert_ne!(house.token().expose(), house.token().expose());
}

#[test]
fn a_token_for_one_server_opens_no_other_door() {
    let house = House::new();
    let claims = TaskClaims::of(&task(), server("files"), "p", NOW).unwrap();
    let token = house.mint.mint(&claims).unwrap();
    let verify = |asked: &Audience| house.verifier.verify(token.expose(), asked, NOW, &open);
    assert_eq!(verify(&server("files")).unwrap().audience, server("files"));
    // Asked again, from the cache, the answer is the same.
    for _ in 0..2 {
        assert_eq!(verify(&server("git")), Err(TokenError::OtherServer));
        assert_eq!(verify(&Audience::All), Err(TokenError::OtherServer));
    }
    let all = house.token();
    for asked in [Audience::All, server("files"), server("git")] {
        assert!(house.verifier.verify(all.expose(), &asked, NOW, &open).is_ok());
    }
}

#[test]
fn a_token_never_outlives_its_task() {
    let house = House::new();
    let mut short = task();
    short.deadline = later(90);
    let token = house.mint.mint_for(&short, "p", NOW).unwrap();
    let end = Timestamp::from_millis(1_800_000_090_000);
    let verified = house.verify(token.expose(), NOW).unwrap();
    assert_eq!(verified.expires, end);
    assert!(verified.expires <= short.deadline);
    assert!(matches!(house.verify(token.expose(), end), Err(TokenError::Expired(_))));
}

#[test]
fn nothing_is_minted_for_a_task_that_is_over() {
    let house = House::new();
    let over = Err(MintError::TaskOver { task: TASK.parse().unwrap() });
    let mint = |task: &Task| house.mint.mint_for(task, "p", NOW).map(|_| ());
    let mut ended = task();
    ended.status = TaskStatus::Ended { at: NOW, cause: EndCause::Asked };
    assert_eq!(mint(&ended), over);
    let mut late = task();
    late.deadline = NOW;
    assert_eq!(mint(&late), over);
    // Less than a whole second is left.
    late.deadline = NOW.after(Duration::from_millis(400));
    assert_eq!(mint(&late), over);
}

#[test]
fn nothing_is_minted_for_longer_than_five_minutes() {
    let house = House::new();
    let mut claims = TaskClaims::of(&task(), Audience::All, "p", NOW).unwrap();
    claims.expires = later(301);
    assert!(matches!(house.mint.mint(&claims), Err(MintError::TooLongLived { .. })));
}

#[test]
fn the_chain_of_hands_is_nested_and_four_deep_at_most() {
    let house = House::new();
    let mut child = task();
    let via: Vec<IdentityId> =
        ["a", "b", "c", "d", "e"].iter().map(|it| it.parse().unwrap()).collect();
    for depth in 0..=4 {
        child.via = via.iter().take(depth).cloned().collect();
        let token = house.mint.mint_for(&child, "p", NOW).unwrap();
        assert_eq!(house.verify(token.expose(), NOW).unwrap().via, child.via);
    }
    let text = {
        child.via.truncate(2);
        claims_of(house.mint.mint_for(&child, "p", NOW).unwrap().expose()).canonical()
    };
    let chain = r#""act":{"act":{"act":{"sub":"b"},"sub":"a"},"sub":"triage-agent"}"#;
    assert!(text.contains(chain), "{text}");
    child.via = via;
    let error = house.mint.mint_for(&child, "p", NOW).map(|_| ()).unwrap_err();
    assert_eq!(error, MintError::TooDeep { task: child.id, depth: 5 });
}

#[test]
fn a_grant_of_many_tools_still_fits() {
    let house = House::new();
    let mut wide = task();
    let line = |tools: usize| AllowLine {
        server: "files".parse().unwrap(),
        tools: (0..tools)
            .map(|it| format!("a_long_name_of_a_tool_{it}").parse().unwrap())
            .collect(),
        resources: Vec::new(),
        prompts: Vec::new(),
        leases: Vec::new(),
        max: None,
        when: None,
        source: "t.toml:1".to_owned(),
    };
    for (tools, named) in [(3, true), (300, false)] {
        wide.grant.layers = vec![Layer {
            day: None,
            identity: wide.identity.clone(),
            template: wide.template.clone(),
            purpose: String::new(),
            params: [].into(),
            servers: [].into(),
            targets: std::collections::BTreeSet::new(),
            lines: vec![line(tools)],
        }];
        let token = house.mint.mint_for(&wide, "p", NOW).unwrap();
        assert!(token.expose().len() <= 2048, "{}", token.expose().len());
        let text = claims_of(token.expose()).canonical();
        assert_eq!(text.contains("files__a_long_name_of_a_tool_0"), named, "{text}");
        house.verify(token.expose(), NOW).unwrap();
    }
}

#[test]
fn what_cannot_fit_is_not_minted() {
    let house = House::new();
    let error = house.mint.mint_for(&task(), &"p".repeat(2048), NOW).map(|_| ()).unwrap_err();
    assert!(matches!(error, MintError::TooLong { .. }), "{error}");
}

#[test]
fn secrets_never_appear_in_debug_of_the_mint_and_the_verifier() {
    let house = House::new();
    let token = house.token();
    let verified = house.verify(token.expose(), NOW).unwrap();
    let pem = house.keys.signing().key.to_pem();
    let printed = format!("{:?}{:?}{token:?}{verified:?}", house.mint, house.verifier);
    for line in pem.expose().lines().filter(|it| !it.starts_with('-')) {
        assert!(!printed.contains(line));
    }
    for part in token.expose().split('.') {
        assert!(!printed.contains(part));
    }
}
