//! Hostile values on a page, and a page that asks for nothing.

use std::collections::BTreeMap;

use bailiwick_insight::timeline;
use bailiwick_model::{
    Budget, EndCause, Finding, Grant, Mode, OnWiden, Opener, Param, Record, Task,
};

use super::*;

const EVIL: &str =
    "\"><script>alert(1)</script><img src=x onerror=alert(1)>' </style></title>\u{202e}";

fn task() -> Task {
    let value = Param { value: EVIL.to_owned(), from: Opener::Itself };
    Task {
        id: "task_01JD8X00000000000000000000".parse().unwrap(),
        identity: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        template: "ticket-triage".parse().unwrap(),
        purpose: EVIL.to_owned(),
        opener: Opener::Itself,
        params: BTreeMap::from([(EVIL.to_owned(), value)]),
        parent: None,
        above: Vec::new(),
        opened: "2026-11-23T10:00:00Z".parse().unwrap(),
        deadline: "2026-11-23T11:00:00Z".parse().unwrap(),
        idle: None,
        calendars: Vec::new(),
        grant: Grant {
            layers: Vec::new(),
            budget: Budget::default(),
            on_widen: OnWiden::Deny,
            mode: Mode::Enforce,
        },
        generation: 1,
        status: TaskStatus::Ended {
            at: "2026-11-23T10:30:00Z".parse().unwrap(),
            cause: EndCause::Asked,
        },
        on_behalf: None,
        people: std::collections::BTreeSet::new(),
    }
}

fn hostile() -> String {
    let task = task();
    let noticed = Finding {
        code: EVIL.to_owned(),
        text: EVIL.to_owned(),
        at: "2026-11-23T10:10:05Z".parse().unwrap(),
        task: Some(task.id.clone()),
        identity: None,
        subject: EVIL.to_owned(),
    };
    page(&timeline(&task, &[(7, Record::Finding(noticed))]), task.deadline)
}

/// Takes a page apart into its tags, and says what is left open.
fn tags(page: &str) -> (Vec<String>, Vec<String>) {
    const VOID: [&str; 2] = ["meta", "!doctype"];
    let (mut names, mut open) = (Vec::new(), Vec::<String>::new());
    for piece in page.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        let name = tag.split(' ').next().unwrap().to_owned();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "closed in another order: {tag}");
        } else if !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        names.push(name);
    }
    (names, open)
}

#[test]
fn hostile_values_stay_text() {
    let page = hostile();
    let (names, open) = tags(&page);
    assert_eq!(open, [""; 0], "every element is closed, in order");
    for bad in ["script", "img", "iframe", "link", "object", "form", "base"] {
        assert!(!names.iter().any(|it| it == bad), "`{bad}` in {page}");
    }
    assert_eq!(names.iter().filter(|it| *it == "style").count(), 1);
    assert!(!page.contains('\u{202e}'), "nothing turns the writing round");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn the_page_asks_for_nothing() {
    let page = hostile();
    for address in ["http://", "https://", "src=", "url(", "@import"] {
        let shown = page.replace("&lt;img src=x", "");
        assert!(!shown.contains(address), "`{address}`");
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn the_style_is_the_one_that_the_policy_names() {
    let page = hostile();
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let digest = STANDARD.encode(Digest::of(style.as_bytes()).as_bytes());
    assert!(page.contains(&format!("'sha256-{digest}'")));
}
