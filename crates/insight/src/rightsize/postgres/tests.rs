//! Law 11 for `PostgreSQL`, and what its log does not tell.

use bailiwick_model::{Json, Platform, Timestamp};
use proptest::prelude::*;

use crate::{
    exercised::Exercised,
    rightsize::{
        Decide, KeptFor, Rightsized, Wishes,
        fixture::{file, files, json, log, plan, verified},
        rightsize_postgres,
    },
};

/// All of it came on two days; others read and write.
const LOG: [&str; 5] = [
    "1 ann | table shop.orders | SELECT | postgres/shop.orders | ok",
    "2 ann | table shop.orders | SELECT | postgres/shop.orders | ok",
    "1 other | table shop.seen | INSERT | postgres/shop.seen | ok",
    "2 other | table shop.seen | INSERT | postgres/shop.seen | ok",
    "2 other | table shop.seen | SELECT | postgres/shop.seen | ok",
];

fn exercised(more: &[&str]) -> Exercised {
    let lines: Vec<_> = LOG.iter().chain(more).map(|it| (*it).to_owned()).collect();
    log(Platform::Postgres, &lines)
}

/// Gives what a database lists: `TO KIND THING PRIVILEGE [(COLUMN)]`, with `!` where it may be handed on.
fn listed(rights: &[&str], more: &str) -> Json {
    let row = |it: &&str| {
        let words: Vec<_> = it.trim_end_matches('!').split(' ').collect();
        let column = words
            .get(4)
            .map_or("null".to_owned(), |it| format!("\"{}\"", it.trim_matches(['(', ')'])));
        let to = if words[0] == "-" { "" } else { words[0] };
        let grantable = if it.ends_with('!') { "t" } else { "f" };
        format!(
            r#"["{}","{}","root","{to}","{}",{column},"root","{grantable}"]"#,
            words[1], words[2], words[3]
        )
    };
    let rights: Vec<_> = rights.iter().map(row).collect();
    json(&format!(
        r#"{{"shape":"bailiwick-postgres-grants/1","database":"post gres",
          "roles":[["ann","t","f"],["bob","t","f"],["readers","f","f"],["root","t","t"]],"rights":[{}]{more}}}"#,
        rights.join(",")
    ))
}

const RIGHTS: [&str; 8] = [
    "ann table shop.orders SELECT",
    "ann table shop.orders INSERT!",
    "ann table shop.orders UPDATE (state)",
    "ann table shop.seen SELECT",
    "ann table shop.seen DELETE",
    "ann function shop.pay EXECUTE",
    "readers table shop.seen TRUNCATE",
    "- schema shop USAGE",
];

fn made(exercised: &Exercised, listed: &Json, window_days: u64) -> Rightsized {
    let wishes = Wishes { window_days, grace_days: 0, ..Wishes::default() };
    let made = rightsize_postgres((exercised, &wishes), listed, "ann", Timestamp::default());
    let made = made.expect("fewer rights");
    let told = verified(&made, listed, exercised);
    assert!(told.holds, "{told:?}");
    let checks = &made.certificate.checks;
    assert!(checks.gives_no_more && checks.gives_all_used, "{checks:?}");
    made
}

/// Tells what is taken back.
fn told(rights: &[&str], more: &str, events: &[&str]) -> String {
    let made = made(&exercised(events), &listed(rights, more), 1);
    let text = files(&made).contains(&"policies/ann.sql").then(|| file(&made, "policies/ann.sql"));
    text.unwrap_or_default()
        .lines()
        .filter(|it| it.starts_with("REVOKE"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn what_is_dormant_is_taken_back_and_can_be_given_again() {
    let members = r#","members":[["readers","ann","f"]]"#;
    let made = made(&exercised(&[]), &listed(&RIGHTS, members), 1);
    insta::assert_snapshot!(file(&made, "policies/ann.sql"), @r#"
    BEGIN;
    REVOKE INSERT ON TABLE shop.orders FROM "ann";
    REVOKE SELECT, DELETE ON TABLE shop.seen FROM "ann";
    COMMIT;
    "#);
    insta::assert_snapshot!(file(&made, "rollback/ann.sql"), @r#"
    BEGIN;
    GRANT INSERT ON TABLE shop.orders TO "ann" WITH GRANT OPTION;
    GRANT SELECT, DELETE ON TABLE shop.seen TO "ann";
    COMMIT;
    "#);
    insta::assert_snapshot!(plan(&made), @r"
    shadow:
    bailiwick rightsize shadow certificate.json NEW-LOGS --grants GRANTS
    back:
    revoke:
    psql --no-psqlrc --set=ON_ERROR_STOP=1 --dbname post gres --file policies/ann.sql
    back:
    psql --no-psqlrc --set=ON_ERROR_STOP=1 --dbname post gres --file rollback/ann.sql
    ");
    let told: Vec<_> = made
        .certificate
        .decisions
        .iter()
        .map(|it| format!("{} {}", it.decision.as_str(), it.entitlement))
        .collect();
    assert_eq!(
        told,
        [
            "keep GRANT ON function shop.pay",
            "reduce GRANT ON table shop.orders",
            "revoke GRANT ON table shop.seen",
            "keep member of readers",
            "keep PUBLIC",
        ]
    );
    // Whoever reads may lock what it reads.
    assert_eq!(made.certificate.kept[&KeptFor::Needed], ["table shop.orders:UPDATE"]);
}

#[test]
fn what_pgaudit_does_not_name_stays() {
    let all = [
        "ann table shop.orders INSERT",
        "ann table shop.orders DELETE",
        "ann table shop.orders TRUNCATE",
        "ann table shop.seen SELECT",
    ];
    let revoked = |events: &[&str]| told(&all, "", events);
    let of_orders = "REVOKE INSERT, DELETE, TRUNCATE ON TABLE shop.orders FROM \"ann\";\n";
    let of_seen = "REVOKE SELECT ON TABLE shop.seen FROM \"ann\";";
    assert_eq!(revoked(&[]), format!("{of_orders}{of_seen}"));
    for (event, left) in [
        // A day on which others' reads are named.
        ("2 ann |  | SELECT |  | ok", format!("{of_orders}{of_seen}")),
        // A day on which they are not.
        ("3 ann |  | SELECT |  | ok", of_orders.trim_end().to_owned()),
        ("2 ann |  | SET |  | ok", format!("{of_orders}{of_seen}")),
        ("2 ann |  | LOCK TABLE |  | ok", String::new()),
        ("2 ann |  | GRANT |  | ok", String::new()),
        (
            "2 ann |  | TRUNCATE |  | ok",
            format!("REVOKE INSERT, DELETE ON TABLE shop.orders FROM \"ann\";\n{of_seen}"),
        ),
        // It may have been a `MERGE`.
        (
            "2 ann | table shop.orders | INSERT | postgres/shop.orders | ok",
            format!("REVOKE TRUNCATE ON TABLE shop.orders FROM \"ann\";\n{of_seen}"),
        ),
        // Who is refused need not say the schema.
        ("2 ann | table seen | SELECT | seen | no", of_orders.trim_end().to_owned()),
        (
            "2 ann | table shop.seen | COMMENT | postgres/shop.seen | ok",
            of_orders.trim_end().to_owned(),
        ),
    ] {
        assert_eq!(revoked(&[event]), left, "{event}");
    }
    // A member uses them under its own name, and what somebody owns uses them under the names of others.
    let member = r#","members":[["ann","bob","f"]]"#;
    let event = ["2 bob | table shop.seen | SELECT | postgres/shop.seen | ok"];
    assert_eq!(told(&all, member, &event), of_orders.trim_end());
    assert_eq!(told(&all, r#","members":[["ann","bob","f"]],"owners":[["bob"]]"#, &[]), "");
    assert_eq!(told(&all, r#","settings":[["","post gres","pgaudit.log=read"]]"#, &[]), "");
}

#[test]
fn superusers_and_strangers_are_refused() {
    let (exercised, listed, wishes) = (exercised(&[]), listed(&RIGHTS, ""), Wishes::default());
    let of = |wanted: &str| {
        let made = rightsize_postgres((&exercised, &wishes), &listed, wanted, Timestamp::default());
        made.expect_err("nobody").to_string()
    };
    assert!(of("root").starts_with("root: a superuser is asked for nothing"), "{}", of("root"));
    assert_eq!(of("nobody"), "no role in these grants is `nobody`");
    assert_eq!(of(""), "no role in these grants is ``");
}

#[test]
fn whatever_else_sql_does_is_noticed() {
    let (exercised, listed) = (exercised(&[]), listed(&RIGHTS, ""));
    let made = made(&exercised, &listed, 1);
    for (place, was, is, fault) in [
        (
            "policies/ann.sql",
            "COMMIT;",
            "DROP TABLE shop.orders;\nCOMMIT;",
            "this does something else: DROP TABLE",
        ),
        (
            "policies/ann.sql",
            "COMMIT;",
            "GRANT ALL ON TABLE shop.orders TO \"ann\";\nCOMMIT;",
            "this does something else: GRANT",
        ),
        ("policies/ann.sql", "FROM \"ann\"", "FROM \"bob\"", "this does something else: REVOKE"),
        (
            "policies/ann.sql",
            "REVOKE INSERT",
            "REVOKE SELECT, INSERT",
            "called kept, and is not: table shop.orders:SELECT",
        ),
        (
            "policies/ann.sql",
            "REVOKE INSERT",
            "REVOKE REFERENCES",
            "it takes back what is not there",
        ),
        ("rollback/ann.sql", "INSERT", "INSERT, TRUNCATE", "the way back gives something else"),
        ("rollback/ann.sql", " WITH GRANT OPTION", "", "the way back gives something else"),
    ] {
        let mut other = made.clone();
        let document = other.documents.iter_mut().find(|it| it.file == place).expect("a document");
        let text = document.json.as_text().expect("a text");
        assert!(text.contains(was), "{was}: {text}");
        document.json = Json::Text(text.replacen(was, is, 1));
        let sha256 = crate::rightsize::digest_of(&document.json);
        let of_decisions = other.certificate.decisions.iter_mut().flat_map(|it| &mut it.documents);
        for it in of_decisions.chain(&mut other.certificate.files).filter(|it| it.file == place) {
            it.sha256 = sha256;
        }
        let told = verified(&other, &listed, &exercised);
        let all =
            [told.files.clone(), told.claims.clone(), told.gives_more.clone()].concat().join("\n");
        assert!(!told.holds && all.contains(fault), "{is}: {told:?}");
    }
    let lost = made.certificate.decisions.iter().filter(|it| it.decision == Decide::Revoke).count();
    assert_eq!(lost, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    /// Law 11: nothing that was used, by whatever name and in whatever way the log leaves out, is taken back.
    #[test]
    fn law_11_nothing_that_was_used_or_could_not_be_seen_is_taken_back(
        rights in proptest::collection::btree_set((0..3_usize, 0..3_usize, 0..6_usize, any::<bool>()), 1..12),
        members in proptest::collection::vec((0..3_usize, 0..3_usize), 0..4),
        owns in proptest::collection::vec(0..4_usize, 0..2),
        events in proptest::collection::vec((1..4_u8, 0..3_usize, 0..4_usize, 0..7_usize, any::<bool>()), 0..9),
        window_days in 0..3_u64,
    ) {
        const ROLES: [&str; 3] = ["ann", "bob", "readers"];
        const THINGS: [&str; 3] = ["table shop.orders", "table shop.seen", "function shop.pay"];
        const WHAT: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "EXECUTE"];
        let rows: Vec<_> = rights.iter().map(|(to, thing, what, column)| {
            let column = if *column && *what < 3 { " (state)" } else { "" };
            format!("{} {} {}{column}", ROLES[*to], THINGS[*thing], WHAT[*what])
        }).collect();
        let rows: Vec<_> = rows.iter().map(String::as_str).collect();
        let pairs: Vec<_> = members.iter().map(|it| format!(r#"["{}","{}","f"]"#, ROLES[it.0], ROLES[it.1])).collect();
        let owners: Vec<_> = owns.iter().filter_map(|it| ROLES.get(*it)).map(|it| format!(r#"["{it}"]"#)).collect();
        let more = format!(r#","members":[{}],"owners":[{}]"#, pairs.join(","), owners.join(","));
        let listed = listed(&rows, &more);
        // Whoever is let in is told of with the schema.
        let events: Vec<_> = events.into_iter().map(|it| (it.0, it.1, it.2, it.3, it.4 && it.2 != 3)).collect();
        let lines: Vec<_> = events.iter().map(|(day, who, thing, what, ok)| {
            let thing = ["table shop.orders", "table shop.seen", "", "table seen"][*thing];
            let what = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "LOCK TABLE", "SET"][*what];
            format!("{day} {} | {thing} | {what} | x | {}", ROLES[*who], if *ok { "ok" } else { "no" })
        }).collect();
        let exercised = log(Platform::Postgres, &lines);
        let made = made(&exercised, &listed, window_days);
        // Whoever is ann, or a member of ann by whatever way.
        let mut users = vec!["ann"];
        for _ in 0..3 {
            let next: Vec<_> = members.iter().filter(|it| users.contains(&ROLES[it.0])).map(|it| ROLES[it.1]).collect();
            users.extend(next);
        }
        let removed = &made.certificate.removed.actions;
        let owner = owns.iter().filter_map(|it| ROLES.get(*it)).any(|it| users.contains(it));
        prop_assert!(removed.is_empty() || !owner);
        for name in removed {
            let (thing, what) = name.rsplit_once(':').expect("a name");
            prop_assert!(thing != "function shop.pay", "{}", name);
            for (_, who, on, did, ok) in &events {
                if !users.contains(&ROLES[*who]) {
                    continue;
                }
                let on = ["table shop.orders", "table shop.seen", "", "table seen"][*on];
                let did = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "LOCK TABLE", "SET"][*did];
                let asked: &[&str] = match did {
                    "SELECT" => &["SELECT", "UPDATE"],
                    "INSERT" => &["SELECT", "INSERT", "UPDATE", "DELETE"],
                    "UPDATE" => &["SELECT", "UPDATE", "DELETE"],
                    "DELETE" => &["SELECT", "DELETE"],
                    "TRUNCATE" => &["TRUNCATE"],
                    "LOCK TABLE" => &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"],
                    _ => &[],
                };
                let same = on == thing || (on == "table seen" && thing == "table shop.seen");
                let taken = if *ok { asked.contains(&what) } else { did == what };
                prop_assert!(!(same && taken), "{} was used: {} {}", name, did, on);
                let nameless = on.is_empty() && matches!(did, "INSERT" | "UPDATE" | "DELETE" | "LOCK TABLE");
                prop_assert!(!nameless, "{} may have been {}", name, did);
            }
        }
    }
}

#[test]
fn a_log_of_another_database_makes_nothing_smaller() {
    let listed = json(
        r#"{"shape":"bailiwick-postgres-grants/1","database":"billing","roles":[["app","f","f"]],"members":[],"owners":[],"settings":[],"rights":[]}"#,
    );
    let lines = ["1@shop app | table public.orders | SELECT | x | ok".to_owned()];
    let of_shop = log(Platform::Postgres, &lines);
    let wishes = Wishes::default();
    let made = rightsize_postgres((&of_shop, &wishes), &listed, "app", Timestamp::default());
    let why = made.expect_err("another database").to_string();
    assert!(
        why.contains("the log is of the database `shop`, and the grants are of `billing`"),
        "{why}"
    );
}
