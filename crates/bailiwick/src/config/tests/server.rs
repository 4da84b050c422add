//! Mistakes in `[[server]]`, and what a good one becomes.

use std::{path::Path, time::Duration};

use bailiwick_model::{Effect, Environment, Reach, Sensitivity};

use super::Files;
use crate::config::{Pinning, Server, Transport};

fn server(lines: &str) -> Files {
    Files::good().config(&format!("[[server]]\n{lines}"))
}

fn second(lines: &str) -> Server {
    let (house, _) = server(lines).load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    house.config.servers.get(1).unwrap().clone()
}

#[test]
fn a_server_has_a_command_or_a_url() {
    insta::assert_snapshot!(server("name = \"a\"\n").mistakes(), @r#"
    CFG-012

      x a server has a `command` or a `url`: this one has neither
       ,-[bailiwick.toml:6:1]
     5 | command = ["files-server"]
     6 | [[server]]
       : ^^^^^|^^^^
       :      `-- nothing says how to reach it
     7 | name = "a"
       `----
      help: see docs/errors/CFG-012.md
    "#);
    let both = "name = \"a\"\ncommand = [\"x\"]\nurl = \"http://127.0.0.1:9000/mcp\"\n";
    insta::assert_snapshot!(server(both).mistakes(), @r#"
    CFG-012

      x a server has a `command` or a `url`, not both
       ,-[bailiwick.toml:9:7]
     8 | command = ["x"]
     9 | url = "http://127.0.0.1:9000/mcp"
       :       ^^^^^^^^^^^^^|^^^^^^^^^^^^^
       :                    `-- one too many
       `----
      help: a `command` is started here, a `url` runs by itself
            see docs/errors/CFG-012.md
    "#);
}

#[test]
fn names_are_given_once_and_hold_no_double_line() {
    insta::assert_snapshot!(server("name = \"files\"\ncommand = [\"x\"]\n").mistakes(), @r#"
    CFG-008

      x server `files` is given twice
       ,-[bailiwick.toml:7:8]
     6 | [[server]]
     7 | name = "files"
       :        ^^^|^^^
       :           `-- once more here
     8 | command = ["x"]
       `----
      help: see docs/errors/CFG-008.md
    "#);
    insta::assert_snapshot!(server("name = \"a__b\"\ncommand = [\"x\"]\n").mistakes(), @r#"
    CFG-007

      x a server's name `a__b` may not hold `__`: `__` joins a server's name and
      | a tool's
       ,-[bailiwick.toml:7:8]
     6 | [[server]]
     7 | name = "a__b"
       :        ^^^|^^
       :           `-- this does not fit
     8 | command = ["x"]
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn a_command_names_a_program() {
    insta::assert_snapshot!(server("name = \"a\"\ncommand = []\n").mistakes(), @r#"
    CFG-007

      x `server[1].command` names no program
       ,-[bailiwick.toml:8:11]
     7 | name = "a"
     8 | command = []
       :           ^|
       :            `-- this does not fit
       `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(server("name = \"a\"\ncommand = \"x y\"\n").mistakes(), @r#"
    CFG-005

      x `server[1].command` should be a list
       ,-[bailiwick.toml:8:11]
     7 | name = "a"
     8 | command = "x y"
       :           ^^|^^
       :             `-- this is text
       `----
      help: see docs/errors/CFG-005.md
    "#);
}

#[test]
fn variables_are_for_children() {
    let text = "name = \"a\"\nurl = \"http://127.0.0.1:9000/mcp\"\nenv = { LANG = \"C\" }\n";
    insta::assert_snapshot!(server(text).mistakes(), @r#"
    CFG-007

      x `server[1].env` is for a child process, not for a `url`
       ,-[bailiwick.toml:9:7]
     8 | url = "http://127.0.0.1:9000/mcp"
     9 | env = { LANG = "C" }
       :       ^^^^^^^|^^^^^^
       :              `-- this does not fit
       `----
      help: see docs/errors/CFG-007.md
    "#);
    let text = "name = \"a\"\ncommand = [\"x\"]\nenv = { \"A=B\" = \"C\", D = 1 }\n";
    insta::assert_snapshot!(server(text).mistakes(), @r#"
    CFG-007

      x `A=B` is no name of a variable
       ,-[bailiwick.toml:9:17]
     8 | command = ["x"]
     9 | env = { "A=B" = "C", D = 1 }
       :                 ^|^
       :                  `-- this does not fit
       `----
      help: see docs/errors/CFG-007.md

    CFG-005

      x `server[1].env.D` should be text
       ,-[bailiwick.toml:9:26]
     8 | command = ["x"]
     9 | env = { "A=B" = "C", D = 1 }
       :                          |
       :                          `-- this is a whole number
       `----
      help: see docs/errors/CFG-005.md
    "#);
}

#[test]
fn a_decided_method_cannot_be_let_through() {
    let text =
        "name = \"a\"\ncommand = [\"x\"]\nmethods = [\"logging/setLevel\", \"tools/call\"]\n";
    insta::assert_snapshot!(server(text).mistakes(), @r#"
    CFG-013

      x `tools/call` is decided call by call and cannot be let through
       ,-[bailiwick.toml:9:32]
     8 | command = ["x"]
     9 | methods = ["logging/setLevel", "tools/call"]
       :                                ^^^^^^|^^^^^
       :                                      `-- a way around every verdict
       `----
      help: allow it in a template instead
            see docs/errors/CFG-013.md
    "#);
}

#[test]
fn a_server_elsewhere_is_not_reached_in_the_clear() {
    let text = "name = \"a\"\nurl = \"http://tools.example.org/mcp\"\n";
    insta::assert_snapshot!(server(text).mistakes(), @r#"
    CFG-010

      x arguments and results would cross a network in the clear
       ,-[bailiwick.toml:8:7]
     7 | name = "a"
     8 | url = "http://tools.example.org/mcp"
       :       ^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^
       :                      `-- not this machine
       `----
      help: reach it by `https://`, or name something on this machine that
            speaks TLS to it
            see docs/errors/CFG-010.md
    "#);
    let plain = "name = \"a\"\nurl = \"http://127.0.0.1:9/mcp\"\nca = \"ca.pem\"\n";
    assert!(server(plain).mistakes().contains("is for a server over"));
    let child = "name = \"a\"\ncommand = [\"b\"]\nca = \"ca.pem\"\n";
    assert!(server(child).mistakes().contains("is for a server with a `url`"));
    let missing = "name = \"a\"\nurl = \"https://tools.example.org/mcp\"\nca = \"ca.pem\"\n";
    assert!(server(missing).mistakes().contains("CFG-014"));
}

#[test]
fn a_secret_in_a_url_is_refused_and_not_repeated_in_the_message() {
    let text = server("name = \"a\"\nurl = \"http://me:hunter2@127.0.0.1/mcp\"\n").mistakes();
    let message = text.lines().nth(2).unwrap();
    assert!(text.contains("CFG-007") && !message.contains("hunter2"), "{text}");
}

#[test]
fn words_in_a_tools_facts_are_checked() {
    let text = "name = \"a\"\ncommand = [\"x\"]\n[server.tool.write_file]\n\
                effects = [\"wirte\"]\nsensitivity = \"secret\"\nresults = true\nreach = \"far\"\n";
    insta::assert_snapshot!(server(text).mistakes(), @r#"
    CFG-006

      x `server[1].tool.write_file.effects[0]` may not be `wirte`
        ,-[bailiwick.toml:10:12]
      9 | [server.tool.write_file]
     10 | effects = ["wirte"]
        :            ^^^|^^^
        :               `-- not one of the known words
     11 | sensitivity = "secret"
        `----
      help: did you mean `write`?
            see docs/errors/CFG-006.md

    CFG-006

      x `server[1].tool.write_file.sensitivity` may not be `secret`
        ,-[bailiwick.toml:11:15]
     10 | effects = ["wirte"]
     11 | sensitivity = "secret"
        :               ^^^^|^^^
        :                   `-- not one of the known words
     12 | results = true
        `----
      help: known are `public`, `internal`, `confidential`, `restricted`
            see docs/errors/CFG-006.md

    CFG-005

      x `server[1].tool.write_file.results` should be text
        ,-[bailiwick.toml:12:11]
     11 | sensitivity = "secret"
     12 | results = true
        :           ^^|^
        :             `-- this is true or false
     13 | reach = "far"
        `----
      help: see docs/errors/CFG-005.md

    CFG-006

      x `server[1].tool.write_file.reach` may not be `far`
        ,-[bailiwick.toml:13:9]
     12 | results = true
     13 | reach = "far"
        :         ^^|^^
        :           `-- not one of the known words
        `----
      help: known are `own`, `internal`, `external`
            see docs/errors/CFG-006.md
    "#);
}

#[test]
fn names_in_a_tools_facts_are_checked() {
    let text = "name = \"a\"\ncommand = [\"x\"]\ntimeout = \"0s\"\n[server.tool.write_file]\n\
                resource = \"path\"\nreversable = true\n[server.tool.\"a b\"]\neffects = []\n";
    insta::assert_snapshot!(server(text).mistakes(), @r#"
    CFG-007

      x no call can be answered in no time
        ,-[bailiwick.toml:9:11]
      8 | command = ["x"]
      9 | timeout = "0s"
        :           ^^|^
        :             `-- this does not fit
     10 | [server.tool.write_file]
        `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `path` names no argument: write it like `{path}`
        ,-[bailiwick.toml:11:12]
     10 | [server.tool.write_file]
     11 | resource = "path"
        :            ^^^|^^
        :               `-- this does not fit
     12 | reversable = true
        `----
      help: see docs/errors/CFG-007.md

    CFG-003

      x unknown key `server[1].tool.write_file.reversable`
        ,-[bailiwick.toml:12:1]
     11 | resource = "path"
     12 | reversable = true
        : ^^^^^|^^^^
        :      `-- nothing reads this
     13 | [server.tool."a b"]
        `----
      help: did you mean `reversible`?
            see docs/errors/CFG-003.md

    CFG-007

      x a tool's name `a b` may not hold ` `: letters, digits, `_`, `.`, `-`
        ,-[bailiwick.toml:13:14]
     12 | reversable = true
     13 | [server.tool."a b"]
        :              ^^|^^
        :                `-- no tool can be called this
     14 | effects = []
        `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `server[1].tool.a b.effects` names no effect: what only looks has `read`
        ,-[bailiwick.toml:14:11]
     13 | [server.tool."a b"]
     14 | effects = []
        :           ^|
        :            `-- this does not fit
        `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn a_server_that_no_charter_reaches_is_remarked_on() {
    let files = server("name = \"a\"\ncommand = [\"x\"]\n");
    insta::assert_snapshot!(files.remarks("CFG-104"), @r#"
    CFG-104

      ! no charter reaches server `a`
       ,-[bailiwick.toml:7:8]
     6 | [[server]]
     7 | name = "a"
       :        ^^^
     8 | command = ["x"]
       `----
      help: it is started and nobody may use it: name it in a charter's
            `servers`
            see docs/errors/CFG-104.md
    "#);
}

#[test]
fn a_child_keeps_what_it_was_given() {
    let server = second(
        "name = \"a\"\ncommand = [\"bin/x\", \"--all\"]\nenv = { LANG = \"C\" }\ndir = \"data\"\n\
         environment = \"staging\"\npin = \"review\"\nmethods = [\"logging/setLevel\"]\ntimeout = \"5s\"\n\
         [server.tool.write_file]\neffects = [\"write\", \"egress\"]\nresource = \"{path}\"\n\
         destinations = [\"to\"]\nsensitivity = \"restricted\"\nresults = \"trusted\"\nreversible = false\n\
         reach = \"external\"\n",
    );
    let Transport::Child { command, env, dir } = &server.transport else { panic!("a child") };
    assert!(command[0].ends_with("/home/bin/x") && Path::new(&command[0]).is_absolute());
    assert_eq!(command[1], "--all");
    assert_eq!(env.get("LANG").map(String::as_str), Some("C"));
    assert!(dir.ends_with("home/data"));
    assert_eq!(server.environment, Environment::Staging);
    assert_eq!(server.pin, Pinning::Review);
    assert!(server.methods.contains("logging/setLevel"));
    assert_eq!(server.timeout, Duration::from_secs(5));
    let tool = server.tools.values().next().unwrap();
    assert_eq!(tool.effects, Some([Effect::Write, Effect::Egress].into()));
    assert_eq!(tool.resource.as_deref(), Some("{path}"));
    assert_eq!(tool.destinations, Some(vec!["to".to_owned()]));
    assert_eq!(tool.sensitivity, Some(Sensitivity::Restricted));
    assert_eq!(tool.results_trusted, Some(true));
    assert_eq!(tool.reversible, Some(false));
    assert_eq!(tool.reach, Some(Reach::External));
}

#[test]
fn what_nobody_said_of_a_server_is_the_careful_word() {
    let server = second("name = \"a\"\nurl = \"http://[::1]:9000/mcp\"\n");
    assert_eq!(server.environment, Environment::Production);
    assert_eq!(server.pin, Pinning::First);
    assert!(server.methods.is_empty() && server.tools.is_empty());
    assert_eq!(server.transport.command_with(Path::new("/own")), None);
}

#[test]
fn a_bare_bailiwick_is_this_program() {
    let own = Path::new("/opt/bailiwick");
    let bare = second("name = \"a\"\ncommand = [\"bailiwick\", \"demo-server\", \"notes\"]\n");
    assert_eq!(
        bare.transport.command_with(own).unwrap(),
        ["/opt/bailiwick", "demo-server", "notes"]
    );
    let other = second("name = \"a\"\ncommand = [\"python3\", \"bailiwick\"]\n");
    assert_eq!(other.transport.command_with(own).unwrap(), ["python3", "bailiwick"]);
}

#[test]
fn the_variables_of_a_child_are_not_shown() {
    let server = second("name = \"a\"\ncommand = [\"x\"]\nenv = { API_KEY = \"hunter2\" }\n");
    let shown = format!("{server:?}");
    assert!(shown.contains("API_KEY") && !shown.contains("hunter2"), "{shown}");
}
