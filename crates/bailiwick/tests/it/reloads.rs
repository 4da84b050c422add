//! A live set of policies, and others that are not fit to take its place: each is refused loudly, and the
//! old one goes on deciding.

use std::fs;

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES, until};

const POLICY: &str = "policies/guardrails.cedar";
const LIVE: &str = "@id(\"drafts\")\nforbid (principal, action == Action::\"notes__read_note\", resource)\n\
                    when { context.input.path like \"/notes/drafts/*\" };\n";

/// What is wrong, in which file it is written, and what is told of it.
struct Broken {
    file: &'static str,
    text: &'static [u8],
    code: &'static str,
    place: &'static str,
}

const BROKEN: &[Broken] = &[
    Broken {
        file: POLICY,
        text: b"@id(\"drafts\")\nforbid (principal, action resource);\n",
        code: "POL-001",
        place: "policies/guardrails.cedar:2",
    },
    Broken {
        file: POLICY,
        text: b"@id(\"drafts\")\nforbid (principal is Identiy, action, resource);\n",
        code: "POL-011",
        place: "policies/guardrails.cedar:2",
    },
    Broken {
        file: POLICY,
        text: b"@id(\"drafts\")\nforbid (principal, action == Action::\"notes__read_note\", resource)\n\
                when { context.input.path > 5 };\n",
        code: "POL-019",
        place: "policies/guardrails.cedar:3",
    },
    Broken {
        file: POLICY,
        text: b"@id(\"drafts\")\nforbid (principal, action == Action::\"notes__read_note\", resource)\n\
                when { context.input.pth like \"/notes/drafts/*\" };\n",
        code: "POL-018",
        place: "policies/guardrails.cedar:3",
    },
    Broken {
        file: POLICY,
        text: b"@id(\"drafts\")\nforbid (principal, action == Action::\"notes__raed_note\", resource);\n",
        code: "POL-022",
        place: "policies/guardrails.cedar:2",
    },
    Broken {
        file: "policies/rows.cedar",
        text: b"@id(\"rows\") @constrain(\"few-rwos\")\npermit (principal, action, resource);\n",
        code: "POL-005",
        place: "policies/rows.cedar:1",
    },
    Broken {
        file: "policies/second.cedar",
        text: b"@id(\"drafts\")\nforbid (principal, action, resource);\n",
        code: "POL-003",
        place: "policies/second.cedar:1",
    },
    Broken {
        file: "policies/bytes.cedar",
        text: b"@id(\"bytes\") permit (principal, action, resource); // \xff\n",
        code: "CFG-001",
        place: "`policies/bytes.cedar`",
    },
    Broken {
        file: "constraints/few-rows.toml",
        text: b"name = \"few-rows\"\nversion = 1\nowner = \"team-test\"\nrwos = 5\n",
        code: "CFG-003",
        place: "constraints/few-rows.toml:4",
    },
];

fn activations(governor: &Governor) -> usize {
    let records = governor.records();
    records.iter().filter(|it| it["command"]["command"] == "activated").count()
}

fn refused_reloads(governor: &Governor) -> Vec<Value> {
    let records = governor.records().into_iter();
    records.filter(|it| it["code"] == "reload-refused").collect()
}

fn metrics(governor: &Governor) -> String {
    let token = fs::read_to_string(governor.path("state/metrics.token")).unwrap();
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        governor.host(),
    );
    governor.raw(request.as_bytes()).body
}

#[test]
fn a_broken_set_is_refused_loudly_and_the_old_one_goes_on_deciding() {
    let mut governor = Governor::prepare(NOTES);
    governor.write(POLICY, LIVE);
    let log = fs::File::create(governor.path("log")).unwrap();
    governor.serve_with(|command| {
        command.stderr(log);
    });
    until("a tool was accepted", || governor.run(&["policy", "schema"]).code == 0);
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = |path: &str| {
        governor.call(&token, "read_note", &json!({"path": path}))["isError"] == json!(false)
    };
    let in_force = activations(&governor);
    for (before, broken) in BROKEN.iter().enumerate() {
        let Broken { file, text, code, place } = broken;
        let path = governor.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();

        let said = governor.refused(&["reload"], 2);
        for wanted in ["nothing was changed", code, place] {
            assert!(said.contains(wanted), "{code} without {wanted:?}: {said}");
        }
        assert_eq!((read("/notes/a"), read("/notes/drafts/a")), (true, false), "{code}");

        let found = refused_reloads(&governor);
        assert_eq!(found.len(), before + 1, "{code}");
        let told = found.last().unwrap()["text"].as_str().unwrap();
        assert!(told.contains(code) && told.contains(place), "{code}: {told}");
        let logged = fs::read_to_string(governor.path("log")).unwrap();
        assert!(logged.contains(code) && logged.contains("not put in force"), "{code}: {logged}");
        assert_eq!(governor.run(&["check"]).code, 2, "{code}");

        if *file == POLICY {
            governor.write(POLICY, LIVE);
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(activations(&governor), in_force, "nothing of it was ever in force");
    let counted = format!("bailiwick_reloads_total{{outcome=\"refused\"}} {}", BROKEN.len());
    assert!(metrics(&governor).contains(&counted), "{}", metrics(&governor));

    governor.write(POLICY, &LIVE.replace("drafts", "secret"));
    assert_eq!(governor.json(&["reload"]), json!({"changed": [POLICY]}));
    assert_eq!((read("/notes/drafts/a"), read("/notes/secret/a")), (true, false));
    assert!(metrics(&governor).contains("bailiwick_reloads_total{outcome=\"taken\"} 1"));
    governor.stop();
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["ok"], true, "{verified}");
}
