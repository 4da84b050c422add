//! Which changes of the configuration ask for a restart.

use super::Files;

/// Gives the sections that ask for a restart once `more` stands at the end of `bailiwick.toml`.
fn restarts(more: &str) -> Vec<&'static str> {
    let before = Files::good();
    let (old, _) = before.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let after = before.config(more);
    let (new, _) = after.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    old.config.needs_restart(&new.config)
}

#[test]
fn what_is_read_at_a_start_alone_asks_for_one() {
    assert_eq!(restarts("[listen]\nhttp = \"127.0.0.1:9999\"\n"), ["[listen]"]);
    assert_eq!(restarts("[state]\ndir = \"elsewhere\"\n"), ["[state]"]);
    assert_eq!(restarts("[authzen]\nidentity_type = \"ours\"\n"), ["[authzen]"]);
    assert_eq!(restarts("[server.tool.read]\nresource = \"{path}\"\n"), ["[[server]]"]);
    assert_eq!(restarts("[[source]]\nname = \"more\"\npush = true\n"), ["[[source]]"]);
    assert_eq!(restarts("[[server]]\nname = \"more\"\ncommand = [\"x\"]\n"), ["[[server]]"]);
}

#[test]
fn what_is_read_again_asks_for_none() {
    assert!(restarts("").is_empty());
    let fact = "[[fact]]\nname = \"change-freeze\"\nuntil = \"2099-01-01T00:00:00Z\"\n";
    assert!(restarts(fact).is_empty());
    assert!(restarts("[policy]\nbuiltin_permit = false\n").is_empty());
}

#[test]
fn a_server_that_moved_within_the_file_is_the_same() {
    let files = Files::good();
    let (old, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let text = std::fs::read_to_string(files.path("bailiwick.toml")).unwrap();
    let files = files.with("bailiwick.toml", format!("# A remark.\n{text}"));
    let (new, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    assert!(old.config.needs_restart(&new.config).is_empty());
}

#[test]
fn how_much_evidence_is_kept_is_read_at_a_start_alone() {
    let files = Files::good();
    let (old, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let text = std::fs::read_to_string(files.path("bailiwick.toml")).unwrap();
    let text = text.replace("[evidence]\n", "[evidence]\narguments = \"digest\"\n");
    let files = files.with("bailiwick.toml", text);
    let (new, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    assert_eq!(old.config.needs_restart(&new.config), ["[evidence]"]);
}
