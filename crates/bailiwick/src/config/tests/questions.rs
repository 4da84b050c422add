//! What is declared of questions of others, and policies that are held against it.

use super::Files;

const DECLARED: &str = "[[type]]
name = \"user\"
in = [\"group\"]
properties = { role = \"text\" }
[[type]]
name = \"group\"
[[type]]
name = \"record\"
properties = { owner = \"text\", note = \"text?\" }
[[action]]
name = \"read\"
subjects = [\"user\", \"identity\"]
resources = [\"record\"]
context = { ip = \"text?\" }
";

fn with(declared: &str, when: &str) -> Files {
    let permit = format!(
        "@id(\"own\")\npermit (principal, action == Action::\"read\", resource)\nwhen {{ {when} }};\n"
    );
    Files::good().with("authzen/types.toml", declared).with("authzen/own.cedar", permit)
}

#[test]
fn a_policy_that_fits_what_is_declared_is_taken() {
    for when in ["resource.owner == principal.id", "principal is user && principal.role == \"a\""] {
        with(DECLARED, when).load().unwrap_or_else(|found| panic!("{when}: {:#?}", found.errors));
    }
}

#[test]
fn a_policy_that_does_not_fit_is_a_mistake() {
    insta::assert_snapshot!(with(DECLARED, "resource.ownr == principal.id").mistakes(), @r#"
    POL-018

      x no call that this meets has `resource.ownr`
       ,-[authzen/own.cedar:3:17]
     2 | permit (principal, action == Action::"read", resource)
     3 | when { resource.ownr == principal.id };
       :                 ^^|^
       :                   `-- never there
       `----
      help: did you mean `owner`?
            see docs/errors/POL-018.md
    "#);
}

#[test]
fn where_nothing_is_declared_policies_are_held_against_nothing() {
    let anything = "resource.ownr == principal.whatever";
    with("[[entity]]\ntype = \"user\"\nid = \"ada\"\n", anything).load().unwrap();
    // Types alone ask nothing.
    with("[[type]]\nname = \"user\"\n", anything).load().unwrap();
}

#[test]
fn what_is_not_declared_is_only_remarked_on() {
    let files = with(DECLARED, "true").with(
        "authzen/more.cedar",
        "@id(\"more\")\npermit (principal, action == Action::\"approve\", resource)\n\
         when { resource.anything == 5 };\n",
    );
    insta::assert_snapshot!(files.remarks("POL-101"), @r#"
    POL-101

      ! nobody declares the action `approve`
       ,-[authzen/more.cedar:2:30]
     1 | @id("more")
     2 | permit (principal, action == Action::"approve", resource)
       :                              ^^^^^^^^|^^^^^^^^
       :                                      `-- nothing that is known is called this
     3 | when { resource.anything == 5 };
       `----
      help: this policy is held against nothing: declare it, too, or leave it so
            see docs/errors/POL-101.md
    "#);
}

#[test]
fn what_cannot_be_declared_is_a_mistake() {
    for (word, other, says) in [
        ("in = [\"group\"]", "in = [\"gruop\"]", "type `gruop` is not declared"),
        ("name = \"group\"", "name = \"user\"", "type `user` is declared twice"),
        ("name = \"group\"", "name = \"Identity\"", "is the governor's own"),
        ("name = \"group\"", "name = \"a b\"", "no type that policies can name"),
        ("role = \"text\"", "role = \"txt\"", "did you mean `text`?"),
        ("role = \"text\"", "id = \"text\"", "`id` is always there, and ours"),
        ("ip = \"text?\"", "now = \"text\"", "`now` is always there, and ours"),
        ("subjects", "subject", "did you mean `subjects`?"),
        ("[[action]]", "[[actoin]]", "unknown key"),
    ] {
        let said = with(&DECLARED.replacen(word, other, 1), "true").mistakes();
        let whole = said.split_whitespace().collect::<Vec<_>>().join(" ").replace(" | ", " ");
        assert!(whole.contains(says), "{other}: {said}");
    }
}
