//! A program of an operator's, which keeps its users as files.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use bailiwick_connect::{Broker, Credential, ProgramBroker, ProgramSpec};
use bailiwick_model::Timestamp;
use bailiwick_testkit::broker::{Limit, Stay, Trial, Waited, conforms};
use tempfile::TempDir;

use crate::real::{field, now};

pub(super) const LIMITS: &[Limit] = &[Limit::NothingStays, Limit::NoEndOfItsOwn];

const PROGRAM: &str = r#"
import json, os, secrets, sys
asked = json.load(sys.stdin)
if os.path.exists("away"):
    sys.exit(1)
name = asked.get("lease", "").lower()
if asked["do"] == "issue":
    if asked["wants"] != ["readers"]:
        sys.exit(77)
    password = secrets.token_hex(16)
    with open("users/." + name, "w") as it:
        it.write(password)
    os.rename("users/." + name, "users/" + name)
    print(json.dumps({"called": name, "fields": {"user": name}, "secrets": {"password": password}}))
elif asked["do"] == "revoke":
    if os.path.exists("users/" + name):
        os.remove("users/" + name)
else:
    users = [it for it in os.listdir("users") if not it.startswith(".")]
    print(json.dumps({"leases": ["lease_" + it[6:].upper() for it in users]}))
"#;

struct Tried(TempDir, ProgramBroker);

impl Tried {
    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["readers".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("writers".into())
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async {
            let kept = fs::read_to_string(self.place("users").join(field(credential, "user")));
            kept.is_ok_and(|it| it == field(credential, "password"))
        })
    }

    fn stays<'a>(&'a self, _: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async { None })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        Box::pin(async move {
            let file = self.place("away");
            if away { fs::write(file, "") } else { fs::remove_file(file) }.unwrap();
        })
    }

    fn late(&self, _: Timestamp) -> Waited<'_, ()> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn the_broker_conforms_at_a_program() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("users")).unwrap();
    fs::write(folder.path().join("program.py"), PROGRAM).unwrap();
    let spec = ProgramSpec {
        target: "build-host".parse().unwrap(),
        command: ["python3", "program.py"].map(str::to_owned).to_vec(),
        env: BTreeMap::new(),
        dir: folder.path().to_owned(),
        timeout: Duration::from_secs(45),
    };
    conforms(&Tried(folder, ProgramBroker::new(spec))).await;
}
