//! Who may tell what of whom.

use std::fs;

use super::Files;

const KEYS: &str = r#"{"keys":[{"kty":"RSA","kid":"k","use":"sig","n":"AQAB","e":"AQAB"}]}"#;

fn transmitter(subject: &str) -> String {
    format!(
        "[[transmitter]]\nname = \"idp\"\nissuer = \"https://idp.example\"\njwks = \"idp.json\"\nsecret = \"idp-push\"\n[[transmitter.subject]]\n{subject}\n"
    )
}

fn files(text: &str) -> Files {
    let files = Files::good().config(text);
    fs::write(files.path("idp.json"), KEYS).unwrap();
    files
}

#[test]
fn a_transmitter_is_read_with_whom_it_may_speak_of() {
    let text = transmitter("email = \"Alice@Example.org\"\nowner = \"team-support\"");
    let (house, _) = files(&text).load().unwrap();
    assert_eq!(house.config.signals.transmitters.len(), 1);
    let settings: Vec<_> = house.config.settings.iter().map(|it| format!("{it:?}")).collect();
    assert!(
        settings.iter().any(|it| it.contains("transmitter.idp.on_risk") && it.contains("lower"))
    );
}

#[test]
fn a_subject_that_means_nobody_is_a_mistake() {
    let subject = "opaque = \"a\"\nidentity = \"triage-agnt\"\n[[transmitter.subject]]\nopaque = \"b\"\nowner = \"team-suport\"\n[[transmitter.subject]]\nopaque = \"c\"";
    insta::assert_snapshot!(files(&transmitter(subject)).mistakes(), @r#"
    CFG-031

      x no charter has the identity `triage-agnt`
        ,-[bailiwick.toml:13:12]
     12 | opaque = "a"
     13 | identity = "triage-agnt"
        :            ^^^^^^|^^^^^^
        :                  `-- a signal would mean nobody
     14 | [[transmitter.subject]]
        `----
      help: did you mean `triage-agent`?
            see docs/errors/CFG-031.md

    CFG-031

      x no charter has the owner `team-suport`
        ,-[bailiwick.toml:16:9]
     15 | opaque = "b"
     16 | owner = "team-suport"
        :         ^^^^^^|^^^^^^
        :               `-- a signal would mean nobody
     17 | [[transmitter.subject]]
        `----
      help: did you mean `team-support`?
            see docs/errors/CFG-031.md

    CFG-031

      x a subject has one name of theirs (`iss_sub`, `email` or `opaque`) and
      | means one of ours (`identity` or `owner`)
        ,-[bailiwick.toml:17:1]
     16 | owner = "team-suport"
     17 | [[transmitter.subject]]
        : ^^^^^^^^^^^|^^^^^^^^^^^
        :            `-- whom does it mean?
     18 | opaque = "c"
        `----
      help: see docs/errors/CFG-031.md
    "#);
    let both = "opaque = \"a\"\nemail = \"a@b.example\"\nidentity = \"triage-agent\"";
    assert!(files(&transmitter(both)).mistakes().contains("CFG-031"));
}

#[test]
fn what_a_transmitter_may_bring_about_is_one_of_a_few_words() {
    let text = |more: &str| {
        transmitter("opaque = \"a\"\nidentity = \"triage-agent\"")
            .replace("[[transmitter.subject]]", &format!("{more}\n[[transmitter.subject]]"))
    };
    for (more, code) in [
        ("on_revoked = \"record\"", "CFG-006"),
        ("on_risk = \"ignore\"", "CFG-006"),
        ("lower_for = \"2d\"", "CFG-007"),
        ("max_age = \"8d\"", "CFG-007"),
        ("max_age = \"1s\"", "CFG-007"),
        ("on_other_session = \"contain\"", "CFG-006"),
        ("jwks_url = \"https://idp.example/jwks\"", "CFG-019"),
        ("audiences = \"x\"", "CFG-003"),
    ] {
        let told = files(&text(more)).mistakes();
        assert!(told.contains(code), "{more}: {told}");
    }
    let again = format!("{0}{0}", text(""));
    assert!(files(&again).mistakes().contains("given twice"));
}
