//! What the program tells of itself: completions, manual, settings, and lists for programs.

use std::fs;

use crate::governor::{Governor, NOTES};

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    let governor = Governor::prepare(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = governor.run(&["completions", shell]);
        assert_eq!(script.code, 0, "{}", script.stderr);
        for word in ["wrap", "doctor", "passphrase-file", "policy"] {
            assert!(script.stdout.contains(word), "{shell} does not know `{word}`");
        }
        let here = env!("CARGO_MANIFEST_DIR");
        assert!(!script.stdout.contains(here) && !script.stdout.contains("target/debug"));
    }
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let governor = Governor::prepare(&[]);
    let written = governor.json(&["man", "--dir", "man"]);
    let pages = written["written"].as_array().unwrap();
    for page in ["bailiwick", "bailiwick-task-open", "bailiwick-wrap", "bailiwick-policy-test"] {
        let file = governor.path(&format!("man/{page}.1"));
        let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("no page `{page}`"));
        assert!(text.contains(".TH") && text.contains(&page.replace('-', "\\-")), "{text}");
    }
    assert!(!pages.iter().any(|it| it.as_str().unwrap().contains("demo-server")), "{pages:?}");
    assert!(governor.run(&["man"]).stdout.contains(".TH"));
}

#[test]
fn every_setting_tells_where_it_comes_from_and_keeps_secrets() {
    let governor = Governor::prepare(NOTES);
    let command =
        "command = [\"bailiwick\", \"demo-server\", \"notes\"]\nenv = { API_KEY = \"hunter2\" }";
    let config = NOTES[0].1.replace(
        "command = [\"bailiwick\", \"demo-server\", \"notes\", \"--count\", \"reached/notes\"]",
        command,
    );
    governor.write(NOTES[0].0, &config);
    let mut words = governor.command(&["config", "show", "--origin", "--output", "json"]);
    words.env("BAILIWICK_LISTEN", "127.0.0.1:7");
    let shown = String::from_utf8(words.output().unwrap().stdout).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let line = |start: &str| {
        let at = config.lines().position(|it| it.starts_with(start)).unwrap();
        format!("file, line {}", at.saturating_add(1))
    };
    let setting = |key: &str| {
        let all = shown["settings"].as_array().unwrap();
        let found = all.iter().find(|it| it["key"] == key).unwrap_or_else(|| panic!("{key}"));
        (found["value"].as_str().unwrap(), found["origin"].as_str().unwrap())
    };
    assert_eq!(setting("listen.http"), ("127.0.0.1:7", "BAILIWICK_LISTEN"));
    assert_eq!(setting("listen.insecure"), ("false", "default"));
    assert_eq!(setting("server.notes.command"), ("bailiwick demo-server notes", &*line("command")));
    assert_eq!(setting("server.notes.env.API_KEY"), ("***", &*line("env")));
    assert_eq!(setting("server.notes.pin"), ("first", "default"));
    assert_eq!(setting("server.notes.tool.read_note.resource").0, "\"{path}\"");

    let table = governor.run(&["config", "show"]).stdout;
    assert!(table.contains("server.notes.environment"), "{table}");
    assert!(!table.contains("default"), "without --origin there is none: {table}");
}

#[test]
fn templates_and_servers_are_listed_and_shown() {
    let mut governor = Governor::start(NOTES);
    let server = governor.json(&["server", "show", "notes"]);
    assert_eq!(server["server"], "notes");
    assert!(governor.refused(&["server", "show", "nothing"], 1).contains("no server `nothing`"));
    let serving = governor.json(&["template", "list"]);
    assert_eq!(serving.as_array().unwrap().len(), 2);
    let shown = governor.run(&["template", "show", "reading"]).stdout;
    assert!(shown.contains("allow     notes: read_note when context.input.path like"), "{shown}");
    assert!(shown.contains("else      deny"), "{shown}");
    assert!(governor.refused(&["template", "show", "nothing"], 1).contains("no template"));
    governor.stop();
    assert_eq!(governor.json(&["template", "list"]), serving, "a state tells what it last knew");
}

#[test]
fn yaml_says_what_json_says() {
    let governor = Governor::start(NOTES);
    let yaml = governor.run(&["template", "list", "--output", "yaml"]).stdout;
    assert!(yaml.contains("\"name\": \"asking\""), "{yaml}");
}
