//! Events of others' logs, edited by hand by who wrote rules for them: each is accepted.

use std::{collections::BTreeSet, fs, io::Read as _};

use bailiwick_connect::source::{Record, SOURCES, read_from};
use bailiwick_insight::{Catalogue, Native, names};
use serde_json::json;

use super::{House, real::file};

fn unpacked(name: &str) -> Option<String> {
    let packed = fs::File::open(file(&format!("panther-tests/{name}.jsonl.zst"))?).unwrap();
    let mut text = String::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_string(&mut text).unwrap();
    Some(text)
}

/// What came of a file: how many told of something, of nothing, and of something at no time.
struct Read {
    counts: [u64; 3],
    sources: BTreeSet<&'static str>,
}

fn read(name: &str) -> Option<Read> {
    let text = unpacked(name)?;
    let (mut counts, mut sources) = ([0_u64; 3], BTreeSet::new());
    let mut take = |record: Record<'_>| {
        let place = match record {
            Record::Exercise(source, _) => {
                sources.insert(source.name);
                0
            }
            Record::Nothing => 1,
            Record::Undated => 2,
            Record::Error(error) => panic!("{name}: {error}"),
        };
        counts[place] = counts[place].checked_add(1).unwrap();
    };
    let records = read_from(text.as_bytes(), None, &mut take, &|_| {}).unwrap();
    assert_eq!(records, counts.iter().sum::<u64>(), "{name}");
    assert_eq!(usize::try_from(records), Ok(text.lines().count()), "{name}");
    Some(Read { counts, sources })
}

/// A day of an organisation that ships software: GitHub, Vault and Okta, in one folder.
fn logs(house: &House) {
    let github = [
        r#"{"_document_id":"1","@timestamp":1772359200000,"action":"git.push","actor":"deploy_key","org":"acme","repo":"acme/app","hashed_token":"AAA="}"#,
        r#"{"_document_id":"2","@timestamp":1772359200001,"action":"org.remove_member","actor":"ann","org":"acme","user":"bob"}"#,
        r#"{"_document_id":"3","action":"repo.archived","actor":"ann","org":"acme","repo":"acme/old"}"#,
    ];
    let vault = [
        r#"{"time":"2026-03-01T10:00:00Z","type":"request","auth":{"entity_id":"e1"},"request":{"id":"r1","operation":"read","path":"secret/data/app"}}"#,
        r#"{"time":"2026-03-01T10:00:00Z","type":"response","auth":{"entity_id":"e1","accessor":"hmac-sha256:bb"},"request":{"id":"r1","operation":"read","path":"secret/data/app"}}"#,
        r#"{"time":"2026-03-01T10:00:01Z","type":"request","auth":{"entity_id":"e1"},"request":{"id":"r2","operation":"update","path":"sys/seal"},"error":"permission denied"}"#,
        r#"{"time":"2026-03-01T10:00:01Z","type":"response","auth":{"entity_id":"e1","accessor":"hmac-sha256:bb"},"request":{"id":"r2","operation":"update","path":"sys/seal"},"error":"1 error occurred:\n\t* permission denied\n\n"}"#,
    ];
    let okta = r#"[{"uuid":"a","published":"2026-03-01T10:00:02Z","eventtype":"policy.rule.update","severity":"INFO","actor":{"id":"00u1","type":"User","alternateId":"ann@acme.example"},"outcome":{"result":"SUCCESS"}}]"#;
    house.write("logs/github.jsonl", github.join("\n").as_bytes());
    house.write("logs/vault.log", vault.join("\n").as_bytes());
    house.write("logs/okta.json", okta.as_bytes());
}

#[test]
fn logs_of_several_systems_are_told_together() {
    let house = House::new();
    logs(&house);
    let ran = house.run(&["logs"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ran.stdout, @r"
    8 records: 5 accesses of 4 identities, 0 that came again, 0 that could not be read
    1 without a time: they count nowhere
    from 2026-03-01T10:00:00.000Z to 2026-03-01T10:00:02.000Z

     IDENTITY                SYSTEM  KIND     EXERCISED  ATTEMPTED  DORMANT  UNOBSERVABLE  LAST
     e1                      vault   unknown  1          2          0        0             2026-03-01T10:00:01.000Z
     deploy_key of acme/app  github  service  1          0          0        0             2026-03-01T10:00:00.000Z
     ann@acme.example        okta    person   1          0          0        0             2026-03-01T10:00:02.000Z
     ann (acme)              github  unknown  0          0          0        0             -

    exercised: used · attempted: asked for, and denied each time · dormant: granted, its use would have been seen, and was not · unobservable: granted, and nothing that was read could show its use
    No list of grants was read: what is granted and never used is not told. `--grants FILE` names one.

    e1
      exercised     vault:secret/data/app:read 1×
      attempted     vault:sys/seal:sudo 1×, vault:sys/seal:update 1×

    deploy_key of acme/app
      exercised     github:contents:write 1×

    ann@acme.example
      exercised     okta:okta.policies.manage 1×

    NO RULE KNOWS WHICH PERMISSION THIS IS
      github org.remove_member 1×
    ");
    let told = house.json(&["logs"]);
    assert_eq!((&told["summary"]["undated"], &told["summary"]["errors"]), (&json!(1), &json!(0)));
    let only = house.json(&["logs/vault.log", "--source", "vault"]);
    assert_eq!(only["summary"]["undated"], json!(null), "what is not there is not told");
    assert_eq!(only["summary"]["events"], 2);
}

#[test]
fn every_event_of_a_supported_type_is_accepted() {
    for (name, source, counts) in [
        ("AWS_CloudTrail", "cloudtrail", [228, 0, 11]),
        ("Anthropic_Activity", "anthropic", [14, 0, 0]),
        ("GitHub_Audit", "github", [28, 0, 22]),
        ("Okta_SystemLog", "okta", [28, 0, 1]),
        ("OpenAI_Audit", "openai", [16, 0, 0]),
    ] {
        let Some(read) = read(name) else { return };
        assert_eq!(read.counts, counts, "{name}");
        assert_eq!(read.sources, BTreeSet::from([source]), "{name}");
        assert!(SOURCES.iter().any(|it| it.name == source));
    }
}

/// Names each event of these files, by the system's name for it.
fn named() -> Option<String> {
    let catalogue = Catalogue::carried();
    let mut lines = BTreeSet::new();
    for name in ["Anthropic_Activity", "GitHub_Audit", "Okta_SystemLog", "OpenAI_Audit"] {
        let mut take = |record: Record<'_>| {
            let Record::Exercise(_, it) = record else { return };
            let native = Native {
                platform: it.platform,
                service: &it.service,
                operation: &it.operation,
                along: it.along,
                internal: it.internal,
            };
            for name in names(native, &catalogue) {
                let text = if name.certainty.is_permission() { name.text } else { String::new() };
                let said = name.certainty.as_str();
                let event = format!("{} {}:{}", it.platform, it.service, it.operation);
                lines.insert(format!("{event} {said} {text}").trim().to_owned());
            }
        };
        read_from(unpacked(name)?.as_bytes(), None, &mut take, &|_| {}).unwrap();
    }
    Some(lines.into_iter().collect::<Vec<_>>().join("\n"))
}

/// Each line was read beside the vendor's own table of permissions.
#[test]
fn every_name_of_their_events_is_classed_and_none_is_taken_for_another() {
    let Some(named) = named() else { return };
    insta::assert_snapshot!(named, @r"
    anthropic :claude_chat_created unknown
    anthropic :mcp_server_created unknown
    anthropic :org_ip_restriction_created unknown
    anthropic :org_ip_restriction_deleted unknown
    anthropic :org_sso_connection_deactivated unknown
    anthropic :org_sso_toggled unknown
    anthropic :platform_spend_limit_created unknown
    anthropic :platform_spend_limit_deleted unknown
    anthropic :primary_owner_transferred unknown
    anthropic :role_assignment_granted unknown
    anthropic :service_key_created unknown
    anthropic :service_key_revoked unknown
    anthropic :sso_login_succeeded internal
    github :git.push renamed github:contents:write
    github :integration_installation.create unknown
    github :ip_allow_list.disable unknown
    github :ip_allow_list_entry.create unknown
    github :org.add_member unknown
    github :org.invite_member renamed github:members:write
    github :org.invite_user unknown
    github :org.remove_member unknown
    github :org.update_member renamed github:members:write
    github :organization_moderators.add_user unknown
    github :organization_moderators.remove_user unknown
    github :protected_branch.destroy renamed github:administration:write
    github :protected_branch.update_name unknown
    github :repo.access renamed github:administration:write
    github :repo.archived renamed github:administration:write
    github :repo.create renamed github:administration:write
    github :repo.disable unknown
    github :team.destroy renamed github:members:write
    github organization:repository_ruleset.update renamed github:organization_administration:write
    github repository:repository_ruleset.create renamed github:administration:write
    github repository:repository_ruleset.destroy renamed github:administration:write
    github repository:repository_ruleset.update renamed github:administration:write
    okta :application.integration.rate_limit_exceeded internal
    okta :application.lifecycle.create renamed okta:okta.apps.manage
    okta :application.lifecycle.update renamed okta:okta.apps.manage
    okta :group.privilege.grant renamed okta:okta.roles.manage
    okta :policy.evaluate_sign_on internal
    okta :system.mfa.factor.deactivate unknown
    okta :system.operation.rate_limit.violation internal
    okta :system.org.rate_limit.warning internal
    okta :user.account.lock internal
    okta :user.authentication.auth_via_mfa internal
    okta :user.mfa.factor.reset_all renamed okta:okta.users.manage
    okta :user.mfa.factor.suspend unknown
    okta :user.session.impersonation.grant unknown
    okta :user.session.start internal
    openai :api_key.created unknown
    openai :api_key.deleted unknown
    openai :api_key.updated unknown
    openai :ip_allowlist.config.activated unknown
    openai :ip_allowlist.config.deactivated unknown
    openai :ip_allowlist.created unknown
    openai :ip_allowlist.deleted unknown
    openai :ip_allowlist.updated unknown
    openai :login.failed internal
    openai :login.succeeded internal
    ");
}
