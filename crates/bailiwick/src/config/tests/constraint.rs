//! Constraints, and mistakes in them.

use std::time::Duration;

use bailiwick_model::{ArgumentLimit, Arguments, CredentialScope, Most, Rate, Rates, Redact};

use super::Files;

/// A house with a constraint that asks for this.
fn asking(asks: &str) -> Files {
    let head = "name = \"narrow\"\nversion = 2\nowner = \"team-data\"\n";
    Files::good().with("constraints/narrow.toml", format!("{head}{asks}\n"))
}

#[test]
fn all_that_a_constraint_can_ask_for_is_read() {
    let files = asking(
        "rows = 100\nbytes = \"64 KiB\"\nredact = [\"customer.email\", \"$.token\"]\n\
         credential = \"read-only\"\n[rate]\ncalls = 2\nper = \"1m\"\n[arguments.limit]\nmin = -1\n\
         max = 100\n[arguments.\"page.mode\"]\nfix = \"read\"\n[arguments.a]\none_of = [1, 2.0]",
    );
    let (house, _) = files.load().unwrap();
    let read = &house.constraints["narrow"];
    assert_eq!((read.version, read.owner.as_str()), (2, "team-data"));
    let asks = &read.obligations;
    let limit = |min, max, one_of: Option<&[&str]>| {
        let one_of = one_of.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        ArgumentLimit { min, max, one_of }
    };
    let limits = [
        ("limit", limit(Some(-1), Some(100), None)),
        ("page.mode", limit(None, None, Some(&["\"read\""]))),
        ("a", limit(None, None, Some(&["1", "2"]))),
    ];
    let limits = limits.map(|(path, it)| (path.parse().unwrap(), it));
    assert_eq!(asks.arguments, Arguments::of(limits));
    let fields = ["customer.email", "$.token"].map(|it| it.parse().unwrap());
    assert_eq!(asks.redact, Redact::of(fields));
    assert_eq!((asks.rows, asks.bytes), (Most::of(100), Most::of(64 << 10)));
    assert_eq!(asks.credential, CredentialScope::ReadOnly);
    let per = Duration::from_secs(60);
    assert_eq!(asks.rate, Rates::of(Rate { name: "narrow".to_owned(), calls: 2, per }));
    assert!(house.groups["policies"].files.contains_key("constraints/narrow.toml"));
}

#[test]
fn what_cannot_be_meant_is_a_mistake() {
    for (asks, code, says) in [
        ("", "CFG-016", "constraint `narrow` asks for nothing"),
        ("[arguments.limit]", "CFG-016", "this limits nothing"),
        ("row = 3", "CFG-003", "did you mean `rows`?"),
        ("credential = \"readonly\"", "CFG-006", "did you mean `read-only`?"),
        ("redact = []", "CFG-007", "an empty list hides nothing"),
        ("redact = [\"rows[].email\"]", "CFG-007", "lists are looked through"),
        ("redact = [\"a..b\"]", "CFG-007", "names with dots between them"),
        ("[arguments.\"a..b\"]\nmax = 1", "CFG-007", "names with dots between them"),
        ("[arguments.a]\nmax = 1.5", "CFG-005", "should be a whole number"),
        ("[arguments.a]\nmin = 3\nmax = 1", "CFG-007", "no value of `a` is left"),
        ("[arguments.a]\nmax = 1\nfix = 1", "CFG-007", "has no other limit"),
        ("[arguments.a]\none_of = []", "CFG-007", "leaves nothing that it may be"),
        ("[arguments.a]\nfix = inf", "CFG-007", "which JSON cannot say"),
        ("[arguments.a]\nfix = 1\n[arguments.\"a.b\"]\nmax = 1", "CFG-007", "its part `a.b`"),
        ("[rate]\ncalls = 0\nper = \"1m\"", "CFG-007", "a rate allows 1 to 10000 calls"),
        ("[rate]\ncalls = 1", "CFG-004", "`rate.per` is missing"),
    ] {
        let said = asking(asks).mistakes();
        // A drawn text is broken where a line is full.
        let whole = said.split_whitespace().collect::<Vec<_>>().join(" ").replace(" | ", " ");
        assert!(whole.contains(code) && whole.contains(says), "{asks}: {said}");
    }
    let none = Files::good().with("constraints/a.toml", "rows = 1\n").mistakes();
    for missing in ["name", "version", "owner"] {
        assert!(none.contains(&format!("`{missing}` is missing")), "{none}");
    }
    let first = asking("version = 0").mistakes();
    assert!(first.contains("not TOML"), "{first}");
}

#[test]
fn a_constraint_nobody_asks_for_and_one_in_another_file_are_remarked_on() {
    let said = asking("rows = 1").remarks("CFG-110");
    assert!(said.contains("no permit asks for constraint `narrow`"), "{said}");
    let policy = "@id(\"a\") @constrain(\"narrow\") permit (principal, action, resource);";
    let asked = asking("rows = 1").with("policies/a.cedar", policy);
    assert_eq!(asked.remarks("CFG-110"), "");
    let text = "name = \"narrow\"\nversion = 1\nowner = \"a\"\nrows = 1\n";
    let files = Files::good().with("constraints/wide.toml", text);
    assert!(files.remarks("CFG-109").contains("stands in `constraints/wide.toml`"));
    let said = asking("credential = \"read-only\"").remarks("CFG-111");
    assert!(said.contains("every call under this is denied"), "{said}");
    let twice = asking("rows = 1").with("constraints/wide.toml", text).mistakes();
    assert!(twice.contains("constraint `narrow` is written twice"), "{twice}");
}
