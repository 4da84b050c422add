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
    insta::assert_snapshot!(of("canary = \"1s\"\ncanary_wants = [\"order\"]").mistakes(), @r#"
    CFG-007

      x a canary is sent between once a minute and once a week
       ,-[bailiwick.toml:8:10]
     7 | name = "code"
     8 | canary = "1s"
       :          ^^|^
       :            `-- this does not fit
     9 | canary_wants = ["order"]
       `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `order` is nothing that this target has: did you mean `orders`?
        ,-[bailiwick.toml:9:16]
      8 | canary = "1s"
      9 | canary_wants = ["order"]
        :                ^^^^|^^^^
        :                    `-- this does not fit
     10 | kind = "github"
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(of("canary_wants = [\"orders\"]").mistakes(), @r#"
    CFG-007

      x `canary` says how often: without it, none is sent
       ,-[bailiwick.toml:8:16]
     7 | name = "code"
     8 | canary_wants = ["orders"]
       :                ^^^^^|^^^^
       :                     `-- this does not fit
     9 | kind = "github"
       `----
      help: see docs/errors/CFG-007.md
    "#);
    let program = TARGET.replace("kind =", "canary = \"1h\"\nkind =");
    insta::assert_snapshot!(Files::good().config(&program).mistakes(), @r#"
    CFG-007

      x say what a canary wants of this target: `canary_wants`
       ,-[bailiwick.toml:8:10]
     7 | name = "files"
     8 | canary = "1h"
       :          ^^|^
       :            `-- this does not fit
     9 | kind = "program"
       `----
      help: see docs/errors/CFG-007.md
    "#);
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
    insta::assert_snapshot!(stays.mistakes(), @r#"
    TPL-012

      x credentials of `cloud` never leave the gateway
       ,-[templates/ticket-triage.toml:5:10]
     4 | [[lease]]
     5 | target = "cloud"
       :          ^^^|^^^
       :             `-- no task gets one
     6 | wants = ["readers"]
       `----
      help: take the `[[lease]]` out: a route's requests bear what it makes, and
            no template names it for that
            see docs/errors/TPL-012.md
    "#);
    let rights = "repositories = [\"orders\"]\npermissions = [\"contents:read\"]\n";
    let stranger = Files::good()
        .config(&format!("{GITHUB}{rights}"))
        .template("[window]", &lease("code", "order"))
        .charter("servers = [\"files\"]", "servers = [\"files\"]\ntargets = [\"code\"]");
    insta::assert_snapshot!(stranger.mistakes(), @r#"
    TPL-013

      x a lease of `code` wants what there is not: `order` is nothing that this
      | target has: did you mean `orders`?
       ,-[templates/ticket-triage.toml:5:10]
     4 | [[lease]]
     5 | target = "code"
       :          ^^^|^^
       :             `-- no task gets this one
     6 | wants = ["order"]
       `----
      help: see docs/errors/TPL-013.md
    "#);
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
    insta::assert_snapshot!(of("target = \"code\"\nwants = [\"orders\", \"contents:write\"]"), @r#"
    CFG-007

      x `contents:write` is nothing that this target has: known are `orders`,
      | `contents:read`
        ,-[bailiwick.toml:19:10]
     18 | [route.credential]
     19 | target = "code"
        :          ^^^|^^
        :             `-- no request would get it
     20 | wants = ["orders", "contents:write"]
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(of("target = \"cod\"\nwants = [\"orders\"]"), @r#"
    CFG-007

      x target `cod` is not configured
        ,-[bailiwick.toml:19:10]
     18 | [route.credential]
     19 | target = "cod"
        :          ^^|^^
        :            `-- no request would get it
     20 | wants = ["orders"]
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(of("target = \"code\"\nwants = []\nsecret = \"kept\""), @r#"
    CFG-007

      x `route[0].credential.wants` names nothing: say what of the target
        ,-[bailiwick.toml:20:9]
     19 | target = "code"
     20 | wants = []
        :         ^|
        :          `-- this does not fit
     21 | secret = "kept"
        `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x `route[0].credential.secret` is for a secret that is kept here
        ,-[bailiwick.toml:21:10]
     20 | wants = []
     21 | secret = "kept"
        :          ^^^|^^
        :             `-- this does not fit
     22 | [[route.operation]]
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(of("target = \"code\"\nwants = [\"orders\"]\nsign = \"s3\""), @r#"
    CFG-007

      x what `code` makes signs nothing: leave `sign` out
        ,-[bailiwick.toml:19:10]
     18 | [route.credential]
     19 | target = "code"
        :          ^^^|^^
        :             `-- no request would get it
     20 | wants = ["orders"]
        `----
      help: see docs/errors/CFG-007.md
    "#);
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
    insta::assert_snapshot!(Files::good().config(&role).mistakes(), @r#"
    CFG-007

      x `reader` is no role: say `arn:aws:iam::123456789012:role/agents`
        ,-[bailiwick.toml:10:8]
      9 | [target.sts]
     10 | role = "reader"
        :        ^^^^|^^^
        :            `-- this does not fit
     11 | region = "eu-central-1"
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(Files::good().config(STS).mistakes(), @r#"
    CFG-007

      x `allow` names nothing: say what a lease may want, and which actions on
      | which resources that is
        ,-[bailiwick.toml:9:1]
      8 | kind = "sts"
      9 | [target.sts]
        : ^^^^^^|^^^^^
        :       `-- this does not fit
     10 | role = "arn:aws:iam::123456789012:role/reader"
        `----
      help: see docs/errors/CFG-007.md

    CFG-004

      x `target[0].sts.allow` is missing
        ,-[bailiwick.toml:9:1]
      8 | kind = "sts"
      9 | [target.sts]
        : ^^^^^^|^^^^^
        :       `-- it belongs here
     10 | role = "arn:aws:iam::123456789012:role/reader"
        `----
      help: see docs/errors/CFG-004.md
    "#);
    let empty = format!("{STS}longest = \"5m\"\n{ALLOW}").replace("\"s3:GetObject\"", "");
    insta::assert_snapshot!(Files::good().config(&empty).mistakes(), @r#"
    CFG-007

      x a session lives for 15 minutes at least
        ,-[bailiwick.toml:13:11]
     12 | keys_file = "aws.keys"
     13 | longest = "5m"
        :           ^^|^
        :             `-- this does not fit
     14 | [[target.sts.allow]]
        `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn what_no_canary_could_prove_has_none() {
    let files =
        |target: &str| Files::good().config(&target.replace("kind =", "canary = \"1h\"\nkind ="));
    let canary = |target: &str| files(target).mistakes();
    insta::assert_snapshot!(canary(&format!("{STS}hand_out = true\n{ALLOW}")), @r#"
    CFG-007

      x no canary proves it: what is handed out ends by itself without `deny`
       ,-[bailiwick.toml:8:10]
     7 | name = "cloud"
     8 | canary = "1h"
       :          ^^|^
       :            `-- this does not fit
     9 | kind = "sts"
       `----
      help: see docs/errors/CFG-007.md
    "#);
    for more in ["", "hand_out = true\ndeny = true\n"] {
        assert!(files(&format!("{STS}{more}{ALLOW}")).load().is_ok(), "{more}");
    }
    insta::assert_snapshot!(canary(&format!("{EXCHANGE}{PERSON}{IDP}")), @r#"
    CFG-007

      x no canary proves it: its tokens are for a person, and a canary has none
       ,-[bailiwick.toml:8:10]
     7 | name = "orders"
     8 | canary = "1h"
       :          ^^|^
       :            `-- this does not fit
     9 | kind = "exchange"
       `----
      help: see docs/errors/CFG-007.md
    "#);
    assert!(files(EXCHANGE).load().is_ok());
}

#[test]
fn a_target_for_people_says_whose_and_they_are_people_that_somebody_vouches_for() {
    let files = |more: &str| Files::good().config(&format!("{EXCHANGE}{more}"));
    let of = |more: &str| files(more).mistakes();
    assert!(files(&format!("{PERSON}{IDP}")).load().is_ok());
    insta::assert_snapshot!(of("subject = \"person\"\n"), @r#"
    CFG-007

      x `person_issuer` is missing: say whose people the server knows
        ,-[bailiwick.toml:9:1]
      8 | kind = "exchange"
      9 | [target.exchange]
        : ^^^^^^^^|^^^^^^^^
        :         `-- this does not fit
     10 | token_endpoint = "https://as.example/token"
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(of("person_issuer = \"https://idp.example\"\n"), @r#"
    CFG-007

      x `person_issuer` is for `subject = "person"`: leave it out
        ,-[bailiwick.toml:18:17]
     17 | scopes = ["orders:read"]
     18 | person_issuer = "https://idp.example"
        :                 ^^^^^^^^^^|^^^^^^^^^^
        :                           `-- this does not fit
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(of(PERSON), @r#"
    CFG-007

      x no `[[mandate_issuer]]` has the `url` `https://idp.example`
       ,-[bailiwick.toml:7:8]
     6 | [[target]]
     7 | name = "orders"
       :        ^^^^|^^^
       :            `-- it serves the people of that provider
     8 | kind = "exchange"
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

/// A client of an authorization server of others, for people of a provider, and who vouches for them.
const EXCHANGE: &str = "[[target]]\nname = \"orders\"\nkind = \"exchange\"\n[target.exchange]\ntoken_endpoint = \"https://as.example/token\"\nrevocation_endpoint = \"https://as.example/revoke\"\nclient = \"bailiwick\"\nsecret_file = \"orders\"\nissuer = \"https://governor.example\"\naudience = \"https://as.example\"\nkey_file = \"exchange.pem\"\nscopes = [\"orders:read\"]\n";
const PERSON: &str = "subject = \"person\"\nperson_issuer = \"https://idp.example\"\n";
const IDP: &str =
    "[[mandate_issuer]]\nurl = \"https://idp.example\"\njwks_url = \"http://127.0.0.1:9/keys\"\n";

#[test]
fn an_app_of_github_that_may_do_nothing_or_has_no_key_is_a_mistake() {
    let rights = "repositories = [\"o/r\"]\npermissions = [\"contents:reed\"]\n";
    insta::assert_snapshot!(Files::good().config(&format!("{GITHUB}{rights}")).mistakes(), @r#"
    CFG-007

      x `o/r` is no repository: say its name without its owner
        ,-[bailiwick.toml:13:16]
     12 | installation = 34
     13 | repositories = ["o/r"]
        :                ^^^|^^^
        :                   `-- this does not fit
     14 | permissions = ["contents:reed"]
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(Files::good().config(GITHUB).mistakes(), @r#"
    CFG-004

      x `target[0].github.permissions` is missing
        ,-[bailiwick.toml:9:1]
      8 | kind = "github"
      9 | [target.github]
        : ^^^^^^^|^^^^^^^
        :        `-- it belongs here
     10 | app = "12"
        `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `target[0].github.repositories` is missing
        ,-[bailiwick.toml:9:1]
      8 | kind = "github"
      9 | [target.github]
        : ^^^^^^^|^^^^^^^
        :        `-- it belongs here
     10 | app = "12"
        `----
      help: see docs/errors/CFG-004.md
    "#);
    let keyless = format!("{GITHUB}{rights}").replace("key_file = \"app.pem\"\n", "");
    insta::assert_snapshot!(Files::good().config(&keyless).mistakes(), @r#"
    CFG-007

      x say where the secret lies: `key_file` or `key_command`
        ,-[bailiwick.toml:9:1]
      8 | kind = "github"
      9 | [target.github]
        : ^^^^^^^|^^^^^^^
        :        `-- this does not fit
     10 | app = "12"
        `----
      help: see docs/errors/CFG-007.md
    "#);
}
