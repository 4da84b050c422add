//! Starts over what a process before left, wherever it died.

use bailiwick_connect::EvidenceKey;
use bailiwick_store::Change;

use super::{people::used, *};
use crate::Keep;

async fn resumed(dir: &Path, now: Timestamp) -> Desk {
    let evidence = EvidenceKey::load_or_create(&dir.join("evidence.key")).unwrap();
    let parts = DeskParts {
        snapshot: build::snapshot(Vec::new(), Vec::new()),
        ledger: open_ledger(dir),
        registry: Registry::open(&dir.join("registry.db")).unwrap(),
        evidence: Evidence::new(Keep::Full, Arc::new(evidence)),
        clock: Clock::set(now).0,
    };
    Desk::resume(parts).await.unwrap()
}

fn dies(desk: Desk) {
    desk.registry().clone().close();
    desk.ledger().clone().close();
}

/// Puts on record what happened, and gives the registry what it knows of that.
async fn left(dir: &Path, history: &mut History, changes: Vec<Change>) {
    let ledger = open_ledger(dir);
    ledger.append_blocking(std::mem::take(&mut history.records)).unwrap();
    ledger.close();
    let registry = Registry::open(&dir.join("registry.db")).unwrap();
    registry.write(changes).await.unwrap();
    registry.close();
}

impl History {
    /// Opens a task all of which the ledger shows.
    fn opened(&mut self, parent: Option<&Task>) -> Task {
        let task = task(TaskId::new(self.ulid()), parent, (self.now, false));
        let opened = CommandRecord::TaskOpened {
            verdict: VerdictKind::Allow,
            steps: Vec::new(),
            identity: task.identity.clone(),
            template: task.template.to_string(),
            task: Some(Box::new(task.clone())),
            whole: None,
        };
        self.command("uid:0", opened);
        task
    }

    fn ended(&mut self, task: &Task) -> Task {
        let mut ended = task.clone();
        ended.end(TaskStatus::Ended { at: self.now, cause: EndCause::Asked });
        let (task, status) = (ended.id.clone(), ended.status);
        self.command("uid:0", CommandRecord::TaskEnded { task, status });
        ended
    }

    fn hold_is(&mut self, hold: &Hold, status: HoldStatus) -> Hold {
        let hold = Hold { status, ..hold.clone() };
        let (shown, statement, whole) = (Box::new(hold.clone()), None, None);
        self.command("uid:0", CommandRecord::HoldChanged { hold: shown, statement, whole });
        hold
    }

    /// So much later that a start forgets all that has ended, another task ends.
    fn later_another_ends(&mut self) {
        self.now = self.now.after(Duration::from_secs(11 * 60));
        let other = self.opened(None);
        self.ended(&other);
    }
}

#[tokio::test]
async fn an_approval_that_was_used_in_a_task_that_is_long_over_stops_no_start() {
    // Where the registry missed the use, it is given that and nothing else.
    for missed in [false, true] {
        let (dir, mut history) = (tempfile::tempdir().unwrap(), History::new(1));
        let task = history.opened(None);
        let hold = history.hold(&task);
        let (by, at, expires) = ("alice".parse().unwrap(), history.now, hold.expires);
        let approved = history.hold_is(&hold, HoldStatus::Approved { by, at, expires });
        let decision = DecisionId::new(history.ulid());
        history.records.push(used(&hold, decision.clone(), history.now));
        let status = HoldStatus::Used { decision };
        let task = history.ended(&task);
        let kept = if missed { approved } else { Hold { status: status.clone(), ..hold } };
        history.later_another_ends();
        let id = kept.id.clone();
        let changes = vec![Change::Task(Box::new(task)), Change::Hold(Box::new(kept))];
        left(dir.path(), &mut history, changes).await;
        for _ in 0..3 {
            let desk = resumed(dir.path(), history.now).await;
            assert_eq!(desk.registry().hold(&id).unwrap().unwrap().status, status, "{missed}");
            dies(desk);
        }
    }
}

#[tokio::test]
async fn what_waited_of_a_task_that_is_long_over_expires_and_stops_no_start() {
    let (dir, mut history) = (tempfile::tempdir().unwrap(), History::new(1));
    let task = history.opened(None);
    let hold = history.hold(&task);
    let hold = history.hold_is(&hold, HoldStatus::Waiting);
    // It died before the end of what waited was on record, too.
    let task = history.ended(&task);
    history.later_another_ends();
    let id = hold.id.clone();
    let changes = vec![Change::Task(Box::new(task)), Change::Hold(Box::new(hold))];
    left(dir.path(), &mut history, changes).await;
    for _ in 0..3 {
        let desk = resumed(dir.path(), history.now).await;
        assert_eq!(desk.registry().hold(&id).unwrap().unwrap().status, HoldStatus::Expired);
        dies(desk);
    }
}

#[tokio::test]
async fn a_hold_of_an_open_task_is_given_back_to_a_registry_that_lost_it_though_it_is_over() {
    let (dir, mut history) = (tempfile::tempdir().unwrap(), History::new(1));
    let task = history.opened(None);
    let hold = history.hold(&task);
    let hold = history.hold_is(&hold, HoldStatus::Expired);
    left(dir.path(), &mut history, Vec::new()).await;
    let desk = resumed(dir.path(), history.now).await;
    assert_eq!(desk.registry().hold(&hold.id).unwrap(), Some(hold));
}

/// The tasks whose end is on record, in order.
fn ends(desk: &Desk) -> Vec<TaskId> {
    let mut ends = Vec::new();
    let scanned = desk.ledger().scan(0, &mut |it| {
        if let Record::Command { command: CommandRecord::TaskEnded { task, .. }, .. } = it.record {
            ends.push(task);
        }
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    ends
}

#[tokio::test]
async fn whoever_dies_when_only_the_end_of_the_task_above_is_on_record_ends_the_others_at_the_start()
 {
    for later in [false, true] {
        let (dir, mut history) = (tempfile::tempdir().unwrap(), History::new(1));
        let top = history.opened(None);
        let child = history.opened(Some(&top));
        let below = history.opened(Some(&child));
        let (top, open) = (history.ended(&top), history.opened(None));
        if later {
            history.later_another_ends();
        }
        let changes = [&top, &child, &below].map(|it| Change::Task(Box::new(it.clone())));
        left(dir.path(), &mut history, changes.to_vec()).await;
        for _ in 0..2 {
            let desk = resumed(dir.path(), history.now).await;
            let kept = |it: &Task| desk.registry().task(&it.id).unwrap().unwrap();
            assert!(kept(&open).is_open());
            for task in [&child, &below] {
                let (at, cause) = (history.now, EndCause::Parent);
                assert_eq!(kept(task).status, TaskStatus::Ended { at, cause }, "{later}");
            }
            let mut ends = ends(&desk);
            ends.retain(|it| [&child.id, &below.id].contains(&it));
            assert_eq!(ends, [below.id.clone(), child.id.clone()], "each once, from below");
            dies(desk);
        }
    }
}

#[tokio::test]
async fn tasks_end_on_record_from_below() {
    let (dir, mut history) = (tempfile::tempdir().unwrap(), History::new(1));
    let top = history.opened(None);
    let child = history.opened(Some(&top));
    let below = history.opened(Some(&child));
    left(dir.path(), &mut history, Vec::new()).await;
    let desk = resumed(dir.path(), history.now).await;
    desk.end(&top.id, EndCause::Asked, "uid:0").await.unwrap();
    assert_eq!(ends(&desk), [below.id, child.id, top.id]);
}
