//! Hostile names on a page, a page that asks for nothing, and what it tells.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_insight::{
    AuditEntry, AuditedIdentity, Certainty, Chain, Completeness, Exclusion, Extent, FindingKind,
    GrantedBy, NotYet, Reach, Risk, Summary, SystemReach, ToldExclusion, UnmappedNative,
};
use bailiwick_model::{ActorKind, Platform, Timestamp, Via};

use super::{super::show::Length, *};

const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' </style></title></svg>\u{202e}\u{1b}[2J]]>-->";

const ASKED: Asked = Asked { length: Length::Short, grants: 1, charters: 1 };

fn entry(name: &str, state: State) -> AuditEntry {
    AuditEntry {
        name: name.to_owned(),
        within: None,
        state,
        count: 3,
        attempts: 2,
        first: None,
        last: None,
        days: 1,
        mapping: Certainty::Exact,
        granted_by: vec![GrantedBy { path: EVIL.to_owned(), extent: Extent::Yes }],
        observed_days: 4,
        gaps: 0,
        not_yet: (state == State::Excluded).then_some(NotYet::Exclusion),
        exclusion: (state == State::Excluded).then_some(0),
        idle: None,
        level: None,
        resources: Vec::new(),
    }
}

fn identity(id: &str, entries: Vec<AuditEntry>) -> AuditedIdentity {
    let mut states = BTreeMap::new();
    for it in &entries {
        let count: &mut u64 = states.entry(it.state).or_default();
        *count = count.saturating_add(1);
    }
    AuditedIdentity {
        id: id.to_owned(),
        platform: Platform::Aws,
        account: EVIL.to_owned(),
        kind: ActorKind::Role,
        unread: vec![EVIL.to_owned()],
        states,
        entries,
    }
}

fn hostile() -> Audit {
    let moment = Timestamp::from_millis(0);
    let finding = IntentFinding {
        finding: FindingKind::OutsideCharter,
        risk: Risk::Nhi8,
        title: EVIL.to_owned(),
        platform: Platform::Aws,
        identity: EVIL.to_owned(),
        account: Some(EVIL.to_owned()),
        charter: Some(EVIL.to_owned()),
        says: EVIL.to_owned(),
        credential: Some(EVIL.to_owned()),
        system: Some(EVIL.to_owned()),
        count: 1,
        first: None,
        last: None,
    };
    let chain = Chain {
        path: vec![EVIL.to_owned(), format!("{EVIL}2"), "short".to_owned()],
        platforms: vec![Platform::Aws, Platform::Kubernetes, Platform::Aws],
        accounts: vec![EVIL.to_owned(); 3],
        via: vec![Via::AssumeRole, Via::Federation],
        events: 5,
        credentials: 1,
        first: moment,
        last: moment,
        crosses: true,
        completeness: Completeness::Full,
        begins: EVIL.to_owned(),
        said: [EVIL.to_owned()].into(),
    };
    let evil_service = format!("aws:{EVIL}:Get");
    Audit {
        summary: Summary { catalogue: EVIL.to_owned(), ..Summary::default() },
        identities: vec![identity(
            EVIL,
            State::ALL.into_iter().map(|it| entry(&evil_service, it)).collect(),
        )],
        chains: vec![chain],
        unmapped: vec![UnmappedNative {
            platform: Platform::Aws,
            native: EVIL.to_owned(),
            class: Certainty::Unknown,
            count: 1,
        }],
        exclusions: vec![ToldExclusion {
            exclusion: Exclusion {
                platform: None,
                identity: Some(EVIL.to_owned()),
                permission: None,
                months: BTreeSet::new(),
                reason: EVIL.to_owned(),
                owner: EVIL.to_owned(),
                until: moment,
            },
            has_ended: false,
            entries: 1,
        }],
        findings: vec![finding],
        reach: vec![SystemReach {
            identity: EVIL.to_owned(),
            charter: None,
            system: EVIL.to_owned(),
            reach: Reach::Blind,
            why: EVIL.to_owned(),
        }],
    }
}

/// Takes a page apart into its elements, and says what is wrong with how they stand.
fn elements(page: &str) -> Vec<&str> {
    const VOID: [&str; 4] = ["meta", "!doctype", "input", "wbr"];
    // What is ours, to the letter, is no markup.
    let page = page.strip_suffix(&format!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    let page = page.expect("one script, at the end");
    let (mut names, mut open) = (Vec::new(), Vec::new());
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '\n']).next().expect("a name").trim_end_matches('/');
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "closed in another order: {tag}");
            continue;
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes are in pairs: {tag}");
        names.push(name);
    }
    assert_eq!(open, ["html", "body"], "every other element is closed");
    names
}

#[test]
fn hostile_names_stay_text() {
    let page = page(&hostile(), ASKED);
    let names = elements(&page);
    for bad in ["script", "img", "iframe", "link", "object", "form", "base", "foreignObject"] {
        assert!(!names.contains(&bad), "`{bad}`");
    }
    assert_eq!(names.iter().filter(|it| **it == "style").count(), 1);
    assert!(!page.contains(['\u{202e}', '\u{1b}']), "nothing turns the writing round");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // No markup of ours may stand in a drawing or an attribute.
    let drawing = page.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap();
    assert!(!drawing.contains("<i>"), "{drawing}");
}

#[test]
fn the_page_asks_for_nothing() {
    let page = page(&hostile(), ASKED).replace("&lt;img src=x", "");
    for word in ["fetch(", "XMLHttpRequest", "WebSocket", "import", "eval(", "innerHTML", "</"] {
        assert!(!SCRIPT.contains(word), "`{word}` in the script");
    }
    for address in
        ["http://", "https://", "src=", "url(", "@import", "<link", "javascript:", " style="]
    {
        assert!(!page.contains(address), "`{address}`");
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    for of in [style, SCRIPT] {
        let digest = bailiwick_model::Digest::of(of.as_bytes());
        let digest =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest.as_bytes());
        assert!(page.contains(&format!("'sha256-{digest}'")), "the policy names what is there");
    }
}

#[test]
fn what_a_colour_says_stands_in_numbers_and_what_scrolls_takes_keys() {
    let entries = vec![
        entry("aws:s3:GetObject", State::Exercised),
        entry("aws:s3:PutObject", State::Dormant),
        entry("aws:s3:DeleteObject", State::Attempted),
        entry("aws:iam:PassRole", State::Unobservable),
        entry("google:storage.objects.get", State::Exercised),
    ];
    let told = Audit { identities: vec![identity("bot", entries)], ..hostile() };
    let page = page(&told, ASKED);
    elements(&page);
    assert!(
        page.contains("title=\"s3: 1 exercised, 1 attempted, 1 dormant, 0 unobservable\">1/3</td>")
    );
    assert!(
        page.contains("title=\"iam: 0 exercised, 0 attempted, 0 dormant, 1 unobservable\">?1</td>")
    );
    assert!(page.contains("title=\"storage: 1 exercised"));
    for wide in page.split("class=\"wide\"").skip(1) {
        assert!(wide.starts_with(" tabindex=\"0\" role=\"region\" aria-label=\""), "{wide:.80}");
    }
    // Each link has its place.
    for link in page.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    // Findings stand before everything else.
    assert!(page.find("id=\"findings\"").unwrap() < page.find("id=\"heat\"").unwrap());
}

#[test]
fn who_it_is_stands_with_where_that_is_its_name() {
    let mut runner = identity(
        "system:serviceaccount:ci:runner",
        vec![entry("kubernetes:core/pods:list", State::Dormant)],
    );
    (runner.platform, runner.account) = (Platform::Kubernetes, "prod".to_owned());
    let mut told = Audit { identities: vec![runner], ..hostile() };
    for it in &mut told.findings {
        (it.platform, it.identity) =
            (Platform::Kubernetes, "system:serviceaccount:ci:runner".to_owned());
        it.account = Some("prod".to_owned());
    }
    told.chains[0].path[1] = "system:serviceaccount:ci:runner".to_owned();
    told.chains[0].accounts = vec![String::new(), "prod".to_owned(), String::new()];
    let page = page(&told, ASKED);
    elements(&page);
    let who = "<span class=\"dim\">kubernetes</span> <code>system:<wbr>serviceaccount:<wbr>ci:<wbr>runner</code> <span class=\"dim\">in prod</span>";
    for part in ["findings", "heat", "chains", "identities"] {
        let section = page.split(&format!("<section id=\"{part}\"")).nth(1).expect("a part");
        let section = section.split("</section>").next().expect("an end");
        assert!(section.contains(who), "{part}: {section}");
    }
    assert!(page.contains("<text class=\"place\"") && page.contains(">kubernetes prod</text>"));
}

#[test]
fn what_was_not_read_is_said() {
    let says = "none was read: what is granted and never used is not told";
    assert!(page(&hostile(), Asked { grants: 0, ..ASKED }).contains(says));
    assert!(!page(&hostile(), ASKED).contains(says));
}

#[test]
fn a_page_has_so_many_permissions_and_no_more() {
    let entries = |of: usize| -> Vec<_> {
        (0..150).map(|it| entry(&format!("aws:s3:Do{of}x{it}"), State::Dormant)).collect()
    };
    let many: Vec<_> = (0..100).map(|it| identity(&format!("role/{it}"), entries(it))).collect();
    let page = page(&Audit { identities: many, ..hostile() }, ASKED);
    assert_eq!(page.matches("<li><code>aws:s3:Do").count(), 10_000);
    assert!(page.contains("And 150 more"), "the rest is counted");
}

#[test]
fn a_report_of_nothing_is_a_page() {
    let nothing = Audit {
        summary: Summary::default(),
        identities: Vec::new(),
        chains: Vec::new(),
        unmapped: Vec::new(),
        exclusions: Vec::new(),
        findings: Vec::new(),
        reach: Vec::new(),
    };
    let page = page(&nothing, ASKED);
    elements(&page);
    assert_eq!(page.matches("class=\"none\"").count(), 6);
}

#[test]
fn a_large_report_stays_a_page() {
    let many: Vec<_> = (0..2_000)
        .map(|it| {
            let entry = entry(&format!("aws:service-{}:Get", it % 40), State::Dormant);
            identity(&format!("arn:aws:iam::1:role/{it}"), vec![entry])
        })
        .collect();
    let finding = hostile().findings.remove(0);
    let findings = vec![finding; 3_000];
    let page = page(&Audit { identities: many, findings, ..hostile() }, ASKED);
    elements(&page);
    assert!(page.len() < 4 << 20, "{} bytes", page.len());
    assert_eq!(page.matches("class=\"identity\"").count(), 2_000, "everybody can be found");
    assert!(page.contains("And 1800 more"), "rows of the map");
    assert!(page.contains("And 2500 more"), "findings");
    assert!(page.contains("<span>others</span>"));
}
