//! The Workload API: local processes that are told who they are, and a governor that is told bundles.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    os::unix::{fs::FileTypeExt as _, net::UnixStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    governor::{Governor, NOTES, PATIENCE},
    real::parts::Parts,
};

const ID: &str = "spiffe://laptop.example/agents/reader";

/// A governor that tells local processes who they are, and believes what it told them.
fn house(proof: &str) -> Governor {
    let mut governor = Governor::prepare(NOTES);
    let own = governor.path("workload.sock");
    let more = format!(
        "[workload_api]\nsocket = \"workload.sock\"\ntrust_domain = \"laptop.example\"\n[[trust]]\ndomain = \"laptop.example\"\nworkload_api = \"unix:{}\"\n",
        own.display()
    );
    governor.write("bailiwick.toml", &format!("{}{more}", NOTES[0].1));
    governor.write("charters/reader.toml", &NOTES[1].1.replace("{ uid = UID }", proof));
    governor.serve();
    governor
}

fn both() -> String {
    format!("{{ uid = UID }}, {{ spiffe = \"{ID}\" }}")
}

fn codes(governor: &Governor) -> Vec<String> {
    let ran = governor.run(&["doctor", "--output", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_governor_tells_its_own_bundle_and_doctor_finds_when_nobody_does() {
    let mut governor = house(&both());
    let socket = governor.path("workload.sock");
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    let found = codes(&governor);
    assert!(!found.contains(&"bundle-not-told".to_owned()), "{found:?}");
    assert!(found.contains(&"workload-of-own-account".to_owned()), "{found:?}");
    governor.stop();
    assert!(codes(&governor).contains(&"bundle-not-told".to_owned()));
    // What it left there is no obstacle.
    governor.serve();
    assert!(!codes(&governor).contains(&"bundle-not-told".to_owned()));
}

/// Asks for certificates as a process of this account, and gives what comes until the call is answered.
fn asked(governor: &Governor) -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u8, body: &[u8]| {
        let length = u8::try_from(body.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], body].concat()
    };
    let fields = [
        (":method", "POST"),
        (":path", "/SpiffeWorkloadAPI/FetchX509SVID"),
        ("content-type", "application/grpc"),
        ("workload.spiffe.io", "true"),
    ];
    let text = |it: &str| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat();
    let head: Vec<u8> =
        fields.iter().flat_map(|(name, it)| [vec![0], text(name), text(it)].concat()).collect();
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let question = [hello, frame(4, 0, 0, &[]), frame(1, 4, 1, &head), frame(0, 1, 1, &[0; 5])];
    let mut stream = UnixStream::connect(governor.path("workload.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&question.concat()).unwrap();
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    while !has(&said, "grpc-status") && !has(&said, ID) {
        let read = stream.read(&mut piece).unwrap();
        assert_ne!(read, 0, "it hung up");
        said.extend_from_slice(&piece[..read]);
    }
    said
}

fn has(said: &[u8], what: &str) -> bool {
    said.windows(what.len()).any(|it| it == what.as_bytes())
}

#[test]
fn where_tool_servers_look_like_everything_of_the_account_none_of_it_is_anybody() {
    let mut governor = house(&both());
    assert!(has(&asked(&governor), ID));
    governor.stop();
    governor.serve_with(|command| {
        let mut confined = Command::new("setpriv");
        confined.arg("--no-new-privs").arg(command.get_program()).args(command.get_args());
        confined.current_dir(command.get_current_dir().unwrap()).env_remove("BAILIWICK_CONFIG");
        *command = confined;
    });
    let said = asked(&governor);
    assert!(has(&said, "grpc-status\x017") && !has(&said, ID));
    let found = codes(&governor);
    assert!(found.contains(&"workload-not-told-apart".to_owned()), "{found:?}");
    assert!(!found.contains(&"bundle-not-told".to_owned()), "{found:?}");
}

#[test]
fn whoever_speaks_something_else_is_left() {
    let governor = house(&both());
    let mut stream = UnixStream::connect(governor.path("workload.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    assert!(!said.is_empty(), "it says what is wrong, and hangs up");
}

#[test]
fn a_socket_is_put_in_the_place_of_nothing_else() {
    let mut governor = house(&both());
    governor.stop();
    fs::remove_file(governor.path("workload.sock")).unwrap();
    fs::write(governor.path("workload.sock"), "mine").unwrap();
    assert!(!governor.try_serve_with(|it| {
        it.stderr(Stdio::null());
    }));
    assert_eq!(fs::read_to_string(governor.path("workload.sock")).unwrap(), "mine");
}

#[test]
fn what_cannot_be_meant_is_shown_where_it_stands() {
    for (tables, wanted) in [
        ("[workload_api]\nsocket = \"w.sock\"", "trust_domain"),
        ("[workload_api]\nsocket = \"w.sock\"\ntrust_domain = \"A B\"", "trust domain"),
        ("[workload_api]\nsocket = \"\"\ntrust_domain = \"a\"", "socket"),
        (
            "[[trust]]\ndomain = \"a\"\nworkload_api = \"/run/a.sock\"",
            "is no place of a Workload API",
        ),
        ("[[trust]]\ndomain = \"a\"\nworkload_api = \"tcp:127.0.0.1:80\"", "any account"),
        (
            "[[trust]]\ndomain = \"a\"\nworkload_api = \"unix:/run/a.sock\"\nurl = \"https://a.example\"",
            "has no use",
        ),
    ] {
        let governor = Governor::prepare(NOTES);
        governor.write("bailiwick.toml", &format!("{}{tables}\n", NOTES[0].1));
        let ran = governor.run(&["check"]);
        assert_eq!(ran.code, 2, "{tables}");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(wanted), "{tables}: {told}");
    }
}

/// A workload that somebody else wrote.
struct Workload(Vec<String>);

impl Workload {
    fn find() -> Option<Self> {
        Parts::find().map(|it| Self(it.words("workload")))
    }

    fn command(&self, governor: &Governor, what: &str, more: &[&str]) -> Command {
        let socket = format!("unix:{}", governor.path("workload.sock").display());
        let mut command = Command::new(&self.0[0]);
        command.arg(&self.0[1]).args([what, &socket]).args(more).stdin(Stdio::null());
        command
    }

    fn says(&self, governor: &Governor, what: &str, more: &[&str]) -> Vec<Value> {
        let ran = self.command(governor, what, more).output().unwrap();
        let (said, error) =
            (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let said: Vec<_> = said.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        if said.is_empty() { vec![json!({ "failed": error })] } else { said }
    }
}

#[test]
fn a_workload_of_others_is_told_who_it_is_and_proves_it() {
    let Some(workload) = Workload::find() else { return };
    let governor = house(&both());
    let said = workload.says(&governor, "certificate", &[]);
    assert_eq!(said[0]["id"], ID, "{said:?}");
    assert_eq!((&said[0]["signs"], &said[0]["pair"]), (&json!(true), &json!(true)));
    assert!(said[0]["life"].as_f64().unwrap() <= 3700.0, "{said:?}");
    assert_eq!(said[1]["bundles"], json!(["laptop.example"]));

    let said = workload.says(&governor, "token", &[governor.url()]);
    assert_eq!((&said[0]["id"], &said[0]["validated"]), (&json!(ID), &json!(ID)), "{said:?}");
    assert!(said[1]["elsewhere"].as_str().unwrap().contains("for others"), "{said:?}");
    // The governor follows its own socket, and takes the token for what it is.
    let form = |token: &str| {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-spiffe";
        let details =
            "%5B%7B%22type%22%3A%22bailiwick%2Ftask%2Fv1%22%2C%22template%22%3A%22reading%22%7D%5D";
        format!(
            "grant_type=client_credentials&client_assertion_type={kind}&client_assertion={token}&authorization_details={details}"
        )
    };
    let token = said[0]["token"].as_str().unwrap();
    let granted = until(|| {
        let answer: Value = serde_json::from_str(&form_post(&governor, &form(token))).unwrap();
        answer["access_token"].is_string().then_some(answer)
    });
    assert_eq!(granted["authorization_details"][0]["identity"], "reader", "{granted}");

    assert_eq!(workload.says(&governor, "bare", &[])[0]["code"], "INVALID_ARGUMENT");
    let records = governor.records();
    let issued: Vec<_> =
        records.iter().filter(|it| it.to_string().contains("svid_issued")).collect();
    assert!(2 <= issued.len(), "{records:?}");
    assert!(!issued.iter().any(|it| it.to_string().contains(token)));
}

fn form_post(governor: &Governor, form: &str) -> String {
    let host = governor.url().strip_prefix("http://").unwrap();
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        form.len()
    );
    governor.raw(format!("{head}{form}").as_bytes()).body
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it did not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nobody_is_told_anything_whom_no_charter_names_by_account_and_id() {
    let Some(workload) = Workload::find() else { return };
    for proof in
        ["{ uid = 4242 }, { spiffe = \"spiffe://laptop.example/agents/reader\" }", "{ uid = UID }"]
    {
        let governor = house(proof);
        let said = workload.says(&governor, "certificate", &[]);
        assert!(said[0]["failed"].as_str().unwrap().contains("PERMISSION_DENIED"), "{said:?}");
        let said = workload.says(&governor, "token", &["somebody"]);
        assert!(said[0]["failed"].as_str().unwrap().contains("PERMISSION_DENIED"), "{said:?}");
    }
}

#[test]
fn a_stream_ends_when_its_identity_is_contained_and_nothing_new_is_told() {
    let Some(workload) = Workload::find() else { return };
    let governor = house(&both());
    let mut watching =
        workload.command(&governor, "watch", &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["told"], json!([ID]));
    let ran = governor.run(&["contain", "identity:reader", "--why", "it went astray"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ended = next();
    assert!(ended["ended"].as_str().unwrap().contains("PERMISSION_DENIED"), "{ended}");
    assert!(watching.wait().unwrap().success());
    let said = workload.says(&governor, "certificate", &[]);
    assert!(said[0]["failed"].as_str().unwrap().contains("PERMISSION_DENIED"), "{said:?}");
}
