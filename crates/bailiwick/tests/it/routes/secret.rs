//! The secret that a request gets: situation 12. The API sees it, and nobody else does.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{CREDENTIAL, World, api};
use crate::secrets::{holding, with_value};

const VALUE: &str = "k3y/of+the==crm&long";
const NEXT: &str = "an0ther-key-of-the-crm";

/// Gives everything back that it was sent, as it is and as it is commonly written.
fn echo() -> impl Fn(&api::Request, &mut std::net::TcpStream) + Send + Sync + 'static {
    |request, stream| {
        let sent = request.header("authorization").unwrap_or_default().to_owned();
        let quoted = serde_json::Value::from(sent.as_str()).to_string().replace('/', "\\/");
        let escaped = sent.replace('/', "\\u002F").replace('&', "\\u0026");
        let percent = sent.replace('=', "%3d").replace('&', "%26");
        let text = format!(
            "{sent} | {} | {quoted} | {escaped} | {percent} | {}",
            STANDARD.encode(&sent),
            STANDARD.encode(format!("user:{sent}"))
        );
        if request.line.contains("before") {
            api::answer(stream, "200 OK", &[], &format!("it was {VALUE}"));
        } else if request.line.contains("reason") {
            let head = format!("HTTP/1.1 200 {sent}\r\nContent-Length: 2\r\n\r\nok");
            api::write(stream, head.as_bytes());
        } else if request.line.contains("stream") {
            api::write(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in text.as_bytes().chunks(3) {
                let head = format!("{:x}\r\n", piece.len());
                api::write(stream, &[head.as_bytes(), piece, b"\r\n"].concat());
            }
            api::write(stream, b"0\r\n\r\n");
        } else if request.line.contains("away") {
            let to = format!("http://127.0.0.1:9/?key={sent}");
            api::answer(stream, "307 Temporary Redirect", &[("Location", &to)], "");
        } else if request.line.contains("error") {
            api::answer(stream, "401 Unauthorized", &[("X-Sent", &sent)], &text);
        } else {
            api::answer(stream, "200 OK", &[("X-Sent", &sent)], &text);
        }
    }
}

#[test]
fn a_secret_goes_along_is_never_seen_and_each_use_is_on_record_without_it() {
    let world = World::start(CREDENTIAL, echo());
    let ask = |what: &str| {
        world.ask(
            &format!("GET /http/crm/customers?q={what}"),
            &[("X-Api-Key", "mine"), ("Range", "bytes=0-3")],
            "",
        )
    };
    let without = ask("plain");
    assert_eq!(without.status, 502, "{without:?}");
    assert!(without.body.contains("bailiwick secret set crm-key"), "{without:?}");
    assert_eq!(world.api.count(), 0);

    assert_eq!(with_value(&world.governor, &["secret", "set", "crm-key"], VALUE).code, 0);
    let mut answers = Vec::new();
    for what in ["plain", "stream", "error", "away", "reason"] {
        let answer = ask(what);
        let sent = world.api.last();
        assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {VALUE}")), "{what}");
        assert!(!sent.head.contains(&world.token) && sent.header("x-api-key").is_none(), "{what}");
        let whole = ["away", "reason"].contains(&what);
        assert!(answer.body.contains("***") || whole, "{answer:?}");
        assert!(sent.header("range").is_none());
        answers.push(format!("{answer:?}"));
        let raw = world.request(&format!("GET /http/crm/customers?q={what}"), &[], "");
        let mut stream = world.governor.connect();
        std::io::Write::write_all(&mut stream, &raw).unwrap();
        let mut bytes = String::new();
        std::io::Read::read_to_string(&mut stream, &mut bytes).unwrap();
        answers.push(bytes);
    }
    assert_eq!(with_value(&world.governor, &["secret", "rotate", "crm-key"], NEXT).code, 0);
    answers.push(format!("{:?}", ask("plain")));
    answers.push(format!("{:?}", ask("before")));
    assert_eq!(world.api.last().header("authorization"), Some(&*format!("Bearer {NEXT}")));

    let mut seen = answers.concat();
    for words in [
        vec!["ledger", "export"],
        vec!["path", &world.task],
        vec!["secret", "list"],
        vec!["config", "show"],
    ] {
        let ran = world.governor.run(&words);
        assert_eq!(ran.code, 0, "{ran:?}");
        seen.push_str(&ran.stdout);
        seen.push_str(&ran.stderr);
    }
    for value in [VALUE, NEXT] {
        let core = STANDARD.encode(value);
        let quoted = value.replace('/', "\\/");
        let (percent, escaped) = (value.replace('=', "%3d"), value.replace('/', "\\u002F"));
        let some = |it: &str| it.get(..16).unwrap().to_owned();
        for form in [value, &some(&core), &quoted, &some(&percent), &some(&escaped)] {
            assert!(!seen.contains(form), "{form}: {seen}");
        }
        assert_eq!(holding(world.governor.folder(), value), Vec::<String>::new());
    }
    let used: Vec<_> = world.records("outcome").iter().map(|it| it["secret"].clone()).collect();
    let first = json!({"secret": "crm-key", "version": 1, "at": "crm"});
    let next = json!({"secret": "crm-key", "version": 2, "at": "crm"});
    assert_eq!(used[0], json!(null), "nothing was sent without it");
    assert_eq!(used.len(), 13);
    assert!(used[1..11].iter().all(|it| *it == first), "{used:?}");
    assert!(used[11] == next && used[12] == next, "{used:?}");
    let listed = world.governor.json(&["secret", "list"]);
    assert_eq!((&listed[0]["used_by"], listed[0]["used"].is_string()), (&json!(["crm"]), true));
}

#[test]
fn what_may_only_read_is_sent_with_the_secret_that_only_reads() {
    let more = format!("{CREDENTIAL}read_only = \"crm-reader\"\n");
    let constraint =
        "name = \"reader\"\nversion = 1\nowner = \"team-test\"\ncredential = \"read-only\"\n";
    let policy = "@id(\"searches-read\")\n@constrain(\"reader\")\npermit (principal, action == Action::\"crm__search\", resource);\n";
    let files = [("constraints/reader.toml", constraint), ("policies/reader.cedar", policy)];
    let world = World::with(&more, &files, echo());
    assert_eq!(with_value(&world.governor, &["secret", "set", "crm-key"], VALUE).code, 0);
    let search = || world.ask("GET /http/crm/customers?q=x", &[], "");
    assert_eq!(search().status, 502, "what should only read is not sent with more");
    assert_eq!(world.api.count(), 0);
    assert_eq!(with_value(&world.governor, &["secret", "set", "crm-reader"], NEXT).code, 0);
    assert_eq!(search().status, 200);
    assert_eq!(world.api.last().header("authorization"), Some(&*format!("Bearer {NEXT}")));
    assert_eq!(world.ask("GET /http/crm/customers/42", &[], "").status, 200);
    assert_eq!(world.api.last().header("authorization"), Some(&*format!("Bearer {VALUE}")));
}

#[test]
fn the_proof_of_a_task_tells_of_the_secret_that_its_requests_had() {
    let world = World::start(CREDENTIAL, echo());
    let ask = || world.ask("GET /http/crm/customers?q=plain", &[], "");
    assert_eq!(ask().status, 502, "there is no secret, and so no lease of it");
    assert_eq!(with_value(&world.governor, &["secret", "set", "crm-key"], VALUE).code, 0);
    assert_eq!((ask().status, ask().status), (200, 200));
    let live = world.governor.json(&["lease", "list"]);
    assert_eq!(live["leases"].as_array().unwrap().len(), 1, "{live}");
    // Nobody has it by asking for it.
    let asked = world.governor.post("/leases/secret.crm-key", &world.token, &[], "{}");
    assert_eq!(asked.status, 403, "{asked:?}");
    let ended = world.governor.json(&["task", "end", &world.task]);
    let leases = ended["leases"].as_array().unwrap();
    let had: Vec<_> = leases.iter().filter(|it| it["issued"].is_string()).collect();
    let [lease] = had[..] else { panic!("{ended}") };
    for (name, wanted) in [
        ("target", json!("secret.crm-key")),
        ("wants", json!(["crm"])),
        ("enforced", json!("prevent")),
        ("state", json!("revoked")),
        ("called", json!("crm-key")),
    ] {
        assert_eq!(lease[name], wanted, "{lease}");
    }
    assert!(lease["used"].as_str() >= lease["issued"].as_str(), "{lease}");
    assert!(lease["gone"].is_string(), "{lease}");
}
