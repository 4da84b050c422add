//! Mistakes between files.

use super::{Files, KEY};

const SECOND: &str =
    "identity = \"second\"\nkind = \"ci\"\nclass = \"ci\"\nowner = \"me\"\npurpose = \"p\"\n";

#[test]
fn a_template_that_does_not_exist_is_an_error() {
    let files = Files::good().charter("[\"ticket-triage\"]", "[\"ticket-traige\"]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-004

      x template `ticket-traige` does not exist
       ,-[charters/triage-agent.toml:7:14]
     6 | proof = [{ uid = 1000 }]
     7 | templates = ["ticket-traige"]
       :              ^^^^^^^|^^^^^^^
       :                     `-- named here
     8 | servers = ["files"]
       `----
      help: did you mean `ticket-triage`?
            see docs/errors/CHR-004.md
    "#);
}

#[test]
fn what_takes_any_token_where_others_may_read_it_is_remarked_on() {
    const PURPOSE: &str = "purpose = \"Triage one support ticket\"";
    let beyond = "[listen]\nhttp = \"0.0.0.0:8470\"\ninsecure = true\n";
    let files = Files::good()
        .config(beyond)
        .template(PURPOSE, "purpose = \"Triage one support ticket\"\nbound_tokens = \"waived\"");
    insta::assert_snapshot!(files.remarks("CFG-117"), @r#"
    CFG-117

      ! calls of template `ticket-triage` take tokens that are bound to nothing
       ,-[templates/ticket-triage.toml:4:16]
     3 | purpose = "Triage one support ticket"
     4 | bound_tokens = "waived"
       :                ^^^^^^^^
     5 | [window]
       `----
      help: whoever reads such a token on its way can make its calls: take
            `bound_tokens = "waived"` out once its agents have tokens that are
            bound to a key or a certificate
            see docs/errors/CFG-117.md
    "#);
    let at_home = Files::good()
        .template(PURPOSE, "purpose = \"Triage one support ticket\"\nbound_tokens = \"waived\"");
    assert_eq!(at_home.remarks("CFG-117"), "");
    let tightened = Files::good()
        .config(beyond)
        .template(PURPOSE, "purpose = \"Triage one support ticket\"\nbound_tokens = \"always\"");
    assert_eq!(tightened.remarks("CFG-117"), "");
}

#[test]
fn a_server_that_is_not_configured_is_an_error() {
    let files = Files::good()
        .charter("servers = [\"files\"]", "servers = [\"files\", \"filse\"]")
        .template("server = \"files\"", "server = \"tickets\"");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-005

      x server `filse` is not configured
       ,-[charters/triage-agent.toml:8:21]
     7 | templates = ["ticket-triage"]
     8 | servers = ["files", "filse"]
       :                     ^^^|^^^
       :                        `-- named here
       `----
      help: did you mean `files`?
            see docs/errors/CHR-005.md

    TPL-004

      x server `tickets` is not configured
       ,-[templates/ticket-triage.toml:7:10]
     6 | [[allow]]
     7 | server = "tickets"
       :          ^^^^|^^^^
       :              `-- named here
     8 | tools = ["read_text_file"]
       `----
      help: only `files` is known
            see docs/errors/TPL-004.md
    "#);
}

#[test]
fn two_charters_for_one_identity_are_an_error() {
    let again = SECOND.replace("second", "triage-agent");
    let files = Files::good().with("charters/second.toml", again);
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-006

      x `triage-agent` has a charter in `charters/second.toml` already
       ,-[charters/triage-agent.toml:2:12]
     1 |
     2 | identity = "triage-agent"
       :            ^^^^^^^|^^^^^^
       :                   `-- once more here
     3 | kind = "agent"
       `----
      help: see docs/errors/CHR-006.md
    "#);
}

#[test]
fn two_templates_of_one_name_are_an_error() {
    let files = Files::good();
    let text = std::fs::read(files.path("templates/ticket-triage.toml")).unwrap();
    let files = files.with("templates/again.toml", text);
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-006

      x template `ticket-triage` stands in `templates/again.toml` already
       ,-[templates/ticket-triage.toml:2:8]
     1 |
     2 | name = "ticket-triage"
       :        ^^^^^^^|^^^^^^^
       :               `-- once more here
     3 | owner = "team-support"
       `----
      help: see docs/errors/TPL-006.md
    "#);
}

#[test]
fn two_identities_with_one_key_are_an_error() {
    let proof = "{ key = \"keys/a.pub.pem\" }";
    let files = Files::good()
        .with("keys/a.pub.pem", KEY)
        .charter("{ uid = 1000 }", proof)
        .with("keys/b.pub.pem", KEY.replace("AAAA", "AA\nAA"))
        .with(
            "charters/second.toml",
            format!("{SECOND}proof = [{}]\n", proof.replace("/a.", "/b.")),
        );
    insta::assert_snapshot!(files.mistakes(), @r#"
    CHR-007

      x this key proves `second` already
       ,-[charters/triage-agent.toml:6:10]
     5 | purpose = "Triage support tickets"
     6 | proof = [{ key = "keys/a.pub.pem" }]
       :          ^^^^^^^^^^^^^|^^^^^^^^^^^^
       :                       `-- the same key
     7 | templates = ["ticket-triage"]
       `----
      help: give each identity a key of its own, or neither can be told from the
            other
            see docs/errors/CHR-007.md
    "#);
}

#[test]
fn one_account_may_prove_several_identities() {
    let files =
        Files::good().with("charters/second.toml", format!("{SECOND}proof = [{{ uid = 1000 }}]\n"));
    assert!(files.load().is_ok());
}

#[test]
fn delegation_to_nobody_is_remarked_on() {
    let files = Files::good().charter(
        "servers = [\"files\"]",
        "servers = [\"files\"]\ndelegates_to = [\"summary-agent\"]",
    );
    insta::assert_snapshot!(files.remarks("CHR-103"), @r#"
    CHR-103

      ! `summary-agent` has no charter
       ,-[charters/triage-agent.toml:9:17]
     8 | servers = ["files"]
     9 | delegates_to = ["summary-agent"]
       :                 ^^^^^^^^^^^^^^^
       `----
      help: whoever gets this name one day may be handed authority
            see docs/errors/CHR-103.md
    "#);
}

#[test]
fn a_template_beyond_its_charter_is_remarked_on() {
    let files = Files::good().charter("servers = [\"files\"]", "servers = []");
    insta::assert_snapshot!(files.remarks("CHR-104"), @r#"
    CHR-104

      ! `ticket-triage` uses server `files`, which this charter does not reach
       ,-[charters/triage-agent.toml:7:14]
     6 | proof = [{ uid = 1000 }]
     7 | templates = ["ticket-triage"]
       :              ^^^^^^^^^^^^^^^
     8 | servers = []
       `----
      help: such calls are denied: add the server to `servers`, or leave it so
            see docs/errors/CHR-104.md
    "#);
}

#[test]
fn a_template_that_no_one_may_open_is_remarked_on() {
    let files = Files::good().charter("templates = [\"ticket-triage\"]\n", "");
    insta::assert_snapshot!(files.remarks("TPL-102"), @r#"
    TPL-102

      ! no one may open `ticket-triage`
       ,-[templates/ticket-triage.toml:2:8]
     1 |
     2 | name = "ticket-triage"
       :        ^^^^^^^^^^^^^^^
     3 | owner = "team-support"
       `----
      help: name it in a charter's `templates`
            see docs/errors/TPL-102.md
    "#);
}

#[test]
fn a_file_that_nothing_reads_is_remarked_on() {
    let files = Files::good()
        .with("policies/guardrails.ceder", "")
        .with("policies/README.md", "")
        .with("policies/.hidden", "");
    insta::assert_snapshot!(files.remarks("CFG-105"), @"
    CFG-105

      ! `policies/guardrails.ceder` is not read
      help: only files that end in `.cedar` are read from `policies/`
            see docs/errors/CFG-105.md
    ");
}

#[test]
fn a_template_with_a_mistake_is_not_also_said_to_be_missing() {
    let files = Files::good().template("owner = ", "ownre = ");
    let text = files.mistakes();
    assert!(!text.contains("CHR-004"), "{text}");
}

#[test]
fn a_server_with_a_mistake_is_not_also_said_to_be_missing() {
    let files = Files::good().with("bailiwick.toml", "[[server]]\nname = \"files\"\n");
    let text = files.mistakes();
    assert!(text.contains("CFG-012") && !text.contains("CHR-005"), "{text}");
}
