//! `rightsize`: smaller policies, what takes them back, and a certificate that somebody else can check.

mod database;
mod excluded;
mod house;
mod real;
mod systems;

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/deployer";

/// A folder with a log, a list of grants, and no governor near it.
struct House(tempfile::TempDir);

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        house.write("log.jsonl", &log(&LOG));
        house.write("grants.json", &grants().to_string());
        house
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn run(&self, words: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.arg("rightsize").args(words).current_dir(self.0.path());
        command.env_remove("BAILIWICK_CONFIG").env_remove("BAILIWICK_LOG");
        let ran = command.output().unwrap();
        Ran {
            code: ran.status.code().unwrap_or(-1),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        }
    }

    /// Makes the smaller policies in `out`.
    fn made(&self) -> Ran {
        let words = ["deployer", "log.jsonl", "--grants", "grants.json", "--out", "out"];
        let ran = self.run(&[&words[..], &["--window", "2d", "--grace", "0d"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    }

    fn verify(&self) -> Ran {
        self.run(&["verify", "out/certificate.json", "log.jsonl", "--grants", "grants.json"])
    }
}

/// What the role did, and others beside it: day, name, service, call, whether it was allowed.
const LOG: [(u8, &str, &str, &str, bool); 6] = [
    (1, "deployer", "ec2", "RunInstances", true),
    (1, "other", "ec2", "DescribeVpcs", true),
    (2, "deployer", "ec2", "DescribeInstances", true),
    (2, "deployer", "s3", "PutObject", true),
    (3, "deployer", "ec2", "TerminateInstances", false),
    (3, "deployer", "s3", "PutObject", true),
];

fn log(events: &[(u8, &str, &str, &str, bool)]) -> String {
    let mut lines = String::new();
    for (number, (day, who, service, call, ok)) in events.iter().enumerate() {
        let mut event = json!({
            "eventVersion": "1.08", "eventType": "AwsApiCall", "awsRegion": "eu-central-1",
            "eventID": format!("00000000-0000-4000-8000-00000000{day:02}{number:02}"),
            "eventTime": format!("2026-03-{day:02}T10:00:00Z"),
            "eventSource": format!("{service}.amazonaws.com"), "eventName": call,
            "recipientAccountId": "111122223333",
            "managementEvent": *service != "s3",
            "userIdentity": { "type": "AssumedRole", "accountId": "111122223333",
                "accessKeyId": "ASIAEXAMPLE0000000001",
                "arn": format!("arn:aws:sts::111122223333:assumed-role/{who}/run"),
                "sessionContext": { "sessionIssuer": { "type": "Role",
                    "arn": format!("arn:aws:iam::111122223333:role/{who}") } } },
        });
        if *service == "s3" {
            event["requestParameters"] = json!({ "bucketName": "releases", "key": "v1" });
        }
        if !ok {
            event["errorCode"] = json!("Client.UnauthorizedOperation");
        }
        lines.push_str(&format!("{event}\n"));
    }
    lines
}

fn grants() -> Value {
    let deploy = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Machines", "Effect": "Allow", "Action": ["ec2:RunInstances", "ec2:Describe*",
          "ec2:TerminateInstances", "ec2:StopInstances"], "Resource": "*",
          "Condition": { "StringEquals": { "aws:RequestedRegion": "eu-central-1" } } },
        { "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
          "Resource": "arn:aws:s3:::releases/*" },
        { "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*" },
        { "Effect": "Deny", "Action": "ec2:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ] });
    let queues = json!({ "Version": "2012-10-17", "Statement":
        { "Effect": "Allow", "Action": ["ec2:StartInstances", "ec2:RunInstances"], "Resource": "*" } });
    let arn = "arn:aws:iam::aws:policy/Machines";
    json!({
        "UserDetailList": [], "GroupDetailList": [],
        "RoleDetailList": [{
            "Arn": ROLE, "RoleName": "deployer", "CreateDate": "2025-01-01T00:00:00Z",
            "RolePolicyList": [{ "PolicyName": "deploy", "PolicyDocument": deploy }],
            "AttachedManagedPolicies": [{ "PolicyName": "Machines", "PolicyArn": arn }],
        }],
        "Policies": [{ "Arn": arn, "DefaultVersionId": "v1", "PolicyVersionList": [
            { "VersionId": "v1", "IsDefaultVersion": true, "Document": queues,
              "CreateDate": "2024-01-01T00:00:00Z" }] }],
    })
}

/// Gives the files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inside) = open.pop() {
        for entry in fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_has_the_policies_the_way_back_the_plan_and_the_certificate() {
    let house = House::new();
    let ran = house.made();
    assert_eq!(
        files(&house.path("out")),
        [
            "certificate.json",
            "deny/deployer-rightsize-trial-1.json",
            "plan.json",
            "policies/deploy.json",
            "policies/deployer-Machines-rightsized.json",
            "rollback/deploy.json",
        ]
    );
    insta::assert_snapshot!(house.read("out/policies/deploy.json"), @r#"{"Statement":[{"Action":["ec2:RunInstances","ec2:DescribeInstances","ec2:DescribeLocalGatewayRouteTablePermissions","ec2:DescribeVerifiedAccessInstanceWebAclAssociations","ec2:TerminateInstances"],"Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}},"Effect":"Allow","Resource":"*","Sid":"Machines"},{"Action":["s3:PutObject","s3:GetObject"],"Effect":"Allow","Resource":"arn:aws:s3:::releases/*"},{"Action":"iam:PassRole","Effect":"Allow","Resource":"*"},{"Action":"ec2:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}"#);
    insta::assert_snapshot!(house.read("out/policies/deployer-Machines-rightsized.json"), @r#"{"Statement":[{"Action":["ec2:RunInstances"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#);
    let was = &grants()["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"];
    assert_eq!(&house.read("out/rollback/deploy.json"), was);
    let plan = house.read("out/plan.json");
    let stages = plan["stages"].as_array().unwrap();
    let lines = |list: &Value| {
        let words = |it: &Value| {
            it.as_array()
                .unwrap()
                .iter()
                .map(|it| it.as_str().unwrap())
                .collect::<Vec<_>>()
                .join(" ")
        };
        list.as_array().unwrap().iter().map(words).collect::<Vec<_>>().join("\n")
    };
    let told: Vec<_> = stages
        .iter()
        .map(|it| {
            format!("{}\n{}\nback\n{}", it["stage"], lines(&it["commands"]), lines(&it["rollback"]))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    "shadow"
    bailiwick rightsize shadow certificate.json NEW-LOGS --grants GRANTS
    back

    "deny"
    aws iam create-policy --policy-name deployer-rightsize-trial-1 --policy-document file://deny/deployer-rightsize-trial-1.json
    aws iam attach-role-policy --role-name deployer --policy-arn arn:aws:iam::111122223333:policy/deployer-rightsize-trial-1
    back
    aws iam detach-role-policy --role-name deployer --policy-arn arn:aws:iam::111122223333:policy/deployer-rightsize-trial-1
    aws iam delete-policy --policy-arn arn:aws:iam::111122223333:policy/deployer-rightsize-trial-1
    "remove"
    aws iam detach-role-policy --role-name deployer --policy-arn arn:aws:iam::111122223333:policy/deployer-rightsize-trial-1
    aws iam delete-policy --policy-arn arn:aws:iam::111122223333:policy/deployer-rightsize-trial-1
    aws iam put-role-policy --role-name deployer --policy-name deploy --policy-document file://policies/deploy.json
    aws iam create-policy --policy-name deployer-Machines-rightsized --policy-document file://policies/deployer-Machines-rightsized.json
    aws iam attach-role-policy --role-name deployer --policy-arn arn:aws:iam::111122223333:policy/deployer-Machines-rightsized
    aws iam detach-role-policy --role-name deployer --policy-arn arn:aws:iam::aws:policy/Machines
    back
    aws iam attach-role-policy --role-name deployer --policy-arn arn:aws:iam::aws:policy/Machines
    aws iam detach-role-policy --role-name deployer --policy-arn arn:aws:iam::111122223333:policy/deployer-Machines-rightsized
    aws iam delete-policy --policy-arn arn:aws:iam::111122223333:policy/deployer-Machines-rightsized
    aws iam put-role-policy --role-name deployer --policy-name deploy --policy-document file://rollback/deploy.json
    "#);
    // What is told besides hangs on the day.
    let told = ran.stdout.split("\nshadow: ").next().unwrap();
    insta::assert_snapshot!(told, @r#"
    arn:aws:iam::111122223333:role/deployer
    from 2026-03-01T10:00:00.000Z to 2026-03-03T10:00:00.000Z, 3 days observed, 0 gaps; 4 accesses of it, 1 denied

     DECISION  ENTITLEMENT                              PERMISSIONS  WHY
     reduce    inline policy deploy                     201 → 8      part of what it gives is not used, and would have been seen
     reduce    policy arn:aws:iam::aws:policy/Machines  2 → 1        part of what it gives is not used, and would have been seen

    194 given no longer: ec2:DescribeAccountAttributes, ec2:DescribeAccountVpcEncryptionControl, ec2:DescribeAddresses, ec2:DescribeAddressesAttribute, ec2:DescribeAddressTransfers, ec2:DescribeAggregateIdFormat, ec2:DescribeApplicationStatus, ec2:DescribeApplicationStatusCheckAssociations, ec2:DescribeApplicationStatusChecks, ec2:DescribeAvailabilityZones, ec2:DescribeAwsNetworkPerformanceMetricSubscriptions, ec2:DescribeBundleTasks, and 182 more
    3 kept, used: ec2:DescribeInstances, ec2:RunInstances, s3:PutObject
    1 kept, asked for and denied: ec2:TerminateInstances
    4 kept, as nothing could have shown their use: ec2:DescribeLocalGatewayRouteTablePermissions, ec2:DescribeVerifiedAccessInstanceWebAclAssociations, iam:PassRole, s3:GetObject
      1 of what nothing could have shown need: data events of s3, reads
      3 of what nothing could have shown need: no log has it under a name of its own

    checked: nothing new is given: yes; all 3 pairs that were used are still given: yes
    "#);
}

#[test]
fn a_certificate_says_what_it_rests_on() {
    let house = House::new();
    house.made();
    let certificate = house.read("out/certificate.json");
    let inputs = certificate["inputs"].as_array().unwrap();
    let named: Vec<_> = inputs.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["grants.json", "log.jsonl"]);
    let digest = bailiwick_model::Digest::of(log(&LOG).as_bytes()).to_string();
    assert_eq!(inputs[1]["sha256"], digest);
    for (name, value) in [
        ("identity", json!(ROLE)),
        ("observed_days", json!(3)),
        ("gaps", json!(0)),
        ("window", json!(["2026-03-01T10:00:00.000Z", "2026-03-03T10:00:00.000Z"])),
        (
            "events",
            json!({ "records": 6, "events": 6, "duplicates": 0, "errors": 0, "exercised": 4, "denied": 1 }),
        ),
        (
            "checks",
            json!({ "gives_no_more": true, "gives_all_used": true, "asked": 3, "given_otherwise": 0 }),
        ),
        (
            "needed",
            json!({ "data events of s3, reads": 1, "no log has it under a name of its own": 3 }),
        ),
    ] {
        assert_eq!(certificate[name], value, "{name}");
    }
    let kept = &certificate["kept"];
    assert_eq!(
        kept["exercised"],
        json!(["ec2:DescribeInstances", "ec2:RunInstances", "s3:PutObject"])
    );
    assert_eq!(kept["attempted"], json!(["ec2:TerminateInstances"]));
    assert_eq!(
        kept["unobservable"],
        json!([
            "ec2:DescribeLocalGatewayRouteTablePermissions",
            "ec2:DescribeVerifiedAccessInstanceWebAclAssociations",
            "iam:PassRole",
            "s3:GetObject"
        ])
    );
    let removed = certificate["removed"]["actions"].as_array().unwrap();
    for gone in ["ec2:StartInstances", "ec2:StopInstances", "ec2:DescribeImages", "s3:DeleteObject"]
    {
        assert!(removed.contains(&json!(gone)), "{gone}");
    }
    assert!(certificate["catalogue"].as_str().unwrap().contains("iam-data"));
    assert_eq!(house.verify().code, 0);
}

#[test]
fn whatever_is_changed_afterwards_is_noticed() {
    let said = |change: &dyn Fn(&House)| {
        let house = House::new();
        house.made();
        change(&house);
        let ran = house.verify();
        assert_eq!(ran.code, 1, "{} {}", ran.stdout, ran.stderr);
        ran.stdout
    };
    let file = "out/policies/deploy.json";
    let told = said(&|house: &House| {
        let mut policy = house.read(file);
        policy["Statement"][0]["Action"] = json!("ec2:*");
        house.write(file, &policy.to_string());
    });
    assert!(told.contains("`policies/deploy.json` was changed"), "{told}");
    let told = said(&|house: &House| fs::remove_file(house.path(file)).unwrap());
    assert!(told.contains("`policies/deploy.json` is not there"), "{told}");
    let told = said(&|house: &House| house.write("log.jsonl", &log(&LOG[..5])));
    assert!(told.contains("`log.jsonl` is not among what was read, or changed"), "{told}");
    let told = said(&|house: &House| {
        let mut other = grants();
        other["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"]["Statement"][2]["Resource"] =
            json!("x");
        house.write("grants.json", &other.to_string());
    });
    assert!(told.contains("inline policy deploy is not what the certificate is of"), "{told}");
    // Somebody who can write a digest still cannot have more allowed, or a denial less, or what was used.
    for (place, value, fault) in [
        ("/Statement/0/Action", json!(["ec2:*"]), "this may allow more than was allowed: ec2:*"),
        ("/Statement/0/Condition", json!({}), "this may allow more than was allowed"),
        ("/Version", json!("2008-10-17"), "this may allow more than was allowed"),
        (
            "/Statement/3/Condition",
            json!({ "Bool": { "a": "b" } }),
            "this is denied no longer: ec2:*",
        ),
        (
            "/Statement/0/Action",
            json!(["ec2:DescribeInstances"]),
            "may be denied: ec2:RunInstances 1×",
        ),
    ] {
        let told = said(&|house: &House| {
            let mut policy = house.read(file);
            *policy.pointer_mut(place).unwrap() = value.clone();
            house.write(file, &policy.to_string());
            let text = bailiwick_model::Json::parse(
                policy.to_string().as_bytes(),
                bailiwick_model::JsonLimits::default(),
            );
            let digest = bailiwick_model::Digest::of(text.unwrap().canonical().as_bytes());
            let mut certificate = house.read("out/certificate.json");
            certificate["decisions"][0]["documents"][0]["sha256"] = json!(digest.to_string());
            house.write("out/certificate.json", &certificate.to_string());
        });
        assert!(told.contains(fault), "{fault}: {told}");
    }
}

#[test]
fn the_plan_the_trial_the_way_back_and_what_is_claimed_are_certified_too() {
    let said = |change: &dyn Fn(&House), logs: &str, fault: &str| {
        let house = House::new();
        house.made();
        change(&house);
        let ran = house.run(&["verify", "out/certificate.json", logs, "--grants", "grants.json"]);
        assert_eq!(ran.code, 1, "{fault}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(fault), "{fault}: {}", ran.stdout);
    };
    let rewrite = |file: &'static str, place: &'static str, value: Value| {
        move |house: &House| {
            let file = format!("out/{file}");
            let mut document = house.read(&file);
            *document.pointer_mut(place).unwrap() = value.clone();
            house.write(&file, &document.to_string());
        }
    };
    let deny = "deny/deployer-rightsize-trial-1.json";
    let certificate = |place, value| rewrite("certificate.json", place, value);
    for (change, fault) in [
        (
            &rewrite("rollback/deploy.json", "/Statement/0/Action", json!("*")) as &dyn Fn(&House),
            "`rollback/deploy.json` was changed",
        ),
        (&|it: &House| fs::remove_file(it.path("out").join(deny)).unwrap(), "`deny/deployer"),
        (&rewrite("plan.json", "/stages/2/commands", json!([["sh"]])), "`plan.json` was changed"),
        (
            &|it: &House| it.write("out/policies/more.json", "{}"),
            "`policies/more.json` lies beside",
        ),
        (&certificate("/files", json!([])), "`plan.json` lies beside it"),
        (&certificate("/inputs", json!([])), "the certificate names no log that it was made of"),
        (&certificate("/removed/actions", json!([])), "removed, and not called so: "),
        (&certificate("/kept/unobservable", json!([])), "kept, and not called so: "),
        (&certificate("/observed_days", json!(9999)), "its observed days"),
    ] {
        said(change, "log.jsonl", fault);
    }
    let later = |house: &House| house.write("later.jsonl", &log(&LOG[..5]));
    said(&later, "later.jsonl", "1 of the files that were read are none of the certificate's");
}

#[test]
fn whoever_is_in_several_lists_of_grants_is_asked_for_by_the_whole_name() {
    let house = House::new();
    let other = |name: &str, account: &str| {
        let text = grants().to_string().replace("111122223333", account);
        text.replace("role/deployer", &format!("role/{name}"))
    };
    let run = |wanted: &str| {
        let words = [wanted, "log.jsonl", "--grants", "first.json", "--grants", "grants.json"];
        house.run(&words)
    };
    // Its end is not the end of a name.
    house.write("first.json", &other("mydeployer", "444455556666"));
    let ran = run("deployer");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with(ROLE), "{}", ran.stdout);
    house.write("first.json", &other("deployer", "444455556666"));
    let ran = run("deployer");
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("have a `deployer`: give the whole ARN"), "{}", ran.stderr);
    let ran = run(ROLE);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with(ROLE), "{}", ran.stdout);
}

#[test]
fn a_shadow_tells_what_may_be_denied() {
    let house = House::new();
    house.made();
    let shadow = |events: &[(u8, &str, &str, &str, bool)]| {
        house.write("later.jsonl", &log(events));
        let words = ["shadow", "out/certificate.json", "later.jsonl", "--grants", "grants.json"];
        house.run(&words)
    };
    let quiet = shadow(&[
        (9, "deployer", "ec2", "RunInstances", true),
        (9, "other", "ec2", "StopInstances", true),
    ]);
    assert_eq!(quiet.code, 0, "{}", quiet.stdout);
    let loud = shadow(&[(9, "deployer", "ec2", "StopInstances", true)]);
    assert_eq!(loud.code, 1, "{}", loud.stdout);
    assert!(loud.stdout.contains("may be denied: ec2:StopInstances 1×"), "{}", loud.stdout);
    assert_eq!(
        shadow(&[(9, "deployer", "ec2", "StopInstances", false)]).code,
        0,
        "it was denied before"
    );
}

#[test]
fn wrong_words_end_it_and_nothing_is_written_over() {
    let house = House::new();
    house.made();
    let begin = ["log.jsonl", "--grants", "grants.json"];
    for (words, said) in [
        (&["nobody"][..], "no user and no role in these grants is `nobody`"),
        (&["deployer", "--out", "out"], "`out` is no empty folder"),
        (&["deployer", "--window", "1h"], "whole days"),
        (&["deployer", "--grants", "log.jsonl"], "`log.jsonl`: "),
        (&["deployer", "missing.jsonl"], "`missing.jsonl`: "),
    ] {
        let ran = house.run(&[&words[..1], &begin[..], &words[1..]].concat());
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{words:?}: {}", ran.stderr);
    }
    let mut certificate = house.read("out/certificate.json");
    certificate["decisions"][0]["documents"][0]["file"] = json!("../grants.json");
    house.write("out/certificate.json", &certificate.to_string());
    let ran = house.verify();
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("`../grants.json` does not lie beside it"), "{}", ran.stderr);
    house.write("out/certificate.json", "{}");
    assert_eq!(house.verify().code, 2);
}
