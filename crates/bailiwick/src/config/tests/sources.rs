//! Logs of other systems: where they lie, or who sends them.

use std::time::Duration;

use super::Files;

#[test]
fn a_source_is_read_with_where_its_log_lies() {
    let text = "[[source]]\nname = \"trail\"\nkind = \"cloudtrail\"\nfolder = \"logs\"\n\
                [[source]]\nname = \"sent\"\npush = true\nkeep = \"64 MiB\"\nsilence = \"2h\"\n";
    let files = Files::good().config(text);
    let (house, _) = files.load().unwrap();
    let [trail, sent] = house.config.sources.as_slice() else {
        panic!("{:?}", house.config.sources)
    };
    assert_eq!(trail.only().map(|it| it.name), Some("cloudtrail"));
    assert_eq!(trail.folder, Some(files.path("logs")));
    assert_eq!((trail.silence, sent.silence), (None, Some(Duration::from_secs(7200))));
    assert_eq!((sent.push, sent.keep, sent.only().is_none()), (true, 64 << 20, true));
    assert!(!house.intents.is_empty(), "what charters say of systems is known");
    assert!(Files::good().load().unwrap().0.intents.is_empty(), "nobody needs it");
}

#[test]
fn a_source_that_would_read_nothing_or_the_wrong_thing_is_a_mistake() {
    for (more, code) in [
        ("", "CFG-004"),
        ("push = false", "CFG-004"),
        ("kind = \"cloudtrial\"\npush = true", "CFG-006"),
        ("folder = \"state\"", "CFG-011"),
        ("folder = \"state/ledger\"", "CFG-011"),
        ("folder = \".\"", "CFG-011"),
        ("folder = \"logs\"\nkeep = \"64 MiB\"", "CFG-007"),
        ("push = true\nkeep = \"1 MiB\"", "CFG-007"),
        ("push = true\nfile = \"x\"", "CFG-003"),
        ("push = true\nsilence = \"1s\"", "CFG-007"),
        ("push = true\nsilence = \"91d\"", "CFG-007"),
        ("push = true\nsilence = \"soon\"", "CFG-007"),
        ("push = true\n[[source]]\nname = \"trail\"\npush = true", "CFG-008"),
    ] {
        let text = format!("[[source]]\nname = \"trail\"\n{more}\n");
        let told = Files::good().config(&text).mistakes();
        assert!(told.contains(code), "{more}: {told}");
    }
}
