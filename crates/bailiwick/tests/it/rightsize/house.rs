//! Charters and templates made smaller by a real ledger, and read again by the governor they are for.

use std::fs;

use serde_json::json;

use crate::governor::{Governor, NOTES};

#[test]
fn a_template_keeps_what_its_tasks_did_and_the_governor_takes_it_up() {
    let mut governor = Governor::prepare(NOTES);
    let file = "templates/reading.toml";
    let template = fs::read_to_string(governor.path(file)).unwrap();
    let wide = template.replace(r#"["read_note"]"#, r#"["read_note", "write_note"]"#);
    governor.write(file, &format!("# What tasks may do.\n{wide}"));
    governor.serve();
    let (_, token) = governor.open("reader", "reading", &[]);
    let before = governor.call(&token, "read_note", &json!({ "path": "/notes/a" }));
    assert_eq!(before["isError"], json!(false), "{before:#}");
    governor.stop();
    let copy = governor.path("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(governor.path("state/ledger")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
    }
    let words = ["--ledger", "copy", "--grants", "bailiwick.toml"];
    let short = ["--window", "1d", "--grace", "0d", "--out", "out"];
    let ran = governor.run(&[&["rightsize", "reader"], &words[..], &short].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let read = |file: &str| fs::read_to_string(governor.path(file)).unwrap();
    let certificate: serde_json::Value =
        serde_json::from_str(&read("out/certificate.json")).unwrap();
    assert_eq!(certificate["platform"], "mcp");
    assert_eq!(certificate["kept"]["exercised"], json!(["notes:read_note"]));
    assert_eq!(certificate["removed"]["actions"], json!(["notes:write_note"]));
    assert!(read("out/rollback/templates-reading.toml").starts_with("# What tasks may do.\n"));
    let verify = [&["rightsize", "verify", "out/certificate.json"], &words[..]].concat();
    let ran = governor.run(&verify);
    assert_eq!(ran.code, 0, "{ran:?}");
    let plan: serde_json::Value = serde_json::from_str(&read("out/plan.json")).unwrap();
    let commands = plan["stages"][1]["commands"].as_array().cloned().unwrap_or_default();
    let copies = commands.iter().filter(|it| it[0] == "cp");
    let mut count = 0;
    for words in copies {
        let to = words[2].as_str().unwrap().replace("HOUSE/", "");
        fs::copy(governor.path("out").join(words[1].as_str().unwrap()), governor.path(&to))
            .unwrap();
        count += 1;
    }
    assert_eq!(count, 1, "{plan:#}");
    let ran = governor.run(&["check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    governor.serve();
    let (_, token) = governor.open("reader", "reading", &[]);
    let answer = governor.call(&token, "read_note", &json!({ "path": "/notes/a" }));
    assert_eq!(answer["isError"], json!(false), "{answer:#}");
    let denied = governor.call(&token, "write_note", &json!({ "path": "/notes/a", "text": "x" }));
    assert_ne!(denied["isError"], json!(false), "{denied:#}");
    let ran = governor.run(&verify);
    assert_eq!(ran.code, 1, "the files are others now: {ran:?}");
}
