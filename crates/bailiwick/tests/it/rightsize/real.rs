//! Policies and logs of others, where they lie at hand: `BAILIWICK_DATA` names the folder that holds `permissions/`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use bailiwick_connect::source::{Record, read_file};
use bailiwick_insight::{
    Catalogue, Decide, Exercised, Input, KeptFor, Level, Rightsized, Rightsizer, Wishes, used_of,
    verify,
};
use bailiwick_model::{Digest, Json, JsonLimits, Timestamp};

const USER: &str = "arn:aws:iam::123837392027:user/bert-jan";

/// Finds a file of others; where there is none, says that nothing was tested.
fn file(name: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("BAILIWICK_DATA") else {
        eprintln!("SKIPPED: `BAILIWICK_DATA` is not set, so `permissions/{name}` was not tested");
        return None;
    };
    Some(PathBuf::from(data).join("permissions").join(name))
}

fn invictus() -> Option<Exercised> {
    let mut all = Exercised::new(Catalogue::carried());
    let mut take = |record: Record<'_>| {
        if let Record::Exercise(_, it) = record {
            all.take(it);
        }
    };
    read_file(&file("aws-invictus/cloudtrail.jsonl.zst")?, None, &mut take, &|_| {}).unwrap();
    Some(all)
}

/// One day was observed, and that is enough here.
fn wishes() -> Wishes {
    Wishes { window_days: 1, grace_days: 0, ..Wishes::default() }
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits { bytes: 1 << 24, ..JsonLimits::default() }).unwrap()
}

/// Asks the checker, which reads the account by itself.
fn is_verified(made: &Rightsized, account: &Json, exercised: &Exercised) {
    let checks = &made.certificate.checks;
    assert!(checks.gives_no_more && checks.gives_all_used, "{checks:?}");
    let files: BTreeMap<_, _> =
        made.documents.iter().map(|it| (it.file.clone(), it.json.clone())).collect();
    let mut certificate = made.certificate.clone();
    let input = |what: &str| Input {
        name: what.to_owned(),
        what: what.to_owned(),
        sha256: Digest::of(what.as_bytes()),
        bytes: 0,
    };
    certificate.inputs = vec![input("log"), input("grants")];
    let inputs: Vec<_> = certificate.inputs.iter().map(|it| it.sha256).collect();
    let told = verify(&certificate, account, &files, Some(&inputs), exercised);
    assert!(told.holds, "{}: {told:?}", made.certificate.identity);
}

/// What AWS lists of a user with this policy attached.
fn with_policy(arn: &str, document: &str) -> Json {
    json(&format!(
        r#"{{"UserDetailList":[{{"Arn":"{USER}","AttachedManagedPolicies":[{{"PolicyArn":"{arn}"}}]}}],
            "Policies":[{{"Arn":"{arn}","DefaultVersionId":"v1","PolicyVersionList":[{{"VersionId":"v1","Document":{document}}}]}}]}}"#
    ))
}

#[test]
fn an_administrator_is_left_with_what_was_used_and_what_nobody_could_see() {
    let Some(exercised) = invictus() else { return };
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let account = with_policy("arn:aws:iam::aws:policy/AdministratorAccess", document);
    let wishes = wishes();
    let made = Rightsizer::new(&exercised, &wishes).of(&account, "bert-jan", Timestamp::default());
    let made = made.unwrap();
    is_verified(&made, &account, &exercised);
    let certificate = &made.certificate;
    assert_eq!(certificate.decisions[0].decision, Decide::Reduce, "{:?}", certificate.decisions[0]);
    let used = used_of(&exercised, USER);
    assert!(100 < used.len(), "{}", used.len());
    let kept = &certificate.kept[&KeptFor::Exercised];
    for it in &used {
        assert!(kept.contains(&it.action), "{}", it.action);
    }
    // Nothing was read of what is done to the data of a queue.
    assert!(certificate.kept[&KeptFor::Unobservable].contains(&"sqs:ReceiveMessage".to_owned()));
    assert!(certificate.kept[&KeptFor::Permissions].contains(&"kms:PutKeyPolicy".to_owned()));
    assert!(!certificate.removed.levels.contains_key(&Level::Permissions));
    let removed = &certificate.removed.actions;
    assert!(removed.contains(&"ec2:CreateTransitGateway".to_owned()));
    assert!(used.iter().all(|it| !removed.contains(&it.action)));
    assert!(5_000 < removed.len(), "{}", removed.len());
    // Ten may be attached, and one is: as much is denied for a trial as fits into the rest.
    assert_eq!(made.documents.iter().filter(|it| it.file.starts_with("deny/")).count(), 9);
    // AWS takes no longer ones.
    for it in made.documents.iter().filter(|it| !it.file.starts_with("rollback/")) {
        assert!(it.json.canonical().len() <= 6_144, "{}", it.file);
    }
}

#[test]
fn each_managed_policy_becomes_smaller_only_within_itself() {
    let Some(path) = file("aws-managed-policies/policies.jsonl.zst") else { return };
    let Some(exercised) = invictus() else { return };
    let mut lines = String::new();
    let packed = fs::File::open(path).unwrap();
    let mut unpacked = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
    std::io::Read::read_to_string(&mut unpacked, &mut lines).unwrap();
    let wishes = wishes();
    let mut rightsizer = Rightsizer::new(&exercised, &wishes);
    let mut decided: BTreeMap<Decide, usize> = BTreeMap::new();
    for line in lines.lines() {
        let document = json(line).get("document").unwrap().canonical();
        let account = with_policy("arn:aws:iam::aws:policy/One", &document);
        let made = rightsizer.of(&account, USER, Timestamp::default()).unwrap();
        is_verified(&made, &account, &exercised);
        let count = decided.entry(made.certificate.decisions[0].decision).or_default();
        *count = count.checked_add(1).unwrap();
    }
    assert_eq!(decided.values().sum::<usize>(), 1_641);
    insta::assert_debug_snapshot!(decided, @r#"
    {
        Keep: 560,
        Reduce: 1004,
        Revoke: 77,
    }
    "#);
}

#[test]
fn lists_of_grants_of_others_become_smaller_within_themselves() {
    let Some(exercised) = invictus() else { return };
    let wishes = wishes();
    let mut told = Vec::new();
    for name in [
        "example-authz-details.json",
        "example_authz_details_for_overrides_complete.json",
        "example_authz_v2.json",
    ] {
        let text = fs::read_to_string(file(&format!("aws-iam-authz/{name}")).unwrap()).unwrap();
        // Their account is made one that the log is of.
        let account = json(&text.replace("012345678901", "123837392027"));
        let mut rightsizer = Rightsizer::new(&exercised, &wishes);
        for list in ["UserDetailList", "RoleDetailList"] {
            let Some(Json::List(all)) = account.get(list) else { continue };
            for one in all {
                let id = one.get("Arn").and_then(Json::as_text).unwrap();
                let made = rightsizer.of(&account, id, Timestamp::default()).unwrap();
                is_verified(&made, &account, &exercised);
                for it in &made.certificate.decisions {
                    told.push(format!("{} {}", it.decision.as_str(), it.entitlement));
                }
            }
        }
    }
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r#"
    keep group GOATGroup › policy arn:aws:iam::123837392027:policy/NotYourPolicy
    keep group GOATGroup › policy arn:aws:iam::aws:policy/AdministratorAccess
    keep group admin › policy arn:aws:iam::aws:policy/AdministratorAccess
    keep group admin › policy arn:aws:iam::aws:policy/AdministratorAccess
    keep group biden › inline policy InlinePolicyForBidenGroup
    keep group biden › policy arn:aws:iam::aws:policy/AmazonRDSFullAccess
    keep inline policy InlinePolicyForTestingOverrides
    keep inline policy InlinePolicyForTestingOverrides
    keep inline policy InsecureUserPolicy
    keep inline policy InsecureUserPolicy
    keep inline policy SsmOnboardingInlinePolicy
    keep inline policy SsmOnboardingInlinePolicy
    keep policy arn:aws:iam::123837392027:policy/InsecurePolicy
    reduce inline policy EC2-IAM-example
    reduce inline policy SupYo
    reduce inline policy SupYo
    reduce policy arn:aws:iam::123837392027:policy/PolicyForTestingOverrides
    reduce policy arn:aws:iam::aws:policy/AWSLambdaFullAccess
    reduce policy arn:aws:iam::aws:policy/AdministratorAccess
    reduce policy arn:aws:iam::aws:policy/AdministratorAccess
    "#);
}
