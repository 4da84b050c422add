//! What may be declared of people and things, and what is said of mistakes in it.

use super::Files;

const GOOD: &str = r#"
[[entity]]
type = "user"
id = "alice"
parents = [{ type = "group", id = "staff" }]
properties = { role = "admin", level = 3, teams = ["a", "b"], since = 2026-01-01 }

[[entity]]
type = "group"
id = "staff"
"#;

fn mistakes(text: &str) -> String {
    Files::good().with("authzen/people.toml", text).mistakes()
}

#[test]
fn people_and_things_lie_beside_the_policies() {
    for text in [GOOD, ""] {
        assert!(Files::good().with("authzen/people.toml", text).load().is_ok());
    }
    let files = Files::good().with("authzen/people.json", "{}");
    assert!(
        files.remarks("CFG-105").contains("only files that end in `.cedar` or `.toml` are read")
    );
}

#[test]
fn what_several_files_say_is_known_together() {
    let group = "[[entity]]\ntype = \"group\"\nid = \"staff\"\n";
    let user = GOOD.split("\n\n").next().unwrap();
    let files = Files::good().with("authzen/a.toml", user).with("authzen/b.toml", group);
    assert!(files.load().is_ok());
    assert!(!mistakes(user).is_empty(), "the group is in the other file");
}

#[test]
fn identities_are_declared_by_charters_unless_ours_are_called_otherwise() {
    let people = "[[entity]]\ntype = \"identity\"\nid = \"alice\"\n";
    assert!(mistakes(people).contains("each is declared by its charter"));
    let files = Files::good().with("authzen/people.toml", people);
    assert!(files.config("[authzen]\nidentity_type = \"ours\"\n").load().is_ok());
    let wrong = Files::good().config("[authzen]\nidentity_type = \"my type\"\n").mistakes();
    assert!(wrong.contains("`my type` is no type that policies can name"), "{wrong}");
}

#[test]
fn a_slip_is_shown_where_it_stands() {
    let slip = GOOD.replace("id = \"staff\" }", "id = \"staf\" }");
    insta::assert_snapshot!(mistakes(&slip), @r#"
    CFG-007

      x parent `group` `staf` is not declared
       ,-[authzen/people.toml:2:1]
     1 |
     2 | [[entity]]
       : ^^^^^|^^^^
       :      `-- this one names it
     3 | type = "user"
       `----
      help: did you mean `staff`?
            see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(mistakes("[[entity]]\ntype = \"identity\"\nid = \"ann\"\n"), @r#"
    CFG-007

      x type `identity` is the governor's own: each is declared by its charter
       ,-[authzen/people.toml:1:1]
     1 | [[entity]]
       : ^^^^^|^^^^
       :      `-- this cannot be declared
     2 | type = "identity"
       `----
      help: take it away: what its charter says is known already
            see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(mistakes("[[entity]]\ntype = \"my type\"\nname = \"x\"\n"), @r#"
    CFG-004

      x `entity[0].id` is missing
       ,-[authzen/people.toml:1:1]
     1 | [[entity]]
       : ^^^^^|^^^^
       :      `-- it belongs here
     2 | type = "my type"
       `----
      help: see docs/errors/CFG-004.md

    CFG-003

      x unknown key `entity[0].name`
       ,-[authzen/people.toml:3:1]
     2 | type = "my type"
     3 | name = "x"
       : ^^|^
       :   `-- nothing reads this
       `----
      help: known are `id`, `parents`, `properties`, `type`
            see docs/errors/CFG-003.md
    "#);
}

#[test]
fn too_much_is_not_taken() {
    let parents = vec!["{ type = \"g\", id = \"a\" }"; 33].join(", ");
    let long = format!(
        "[[entity]]\ntype = \"u\"\nid = \"a\"\nproperties = {{ a = \"{}\" }}\n",
        "x".repeat(17 << 10)
    );
    for (text, why) in [
        (format!("[[entity]]\ntype = \"u\"\nid = \"a\"\nparents = [{parents}]\n"), "32 at most"),
        (long, "cannot be taken"),
        (format!("[[entity]]\ntype = \"u\"\nid = \"{}\"\n", "x".repeat(1025)), "1024 bytes"),
        ("[[entity]]\ntype = \"u\"\nid = \"a\"\n".repeat(2), "declared twice"),
    ] {
        let said = mistakes(&text);
        assert!(said.contains(why), "{said}");
    }
}
