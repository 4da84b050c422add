//! `audit`: granted against exercised, from files alone.

mod cloud;
mod dormancy;
mod granted;
mod live;
mod local;
mod real;
mod report;
mod saas;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// A folder with logs and grants, and no governor near it.
struct House(tempfile::TempDir);

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        house.write("log.jsonl", log().as_bytes());
        house.write("grants.json", grants().to_string().as_bytes());
        house
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn run_with(&self, words: &[&str], input: &[u8]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.arg("audit").args(words).current_dir(self.0.path());
        command.env_remove("BAILIWICK_CONFIG").env_remove("BAILIWICK_LOG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Nobody may be there to read it.
        let _gone = child.stdin.take().unwrap().write_all(input);
        let ran = child.wait_with_output().unwrap();
        Ran {
            code: ran.status.code().unwrap_or(-1),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        }
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.run_with(words, b"")
    }

    fn json(&self, words: &[&str]) -> Value {
        let ran = self.run(&[words, &["--output", "json"]].concat());
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

const USER: &str = "arn:aws:iam::111122223333:user/ci";
const ROLE: &str = "arn:aws:iam::111122223333:role/deployer";

fn event(number: u8, day: u8, who: &Value, call: (&str, &str), more: &Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.08",
        "eventID": format!("00000000-0000-4000-8000-0000000000{number:02x}"),
        "eventTime": format!("2026-03-{day:02}T10:00:00Z"),
        "eventSource": format!("{}.amazonaws.com", call.0),
        "eventName": call.1,
        "awsRegion": "eu-central-1",
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "managementEvent": true,
        "eventCategory": "Management",
        "userIdentity": who,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// A user becomes a role, and the role does this and that on three days.
fn events() -> Vec<Value> {
    let user = json!({
        "type": "IAMUser", "arn": USER, "accountId": "111122223333",
        "accessKeyId": "AKIAEXAMPLE0000000001", "userName": "ci",
    });
    let role = json!({
        "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE0000000001",
        "arn": "arn:aws:sts::111122223333:assumed-role/deployer/run-7",
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": ROLE } },
    });
    let object = json!({
        "managementEvent": false, "eventCategory": "Data", "readOnly": false,
        "requestParameters": { "bucketName": "releases", "key": "v1" },
    });
    let began = json!({
        "requestParameters": { "roleArn": ROLE },
        "responseElements": { "credentials": { "accessKeyId": "ASIAEXAMPLE0000000001" } },
    });
    let machine = json!({
        "requestParameters": { "iamInstanceProfile": { "name": "runner" } },
    });
    let denied = json!({ "errorCode": "Client.UnauthorizedOperation" });
    let console = json!({ "eventType": "AwsConsoleSignIn" });
    vec![
        event(1, 1, &user, ("sts", "AssumeRole"), &began),
        event(2, 1, &role, ("ec2", "RunInstances"), &machine),
        event(3, 1, &role, ("ec2", "DescribeInstances"), &json!({ "readOnly": true })),
        event(4, 2, &role, ("s3", "PutObject"), &object),
        event(5, 4, &role, ("s3", "PutObject"), &object),
        event(6, 4, &role, ("ec2", "TerminateInstances"), &denied),
        event(7, 4, &user, ("signin", "ConsoleLogin"), &console),
        event(8, 4, &user, ("weather", "MakeRain"), &json!({})),
    ]
}

/// One of the lines is broken, and one comes twice.
fn log() -> String {
    let events = events();
    let mut lines: Vec<_> = events.iter().map(Value::to_string).collect();
    lines.insert(3, "{\"eventName\": \"Put".to_owned());
    lines.push(events[1].to_string());
    lines.iter().map(|it| format!("{it}\n")).collect()
}

fn grants() -> Value {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["ec2:RunInstances", "ec2:DescribeInstances", "ec2:DescribeImages",
          "ec2:TerminateInstances", "ec2:StopInstances"], "Resource": "*" },
        { "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
          "Resource": "arn:aws:s3:::releases/*" },
        { "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
          "Condition": { "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } } },
        { "Effect": "Deny", "Action": "ec2:StopInstances", "Resource": "*" },
    ] });
    json!({
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": [{
            "Arn": ROLE, "RoleName": "deployer", "CreateDate": "2025-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": { "Statement": { "Effect": "Allow",
                "Principal": { "AWS": USER }, "Action": "sts:AssumeRole" } },
            "RolePolicyList": [{ "PolicyName": "deploy", "PolicyDocument": policy }],
            "AttachedManagedPolicies": [],
        }],
        "Policies": [],
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

fn names(told: &Value) -> Vec<&str> {
    told.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Gives the state of each permission of an identity.
fn states<'a>(told: &'a Value, id: &str) -> BTreeMap<&'a str, &'a str> {
    let identities = told["identities"].as_array().unwrap();
    let identity = identities.iter().find(|it| it["id"] == id).unwrap();
    let entries = identity["entries"].as_array().unwrap().iter();
    entries.map(|it| (it["name"].as_str().unwrap(), it["state"].as_str().unwrap())).collect()
}

#[test]
fn each_permission_has_one_state_and_what_it_rests_on() {
    let house = House::new();
    let told = house.json(&["log.jsonl", "--grants", "grants.json"]);
    assert_eq!(
        states(&told, ROLE),
        BTreeMap::from([
            ("aws:ec2:RunInstances", "exercised"),
            ("aws:ec2:DescribeInstances", "exercised"),
            ("aws:ec2:DescribeImages", "dormant"),
            ("aws:ec2:TerminateInstances", "attempted"),
            ("aws:iam:PassRole", "exercised"),
            ("aws:s3:PutObject", "exercised"),
            ("aws:s3:DeleteObject", "dormant"),
            // The log has what is written to objects, and never what is read.
            ("aws:s3:GetObject", "unobservable"),
        ])
    );
    let role = told["identities"].as_array().unwrap().iter().find(|it| it["id"] == ROLE).unwrap();
    let entry =
        |name: &str| role["entries"].as_array().unwrap().iter().find(|it| it["name"] == name);
    insta::assert_snapshot!(pretty(&json!(entry("aws:s3:PutObject"))), @r#"
    {
      "name": "aws:s3:PutObject",
      "state": "exercised",
      "count": 2,
      "attempts": 0,
      "first": "2026-03-02T10:00:00.000Z",
      "last": "2026-03-04T10:00:00.000Z",
      "days": 2,
      "mapping": "exact",
      "granted_by": [
        {
          "path": "inline policy deploy",
          "extent": "yes"
        }
      ],
      "observed_days": 2,
      "gaps": 1,
      "idle": {
        "days": 0,
        "has_lapsed": false
      },
      "level": "write",
      "resources": [
        "arn:aws:s3:::releases/*"
      ]
    }
    "#);
    insta::assert_snapshot!(pretty(&json!(entry("aws:iam:PassRole"))), @r#"
    {
      "name": "aws:iam:PassRole",
      "state": "exercised",
      "count": 1,
      "attempts": 0,
      "first": "2026-03-01T10:00:00.000Z",
      "last": "2026-03-01T10:00:00.000Z",
      "days": 1,
      "mapping": "implied",
      "granted_by": [
        {
          "path": "inline policy deploy",
          "extent": "maybe"
        }
      ],
      "observed_days": 3,
      "gaps": 1,
      "level": "write",
      "resources": []
    }
    "#);
    insta::assert_snapshot!(pretty(&json!(entry("aws:ec2:DescribeImages"))), @r#"
    {
      "name": "aws:ec2:DescribeImages",
      "state": "dormant",
      "count": 0,
      "attempts": 0,
      "days": 0,
      "mapping": "exact",
      "granted_by": [
        {
          "path": "inline policy deploy",
          "extent": "yes"
        }
      ],
      "observed_days": 1,
      "gaps": 0,
      "not_yet": "too_few_days",
      "level": "list",
      "resources": []
    }
    "#);
}

#[test]
fn programs_may_rely_on_the_shape() {
    let house = House::new();
    let told = house.json(&["log.jsonl", "--grants", "grants.json"]);
    assert_eq!(names(&told), ["summary", "identities", "chains", "unmapped", "findings", "reach"]);
    insta::assert_snapshot!(pretty(&json!(told["chains"])), @r#"
    [
      {
        "path": [
          "arn:aws:iam::111122223333:user/ci",
          "arn:aws:iam::111122223333:role/deployer"
        ],
        "platforms": [
          "aws",
          "aws"
        ],
        "via": [
          "assume-role"
        ],
        "events": 5,
        "credentials": 1,
        "first": "2026-03-01T10:00:00.000Z",
        "last": "2026-03-04T10:00:00.000Z",
        "crosses": false,
        "completeness": "full",
        "begins": "a credential that lasts"
      }
    ]
    "#);
    insta::assert_snapshot!(pretty(&json!(told["unmapped"])), @r#"
    [
      {
        "platform": "aws",
        "native": "signin.amazonaws.com:ConsoleLogin",
        "class": "internal",
        "count": 1
      },
      {
        "platform": "aws",
        "native": "weather.amazonaws.com:MakeRain",
        "class": "unknown",
        "count": 1
      }
    ]
    "#);
    let summary = &told["summary"];
    for (name, count) in
        [("records", 10), ("events", 8), ("duplicates", 1), ("errors", 1), ("identities", 2)]
    {
        assert_eq!(summary[name], count, "{name}: {summary}");
    }
    let identity = &told["identities"][0];
    for name in ["id", "kind", "entries", "platform", "account", "states"] {
        assert!(!identity[name].is_null(), "{name}: {identity}");
    }
    for entry in identity["entries"].as_array().unwrap() {
        for name in ["name", "state", "count", "attempts", "mapping", "granted_by", "observed_days"]
        {
            assert!(!entry[name].is_null(), "{name}: {entry}");
        }
    }
}

#[test]
fn people_see_a_table_and_spreadsheets_get_lines() {
    let house = House::new();
    let ran = house.run(&["log.jsonl", "--grants", "grants.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(ran.stdout, @r"
    10 records: 8 accesses of 2 identities, 1 that came again, 1 that could not be read
    from 2026-03-01T10:00:00.000Z to 2026-03-04T10:00:00.000Z
    5 accesses by sessions: 5 joined to who began them, 0 delivered by the system, 0 begun out of sight

    LOOK HERE FIRST
     FINDING         RISK       IDENTITY                                 WHAT
     static-key      NHI7:2025  arn:aws:iam::111122223333:user/ci        AKIAEXAMPLE0000000001: 3 accesses with a key that lasts until it is taken away
     standing-grant  NHI5:2025  arn:aws:iam::111122223333:role/deployer  2 of 8 granted permissions not used on up to 2 observed days

     IDENTITY                                 SYSTEM  KIND     EXERCISED  ATTEMPTED  DORMANT  UNOBSERVABLE  LAST
     arn:aws:iam::111122223333:role/deployer  aws     role     4          1          2        1             2026-03-04T10:00:00.000Z
     arn:aws:iam::111122223333:user/ci        aws     unknown  1          0          0        0             2026-03-01T10:00:00.000Z

    exercised: used · attempted: asked for, and denied each time · dormant: granted, its use would have been seen, and was not · unobservable: granted, and nothing that was read could show its use

    arn:aws:iam::111122223333:role/deployer
      exercised     aws:ec2:DescribeInstances 1×, aws:ec2:RunInstances 1×, aws:iam:PassRole 1×, aws:s3:PutObject 2×
      attempted     aws:ec2:TerminateInstances 1×
      dormant       aws:ec2:DescribeImages, aws:s3:DeleteObject
                    2 observed on fewer than 90 days, 2 at most: not to be taken away yet
      unobservable  aws:s3:GetObject

    arn:aws:iam::111122223333:user/ci
      exercised     aws:sts:AssumeRole 1×

    CHAINS
      arn:aws:iam::111122223333:user/ci › assume-role › arn:aws:iam::111122223333:role/deployer  (5 accesses; begins: a credential that lasts)

    NO RULE KNOWS WHICH PERMISSION THIS IS
      aws weather.amazonaws.com:MakeRain 1×
    ");
    insta::assert_snapshot!(ran.stderr, @"`log.jsonl`, record 4: this is no JSON: EOF while parsing a string at line 1 column 18");
    let ran = house.run(&["log.jsonl", "--grants", "grants.json", "--format", "csv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(ran.stdout.replace("\r\n", "\n"), @r"
    platform,identity,account,kind,name,state,count,attempts,first,last,days,observed_days,mapping,granted_by,reach,findings,not_yet,idle_days,lapsed,within
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:ec2:DescribeImages,dormant,0,0,,,0,1,exact,inline policy deploy,observe,standing-grant,too_few_days,,,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:ec2:DescribeInstances,exercised,1,0,2026-03-01T10:00:00.000Z,2026-03-01T10:00:00.000Z,1,1,exact,inline policy deploy,observe,standing-grant,,0,false,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:ec2:RunInstances,exercised,1,0,2026-03-01T10:00:00.000Z,2026-03-01T10:00:00.000Z,1,2,exact,inline policy deploy,observe,standing-grant,,1,false,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:ec2:TerminateInstances,attempted,0,1,2026-03-04T10:00:00.000Z,2026-03-04T10:00:00.000Z,0,2,exact,inline policy deploy,observe,standing-grant,,,,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:iam:PassRole,exercised,1,0,2026-03-01T10:00:00.000Z,2026-03-01T10:00:00.000Z,1,3,implied,inline policy deploy,observe,standing-grant,,,,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:s3:DeleteObject,dormant,0,0,,,0,2,exact,inline policy deploy,observe,standing-grant,too_few_days,,,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:s3:GetObject,unobservable,0,0,,,0,0,exact,inline policy deploy,observe,standing-grant,,,,
    aws,arn:aws:iam::111122223333:role/deployer,111122223333,role,aws:s3:PutObject,exercised,2,0,2026-03-02T10:00:00.000Z,2026-03-04T10:00:00.000Z,2,2,exact,inline policy deploy,observe,standing-grant,,0,false,
    aws,arn:aws:iam::111122223333:user/ci,111122223333,unknown,aws:sts:AssumeRole,exercised,1,0,2026-03-01T10:00:00.000Z,2026-03-01T10:00:00.000Z,1,2,exact,,observe,static-key,,1,false,
    ");
}

#[test]
fn the_same_log_says_the_same_however_it_is_delivered() {
    let house = House::new();
    let events = events();
    let (first, second) = events.split_at(4);
    let packed = |events: &[Value]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(json!({ "Records": events }).to_string().as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    house.write("logs/2026/03/01/one.json.gz", &packed(first));
    house.write("logs/2026/03/02/two.json.gz", &packed(second));
    house.write("history.json", &serde_json::to_vec_pretty(&json!({ "Events":
        events.iter().map(|it| json!({ "EventId": it["eventID"], "CloudTrailEvent": it.to_string() }))
            .collect::<Vec<_>>() })).unwrap());
    house.write("list.json", &serde_json::to_vec_pretty(&events).unwrap());
    let lines: String = events.iter().map(|it| format!("{it}\n")).collect();
    house.write("plain.jsonl", lines.as_bytes());
    let plain = house.run(&["plain.jsonl", "--output", "json"]);
    for words in [&["logs"], &["history.json"], &["list.json"]] {
        let ran = house.run(&[words.as_slice(), &["--output", "json"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
        assert_eq!(ran.stdout, plain.stdout, "{words:?}");
    }
    for input in [lines.as_bytes(), &packed(&events)] {
        let ran = house.run_with(&["-", "--output", "json"], input);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert_eq!(ran.stdout, plain.stdout);
    }
}

#[test]
fn the_report_can_be_of_some_identities_and_of_one_source() {
    let house = House::new();
    let told = house.json(&["log.jsonl", "--identity", "deployer", "--source", "cloudtrail"]);
    let ids: Vec<_> = told["identities"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [ROLE]);
    assert_eq!(told["summary"]["identities"], 2, "the counts are of all");
    for more in [&[][..], &["--output", "json"], &["--format", "csv"], &["--format", "ocsf"]] {
        let ran = house.run(&[&["log.jsonl", "--identity", "zzz"], more].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{more:?}");
        assert!(ran.stderr.contains("nobody in what was read is called `zzz`"), "{}", ran.stderr);
    }
}

#[test]
fn a_log_is_not_read_on_where_nobody_reads_what_comes_of_it() {
    let house = House::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(["audit", "-", "--format", "ocsf"]).current_dir(house.0.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let (mut log, lines) = (child.stdin.take().unwrap(), log());
    // It goes away long before the end of what it is given.
    let written = (0..20_000).map_while(|_| log.write_all(lines.as_bytes()).ok()).count();
    assert!(written < 20_000, "{written} times {} bytes were read", lines.len());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_told_and_what_is_wrong_ends_it() {
    let house = House::new();
    house.write("strange.jsonl", b"{\"hello\": 1}\n[1, 2]\nnothing\n\n{\"Records\": 7}\n");
    let ran = house.run(&["strange.jsonl"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(ran.stderr, @r"
    `strange.jsonl`, record 1: no source knows records like this one
    `strange.jsonl`, record 2: this is no record: invalid type: integer `1`, expected an object or a list at line 1 column 1
    `strange.jsonl`, record 3: this is no record: invalid type: integer `2`, expected an object or a list at line 1 column 1
    `strange.jsonl`, record 4: this is no JSON: expected ident at line 1 column 2
    `strange.jsonl`, record 5: no source knows records like this one
    ");
    house.write("cut.json.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1]);
    for words in [
        &["missing.json"][..],
        &["cut.json.gz"],
        &["log.jsonl", "--source", "weather"],
        &["log.jsonl", "--grants", "log.jsonl"],
        &["log.jsonl", "--grants", "missing.json"],
        &["log.jsonl", "--format", "xml"],
        &[],
    ] {
        let ran = house.run(words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{words:?}: {}", ran.stdout);
        assert!(!ran.stderr.is_empty(), "{words:?}");
    }
}
