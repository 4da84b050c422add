//! What the registry keeps, and that its change log tells all of it.

use bailiwick_model::{HoldStatus, PinStatus};
use bailiwick_store::{
    Change, HoldFilter, Registry, RegistryError, RegistryHealth, Rev, TaskFilter,
};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::sample;

fn task(number: u64) -> Change {
    Change::Task(Box::new(sample::task(number)))
}

fn ended(number: u64) -> Change {
    Change::Task(Box::new(sample::ended(number)))
}

fn one_of_each() -> Vec<Change> {
    let expired = bailiwick_model::Hold { status: HoldStatus::Expired, ..sample::hold(4) };
    let subject = "triage-agent".parse().unwrap();
    vec![
        Change::Charter(Box::new(sample::charter())),
        Change::Template(Box::new(sample::template())),
        task(1),
        task(2),
        ended(2),
        Change::Hold(Box::new(sample::hold(3))),
        Change::Hold(Box::new(expired)),
        Change::Person(sample::person("alice")),
        Change::Pin {
            server: "files".parse().unwrap(),
            tool: "read".to_owned(),
            pin: sample::pin(PinStatus::Accepted),
        },
        Change::Contain { subject, since: sample::time(1), why: "person:alice".to_owned() },
        Change::Exception(sample::exception()),
    ]
}

#[tokio::test]
async fn what_was_written_is_read_again_also_after_a_restart() {
    let dir = sample::quick_dir();
    let path = dir.path().join("state/registry.db");
    let registry = Registry::open(&path).unwrap();
    assert_eq!(registry.write(Vec::new()).await.unwrap(), Rev(0));
    assert_eq!(registry.write(one_of_each()).await.unwrap(), Rev(11));
    let loaded = registry.load().unwrap();
    assert_eq!(loaded.rev, Rev(11));
    assert_eq!(loaded.tasks, [sample::task(1)]);
    assert_eq!(loaded.holds, [sample::hold(3)]);
    assert_eq!(loaded.persons.into_values().collect::<Vec<_>>(), [sample::person("alice")]);
    let pin = (("files".parse().unwrap(), "read".to_owned()), sample::pin(PinStatus::Accepted));
    assert_eq!(loaded.pins.into_iter().collect::<Vec<_>>(), [pin]);
    assert_eq!(loaded.contained[0].why, "person:alice");
    assert_eq!(loaded.exceptions, [sample::exception()]);
    assert_eq!(loaded.charters.into_values().collect::<Vec<_>>(), [sample::charter()]);
    assert_eq!(loaded.templates.into_values().collect::<Vec<_>>(), [sample::template()]);
    registry.close();

    let reader = Registry::open_read_only(&path).unwrap();
    assert_eq!(reader.health(), RegistryHealth::ReadOnly);
    assert!(matches!(reader.write(vec![task(9)]).await, Err(RegistryError::ReadOnly)));
    assert_eq!(reader.task(&sample::task_id(2)).unwrap(), Some(sample::ended(2)));
    assert_eq!(reader.task(&sample::task_id(9)).unwrap(), None);
    assert_eq!(reader.hold(&sample::hold_id(3)).unwrap(), Some(sample::hold(3)));
    let newest = TaskFilter { limit: 1, ..TaskFilter::ALL };
    assert_eq!(reader.tasks(newest).unwrap(), [sample::ended(2)]);
    let of = TaskFilter { identity: Some("nobody".parse().unwrap()), ..TaskFilter::ALL };
    assert_eq!(reader.tasks(of).unwrap(), []);
    assert_eq!(reader.tasks(TaskFilter::ALL).unwrap(), [sample::task(1), sample::ended(2)]);
    let of_task = HoldFilter { task: Some(sample::task_id(0)), ..HoldFilter::ALL };
    assert_eq!(reader.holds(of_task).unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_gone_is_gone_from_its_table_and_told_in_the_log() {
    let dir = sample::quick_dir();
    let registry = Registry::open(&dir.path().join("registry.db")).unwrap();
    registry.write(one_of_each()).await.unwrap();
    let identity: bailiwick_model::IdentityId = "triage-agent".parse().unwrap();
    let gone = vec![
        Change::Release { subject: "triage-agent".parse().unwrap() },
        Change::CharterGone(identity),
        Change::TemplateGone("ticket-triage".parse().unwrap()),
    ];
    registry.write(gone).await.unwrap();
    let loaded = registry.load().unwrap();
    assert!(loaded.contained.is_empty());
    assert!(loaded.charters.is_empty() && loaded.templates.is_empty());
    let log = registry.changes(Rev(11), 2).unwrap();
    let told: Vec<_> = log.iter().map(|it| (it.rev.0, it.kind.as_str(), &it.body)).collect();
    assert_eq!(told, [(12, "containment", &None), (13, "charter", &None)]);
    assert_eq!(registry.verify_changes().unwrap(), None);
    assert_eq!(registry.verify_rows().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_change_log_has_no_gap_whoever_writes_and_whatever_is_refused() {
    let dir = sample::quick_dir();
    let registry = Registry::open(&dir.path().join("registry.db")).unwrap();
    registry.write(vec![ended(0)]).await.unwrap();
    let mut writers = JoinSet::new();
    for number in 1..=120 {
        let registry = registry.clone();
        writers.spawn(async move {
            // Every third wants to open what has ended, after two changes that go well.
            let last = if number % 3 == 0 { task(0) } else { task(number + 2000) };
            let person = Change::Person(sample::person(&format!("p{number}")));
            (number, registry.write(vec![task(number), person, last]).await)
        });
    }
    let mut revs = Vec::new();
    while let Some(done) = writers.join_next().await {
        match done.unwrap() {
            (number, Ok(rev)) => {
                assert_ne!(number % 3, 0);
                let log = registry.changes(Rev(rev.0 - 3), 3).unwrap();
                let keys: Vec<_> = log.into_iter().map(|it| it.key).collect();
                let first = sample::task_id(number).to_string();
                let last = sample::task_id(number + 2000).to_string();
                assert_eq!(keys, [first, format!("p{number}"), last]);
                revs.push(rev.0);
            }
            (number, Err(error)) => {
                assert_eq!(number % 3, 0);
                let expected =
                    format!("task `{}` has ended and cannot be opened again", sample::task_id(0));
                assert_eq!(error.to_string(), expected);
                let absent = format!("p{number}").parse().unwrap();
                assert_eq!(registry.person(&absent).unwrap(), None);
            }
        }
    }
    revs.sort_unstable();
    assert_eq!(revs, (1..=80).map(|it| it * 3 + 1).collect::<Vec<_>>());
    assert_eq!(registry.head().unwrap().0, Rev(241));
    assert_eq!(registry.verify_changes().unwrap(), None);
    assert_eq!(registry.verify_rows().unwrap(), []);
}

#[tokio::test]
async fn what_has_ended_never_opens_again() {
    let dir = sample::quick_dir();
    let registry = Registry::open(&dir.path().join("registry.db")).unwrap();
    let with = |status| Change::Hold(Box::new(bailiwick_model::Hold { status, ..sample::hold(3) }));
    let used = HoldStatus::Used { decision: sample::decision_id(1) };
    registry.write(vec![task(1), ended(1), with(HoldStatus::Waiting)]).await.unwrap();
    registry.write(vec![ended(1), with(used.clone())]).await.unwrap();
    for change in [task(1), with(HoldStatus::Waiting), Change::Hold(Box::new(sample::hold(3)))] {
        let refused = registry.write(vec![change]).await;
        assert!(matches!(refused, Err(RegistryError::Ended { .. })), "{refused:?}");
    }
    assert_eq!(registry.hold(&sample::hold_id(3)).unwrap().unwrap().status, used);
    assert_eq!(registry.health(), RegistryHealth::Good);
}

#[tokio::test]
async fn an_edit_behind_our_back_is_detected() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let registry = Registry::open(&path).unwrap();
    registry.write(one_of_each()).await.unwrap();
    registry.close();
    let whole = std::fs::read(&path).unwrap();
    let in_log = [
        "UPDATE change_log SET body = replace(body, 'alice', 'mallory') WHERE kind = 'person'",
        "UPDATE change_log SET key = 'other' WHERE rev = 3",
        "UPDATE change_log SET kind = 'hold' WHERE rev = 3",
        "UPDATE change_log SET format = 2 WHERE rev = 3",
        "UPDATE change_log SET body = NULL WHERE rev = 8",
        "UPDATE change_log SET hash = zeroblob(32) WHERE rev = 5",
        "DELETE FROM change_log WHERE rev = 5",
        "DELETE FROM change_log WHERE rev = 11",
        "DELETE FROM change_log",
        "INSERT INTO change_log SELECT 12, kind, key, format, body, hash FROM change_log
         WHERE rev = 11",
        "UPDATE counter SET rev = 10",
        "UPDATE change_log SET rev = 50 WHERE rev = 11",
    ];
    let in_rows = [
        "UPDATE persons SET body = replace(body, 'AAAA', 'BBBB')",
        "UPDATE tasks SET open = 1",
        "UPDATE tasks SET of = 'other-agent'",
        "UPDATE tasks SET format = 2",
        "UPDATE holds SET open = 1",
        "DELETE FROM containment",
        "INSERT INTO persons SELECT 'mallory', format, body FROM persons",
        "UPDATE charters SET key = 'other'",
        "UPDATE pins SET body = replace(body, 'accepted', 'waiting')",
    ];
    let edited = |edit: &str| {
        std::fs::write(&path, &whole).unwrap();
        Connection::open(&path).unwrap().execute_batch(edit).unwrap();
        Registry::open_read_only(&path).unwrap()
    };
    for edit in in_log {
        let registry = edited(edit);
        assert!(registry.verify_changes().unwrap().is_some(), "{edit}");
    }
    for edit in in_rows {
        let registry = edited(edit);
        assert_eq!(registry.verify_changes().unwrap(), None, "{edit}");
        assert_ne!(registry.verify_rows().unwrap(), [], "{edit}");
    }
    assert_eq!(edited("").verify_rows().unwrap(), []);
}
