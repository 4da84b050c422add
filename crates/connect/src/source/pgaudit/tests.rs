//! What becomes of a log of PostgreSQL's, in each of the three ways in which it is written.

use bailiwick_model::Along;
use proptest::prelude::*;
use serde_json::json;

use crate::source::{FileError, Record, SOURCES, read_from};

const AT: &str = "2026-03-01 10:00:00.123 UTC";

/// Writes a log of text, a message of a user in each line: `USER MESSAGE`.
fn text(lines: &[&str]) -> String {
    let line = |it: &&str| {
        let (user, message) = it.split_once(' ').unwrap();
        format!("{AT} [7] {user}@shop {}\n", message.replace('\n', "\n\t"))
    };
    lines.iter().map(line).collect()
}

/// Tells of each record: who, what, how it ended.
fn told(log: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(source, it) => {
            assert_eq!(source.name, "pgaudit");
            all.push(format!(
                "{} {}:{} {:?} {}",
                it.actor.id, it.service, it.operation, it.ended, it.code
            ));
        }
        Record::Nothing => {}
        Record::Undated => all.push("undated".to_owned()),
        Record::Error(error) => all.push(error.to_string()),
    };
    let read: Result<u64, FileError> = read_from(log.as_bytes(), None, &mut take, &|_| {});
    read.unwrap();
    all.iter().map(|it| it.trim_end().to_owned()).collect()
}

#[test]
fn each_relation_of_a_statement_is_an_access_of_its_own() {
    let log = text(&[
        "ann LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,\"select *\n from orders -- a \"\"b\"\"\n join v using (id)\",<none>",
        "ann LOG:  AUDIT: SESSION,1,1,READ,SELECT,VIEW,public.v,\"select *\n from orders\",<none>",
        "ann LOG:  AUDIT: SESSION,2,1,FUNCTION,EXECUTE,FUNCTION,public.f,select f();,<none>",
        "ann LOG:  AUDIT: SESSION,3,1,READ,SELECT,TABLE,\"\"\"Odd, One\"\".\"\"a\"\"\"\"b\"\"\",\"select 1\",<none>",
        "ann LOG:  AUDIT: SESSION,4,1,WRITE,TRUNCATE TABLE,,,truncate orders,<none>",
        "ann LOG:  AUDIT: SESSION,5,1,MISC,SET,,,set role readers,<none>",
        "ann LOG:  AUDIT: SESSION,6,1,DDL,CREATE SCHEMA,SCHEMA,crm,create schema crm,<none>",
        "ann LOG:  AUDIT: SESSION,7,1,MISC,???,MATERIALIZED VIEW,public.mv,refresh,<none>",
        "ann LOG:  AUDIT: OBJECT,8,1,WRITE,UPDATE,TABLE,public.orders,<previously logged>,<previously logged>",
        "ann LOG:  connection authorized: user=ann database=shop application_name=psql",
        "ann LOG:  duration: 1.5 ms",
    ]);
    assert_eq!(
        told(&log),
        [
            "ann table public.orders:SELECT Success",
            "ann table public.v:SELECT Success",
            "ann function public.f:EXECUTE Success",
            "ann table \"Odd, One\".\"a\"\"b\":SELECT Success",
            "ann :TRUNCATE Success",
            "ann role readers:SET Success",
            "ann database shop:CREATE Success",
            "ann table public.orders:UPDATE Success",
            "ann database shop:CONNECT Success",
        ]
    );
}

#[test]
fn who_somebody_becomes_and_what_is_locked_is_read_of_the_statement() {
    let log = text(&[
        "ann LOG:  AUDIT: SESSION,1,1,MISC,SET,,,\"set role \"\"Odd, One\"\"\",<none>",
        "ann LOG:  AUDIT: SESSION,2,1,MISC,SET,,,set session authorization 'readers',<none>",
        "ann LOG:  AUDIT: SESSION,3,1,MISC,SET,,,set work_mem = 1,<none>",
        "ann LOG:  AUDIT: SESSION,4,1,MISC,SET,,,<not logged>,<not logged>",
        "ann LOG:  AUDIT: SESSION,5,1,READ,SELECT,,,\"select set_config('role', 'web', true)\",<none>",
        "ann LOG:  AUDIT: SESSION,6,1,READ,SELECT,,,\"select set_config('role', $1, true)\",web",
        "ann LOG:  AUDIT: SESSION,7,1,MISC,LOCK TABLE,,,lock table shop.orders in share mode,<none>",
        "ann LOG:  AUDIT: SESSION,8,1,MISC,LOCK TABLE,,,lock orders,<none>",
        "ann LOG:  AUDIT: SESSION,9,1,MISC,LOCK TABLE,,,\"lock a, b\",<none>",
        "ann LOG:  AUDIT: SESSION,10,1,READ,SELECT,,,<not logged>,<not logged>",
        "ann LOG:  AUDIT: SESSION,11,1,READ,SELECT,TABLE,shop.orders,<not logged>,<not logged>",
        "ann LOG:  AUDIT: SESSION,12,1,WRITE,INSERT,TABLE,shop.orders,\"insert into shop.orders select set_config('role', 'web', true)\",<none>",
        "ann LOG:  AUDIT: SESSION,13,1,WRITE,DELETE,TABLE,shop.orders,<not logged>,<not logged>",
    ]);
    assert_eq!(
        told(&log),
        [
            "ann role \"Odd, One\":SET Success",
            "ann role readers:SET Success",
            "ann :SET Success",
            "ann role:SET Success",
            "ann :SELECT Success",
            "ann role web:SET Success",
            "ann :SELECT Success",
            "ann role:SET Success",
            "ann table shop.orders:LOCK TABLE IN SHARE MODE Success",
            "ann table orders:LOCK TABLE IN ACCESS EXCLUSIVE MODE Success",
            "ann :LOCK TABLE Success",
            "ann :SELECT Success",
            "ann role:SET Success",
            "ann table shop.orders:SELECT Success",
            "ann table shop.orders:INSERT Success",
            "ann role web:SET Success",
            "ann table shop.orders:DELETE Success",
        ]
    );
}

#[test]
fn what_a_query_reads_and_whom_it_makes_of_somebody_are_two_accesses() {
    let row = r#"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.a,"select set_config('role', 'web', true) from a",<none>"#;
    let text = format!("2026-03-01 10:00:00.123 UTC [7] ann@shop LOG:  {row}\n");
    // Which session it was, is not said.
    let json = serde_json::json!({ "timestamp": "2026-03-01 10:00:00.123 UTC", "user": "ann",
        "dbname": "shop", "error_severity": "LOG", "message": row });
    for log in [text, format!("{json}\n")] {
        let mut keys = Vec::new();
        let mut take = |record: Record<'_>| {
            if let Record::Exercise(_, it) = record {
                keys.push((it.service.to_string(), it.key));
            }
        };
        read_from(log.as_bytes(), None, &mut take, &|_| {}).unwrap();
        let [(table, one), (role, other)] = keys.as_slice() else { panic!("{log}: {keys:?}") };
        assert_eq!((table.as_str(), role.as_str()), ("table public.a", "role web"));
        assert_ne!(one, other);
    }
}

#[test]
fn each_database_is_an_account_of_its_own() {
    let log = "2026-03-01 10:00:00.123 UTC [7] ann@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.a,select,<none>\n\
               2026-03-01 10:00:00.123 UTC [8] ann@crm LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.a,select,<none>\n";
    let mut accounts = Vec::new();
    let mut take = |record: Record<'_>| {
        if let Record::Exercise(_, it) = record {
            accounts.push(it.account.clone().into_owned());
        }
    };
    read_from(log.as_bytes(), None, &mut take, &|_| {}).unwrap();
    assert_eq!(accounts, ["shop", "crm"]);
}

#[test]
fn a_row_of_an_object_is_picked_out_and_is_the_same_access_as_that_of_the_session() {
    let log = text(&[
        "ann LOG:  AUDIT: OBJECT,1,1,READ,SELECT,TABLE,public.a,select,<none>",
        "ann LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.a,select,<none>",
    ]);
    let mut rows = Vec::new();
    let mut take = |record: Record<'_>| {
        if let Record::Exercise(_, it) = record {
            rows.push((it.key, it.along));
        }
    };
    read_from(log.as_bytes(), None, &mut take, &|_| {}).unwrap();
    assert_eq!((rows[0].1, rows[1].1), (Along::PICKED, Along::NOTHING));
    assert_eq!(rows[0].0, rows[1].0);
}

#[test]
fn a_refusal_is_denied_and_names_the_privilege_only_where_it_is_beyond_doubt() {
    for (lines, is) in [
        (
            &[
                "bob ERROR:  permission denied for table orders",
                "bob STATEMENT:  delete from crm.orders",
            ][..],
            "bob table crm.orders:DELETE Denied 42501",
        ),
        (
            &[
                "bob ERROR:  permission denied for table orders",
                "bob STATEMENT:  select *\n from orders",
            ],
            "bob table orders:SELECT Denied 42501",
        ),
        // What is written and what is read take different privileges.
        (
            &[
                "bob ERROR:  permission denied for table secrets",
                "bob STATEMENT:  insert into orders select * from secrets",
            ],
            "bob table secrets: Denied 42501",
        ),
        // A function did it on the way.
        (
            &[
                "bob ERROR:  permission denied for table orders",
                "bob CONTEXT:  SQL function \"f\" statement 1",
                "bob STATEMENT:  select f('orders') from orders",
            ],
            "bob table orders: Denied 42501",
        ),
        (
            &[
                "bob ERROR:  permission denied for schema public at character 14",
                "bob STATEMENT:  create table x()",
            ],
            "bob schema public: Denied 42501",
        ),
        (
            &["bob ERROR:  must be owner of table a\"b", "bob STATEMENT:  drop table \"a\"\"b\""],
            "bob table \"a\"\"b\":DROP TABLE Denied 42501",
        ),
        (
            &["bob ERROR:  permission denied to set role \"readers\""],
            "bob role readers:SET Denied 42501",
        ),
        (
            &["bob ERROR:  permission denied to create role"],
            "bob attribute:CREATEROLE Denied 42501",
        ),
        (&["bob ERROR:  permission denied to set parameter \"work_mem\""], "bob : Denied 42501"),
        (
            &["bob ERROR:  permission denied for function pg_read_file"],
            "bob function pg_read_file:EXECUTE Denied 42501",
        ),
        (
            &["eve FATAL:  password authentication failed for user \"eve\""],
            "eve database shop:CONNECT Denied 28000",
        ),
        (
            &[
                "eve FATAL:  permission denied for database \"shop\"",
                "eve DETAIL:  User does not have CONNECT privilege.",
            ],
            "eve database shop:CONNECT Denied 28000",
        ),
    ] {
        assert_eq!(told(&text(lines)), [is], "{lines:?}");
    }
}

#[test]
fn an_error_of_another_kind_is_no_refusal() {
    let none = text(&[
        "bob ERROR:  relation \"x\" does not exist",
        "bob FATAL:  terminating connection",
        "bob LOG:  permission denied is but text",
    ]);
    assert_eq!(told(&none), Vec::<String>::new());
}

/// Writes one message in the other two ways.
fn csv(user: &str, code: &str, line: u8, message: &str, statement: &str) -> String {
    let quoted = |it: &str| format!("\"{}\"", it.replace('"', "\"\""));
    format!(
        "{AT},{},\"shop\",7,\"[local]\",6b08bbc4.6165,{line},\"SELECT\",{AT},3/6,0,{},{code},{},,,,,,{},,,\"psql\",\"client backend\",,0",
        quoted(user),
        if code == "00000" { "LOG" } else { "ERROR" },
        quoted(message),
        quoted(statement),
    )
}

fn json(user: &str, code: &str, line: u8, message: &str, statement: &str) -> String {
    json!({
        "timestamp": AT, "user": user, "dbname": "shop", "pid": 7, "session_id": "6b08bbc4.6165", "line_num": line,
        "error_severity": if code == "00000" { "LOG" } else { "ERROR" }, "state_code": code,
        "message": message, "statement": statement,
    })
    .to_string()
}

#[test]
fn the_three_ways_to_write_a_log_say_the_same() {
    let read = "AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,\"select *\n from \"\"orders\"\"\",<none>";
    let refused = "permission denied for table orders";
    let said = ["ann table public.orders:SELECT Success", "bob table orders:DELETE Denied 42501"];
    let as_text = text(&[
        &format!("ann LOG:  {read}"),
        &format!("bob ERROR:  {refused}"),
        "bob STATEMENT:  delete from orders;",
    ]);
    let write = |how: fn(&str, &str, u8, &str, &str) -> String| {
        format!(
            "{}\n{}\n",
            how("ann", "00000", 1, read, ""),
            how("bob", "42501", 2, refused, "delete from orders;")
        )
    };
    for log in [as_text, write(csv), write(json)] {
        assert_eq!(told(&log), said, "{log}");
        assert_eq!(told(log.trim_end()), said, "its last line may lack its end");
        assert_eq!(told(&log.replace('\n', "\r\n")), said, "{log}");
    }
    // What has a session's own name is one access in both.
    let keys = |log: &str| {
        let mut keys = Vec::new();
        read_from(
            log.as_bytes(),
            None,
            &mut |it| {
                if let Record::Exercise(_, it) = it {
                    keys.push(it.key);
                }
            },
            &|_| {},
        )
        .unwrap();
        keys
    };
    assert_eq!(keys(&write(csv)), keys(&write(json)));
    assert_ne!(keys(&write(csv))[0], keys(&write(csv))[1]);
}

#[test]
fn what_cannot_be_read_costs_one_record_and_says_why() {
    let good =
        text(&["ann LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,select,<none>"]);
    let ann = "ann table public.orders:SELECT Success";
    for (bad, why) in [
        ("hello", "no source knows records like this one"),
        (
            "by somebody LOG:  AUDIT: SESSION,1,1,READ",
            "this is no record: its `log_line_prefix` is none that is known",
        ),
        (
            "2026-03-01 10:00:00.123 UTC [7] LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,select,<none>",
            "there is no `%u of log_line_prefix` in it",
        ),
        (
            "2026-03-01 10:00:00.123 UTC [7] ann@corp.example@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,select,<none>",
            "this is no record: its prefix has more than one `@`, and does not say which parts user from database",
        ),
        (
            "2026-03-01 10:00:00.123 UTC [7] shop@ann LOG:  connection authorized: user=ann database=shop",
            "this is no record: its prefix has user and database the other way round: say it with `--pg-prefix`",
        ),
        (
            "2026-03-01 10:00:00.123 IST [7] ann@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,select,<none>",
            "`2026-03-01 10:00:00.123 IST` is no time",
        ),
        (
            "2026-03-01 10:00:00.123 UTC [7] ann@shop LOG:  AUDIT: SESSION,1,1,READ,\"SELECT",
            "this is no record: the row of pgaudit in it is broken, or cut off",
        ),
    ] {
        let second = good.replace("SESSION,1", "SESSION,2");
        assert_eq!(
            told(&format!("{good}{bad}\n{second}")),
            [ann.to_owned(), format!("record 2: {why}"), ann.to_owned()],
            "{bad}"
        );
    }
}

#[test]
fn no_statement_and_no_value_is_kept() {
    let log = text(&[
        "ann LOG:  AUDIT: SESSION,1,1,WRITE,INSERT,TABLE,public.orders,insert into orders values ('hunter2'),hunter2",
    ]);
    let mut seen = 0;
    let mut take = |record: Record<'_>| {
        seen += 1;
        assert!(!format!("{record:?}").contains("hunter2"));
    };
    read_from(log.as_bytes(), SOURCES.iter().find(|it| it.name == "pgaudit"), &mut take, &|_| {})
        .unwrap();
    assert_eq!(seen, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is in a statement, the row before and the row after are read, and nobody else did anything.
    #[test]
    fn a_statement_takes_no_part_in_who_did_what(statement in "[ -~\n\té]{0,60}", user in "[a-z@ ]{1,8}") {
        let user = user.trim().to_owned() + "x";
        let quoted = statement.replace('"', "\"\"");
        let audit = |number: u8, on: &str| format!("AUDIT: SESSION,{number},1,READ,SELECT,TABLE,{on},\"{quoted}\",<none>");
        let said: Vec<_> = ["a.b", "c.d"].iter().map(|on| format!("{user} table {on}:SELECT Success")).collect();
        let rows = [csv(&user, "00000", 1, &audit(1, "a.b"), ""), csv(&user, "00000", 2, &audit(2, "c.d"), "")];
        prop_assert_eq!(told(&rows.join("\n")), said.clone());
        let rows = [json(&user, "00000", 1, &audit(1, "a.b"), ""), json(&user, "00000", 2, &audit(2, "c.d"), "")];
        prop_assert_eq!(told(&rows.join("\n")), said);
        let rows: Vec<_> = [audit(1, "a.b"), audit(2, "c.d")].iter().map(|it| format!("ann LOG:  {it}")).collect();
        let rows: Vec<_> = rows.iter().map(String::as_str).collect();
        prop_assert_eq!(told(&text(&rows)), ["ann table a.b:SELECT Success", "ann table c.d:SELECT Success"]);
    }

    /// The order of lines, and reading a log twice, change no access's key.
    #[test]
    fn a_log_that_is_cut_in_two_says_the_same(cut in any::<prop::sample::Index>()) {
        let log = text(&[
            "ann LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.a,\"select\n1\",<none>",
            "bob ERROR:  permission denied for table a",
            "bob STATEMENT:  delete\n from a",
            "ann LOG:  AUDIT: SESSION,2,1,READ,SELECT,TABLE,public.b,select,<none>",
        ]);
        let whole = told(&log);
        let lines: Vec<_> = log.split_inclusive('\n').collect();
        let (before, after) = lines.split_at(cut.index(lines.len()));
        let (mut reader, mut parts) = (crate::source::Reader::new(None), Vec::new());
        let mut take = |record: Record<'_>| if let Record::Exercise(_, it) = record {
            parts.push(format!("{} {}:{} {:?} {}", it.actor.id, it.service, it.operation, it.ended, it.code).trim_end().to_owned());
        };
        reader.lines(before.concat().as_bytes(), &mut take);
        reader.lines(after.concat().as_bytes(), &mut take);
        reader.end(&mut take);
        prop_assert_eq!(parts, whole);
    }
}
