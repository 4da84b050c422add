//! Situation 15, where no key leaves the gateway: requests to AWS are signed with what the task leased, as
//! botocore would sign them, and after the end of the task none is.

use std::{fs, os::unix::fs::PermissionsExt as _};

use bailiwick_testkit::real::Aws;
use serde_json::{Value, json};

use crate::governor::{Answer, Governor, until};

const CONFIG: &str = r#"
[listen]
http = "127.0.0.1:0"
[evidence]
arguments = "full"
[[target]]
name = "aws"
kind = "sts"
[target.sts]
role = "arn:aws:iam::123456789012:role/agents"
region = "eu-central-1"
endpoint = "SERVICES"
iam_endpoint = "SERVICES"
keys_file = "secret/aws"
[[target.sts.allow]]
name = "read-orders"
actions = ["s3:GetObject"]
resources = ["arn:aws:s3:::orders/*"]
[[target.sts.allow]]
name = "call"
actions = ["execute-api:Invoke"]
resources = ["*"]
[[route]]
name = "orders"
url = "JUDGE"
[[route.operation]]
name = "get_order"
method = "GET"
path = "/orders/{key}"
query = ["versionId", "a"]
resource = "{key}"
[route.credential]
target = "aws"
wants = ["read-orders"]
sign = "s3"
[[route]]
name = "calls"
url = "JUDGE"
headers = ["X-Amz-Target", "X-Amz-Security-Token"]
[[route.operation]]
name = "call"
method = "POST"
path = "/calls/{name}"
body = ["say"]
[route.credential]
target = "aws"
wants = ["call"]
sign = "execute-api"
region = "us-west-2"
"#;

const CHARTER: &str = r#"
identity = "clerk"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Look after orders"
proof = [{ uid = UID }]
templates = ["serving"]
servers = ["orders", "calls"]
"#;

const TEMPLATE: &str = r#"
name = "serving"
owner = "team-test"
purpose = "Serve one customer"
[window]
max = "1h"
[[allow]]
server = "orders"
tools = ["get_order"]
[[allow]]
server = "calls"
tools = ["call"]
"#;

fn house(aws: &Aws) -> Governor {
    let config = CONFIG.replace("SERVICES", &aws.services).replace("JUDGE", &aws.judge);
    let governor = Governor::prepare(&[
        ("bailiwick.toml", config.as_str()),
        ("charters/clerk.toml", CHARTER),
        ("templates/serving.toml", TEMPLATE),
    ]);
    let keys = governor.path("secret/aws");
    fs::create_dir_all(keys.parent().unwrap()).unwrap();
    let own = r#"{"Version":1,"AccessKeyId":"AKIAGATEKEEPER","SecretAccessKey":"hunter2-of-ours"}"#;
    fs::write(&keys, own).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    governor
}

fn get(governor: &Governor, path: &str, token: &str) -> Answer {
    let host = governor.url().strip_prefix("http://").unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    governor.raw(head.as_bytes())
}

#[test]
fn a_request_is_signed_as_botocore_signs_it_and_no_key_leaves_the_gateway() {
    let Some(aws) = Aws::start() else { return };
    let mut governor = house(&aws);
    governor.serve();
    let (task, token) = governor.open("clerk", "serving", &[]);
    until("the operations", || get(&governor, "/http/orders/orders/a", &token).status != 403);
    let seen = |path: &str| {
        let answer = get(&governor, path, &token);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    for path in [
        "/http/orders/orders/a",
        "/http/orders/orders/a%20b%C3%A9",
        "/http/orders/orders/a%3Ab%40c?versionId=1%2F2&a=~",
    ] {
        let said = seen(path);
        assert_eq!((&said["same"], &said["body"]), (&json!(true), &json!(true)), "{path}: {said}");
        let statement = &said["policy"]["Statement"];
        assert_eq!(
            *statement,
            json!([{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::orders/*"]}])
        );
        // What an API gives back of the keys is written over.
        for gone in ["echo", "secret"] {
            let text = said[gone].as_str().unwrap();
            assert!(!text.is_empty() && text.bytes().all(|it| it == b'*'), "{gone}: {said}");
        }
    }
    let headers = [
        ("X-Amz-Target", "Orders_20120810.Call"),
        // Whoever it is said to be: it is signed by the task's own session.
        ("X-Amz-Security-Token", "of-somebody-else"),
    ];
    let said = governor.post("/http/calls/calls/one", &token, &headers, r#"{"say":"hello"}"#);
    assert_eq!(said.status, 200, "{said:?}");
    let said = said.json();
    assert_eq!((&said["same"], &said["body"]), (&json!(true), &json!(true)), "{said}");
    let signed = said["signed"].as_array().unwrap();
    for name in ["x-amz-target", "content-type", "x-amz-security-token"] {
        assert!(signed.contains(&json!(name)), "{name}: {said}");
    }
    assert!(said["echo"].as_str().unwrap().bytes().all(|it| it == b'*'), "{said}");
    // What could be read in two ways is not sent.
    assert_eq!(get(&governor, "/http/orders/orders/a?a=b+c", &token).status, 502);

    // No agent gets the keys by asking, and two sessions were made for all of that.
    let ended = governor.json(&["task", "end", &task]);
    let leases = ended["leases"].as_array().unwrap();
    assert_eq!(leases.len(), 2, "{ended}");
    for lease in leases {
        assert_eq!(
            (&lease["target"], &lease["enforced"]),
            (&json!("aws"), &json!("prevent")),
            "{lease}"
        );
        assert_eq!(
            (&lease["state"], &lease["ended"]["cause"]),
            (&json!("revoked"), &json!("task")),
            "{lease}"
        );
        assert!(lease["used"].is_string() && lease["gone"].is_string(), "{lease}");
    }
    assert_eq!(get(&governor, "/http/orders/orders/a", &token).status, 403);
    governor.stop();
    let whole = governor.records().iter().map(Value::to_string).collect::<String>();
    assert!(whole.contains("read-orders") && !whole.contains("hunter2"), "{whole}");
}

#[test]
fn where_no_session_is_to_be_had_nothing_is_sent() {
    let Some(aws) = Aws::start() else { return };
    let mut governor = house(&aws);
    let config = governor.path("bailiwick.toml");
    let toml = fs::read_to_string(&config).unwrap();
    // Nobody listens there.
    governor.write("bailiwick.toml", &toml.replace(&aws.services, "http://127.0.0.1:1"));
    governor.serve();
    let (_, token) = governor.open("clerk", "serving", &[]);
    until("the operations", || get(&governor, "/http/orders/orders/a", &token).status != 403);
    let answer = get(&governor, "/http/orders/orders/a", &token);
    assert_eq!(answer.status, 502, "{answer:?}");
    let answer = governor.post("/leases/aws", &token, &[], r#"{"wants":["read-orders"]}"#);
    assert_eq!(answer.status, 403, "{answer:?}");
}
