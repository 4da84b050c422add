//! Mistakes in charters, and what a good one becomes.

use bailiwick_model::{IdentityId, IdentityKind, Proof};

use super::{Files, KEY};

#[test]
fn what_must_be_there_is_missed() {
    let files = Files::good().with("charters/empty.toml", "# nothing\n");
    insta::assert_snapshot!(files.mistakes(), @"
    CFG-004

      x `class` is missing
       ,-[charters/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `identity` is missing
       ,-[charters/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `kind` is missing
       ,-[charters/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `owner` is missing
       ,-[charters/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `purpose` is missing
       ,-[charters/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md
    ");
}

#[test]
fn words_and_names_are_checked() {
    let files = Files::good()
        .charter("kind = \"agent\"", "kind = \"agnet\"")
        .with("charters/b.toml", "identity = \"B\"\nkind = \"ci\"\nclass = \"ci\"\nowner = \" \"\npurpose = \"p\"\nproof = [{ uid = -1 }]\n");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-007

      x an identity `B` may not hold `B`: small letters, digits, `-`, `_`, `.`
       ,-[charters/b.toml:1:12]
     1 | identity = "B"
       :            ^|^
       :             `-- this does not fit
     2 | kind = "ci"
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x this may not be empty
       ,-[charters/b.toml:4:9]
     3 | class = "ci"
     4 | owner = " "
       :         ^|^
       :          `-- this does not fit
     5 | purpose = "p"
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `proof[0].uid` may not be `-1`: it is a number from 0 up
       ,-[charters/b.toml:6:18]
     5 | purpose = "p"
     6 | proof = [{ uid = -1 }]
       :                  ^|
       :                   `-- this does not fit
       `----
      help: see docs/errors/CFG-007.md

    CFG-006

      x `kind` may not be `agnet`
       ,-[charters/triage-agent.toml:2:8]
     1 | identity = "triage-agent"
     2 | kind = "agnet"
       :        ^^^|^^^
       :           `-- not one of the known words
     3 | class = "interactive-agent"
       `----
      help: did you mean `agent`?
            see docs/errors/CFG-006.md
    "#);
}

#[test]
fn a_proof_is_of_exactly_one_kind() {
    let files = Files::good().charter("{ uid = 1000 }", "{}, { key = \"k\", uid = 1 }");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-001

      x a proof is of exactly one kind
       ,-[charters/triage-agent.toml:6:10]
     5 | purpose = "Triage support tickets"
     6 | proof = [{}, { key = "k", uid = 1 }]
       :          ^|
       :           `-- 0 kinds
     7 | templates = ["ticket-triage"]
       `----
      help: write several proofs as several tables: any one of them suffices
            see docs/errors/CHR-001.md

    CHR-001

      x a proof is of exactly one kind
       ,-[charters/triage-agent.toml:6:14]
     5 | purpose = "Triage support tickets"
     6 | proof = [{}, { key = "k", uid = 1 }]
       :              ^^^^^^^^^^^|^^^^^^^^^^
       :                         `-- 2 kinds
     7 | templates = ["ticket-triage"]
       `----
      help: write several proofs as several tables: any one of them suffices
            see docs/errors/CHR-001.md
    "#);
}

/// Whoever vouches, with keys of their own.
fn vouched(proof: &str) -> Files {
    let set = |purpose: &str| {
        format!(r#"{{"keys":[{{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a","use":"{purpose}"}}]}}"#)
    };
    Files::good()
        .config("[[trust]]\ndomain = \"example.org\"\nbundle = \"bundle.json\"\n[[issuer]]\nurl = \"https://tokens.example\"\njwks = \"keys.json\"\n")
        .with("bundle.json", set("jwt-svid"))
        .with("keys.json", set("sig"))
        .charter("{ uid = 1000 }", proof)
}

#[test]
fn proofs_that_others_vouch_for_are_read() {
    let files = vouched(
        "{ spiffe = \"spiffe://example.org/a\" }, { oidc = { issuer = \"https://tokens.example\", subject = \"s\", audience = \"x\" } }",
    );
    let (house, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let identity: IdentityId = "triage-agent".parse().unwrap();
    assert_eq!(
        house.charters[&identity].proof,
        [
            Proof::Spiffe("spiffe://example.org/a".parse().unwrap()),
            Proof::Oidc {
                issuer: "https://tokens.example".to_owned(),
                subject: "s".to_owned(),
                audience: Some("x".to_owned()),
            },
        ]
    );
}

#[test]
fn proofs_of_which_nobody_may_vouch_are_errors() {
    let files = vouched(
        "{ spiffe = \"spiffe://other.org/a\" }, { oidc = { issuer = \"https://x.example\", subject = \"s\" } }",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-008

      x trust domain `other.org` is not configured
       ,-[charters/triage-agent.toml:6:10]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ spiffe = "spiffe://other.org/a" }, { oidc = { issuer = "https://x.example", subject = "s" } }]
       :          ^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^
       :                           `-- nobody vouches
     7 | templates = ["ticket-triage"]
       `----
      help: say in `bailiwick.toml` where its keys lie: `[[trust]]` or
            `[[issuer]]`
            see docs/errors/CHR-008.md

    CHR-008

      x issuer `https://x.example` is not configured
       ,-[charters/triage-agent.toml:6:47]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ spiffe = "spiffe://other.org/a" }, { oidc = { issuer = "https://x.example", subject = "s" } }]
       :                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       :                                                                            `-- nobody vouches
     7 | templates = ["ticket-triage"]
       `----
      help: say in `bailiwick.toml` where its keys lie: `[[trust]]` or
            `[[issuer]]`
            see docs/errors/CHR-008.md
    "#);
}

#[test]
fn one_name_that_others_vouch_for_proves_one_identity() {
    let files = vouched("{ spiffe = \"spiffe://example.org/a\" }");
    let text = std::fs::read_to_string(files.path("charters/triage-agent.toml")).unwrap();
    let files = files.with("charters/twin.toml", text.replace("triage-agent", "twin"));
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-009

      x this proves `triage-agent` already
       ,-[charters/twin.toml:6:10]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ spiffe = "spiffe://example.org/a" }]
       :          ^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^
       :                            `-- the same proof
     7 | templates = ["ticket-triage"]
       `----
      help: give each identity a name of its own where it is vouched for:
            neither could be told from the other
            see docs/errors/CHR-009.md
    "#);
}

#[test]
fn whoever_vouches_says_where_its_keys_lie() {
    let files = Files::good().config("[[trust]]\ndomain = \"example.org\"\n");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-019

      x nothing says where the keys lie: `trust[0].bundle` or `trust[0].url`
       ,-[bailiwick.toml:6:1]
     5 | command = ["files-server"]
     6 | [[trust]]
       : ^^^^|^^^^
       :     `-- whose keys?
     7 | domain = "example.org"
       `----
      help: see docs/errors/CFG-019.md
    "#);
}

#[test]
fn keys_that_prove_nobody_are_errors() {
    let config = |text: &str| {
        let files = Files::good().config(text).with("none.json", "{\"keys\":[]}");
        files.mistakes()
    };
    let trust = "[[trust]]\ndomain = \"example.org\"\n";
    for (lines, code) in [
        ("bundle = \"none.json\"\n", "CFG-019"),
        ("bundle = \"missing.json\"\n", "CFG-019"),
        ("", "CFG-019"),
        ("bundle = \"none.json\"\nurl = \"https://x.example/\"\n", "CFG-019"),
        ("url = \"http://x.example/bundle\"\n", "CFG-007"),
        ("url = \"https://secret@x.example/bundle\"\n", "CFG-007"),
        ("url = \"http://127.0.0.1:1/bundle\"\nca = \"ca.pem\"\n", "CFG-007"),
        ("url = \"http://127.0.0.1:1/bundle\"\nonce = 7\n", "CFG-005"),
    ] {
        let told = config(&format!("{trust}{lines}"));
        assert!(told.contains(code), "{lines}: {told}");
    }
    let issuer = "[[issuer]]\nurl = \"https://x.example\"\njwks_url = \"http://127.0.0.1:1/\"\n";
    assert!(config(&format!("{issuer}algorithms = [\"HS256\"]\n")).contains("CFG-006"));
    assert!(config(&format!("{issuer}algorithms = []\n")).contains("CFG-007"));
    assert!(config(&format!("{issuer}{issuer}")).contains("CFG-008"));
    let wrong = vouched("{ spiffe = \"spiffe://example.org\" }").mistakes();
    assert!(wrong.contains("CFG-007") && wrong.contains("is no SPIFFE ID"), "{wrong}");
    let wrong = vouched("{ oidc = { issuer = \"https://tokens.example\" } }").mistakes();
    assert!(wrong.contains("CFG-004"), "{wrong}");
}

#[test]
fn a_key_is_read_and_must_be_a_public_one() {
    let files = Files::good()
        .charter(
            "{ uid = 1000 }",
            "{ key = \"keys/none.pub.pem\" }, { key = \"keys/private.pem\" }, { key = \"keys/odd.pem\" }",
        )
        .with("keys/private.pem", KEY.replace("PUBLIC", "PRIVATE"))
        .with("keys/odd.pem", "hello");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-002

      x key `keys/none.pub.pem` cannot be read: there is no such file
       ,-[charters/triage-agent.toml:6:18]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ key = "keys/none.pub.pem" }, { key = "keys/private.pem" }, { key = "keys/odd.pem" }]
       :                  ^^^^^^^^^|^^^^^^^^^
       :                           `-- named here
     7 | templates = ["ticket-triage"]
       `----
      help: `bailiwick identity add ID --generate-key` writes one
            see docs/errors/CHR-002.md

    CHR-003

      x `keys/private.pem` holds no public key: it is the private half, which
      | only the identity may have
       ,-[charters/triage-agent.toml:6:49]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ key = "keys/none.pub.pem" }, { key = "keys/private.pem" }, { key = "keys/odd.pem" }]
       :                                                 ^^^^^^^^^|^^^^^^^^
       :                                                          `-- named here
     7 | templates = ["ticket-triage"]
       `----
      help: see docs/errors/CHR-003.md

    CHR-003

      x `keys/odd.pem` holds no public key: it does not begin and end as a PEM
      | public key does
       ,-[charters/triage-agent.toml:6:79]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ key = "keys/none.pub.pem" }, { key = "keys/private.pem" }, { key = "keys/odd.pem" }]
       :                                                                               ^^^^^^^|^^^^^^
       :                                                                                      `-- named here
     7 | templates = ["ticket-triage"]
       `----
      help: see docs/errors/CHR-003.md
    "#);
}

#[test]
fn a_standing_grant_is_not_enforced_yet() {
    let files = Files::good()
        .charter("servers = [\"files\"]", "servers = [\"files\"]\n[[allow]]\nserver = \"files\"");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-009

      x `allow` is not enforced yet: no charter carries a standing grant
        ,-[charters/triage-agent.toml:9:1]
      8 | servers = ["files"]
      9 | [[allow]]
        : ^^^^|^^^^
        :     `-- this would change nothing
     10 | server = "files"
        `----
      help: take it out: what is written and not enforced would be believed
            see docs/errors/CFG-009.md
    "#);
}

#[test]
fn a_charter_keeps_what_it_says() {
    let files = Files::good()
        .charter("{ uid = 1000 }", "{ key = \"keys/a.pub.pem\" }, { uid = 1000 }")
        .with("keys/a.pub.pem", KEY);
    let (house, _) = files.load().unwrap();
    let identity: IdentityId = "triage-agent".parse().unwrap();
    let charter = &house.charters[&identity];
    assert_eq!(charter.kind, IdentityKind::Agent);
    assert_eq!(charter.class.as_str(), "interactive-agent");
    assert_eq!(charter.owner, "team-support");
    assert_eq!(charter.purpose, "Triage support tickets");
    assert_eq!(
        charter.proof,
        [
            Proof::Key { path: "keys/a.pub.pem".to_owned(), pem: KEY.trim().to_owned() },
            Proof::Uid(1000)
        ]
    );
    assert!(charter.templates.contains("ticket-triage") && charter.servers.contains("files"));
}

#[test]
fn a_file_of_another_name_is_remarked_on() {
    let files = Files::good();
    let text = std::fs::read_to_string(files.path("charters/triage-agent.toml")).unwrap();
    std::fs::remove_file(files.path("charters/triage-agent.toml")).unwrap();
    let files = files.with("charters/triage.toml", text);
    insta::assert_snapshot!(files.remarks("CHR-101"), @r#"
    CHR-101

      ! the charter of `triage-agent` stands in `charters/triage.toml`
       ,-[charters/triage.toml:2:12]
     1 |
     2 | identity = "triage-agent"
       :            ^^^^^^^^^^^^^^
     3 | kind = "agent"
       `----
      help: call the file `triage-agent.toml`, so that people find it
            see docs/errors/CHR-101.md
    "#);
}

#[test]
fn an_identity_that_nothing_proves_is_remarked_on() {
    let files = Files::good().charter("proof = [{ uid = 1000 }]\n", "");
    insta::assert_snapshot!(files.remarks("CHR-102"), @r#"
    CHR-102

      ! nothing proves this identity: it can open no task by itself
       ,-[charters/triage-agent.toml:1:1]
     1 | identity = "triage-agent"
       : ^
     2 | kind = "agent"
       `----
      help: `bailiwick identity add ID --generate-key` makes a key; a proof is
            `{ key = "keys/ID.pub.pem" }` or `{ uid = 1000 }`
            see docs/errors/CHR-102.md
    "#);
}
