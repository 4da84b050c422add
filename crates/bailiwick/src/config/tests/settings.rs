//! Mistakes in the settings of `bailiwick.toml`, and where settings come from.

use super::Files;
use crate::config::{ArgumentsKept, Config, Given, Overrides, origin::Origin};

fn given(listen: Option<&str>, state: Option<&str>) -> Overrides {
    let flag = |name: &'static str| {
        move |text: &str| Given { text: text.to_owned(), origin: Origin::Flag(name) }
    };
    Overrides {
        listen: listen.map(flag("--listen")),
        state: state.map(flag("--state")),
        log: None,
        server: None,
    }
}

#[test]
fn a_missing_configuration_says_how_to_get_one() {
    let files = Files::good();
    std::fs::remove_file(files.path("bailiwick.toml")).unwrap();
    insta::assert_snapshot!(files.mistakes(), @"
    CFG-001

      x `bailiwick.toml` cannot be read: there is no such file
      help: `bailiwick init` writes a first one; `--config` names another place
            see docs/errors/CFG-001.md
    ");
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let files = Files::good().with("bailiwick.toml", b"[listen]\n\xff");
    insta::assert_snapshot!(files.mistakes(), @"
    CFG-001

      x `bailiwick.toml` cannot be read: it is not UTF-8 text (byte 9)
      help: `bailiwick init` writes a first one; `--config` names another place
            see docs/errors/CFG-001.md
    ");
}

#[test]
fn a_folder_in_place_of_a_file_is_refused() {
    let files = Files::good().with("charters/odd.toml/x", "");
    insta::assert_snapshot!(files.mistakes(), @"
    CFG-001

      x `charters/odd.toml` cannot be read: it is not a file
      help: see docs/errors/CFG-001.md
    ");
}

#[test]
fn text_that_is_not_toml_is_marked() {
    let files = Files::good().config("[state]\ndir = state\n\n[policy\n");
    insta::assert_snapshot!(files.mistakes(), @"
    CFG-002

      x not TOML: string values must be quoted, expected literal string
       ,-[bailiwick.toml:7:7]
     6 | [state]
     7 | dir = state
       :       ^^^^^
     8 |
       `----
      help: see docs/errors/CFG-002.md

    CFG-002

      x not TOML: unclosed table, expected `]`
       ,-[bailiwick.toml:9:8]
     8 |
     9 | [policy
       :        ^
       `----
      help: see docs/errors/CFG-002.md
    ");
}

#[test]
fn an_unknown_key_is_an_error_with_what_was_meant() {
    let files = Files::good().config("[listen]\nhtpp = \"127.0.0.1:8470\"\n[publishing]\n");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-003

      x unknown key `listen.htpp`
       ,-[bailiwick.toml:7:1]
     6 | [listen]
     7 | htpp = "127.0.0.1:8470"
       : ^^|^
       :   `-- nothing reads this
     8 | [publishing]
       `----
      help: did you mean `http`?
            see docs/errors/CFG-003.md

    CFG-003

      x unknown key `publishing`
       ,-[bailiwick.toml:8:2]
     7 | htpp = "127.0.0.1:8470"
     8 | [publishing]
       :  ^^^^^|^^^^
       :       `-- nothing reads this
       `----
      help: did you mean `publish`?
            see docs/errors/CFG-003.md
    "#);
}

#[test]
fn a_value_of_another_type_says_what_it_is() {
    let files = Files::good().config("[listen]\ninsecure = \"yes\"\n[state]\ndir = 5\n");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-005

      x `listen.insecure` should be `true` or `false`
       ,-[bailiwick.toml:7:12]
     6 | [listen]
     7 | insecure = "yes"
       :            ^^|^^
       :              `-- this is text
     8 | [state]
       `----
      help: see docs/errors/CFG-005.md

    CFG-005

      x `state.dir` should be text
       ,-[bailiwick.toml:9:7]
     8 | [state]
     9 | dir = 5
       :       |
       :       `-- this is a whole number
       `----
      help: see docs/errors/CFG-005.md
    "#);
}

#[test]
fn an_unknown_word_is_answered_with_the_known_ones() {
    let files = Files::good().with(
        "bailiwick.toml",
        "[evidence]\narguments = \"redact\"\n[publish]\nmode = \"committee\"\n",
    );
    let text = files
        .charter("servers = [\"files\"]", "")
        .template("[[allow]]\nserver = \"files\"\ntools = [\"read_text_file\"]", "")
        .mistakes();
    insta::assert_snapshot!(text, @r#"
    CFG-006

      x `evidence.arguments` may not be `redact`
       ,-[bailiwick.toml:2:13]
     1 | [evidence]
     2 | arguments = "redact"
       :             ^^^^|^^^
       :                 `-- not one of the known words
     3 | [publish]
       `----
      help: did you mean `redacted`?
            see docs/errors/CFG-006.md

    CFG-006

      x `publish.mode` may not be `committee`
       ,-[bailiwick.toml:4:8]
     3 | [publish]
     4 | mode = "committee"
       :        ^^^^^|^^^^^
       :             `-- not one of the known words
       `----
      help: known are `files`, `two-person`
            see docs/errors/CFG-006.md
    "#);
}

#[test]
fn values_that_do_not_fit_are_answered_with_an_example() {
    let files = Files::good().with(
        "bailiwick.toml",
        "[listen]\nhttp = \"localhost:8470\"\npublic_url = \"governor.example.org\"\n\
         [evidence]\nretain = \"a year\"\n[[fact]]\nname = \"change freeze\"\nuntil = \"tomorrow\"\n\
         [[server]]\nname = \"files\"\nurl = \"http://127.0.0.1:9000/mcp\"\n",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-007

      x `localhost:8470` is no address like `127.0.0.1:8470` or `[::1]:8470`
       ,-[bailiwick.toml:2:8]
     1 | [listen]
     2 | http = "localhost:8470"
       :        ^^^^^^^^|^^^^^^^
       :                `-- this does not fit
     3 | public_url = "governor.example.org"
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `governor.example.org` is no public address: it starts with `http://` or
      | `https://`
       ,-[bailiwick.toml:3:14]
     2 | http = "localhost:8470"
     3 | public_url = "governor.example.org"
       :              ^^^^^^^^^^^|^^^^^^^^^^
       :                         `-- this does not fit
     4 | [evidence]
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `a year` is not a length of time like `90s`, `10m`, `1h` or `400d`
       ,-[bailiwick.toml:5:10]
     4 | [evidence]
     5 | retain = "a year"
       :          ^^^^|^^^
       :              `-- this does not fit
     6 | [[fact]]
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `change freeze` is no name: 1 to 64 letters, digits, `-`, `_`, `.`
       ,-[bailiwick.toml:7:8]
     6 | [[fact]]
     7 | name = "change freeze"
       :        ^^^^^^^|^^^^^^^
       :               `-- this does not fit
     8 | until = "tomorrow"
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `tomorrow` is not a moment like `2026-12-27T06:00:00Z` (RFC 3339)
       ,-[bailiwick.toml:8:9]
     7 | name = "change freeze"
     8 | until = "tomorrow"
       :         ^^^^^|^^^^
       :              `-- this does not fit
     9 | [[server]]
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn the_same_fact_twice_is_an_error() {
    let fact = "[[fact]]\nname = \"freeze\"\nuntil = 2026-12-27T06:00:00Z\n";
    let files = Files::good().config(&format!("{fact}{fact}"));
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-008

      x fact `freeze` is given twice
        ,-[bailiwick.toml:10:8]
      9 | [[fact]]
     10 | name = "freeze"
        :        ^^^^|^^^
        :            `-- once more here
     11 | until = 2026-12-27T06:00:00Z
        `----
      help: see docs/errors/CFG-008.md
    "#);
}

#[test]
fn two_that_ask_with_one_token_are_an_error() {
    let token = "0123456789abcdef0123456789";
    let peps = "[authzen]\npeps = [\"shop\", \"till\"]\n";
    let good = || Files::good().config(peps).with("state/authzen/shop.token", token);
    assert!(good().with("state/authzen/till.token", "another-0123456789abcdef").load().is_ok());
    let same = good().with("state/authzen/till.token", format!("{token}\n")).mistakes();
    for wanted in [
        "CFG-018",
        "enforcement point `till` has the token of `shop`",
        "bailiwick.toml:7:17",
        "nobody could tell who asks",
        "docs/errors/CFG-018.md",
    ] {
        assert!(same.contains(wanted), "{wanted}: {same}");
    }
    for (file, whose) in [("admin.token", "the admin API"), ("metrics.token", "`/metrics`")] {
        let said = good().with(&format!("state/{file}"), token).mistakes();
        let wanted = format!("enforcement point `shop` has the token of {whose}");
        assert!(said.contains("CFG-018") && said.contains(&wanted), "{said}");
        assert!(!said.contains(token), "{said}");
    }
}

#[test]
fn what_nothing_enforces_yet_is_an_error() {
    let files = Files::good()
        .config(
            "[state]\nurl = \"postgres://db\"\n\
             [publish]\nmode = \"two-person\"\n",
        )
        .with("thresholds.toml", "");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-009

      x `thresholds.toml` is not enforced yet: no detector raises a verdict
      help: take it away: what is written and not enforced would be believed
            see docs/errors/CFG-009.md

    CFG-009

      x `state.url` is not reached yet: state is kept in a folder
       ,-[bailiwick.toml:7:7]
     6 | [state]
     7 | url = "postgres://db"
       :       ^^^^^^^|^^^^^^^
       :              `-- this would change nothing
     8 | [publish]
       `----
      help: take it out: what is written and not enforced would be believed
            see docs/errors/CFG-009.md

    CFG-009

      x `publish.mode = "two-person"` is not enforced yet
       ,-[bailiwick.toml:9:8]
     8 | [publish]
     9 | mode = "two-person"
       :        ^^^^^^|^^^^^
       :              `-- one person could still publish
       `----
      help: with `files`, a changed file is activated after `bailiwick check`
            see docs/errors/CFG-009.md
    "#);
}

#[test]
fn a_listener_beyond_this_machine_needs_a_word() {
    let files = Files::good().config("[listen]\nhttp = \"0.0.0.0:8470\"\n");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-010

      x `0.0.0.0:8470` can be reached from elsewhere, and tokens would go there
      | in the clear
       ,-[bailiwick.toml:7:8]
     6 | [listen]
     7 | http = "0.0.0.0:8470"
       :        ^^^^^^^|^^^^^^
       :               `-- not a loopback address
       `----
      help: give it a certificate in `[listen.tls]`, listen on `127.0.0.1`, or
            say `insecure = true`
            see docs/errors/CFG-010.md
    "#);
    let files = Files::good().config("[listen]\nhttp = \"0.0.0.0:8470\"\ninsecure = true\n");
    assert!(files.load().unwrap().0.config.listen.insecure);
}

#[test]
fn a_flag_does_not_open_the_listener_either() {
    let text = Files::good().mistakes_with(&given(Some("0.0.0.0:8470"), None));
    insta::assert_snapshot!(text, @"
    CFG-010

      x --listen: `0.0.0.0:8470` can be reached from elsewhere, and tokens would
      | go there in the clear
      help: give it a certificate in `[listen.tls]`, listen on `127.0.0.1`, or
            say `insecure = true`
            see docs/errors/CFG-010.md
    ");
    let text = Files::good().mistakes_with(&given(Some("anywhere"), None));
    insta::assert_snapshot!(text, @"
    CFG-007

      x --listen: `anywhere` is no address like `127.0.0.1:8470` or `[::1]:8470`
      help: see docs/errors/CFG-007.md
    ");
}

#[test]
fn state_and_checkpoints_may_not_lie_inside_each_other() {
    let files = Files::good().with(
        "bailiwick.toml",
        "[evidence]\ncheckpoints = \"state/./deep/../heads\"\n\
         [[server]]\nname = \"files\"\ncommand = [\"x\"]\n",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-011

      x state and checkpoints lie inside each other
       ,-[bailiwick.toml:2:15]
     1 | [evidence]
     2 | checkpoints = "state/./deep/../heads"
       :               ^^^^^^^^^^^|^^^^^^^^^^^
       :                          `-- and the state is `PLACE/home/state`
     3 | [[server]]
       `----
      help: whoever can rewrite the ledger must not reach its signed heads: keep
            them apart
            see docs/errors/CFG-011.md
    "#);
    for (state, checkpoints) in [("a", "a"), ("a/b", "a"), ("a", "a/b"), ("a/../b", "b")] {
        let text =
            format!("[state]\ndir = \"{state}\"\n[evidence]\ncheckpoints = \"{checkpoints}\"\n");
        let files = Files::good().with("bailiwick.toml", text);
        assert!(files.mistakes().contains("CFG-011"), "{state} and {checkpoints}");
    }
}

#[test]
fn a_link_does_not_hide_that_checkpoints_lie_in_the_state() {
    let files = Files::good().with("state/heads/x", "");
    std::os::unix::fs::symlink(files.path("state/heads"), files.path("heads")).unwrap();
    let files = files.with("bailiwick.toml", "[evidence]\ncheckpoints = \"heads\"\n");
    assert!(files.mistakes().contains("CFG-011"));
}

#[test]
fn checkpoints_on_the_same_disk_are_remarked_on() {
    insta::assert_snapshot!(Files::good().remarks("CFG-101"), @r#"
    CFG-101

      ! checkpoints lie on the same disk as the state
       ,-[bailiwick.toml:3:15]
     2 | [evidence]
     3 | checkpoints = "../elsewhere"
       :               ^^^^^^^^^^^^^^
     4 | [[server]]
       `----
      help: best is another machine or volume: a lost disk takes both
            see docs/errors/CFG-101.md
    "#);
}

#[test]
fn evidence_kept_too_short_is_remarked_on() {
    let files = Files::good().with(
        "bailiwick.toml",
        "[evidence]\nretain = \"7d\"\n[[server]]\nname = \"files\"\ncommand = [\"x\"]\n",
    );
    insta::assert_snapshot!(files.remarks("CFG-102"), @r#"
    CFG-102

      ! evidence is kept for 7d only
       ,-[bailiwick.toml:2:10]
     1 | [evidence]
     2 | retain = "7d"
       :          ^^|^
       :            `-- less than 30 days
     3 | [[server]]
       `----
      help: reviews look back a month and more; `400d` covers a year
            see docs/errors/CFG-102.md
    "#);
    insta::assert_snapshot!(files.remarks("CFG-103"), @r#"
    CFG-103

      ! signed heads of the ledger are copied nowhere
       ,-[bailiwick.toml:1:1]
     1 | [evidence]
       : ^^^^^^^^^^
     2 | retain = "7d"
       `----
      help: with `checkpoints = "…"` on another machine or volume, a cut or
            rewritten ledger is noticed
            see docs/errors/CFG-103.md
    "#);
}

#[test]
fn a_public_address_in_the_clear_is_remarked_on() {
    let files = Files::good().config("[listen]\npublic_url = \"http://governor.example.org\"\n");
    insta::assert_snapshot!(files.remarks("CFG-106"), @r#"
    CFG-106

      ! `http://governor.example.org` is not encrypted: whoever reads the
      | network reads tokens
       ,-[bailiwick.toml:7:14]
     6 | [listen]
     7 | public_url = "http://governor.example.org"
       :              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       `----
      help: use `https://` and something that speaks TLS
            see docs/errors/CFG-106.md
    "#);
    let files = Files::good().config("[listen]\npublic_url = \"http://127.0.0.1:8470\"\n");
    assert_eq!(files.remarks("CFG-106"), "");
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let files = Files::good();
    let config = Config::load(&files.path("bailiwick.toml"), &Overrides::default()).unwrap();
    assert_eq!(config.file, files.path("bailiwick.toml"));
    assert_eq!(config.state, files.path("state"));
    assert_eq!(config.evidence.checkpoints, Some(files.path("../elsewhere")));
    let private = [
        "bailiwick.toml",
        "state",
        "keys",
        "charters",
        "templates",
        "policies",
        "authzen",
        "constraints",
        "../elsewhere",
    ];
    assert_eq!(config.private(), private.map(|it| files.path(it)));
}

#[test]
fn without_a_word_the_safe_value_is_taken() {
    let (house, _) = Files::good().load().unwrap();
    assert_eq!(house.config.listen.http.to_string(), "127.0.0.1:8470");
    assert!(!house.config.listen.insecure);
    assert_eq!(house.config.evidence.arguments, ArgumentsKept::Redacted);
    assert_eq!(house.config.evidence.retain, None);
    assert_eq!(house.config.holds.poll.as_secs(), 25);
    assert_eq!(house.config.holds.stream.as_secs(), 50);
    assert!(house.config.builtin_permit);
}

#[test]
fn a_held_call_keeps_its_caller_no_longer_than_a_client_waits() {
    let files = Files::good().config("[holds]\npoll = \"10m\"\n");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-007

      x `holds.poll` is at most 5m: no client waits so long for one answer
       ,-[bailiwick.toml:7:8]
     6 | [holds]
     7 | poll = "10m"
       :        ^^|^^
       :          `-- this does not fit
       `----
      help: see docs/errors/CFG-007.md
    "#);
    let (house, _) = Files::good().config("[holds]\npoll = \"0s\"\n").load().unwrap();
    assert!(house.config.holds.poll.is_zero());
}

#[test]
fn flags_win_over_the_file_and_each_setting_says_where_it_comes_from() {
    let files = Files::good().config("[listen]\nhttp = \"127.0.0.1:1\"\n");
    let overrides = given(Some("127.0.0.1:2"), Some("/over/there"));
    let (house, _) = files.load_with(&overrides).unwrap();
    assert_eq!(house.config.listen.http.to_string(), "127.0.0.1:2");
    let lines: Vec<String> = house.config.settings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(files.anonymous(&lines.join("\n")), @"
    authzen.identity_type = identity (default)
    evidence.arguments = redacted (default)
    evidence.checkpoints = PLACE/home/../elsewhere (file, line 2)
    holds.poll = 25s (default)
    holds.stream = 50s (default)
    listen.answers = 256 MiB (default)
    listen.drain = 20s (default)
    listen.http = 127.0.0.1:2 (--listen)
    listen.insecure = false (default)
    log.format = text on a terminal, json elsewhere (default)
    log.level = info (default)
    policy.builtin_permit = true (default)
    publish.mode = files (default)
    server.files.bound_tokens = high-impact (default)
    server.files.command = files-server (file, line 5)
    server.files.dir = PLACE/home (default)
    server.files.environment = production (default)
    server.files.pin = first (default)
    server.files.timeout = 1m (default)
    state.dir = /over/there (--state)
    ");
    let (house, _) = files.load().unwrap();
    let listen = house.config.settings.iter().find(|it| it.key == "listen.http").unwrap();
    assert_eq!(listen.origin, Origin::File { line: 7 });
}
