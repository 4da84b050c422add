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
