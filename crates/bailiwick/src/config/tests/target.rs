//! Targets, the leases that templates have of them, and the charters that reach them.

use super::Files;

/// A target that an operator's own program looks after.
const TARGET: &str = "[[target]]\nname = \"files\"\nkind = \"program\"\n[target.program]\ncommand = [\"/bin/true\"]\n";

#[test]
fn a_kind_that_there_is_not_and_targets_that_nobody_configured_are_mistakes() {
    let lease = "[[lease]]\ntarget = \"order-db\"\nwants = [\"readers\"]\n[window]";
    let files = Files::good()
        .config("[[target]]\nname = \"orders-db\"\nkind = \"postgre\"\n")
        .template("[window]", lease)
        .charter("servers = [\"files\"]", "servers = [\"files\"]\ntargets = [\"order-db\"]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    CFG-021

      x `postgre` is no kind of target
       ,-[bailiwick.toml:8:8]
     7 | name = "orders-db"
     8 | kind = "postgre"
       :        ^^^^|^^^^
       :            `-- no broker is called this
       `----
      help: did you mean `postgres`?
            see docs/errors/CFG-021.md

    CHR-010

      x target `order-db` is not configured
       ,-[charters/triage-agent.toml:9:12]
     8 | servers = ["files"]
     9 | targets = ["order-db"]
       :            ^^^^^|^^^^
       :                 `-- named here
       `----
      help: did you mean `orders-db`?
            see docs/errors/CHR-010.md

    TPL-009

      x target `order-db` is not configured
       ,-[templates/ticket-triage.toml:5:10]
     4 | [[lease]]
     5 | target = "order-db"
       :          ^^^^^|^^^^
       :               `-- named here
     6 | wants = ["readers"]
       `----
      help: did you mean `orders-db`?
            see docs/errors/TPL-009.md
    "#);
}

#[test]
fn a_credential_beside_lines_that_limit_its_system_is_a_mistake() {
    let lease =
        "when = 'context.input.path == \"/a\"'\n[[lease]]\ntarget = \"files\"\nwants = [\"a\"]\n";
    let files = Files::good()
        .config(TARGET)
        .template(
            "tools = [\"read_text_file\"]\n",
            &format!("tools = [\"read_text_file\"]\n{lease}"),
        )
        .charter("servers = [\"files\"]", "servers = [\"files\"]\ntargets = [\"files\"]");
    insta::assert_snapshot!(files.mistakes(), @r#"
    TPL-011

      x `ticket-triage.toml:6` limits the arguments of `files`, and a credential
      | of `files` has no such limits
        ,-[templates/ticket-triage.toml:11:10]
     10 | [[lease]]
     11 | target = "files"
        :          ^^^|^^^
        :             `-- who holds it does with it what its target lets it
     12 | wants = ["a"]
        `----
      help: hand it out by another template, or take the conditions out and say
            at the target what it allows
            see docs/errors/TPL-011.md
    "#);
}

#[test]
fn a_target_that_no_charter_reaches_is_told_of() {
    insta::assert_snapshot!(Files::good().config(TARGET).remarks("CFG-120"), @r#"
    CFG-120

      ! no charter reaches target `files`
       ,-[bailiwick.toml:7:8]
     6 | [[target]]
     7 | name = "files"
       :        ^^^^^^^
     8 | kind = "program"
       `----
      help: nobody may have a credential of it: name it in a charter's
            `targets`, or in a route's credential
            see docs/errors/CFG-120.md
    "#);
}

#[test]
fn a_canary_wants_what_its_target_has_and_is_sent_in_time() {
    let github =
        format!("{GITHUB}repositories = [\"orders\"]\npermissions = [\"contents:read\"]\n");
    let of =
        |more: &str| Files::good().config(&github.replace("kind =", &format!("{more}\nkind =")));
    let (house, _) = of("canary = \"1h\"").load().unwrap();
    let wants = house.config.targets[0].canary.clone().unwrap().1;
    assert_eq!(wants, ["orders", "contents:read"]);
    let settings = format!("{:?}", house.config.settings);
    assert!(settings.contains("target.code.canary_wants"), "{settings}");
    insta::assert_snapshot!(of("canary = \"1s\"\ncanary_wants = [\"order\"]").mistakes(), @"");
    insta::assert_snapshot!(of("canary_wants = [\"orders\"]").mistakes(), @"");
    let program = TARGET.replace("kind =", "canary = \"1h\"\nkind =");
    insta::assert_snapshot!(Files::good().config(&program).mistakes(), @"");
}

#[test]
fn a_lease_that_no_task_could_get_is_a_mistake() {
    let lease = |target: &str, want: &str| {
        format!("[[lease]]\ntarget = \"{target}\"\nwants = [\"{want}\"]\n[window]")
    };
    let stays = Files::good()
        .config(&format!("{STS}{ALLOW}"))
        .template("[window]", &lease("cloud", "readers"))
        .charter("servers = [\"files\"]", "servers = [\"files\"]\ntargets = [\"cloud\"]");
    insta::assert_snapshot!(stays.mistakes(), @"");
    let rights = "repositories = [\"orders\"]\npermissions = [\"contents:read\"]\n";
    let stranger = Files::good()
        .config(&format!("{GITHUB}{rights}"))
        .template("[window]", &lease("code", "order"))
        .charter("servers = [\"files\"]", "servers = [\"files\"]\ntargets = [\"code\"]");
    insta::assert_snapshot!(stranger.mistakes(), @"");
}

#[test]
fn what_a_route_wants_is_held_against_its_target() {
    let rights = "repositories = [\"orders\"]\npermissions = [\"contents:read\"]\n";
    let route = |credential: &str| {
        format!(
            "{GITHUB}{rights}[[route]]\nname = \"hub\"\nurl = \"http://127.0.0.1:9\"\n[route.credential]\n{credential}\n[[route.operation]]\nname = \"get\"\nmethod = \"GET\"\npath = \"/c\"\n"
        )
    };
    let of = |credential: &str| Files::good().config(&route(credential)).mistakes();
    insta::assert_snapshot!(of("target = \"code\"\nwants = [\"orders\", \"contents:write\"]"), @"");
    insta::assert_snapshot!(of("target = \"cod\"\nwants = [\"orders\"]"), @"");
    insta::assert_snapshot!(of("target = \"code\"\nwants = []\nsecret = \"kept\""), @"");
    insta::assert_snapshot!(of("target = \"code\"\nwants = [\"orders\"]\nsign = \"s3\""), @"");
}

#[test]
fn nobody_has_the_name_of_who_sends_canaries() {
    let files =
        Files::good().charter("identity = \"triage-agent\"", "identity = \"bailiwick.canary\"");
    let drawn = files.mistakes();
    assert!(drawn.contains("kept for the leases that prove targets"), "{drawn}");
}

/// Keys of AWS and of a GitHub App, in files that need not be there.
const STS: &str = "[[target]]\nname = \"cloud\"\nkind = \"sts\"\n[target.sts]\nrole = \"arn:aws:iam::123456789012:role/reader\"\nregion = \"eu-central-1\"\nkeys_file = \"aws.keys\"\n";
const GITHUB: &str = "[[target]]\nname = \"code\"\nkind = \"github\"\n[target.github]\napp = \"12\"\nkey_file = \"app.pem\"\ninstallation = 34\n";
const ALLOW: &str =
    "[[target.sts.allow]]\nname = \"readers\"\nactions = [\"s3:GetObject\"]\nresources = [\"*\"]\n";

#[test]
fn a_role_of_aws_that_is_none_or_allows_nothing_is_a_mistake() {
    let role = format!("{STS}{ALLOW}").replace("arn:aws:iam::123456789012:role/reader", "reader");
    insta::assert_snapshot!(Files::good().config(&role).mistakes(), @"");
    insta::assert_snapshot!(Files::good().config(STS).mistakes(), @"");
    let empty = format!("{STS}longest = \"5m\"\n{ALLOW}").replace("\"s3:GetObject\"", "");
    insta::assert_snapshot!(Files::good().config(&empty).mistakes(), @"");
}

#[test]
fn an_app_of_github_that_may_do_nothing_or_has_no_key_is_a_mistake() {
    let rights = "repositories = [\"o/r\"]\npermissions = [\"contents:reed\"]\n";
    insta::assert_snapshot!(Files::good().config(&format!("{GITHUB}{rights}")).mistakes(), @"");
    insta::assert_snapshot!(Files::good().config(GITHUB).mistakes(), @"");
    let keyless = format!("{GITHUB}{rights}").replace("key_file = \"app.pem\"\n", "");
    insta::assert_snapshot!(Files::good().config(&keyless).mistakes(), @"");
}
