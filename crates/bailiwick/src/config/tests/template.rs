//! Mistakes in templates, and what a good one becomes.

use std::time::Duration;

use bailiwick_model::{Budget, Mode, OnWiden, TemplateName};

use super::Files;

#[test]
fn what_must_be_there_is_missed() {
    let files = Files::good().with("templates/empty.toml", "# nothing\n");
    insta::assert_snapshot!(files.mistakes(), @"
    CFG-004

      x `name` is missing
       ,-[templates/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `owner` is missing
       ,-[templates/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `purpose` is missing
       ,-[templates/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `window.max` is missing
       ,-[templates/empty.toml:1:1]
     1 | # nothing
       : ^
       : `-- it belongs here
       `----
      help: see docs/errors/CFG-004.md
    ");
}

#[test]
fn a_pattern_must_be_a_regular_expression() {
    let files = Files::good().template(
        "[window]",
        "[params.ticket]\npattern = \"^([A-Z]+-[0-9]+$\"\n[params.\"a b\"]\n[window]",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-001

      x `^([A-Z]+-[0-9]+$` is no regular expression: unclosed group
       ,-[templates/ticket-triage.toml:5:11]
     4 | [params.ticket]
     5 | pattern = "^([A-Z]+-[0-9]+$"
       :           ^^^^^^^^^|^^^^^^^^
       :                    `-- this pattern
     6 | [params."a b"]
       `----
      help: see docs/errors/TPL-001.md

    CFG-007

      x `a b` is no name: 1 to 64 letters, digits, `-`, `_`, `.`
       ,-[templates/ticket-triage.toml:6:9]
     5 | pattern = "^([A-Z]+-[0-9]+$"
     6 | [params."a b"]
       :         ^^|^^
       :           `-- no parameter can be called this
     7 | [window]
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn a_line_must_allow_something() {
    let files = Files::good().template("tools = [\"read_text_file\"]", "tools = []");
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-002

      x this line allows nothing
       ,-[templates/ticket-triage.toml:6:1]
     5 | max = "1h"
     6 | [[allow]]
       : ^^^^|^^^^
       :     `-- without `tools`, `resources` or `prompts`
     7 | server = "files"
       `----
      help: name what it allows, such as `tools = ["read_text_file"]`
            see docs/errors/TPL-002.md
    "#);
}

#[test]
fn a_star_stands_only_at_the_end_of_resources_and_prompts() {
    let files = Files::good().template(
        "tools = [\"read_text_file\"]",
        "tools = [\"read_*\"]\nresources = [\"file:///*/x\", \"file:///a/*\"]",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-005

      x tools are allowed by name, one by one
       ,-[templates/ticket-triage.toml:8:10]
     7 | server = "files"
     8 | tools = ["read_*"]
       :          ^^^^|^^^
       :              `-- no star here
     9 | resources = ["file:///*/x", "file:///a/*"]
       `----
      help: name each tool: a new one that its server adds is then denied until
            you allow it
            see docs/errors/TPL-005.md

    TPL-005

      x `file:///*/x` has a star that is not at its end
       ,-[templates/ticket-triage.toml:9:14]
     8 | tools = ["read_*"]
     9 | resources = ["file:///*/x", "file:///a/*"]
       :              ^^^^^^|^^^^^^
       :                    `-- only a star at the end covers what follows
       `----
      help: see docs/errors/TPL-005.md
    "#);
}

#[test]
fn observing_needs_an_owner_and_an_end() {
    let files = Files::good().template("[window]", "mode = \"observe\"\n[window]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-003

      x `mode = "observe"` needs an owner and an end
       ,-[templates/ticket-triage.toml:4:8]
     3 | purpose = "Triage one support ticket"
     4 | mode = "observe"
       :        ^^^^|^^^^
       :            `-- nothing says for how long
     5 | [window]
       `----
      help: add `[observe]` with `owner = "…"` and `until = "2027-01-
            31T00:00:00Z"`
            see docs/errors/TPL-003.md
    "#);
    let files = Files::good()
        .template("[window]", "[observe]\nowner = \"me\"\nuntil = 2027-01-31T00:00:00Z\n[window]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-003

      x `[observe]` is given, and `mode` is not `observe`
       ,-[templates/ticket-triage.toml:4:1]
     3 | purpose = "Triage one support ticket"
     4 | [observe]
       : ^^^^|^^^^
       :     `-- this would change nothing
     5 | owner = "me"
       `----
      help: see docs/errors/TPL-003.md
    "#);
    let files = Files::good()
        .template("[window]", "mode = \"observe\"\n[observe]\nowner = \"me\"\n[window]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-004

      x `observe.until` is missing
       ,-[templates/ticket-triage.toml:5:1]
     4 | mode = "observe"
     5 | [observe]
       : ^^^^|^^^^
       :     `-- it belongs here
     6 | owner = "me"
       `----
      help: see docs/errors/CFG-004.md
    "#);
}

#[test]
fn a_window_without_time_is_an_error() {
    let files = Files::good().template(
        "max = \"1h\"",
        "max = \"0s\"\nidle = \"soon\"\ncalendar = \"Mon-Fri 06:00-22:00 Berlin\"",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-007

      x with `window.max` nought, no call could be made
       ,-[templates/ticket-triage.toml:5:7]
     4 | [window]
     5 | max = "0s"
       :       ^^|^
       :         `-- no time at all
     6 | idle = "soon"
       `----
      help: see docs/errors/TPL-007.md

    CFG-007

      x `soon` is not a length of time like `90s`, `10m`, `1h` or `400d`
       ,-[templates/ticket-triage.toml:6:8]
     5 | max = "0s"
     6 | idle = "soon"
       :        ^^^|^^
       :           `-- this does not fit
     7 | calendar = "Mon-Fri 06:00-22:00 Berlin"
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `Mon-Fri 06:00-22:00 Berlin` is not a calendar like `Mon-Fri 06:00-22:00
      | Europe/Berlin`: `Berlin` is no time zone like `Europe/Berlin` or `UTC`
       ,-[templates/ticket-triage.toml:7:12]
     6 | idle = "soon"
     7 | calendar = "Mon-Fri 06:00-22:00 Berlin"
       :            ^^^^^^^^^^^^^^|^^^^^^^^^^^^^
       :                          `-- this does not fit
     8 | [[allow]]
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn what_nothing_counts_or_judges_yet_is_an_error() {
    let files = Files::good().template(
        "[[allow]]",
        "[budget]\nrows = 5\nspend = \"5 EUR\"\n[[sequence]]\nname = \"x\"\nforbid = \"secret then egress within task\"\n[[allow]]",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-009

      x `budget.rows` is not enforced yet: only `calls` and `bytes_out` are
      | counted
       ,-[templates/ticket-triage.toml:7:8]
     6 | [budget]
     7 | rows = 5
       :        |
       :        `-- this would change nothing
     8 | spend = "5 EUR"
       `----
      help: take it out: what is written and not enforced would be believed
            see docs/errors/CFG-009.md

    CFG-009

      x `budget.spend` is not enforced yet: only `calls` and `bytes_out` are
      | counted
       ,-[templates/ticket-triage.toml:8:9]
     7 | rows = 5
     8 | spend = "5 EUR"
       :         ^^^|^^^
       :            `-- this would change nothing
     9 | [[sequence]]
       `----
      help: take it out: what is written and not enforced would be believed
            see docs/errors/CFG-009.md

    CFG-009

      x `sequence` is not enforced yet: the order of calls is not judged
        ,-[templates/ticket-triage.toml:9:1]
      8 | spend = "5 EUR"
      9 | [[sequence]]
        : ^^^^^^|^^^^^
        :       `-- this would change nothing
     10 | name = "x"
        `----
      help: take it out: what is written and not enforced would be believed
            see docs/errors/CFG-009.md
    "#);
}

#[test]
fn a_budget_counts_from_nought_and_open_tasks_from_one() {
    let files = Files::good()
        .template("[window]", "max_open = 0\n[budget]\ncalls = -1\nbytes_out = \"much\"\n[window]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-007

      x with `max_open = 0` no such task could be opened
       ,-[templates/ticket-triage.toml:4:12]
     3 | purpose = "Triage one support ticket"
     4 | max_open = 0
       :            |
       :            `-- this does not fit
     5 | [budget]
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `budget.calls` may not be `-1`: it is a number from 0 up
       ,-[templates/ticket-triage.toml:6:9]
     5 | [budget]
     6 | calls = -1
       :         ^|
       :          `-- this does not fit
     7 | bytes_out = "much"
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `much` is not a size like `512 KiB`, `1 MiB` or `4096`
       ,-[templates/ticket-triage.toml:7:13]
     6 | calls = -1
     7 | bytes_out = "much"
       :             ^^^|^^
       :                `-- this does not fit
     8 | [window]
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn a_condition_is_checked_where_it_stands() {
    let files = Files::good().template(
        "tools = [\"read_text_file\"]",
        "tools = [\"read_text_file\"]\nwhen = 'context.input.ticket == context.task.params.tickte'\n\
         [[allow]]\nserver = \"files\"\ntools = [\"x\"]\nwhen = \"context.input.x like\"\n[params.ticket]",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    POL-014

      x the template has no parameter `tickte`
        ,-[templates/ticket-triage.toml:9:53]
      8 | tools = ["read_text_file"]
      9 | when = 'context.input.ticket == context.task.params.tickte'
        :                                                     ^^^^^^
     10 | [[allow]]
        `----
      help: did you mean `ticket`?
            see docs/errors/POL-014.md

    POL-001

      x unexpected end of input
        ,-[templates/ticket-triage.toml:13:29]
     12 | tools = ["x"]
     13 | when = "context.input.x like"
        :                             ^
     14 | [params.ticket]
        `----
      help: see docs/errors/POL-001.md
    "#);
}

#[test]
fn a_template_keeps_what_it_says() {
    let files = Files::good().template(
        "[window]\nmax = \"1h\"\n[[allow]]\nserver = \"files\"",
        "on_widen = \"hold\"\nmode = \"observe\"\nmax_open = 3\n[observe]\nowner = \"me\"\n\
         until = \"2027-01-31T00:00:00Z\"\n[params.ticket]\npattern = '^[A-Z]+-[0-9]+$'\n\
         [params.note]\noptional = true\n[budget]\ncalls = 200\nbytes_out = \"1 MiB\"\n[window]\n\
         max = \"1h\"\nidle = \"10m\"\ncalendar = \"Mon-Fri 06:00-22:00 Europe/Berlin\"\n[[allow]]\n\
         server = \"files\"\nresources = [\"file:///a/*\"]\nprompts = [\"p\"]\n\
         when = 'context.input.path == context.task.params.ticket'",
    );
    let (house, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let name: TemplateName = "ticket-triage".parse().unwrap();
    let template = &house.templates[&name];
    assert_eq!(template.on_widen, OnWiden::Hold);
    assert_eq!(
        template.mode,
        Mode::Observe { owner: "me".to_owned(), until: "2027-01-31T00:00:00Z".parse().unwrap() }
    );
    assert_eq!(template.max_open, Some(3));
    assert!(template.params["ticket"].admits("ABC-1") && !template.params["ticket"].admits("abc"));
    assert!(template.params["note"].optional);
    assert_eq!(template.budget, Budget { calls: Some(200), bytes_out: Some(1 << 20) });
    assert_eq!(template.window.max, Duration::from_secs(3600));
    assert_eq!(template.window.idle, Some(Duration::from_secs(600)));
    assert!(template.window.calendar.is_some());
    let line = template.allow.first().unwrap();
    assert_eq!(line.source, "ticket-triage.toml:21");
    assert_eq!(line.resources, ["file:///a/*"]);
    assert_eq!(line.prompts, ["p"]);
    assert_eq!(line.when.as_deref(), Some("context.input.path == context.task.params.ticket"));
}

#[test]
fn without_a_word_a_template_denies_and_enforces() {
    let (house, _) = Files::good().load().unwrap();
    let template = house.templates.values().next().unwrap();
    assert_eq!(template.on_widen, OnWiden::Deny);
    assert_eq!(template.mode, Mode::Enforce);
    assert_eq!(template.budget, Budget::default());
    assert_eq!(template.max_open, None);
}

#[test]
fn a_file_of_another_name_is_remarked_on() {
    let files = Files::good();
    let from = files.path("templates/ticket-triage.toml");
    std::fs::rename(from, files.path("templates/triage.toml")).unwrap();
    insta::assert_snapshot!(files.remarks("TPL-101"), @r#"
    TPL-101

      ! template `ticket-triage` stands in `templates/triage.toml`
       ,-[templates/triage.toml:2:8]
     1 |
     2 | name = "ticket-triage"
       :        ^^^^^^^^^^^^^^^
     3 | owner = "team-support"
       `----
      help: call the file `ticket-triage.toml`, so that people find it
            see docs/errors/TPL-101.md
    "#);
}

#[test]
fn a_template_that_allows_nothing_is_remarked_on() {
    let files =
        Files::good().template("[[allow]]\nserver = \"files\"\ntools = [\"read_text_file\"]\n", "");
    insta::assert_snapshot!(files.remarks("TPL-103"), @r#"
    TPL-103

      ! template `ticket-triage` allows nothing
       ,-[templates/ticket-triage.toml:1:8]
     1 | name = "ticket-triage"
       :        ^^^^^^^^^^^^^^^
     2 | owner = "team-support"
       `----
      help: add an `[[allow]]` with `server` and `tools`
            see docs/errors/TPL-103.md
    "#);
}

#[test]
fn a_break_glass_template_is_short_and_counts() {
    let observed = "kind = \"break-glass\"\nmode = \"observe\"\n[observe]\nowner = \"me\"\n\
         until = \"2027-01-31T00:00:00Z\"\n[window]\nmax = \"61m\"";
    let files = Files::good().template("[window]\nmax = \"1h\"", observed);
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-010

      x a break-glass task lasts for an hour at the most
       ,-[templates/ticket-triage.toml:4:8]
     3 | purpose = "Triage one support ticket"
     4 | kind = "break-glass"
       :        ^^^^^^|^^^^^^
       :              `-- this template's window is longer
     5 | mode = "observe"
       `----
      help: write `max = "15m"` in `[window]`
            see docs/errors/TPL-010.md

    TPL-010

      x a break-glass template does not only observe
       ,-[templates/ticket-triage.toml:4:8]
     3 | purpose = "Triage one support ticket"
     4 | kind = "break-glass"
       :        ^^^^^^|^^^^^^
       :              `-- this one has `mode = "observe"`
     5 | mode = "observe"
       `----
      help: see docs/errors/TPL-010.md
    "#);
}
