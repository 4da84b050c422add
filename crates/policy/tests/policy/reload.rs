//! What is compiled after something else is what it is by itself.

use bailiwick_policy::{Applying, PolicyError, PolicyOptions, PolicySet, PolicySource};
use proptest::{prelude::*, sample::Index};

use crate::law_9::{Dice, request, sets};

fn file(name: &str, text: &str) -> PolicySource {
    PolicySource { name: name.to_owned(), text: text.to_owned() }
}

fn compile(before: Option<&PolicySet>, files: &[PolicySource]) -> Result<PolicySet, Vec<String>> {
    let compiled = PolicySet::compile_after(before, files, PolicyOptions::default());
    compiled.map_err(|errors| errors.iter().map(told).collect())
}

fn told(error: &PolicyError) -> String {
    format!("{} {:?} {error}", error.file(), error.span())
}

/// Everything that can be seen of a set: what it lists, and what it says of some calls.
fn seen(set: &PolicySet, calls: &[Dice]) -> (String, Vec<Vec<Applying>>) {
    let said = calls.iter().map(|it| set.applying(&request(*it).case())).collect();
    (format!("{} {:?} {:?}", set.version(), set.list(), set.liked_inputs()), said)
}

#[derive(Clone, Debug)]
enum Edit {
    /// Puts a remark before everything, and so moves all of it.
    Move,
    /// Takes a policy away.
    Drop(Index),
    /// Lets a policy say the contrary.
    Turn(Index),
    /// Writes a policy twice.
    Twice(Index),
    /// Spoils a policy.
    Spoil(Index),
}

fn edits() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        Just(Edit::Move),
        at().prop_map(Edit::Drop),
        at().prop_map(Edit::Turn),
        at().prop_map(Edit::Twice),
        at().prop_map(Edit::Spoil),
    ]
}

/// Edits policies that each stand on a line of their own.
fn edited(text: &str, edit: &Edit) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = match edit {
        Edit::Move => return format!("// above; all\n{text}"),
        Edit::Drop(at) | Edit::Turn(at) | Edit::Twice(at) | Edit::Spoil(at) => {
            at.index(lines.len())
        }
    };
    let change = |(place, line): (usize, &&str)| match edit {
        _ if place != at => (*line).to_owned(),
        Edit::Move => (*line).to_owned(),
        Edit::Drop(_) => String::new(),
        Edit::Turn(_) => turned(line),
        Edit::Twice(_) => format!("{line}\n{line}"),
        Edit::Spoil(_) => line.replacen("principal", "princpal", 1),
    };
    lines.iter().enumerate().map(change).collect::<Vec<_>>().join("\n")
}

fn turned(line: &str) -> String {
    match line.split_once(" permit ") {
        Some((before, after)) => format!("{before} forbid {after}"),
        None => line.replacen(" forbid ", " permit ", 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn policies_that_were_there_before_are_as_if_they_were_new(
        one in sets(), other in sets(), edit in edits(), swap: bool, calls: [Dice; 8],
    ) {
        let renamed = other.replace("@id(\"p", "@id(\"q");
        let before = compile(None, &[file("a.cedar", &one), file("b.cedar", &renamed)]).unwrap();
        let name = if swap { "0.cedar" } else { "b.cedar" };
        let files = [file("a.cedar", &edited(&one, &edit)), file(name, &renamed)];
        match (compile(Some(&before), &files), compile(None, &files)) {
            (Ok(after), Ok(anew)) => prop_assert_eq!(seen(&after, &calls), seen(&anew, &calls)),
            (after, anew) => prop_assert_eq!(after.err(), anew.err()),
        }
    }
}

#[test]
fn policies_of_other_options_are_no_more_than_a_beginning() {
    let files = [file("a.cedar", "@id(\"a\") forbid (principal, action, resource);")];
    let with = |builtin_permit| PolicyOptions { builtin_permit };
    let first = PolicySet::compile(&files, with(true)).unwrap();
    let next = PolicySet::compile_after(Some(&first), &files, with(false)).unwrap();
    assert_eq!(next.list().len(), 1, "the built-in permit stays behind");
    assert_ne!(next.version(), first.version());
}

#[test]
fn mistakes_stand_where_they_stand_in_the_file() {
    let good = "@id(\"a\") permit (principal, action, resource); // done;\n";
    let bad = "@id(\"b\") permit (principal, action == Action::\"egres\", resource);";
    let before = compile(None, &[file("a.cedar", good)]).unwrap();
    let errors = compile(Some(&before), &[file("a.cedar", &[good, bad].concat())]).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let at = good.len().saturating_add(bad.find("Action::").unwrap());
    assert!(errors.concat().starts_with(&format!("a.cedar {at}..")), "{errors:?}");
}

#[test]
fn an_id_that_stands_in_a_file_that_did_not_change_is_not_given_again() {
    let policy = |id: &str| format!("@id(\"{id}\") permit (principal, action, resource);");
    let (first, second) = (file("a.cedar", &policy("a")), file("b.cedar", &policy("b")));
    let before = compile(None, &[first, second.clone()]).unwrap();
    let files = [file("a.cedar", &policy("b")), second];
    let errors = compile(Some(&before), &files).unwrap_err();
    assert_eq!(errors, compile(None, &files).unwrap_err());
    assert_eq!(errors.len(), 1);
}

#[test]
fn a_set_that_follows_many_others_says_what_it_says() {
    let rest = file("rest.cedar", "@id(\"rest\") permit (principal, action, resource);");
    // What is asked about is named now and then, and each time something that was never named.
    let policy = |number: usize| {
        let known = if number.is_multiple_of(2) { "files:/secret" } else { "files:/other" };
        let heads = [known.to_owned(), format!("files:/{number}")];
        let written = heads.map(|name| {
            format!("@id(\"{name} {number}\") forbid (principal, action, resource == Resource::\"{name}\");\n")
        });
        written.concat()
    };
    let mut set = compile(None, std::slice::from_ref(&rest)).unwrap();
    for number in 0..40_usize {
        let text: String = (number..number.saturating_add(3)).map(policy).collect();
        let files = [rest.clone(), file("some.cedar", &text)];
        set = compile(Some(&set), &files).unwrap();
        let anew = compile(None, &files).unwrap();
        let calls: Vec<Dice> = (0..64).map(|it| it * 0x0101_0307).collect();
        assert_eq!(seen(&set, &calls), seen(&anew, &calls), "{number}");
    }
}
