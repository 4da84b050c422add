//! Law 11 for `PostgreSQL`, and what its log does not tell.

use bailiwick_model::{Json, Platform, Timestamp};
use proptest::prelude::*;

use crate::{
    exercised::Exercised,
    rightsize::{
        Conninfo, Decide, KeptFor, Rightsized, Wishes,
        fixture::{file, files, json, log, plan, verified},
        rightsize_postgres,
    },
};

/// All of it came on two days; others read and write, and pgaudit writes down what is of no other class.
const LOG: [&str; 9] = [
    "1 other |  | BEGIN |  | ok",
    "2 other |  | SHOW |  | ok",
    "1 other |  | SET |  | ok",
    "2 other |  | RESET |  | ok",
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
    let known = (listed, &Conninfo::default());
    let made = rightsize_postgres((exercised, &wishes), known, "ann", Timestamp::default());
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
    DO $check$
    BEGIN
      IF current_database() IS DISTINCT FROM 'post gres' THEN
        RAISE EXCEPTION 'this is not the database that these grants were listed of';
      END IF;
    END
    $check$;
    REVOKE INSERT ON TABLE shop.orders FROM "ann";
    REVOKE SELECT, DELETE ON TABLE shop.seen FROM "ann";
    COMMIT;
    "#);
    insta::assert_snapshot!(file(&made, "rollback/ann.sql"), @r#"
    BEGIN;
    DO $check$
    BEGIN
      IF current_database() IS DISTINCT FROM 'post gres' THEN
        RAISE EXCEPTION 'this is not the database that these grants were listed of';
      END IF;
    END
    $check$;
    GRANT INSERT ON TABLE shop.orders TO "ann" WITH GRANT OPTION;
    GRANT SELECT, DELETE ON TABLE shop.seen TO "ann";
    COMMIT;
    "#);
    insta::assert_snapshot!(plan(&made), @r"
    shadow:
    bailiwick rightsize shadow certificate.json NEW-LOGS --grants GRANTS
    back:
    revoke:
    psql --no-psqlrc --set=ON_ERROR_STOP=1 --dbname dbname='post gres' --file policies/ann.sql
    back:
    psql --no-psqlrc --set=ON_ERROR_STOP=1 --dbname dbname='post gres' --file rollback/ann.sql
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
        let known = (&listed, &Conninfo::default());
        let made = rightsize_postgres((&exercised, &wishes), known, wanted, Timestamp::default());
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

#[test]
fn whoever_became_the_role_uses_its_rights_and_a_log_that_cannot_show_it_takes_nothing() {
    let all = ["ann table shop.orders INSERT", "ann table shop.seen SELECT"];
    let (orders, seen) = (
        "REVOKE INSERT ON TABLE shop.orders FROM \"ann\";",
        "REVOKE SELECT ON TABLE shop.seen FROM \"ann\";",
    );
    let both = format!("{orders}\n{seen}");
    let read = "2 root | table shop.seen | SELECT | postgres/shop.seen | ok";
    let became = |role: &str| format!("2 root | {role} | SET | x | ok");
    // A superuser's own use is nobody else's.
    assert_eq!(told(&all, "", &[read]), both);
    assert_eq!(told(&all, "", &[read, &became("role ann")]), orders);
    assert_eq!(told(&all, "", &[read, &became("role \"ann\"")]), orders);
    assert_eq!(told(&all, "", &[read, &became("role readers")]), both);
    assert_eq!(told(&all, "", &[read, "2 root | role ann | SET | x | no"]), both, "it was refused");
    // Which role it became, the log does not say.
    assert_eq!(told(&all, "", &[read, &became("role")]), orders);
    let other = "2 bob | table shop.seen | SELECT | postgres/shop.seen | ok";
    assert_eq!(told(&all, "", &[other, "2 bob | role | SET | x | ok"]), both, "bob is no member");
    // A member of it is used as well; and some come in as another without a word.
    let member = r#","members":[["ann","bob","f"]]"#;
    assert_eq!(told(&all, member, &[read, &became("role bob")]), orders);
    let settings = r#","settings":[["root","","role=ann"]]"#;
    assert_eq!(told(&all, settings, &[read]), orders);
    // Without what pgaudit calls `misc` nobody would have seen any of it.
    let lines: Vec<_> = LOG.iter().skip(4).map(|it| (*it).to_owned()).collect();
    let (listed, exercised) = (listed(&all, ""), log(Platform::Postgres, &lines));
    let made = made(&exercised, &listed, 1);
    assert!(made.certificate.removed.actions.is_empty());
    assert_eq!(
        made.certificate.kept[&KeptFor::Unobservable],
        ["table shop.orders:INSERT", "table shop.seen:SELECT"]
    );
    let source = "pgaudit's classes misc_set, in which `SET ROLE` is, read and write, in which `set_config` is, and misc, in which `LOCK TABLE` is, on one day";
    assert_eq!(made.certificate.needed[source], 2);
    let notes = made.certificate.notes.join("\n");
    assert!(
        notes.contains("a superuser who became this role (`SET ROLE`, `set_config`)"),
        "{notes}"
    );
    // Days without it do not count.
    let lines: Vec<_> = LOG.iter().skip(1).map(|it| (*it).to_owned()).collect();
    let made = self::made(&log(Platform::Postgres, &lines), &listed, 2);
    assert!(made.certificate.removed.actions.is_empty());
    assert!(
        made.certificate.kept.contains_key(&KeptFor::TooFewDays),
        "{:?}",
        made.certificate.kept
    );
}

#[test]
fn what_shows_one_class_of_pgaudit_does_not_show_another() {
    let all = ["ann table shop.orders INSERT", "ann table shop.seen SELECT"];
    let listed = listed(&all, "");
    let removed = |lacks: &[&str], more: &[&str]| {
        let lines = LOG.iter().filter(|it| !lacks.iter().any(|lack| it.contains(lack))).chain(more);
        let lines: Vec<_> = lines.map(|it| (*it).to_owned()).collect();
        made(&log(Platform::Postgres, &lines), &listed, 1).certificate.removed.actions.len()
    };
    assert_eq!(removed(&[], &[]), 2);
    // `all,-misc_set` leaves out who becomes whom.
    assert_eq!(removed(&["| SET |", "| RESET |"], &[]), 0);
    // That one became a role, `set_config` tells as well.
    let configured = "1 root | role bob | SET | bob | ok";
    assert_eq!(removed(&["| SET |", "| RESET |"], &[configured]), 0);
    // `misc_set` alone leaves out who locks what.
    assert_eq!(removed(&["| BEGIN |", "| SHOW |"], &[]), 0);
    // Writes alone leave out who calls `set_config` where they read, and the other way round.
    assert_eq!(removed(&["| SELECT |"], &[]), 0);
    assert_eq!(removed(&["| INSERT |", "| UPDATE |", "| DELETE |", "| TRUNCATE |"], &[]), 0);
    // All have to be there on one day.
    assert_eq!(removed(&["| SET |", "| SHOW |"], &[]), 0);
}

#[test]
fn a_lock_takes_the_rights_that_its_mode_asks_for() {
    let all = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"];
    let rows: Vec<_> = all.iter().map(|it| format!("ann table shop.old {it}")).collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    for (mode, revoked) in [
        ("ACCESS SHARE", ""),
        ("ROW SHARE", "SELECT"),
        ("ROW EXCLUSIVE", "SELECT"),
        ("SHARE", "SELECT, INSERT"),
        ("ACCESS EXCLUSIVE", "SELECT, INSERT"),
    ] {
        for table in ["shop.old", "\"shop\".old", "old"] {
            let event = format!("2 ann | table {table} | LOCK TABLE IN {mode} MODE | x | ok");
            let told = told(&rows, "", &[&event]);
            let is = if revoked.is_empty() {
                String::new()
            } else {
                format!("REVOKE {revoked} ON TABLE shop.old FROM \"ann\";")
            };
            assert_eq!(told, is, "{event}");
        }
    }
    let whole = "REVOKE SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLE shop.old FROM \"ann\";";
    for event in [
        "2 ann | table shop.old | LOCK TABLE IN SHARE MODE | x | no",
        "2 ann | table shop.seen | LOCK TABLE IN SHARE MODE | x | ok",
        "2 bob | table shop.old | LOCK TABLE IN SHARE MODE | x | ok",
    ] {
        assert_eq!(told(&rows, "", &[event]), whole, "{event}");
    }
    // Which table it was, nobody said.
    assert_eq!(told(&rows, "", &["2 ann |  | LOCK TABLE |  | ok"]), "");
}

#[test]
fn sql_asks_for_the_server_that_the_grants_are_of() {
    let exercised = exercised(&[]);
    let with = |server: &str| {
        listed(&["ann table shop.seen SELECT"], &format!(r#","server":{{{server}}}"#))
    };
    let guard = |listed: &Json| {
        let made = made(&exercised, listed, 1);
        let text = file(&made, "policies/ann.sql").to_owned();
        let asks = text.split_once("IF ").and_then(|it| it.1.split_once(" THEN"));
        let asks = asks.expect("it asks").0;
        format!("IF {}", asks.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let here = "IF current_database() IS DISTINCT FROM 'post gres'";
    let system = "(SELECT system_identifier::text FROM pg_control_system()) IS DISTINCT FROM '7'";
    let port = "current_setting('port') IS DISTINCT FROM '5432'";
    let cluster = r"current_setting('cluster_name') IS DISTINCT FROM E'm''a\\in'";
    for (server, is) in [
        (r#""system":"7","port":"5432","cluster":"main""#, format!("{here} OR {system}")),
        (
            r#""system":null,"port":"5432","cluster":"m'a\\in""#,
            format!("{here} OR {port} OR {cluster}"),
        ),
        ("", here.to_owned()),
    ] {
        assert_eq!(guard(&with(server)), is);
    }
    // What asks for less, or for another, or does more, is noticed.
    let listed = with(r#""system":"7""#);
    let made = made(&exercised, &listed, 1);
    for (was, is) in [
        (
            "\n    OR (SELECT system_identifier::text FROM pg_control_system()) IS DISTINCT FROM '7'",
            "",
        ),
        ("'7'", "'8'"),
        ("'post gres'", "'other'"),
        (" OR ", " AND "),
        ("RAISE EXCEPTION", "RAISE NOTICE"),
        ("END IF;", "END IF; DROP TABLE shop.seen;"),
        ("DO $check$", "SELECT $check$"),
        ("BEGIN;", "BEGIN; COMMIT;"),
        ("BEGIN;\n", ""),
        ("COMMIT;", "COMMIT"),
    ] {
        let mut other = made.clone();
        let document =
            other.documents.iter_mut().find(|it| it.file == "policies/ann.sql").expect("SQL");
        let text = document.json.as_text().expect("a text").to_owned();
        assert!(text.contains(was), "{was}: {text}");
        document.json = Json::Text(text.replacen(was, is, 1));
        let sha256 = crate::rightsize::digest_of(&document.json);
        for it in other.certificate.decisions.iter_mut().flat_map(|it| &mut it.documents) {
            it.sha256 = sha256;
        }
        let told = verified(&other, &listed, &exercised);
        assert!(!told.holds && !told.gives_more.is_empty(), "{is}: {told:?}");
    }
}

#[test]
fn psql_is_led_to_the_place_that_was_said() {
    let (exercised, listed) = (exercised(&[]), listed(&["ann table shop.seen SELECT"], ""));
    let wishes = Wishes { window_days: 1, grace_days: 0, ..Wishes::default() };
    for (place, is) in [
        ("host='/run/my pg' port=6432", "host='/run/my pg' port=6432 dbname='post gres'"),
        ("host=db dbname=pooled user='O\\'Neil'", "host=db dbname=pooled user='O\\'Neil'"),
    ] {
        let place = Conninfo::parse(place).expect("a place");
        let known = (&listed, &place);
        let made = rightsize_postgres((&exercised, &wishes), known, "ann", Timestamp::default());
        let plan = plan(&made.expect("fewer rights"));
        assert!(plan.contains(&format!("--dbname {is} --file policies/ann.sql")), "{plan}");
        assert!(plan.contains(&format!("--dbname {is} --file rollback/ann.sql")), "{plan}");
    }
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
        let misc = (1..4).flat_map(|day| ["COMMIT", "RESET"].map(|it| format!("{day} other |  | {it} |  | ok")));
        let lines: Vec<_> = lines.into_iter().chain(misc).collect();
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
    let known = (&listed, &Conninfo::default());
    let made = rightsize_postgres((&of_shop, &wishes), known, "app", Timestamp::default());
    let why = made.expect_err("another database").to_string();
    assert!(
        why.contains("the log is of the database `shop`, and the grants are of `billing`"),
        "{why}"
    );
}

/// Gives a name of any letters, as a database writes it.
fn listed_name(parts: &[&str]) -> String {
    let written = |it: &&str| {
        let is_plain = it.starts_with(|it: char| it.is_ascii_lowercase() || it == '_')
            && it.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
        if is_plain { (*it).to_owned() } else { super::name::written(it) }
    };
    parts.iter().map(written).collect::<Vec<_>>().join(".")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    /// Whatever a database, a role, a schema, a table or a column is called, what was used stays, what was not goes, and the
    /// checker reads what was written.
    #[test]
    fn names_of_any_letters_are_taken_back_and_kept_alike(
        database in "[^\0]{1,8}",
        role in "[^\0]{1,8}",
        schema in "[^\0]{1,6}|a|A b|[\"'.$;:,() ]{1,4}",
        (one, other) in ("[^\0]{1,6}|[a-b]|[\"'.$;:,()* ]{1,4}", "[^\0]{1,6}|[a-b]|[\"'.$;:,()* ]{1,4}"),
        column in "[^\0]{1,6}|[\"(), ]{1,3}",
        how in 0..3_u8,
    ) {
        prop_assume!(one != other && !role.starts_with("pg_") && role != "root");
        let (used, unused) = (listed_name(&[&schema, &one]), listed_name(&[&schema, &other]));
        let text = |it: &str| Json::Text(it.to_owned());
        let row = |it: &[&str]| Json::List(it.iter().map(|it| text(it)).collect());
        let right = |thing: &str, privilege: &str, column: Json| {
            let words = ["table", thing, "root", &role, privilege];
            let rest = [column, text("root"), text("f")];
            Json::List(words.iter().map(|it| text(it)).chain(rest).collect())
        };
        let members = [
            ("shape", text("bailiwick-postgres-grants/1")),
            ("database", text(&database)),
            ("roles", Json::List(vec![row(&[&role, "t", "f"]), row(&["root", "t", "t"])])),
            ("rights", Json::List(vec![
                right(&used, "DELETE", Json::Null),
                right(&unused, "DELETE", Json::Null),
                right(&unused, "SELECT", text(&listed_name(&[&column]))),
            ])),
        ];
        let listed = Json::Object(members.into_iter().map(|it| (it.0.to_owned(), it.1)).collect());
        let mut all = Exercised::new(crate::names::Catalogue::parse("# a test's own\ns3\n R GetObject\n").expect("a list"));
        let logged = if how == 2 { listed_name(&[&one]) } else { used.clone() };
        let mut keys = 0_u128..;
        let mut take = |who: &str, service: &str, operation: &str, ok: bool| {
            all.take(&bailiwick_model::Exercise {
                platform: Platform::Postgres,
                key: keys.next().unwrap_or_default(),
                at: Timestamp::from_millis(86_400_000),
                account: database.clone().into(),
                actor: bailiwick_model::Actor { id: who.to_owned().into(), ..Default::default() },
                service: service.to_owned().into(),
                operation: operation.to_owned().into(),
                along: bailiwick_model::Along::NOTHING,
                resource: "x".into(),
                ended: if ok { bailiwick_model::Ended::Success } else { bailiwick_model::Ended::Denied },
                code: "".into(),
                issued: None,
                data: false,
                internal: false,
                granted_by: "".into(),
            });
        };
        take("root", "", "BEGIN", true);
        take("root", "", "SET", true);
        take("root", "table a.b", "INSERT", true);
        take("root", "table a.b", "SELECT", true);
        take(&role, &format!("table {logged}"), "DELETE", how == 0);
        if how == 1 {
            take(&role, &format!("table {used}"), "LOCK TABLE IN SHARE MODE", true);
        }
        let wishes = Wishes { window_days: 1, grace_days: 0, ..Wishes::default() };
        let known = (&listed, &Conninfo::default());
        let made = rightsize_postgres((&all, &wishes), known, &role, Timestamp::default());
        let made = made.expect("fewer rights");
        let told = verified(&made, &listed, &all);
        prop_assert!(told.holds, "{:?}", told);
        let checks = &made.certificate.checks;
        prop_assert!(checks.gives_no_more && checks.gives_all_used);
        let wanted = [format!("table {unused}:DELETE"), format!("table {unused}:SELECT")];
        prop_assert_eq!(&made.certificate.removed.actions, &wanted);
    }
}
