//! What came of calls that waited for a person and whose client does not stay: kept until it asks,
//! as nothing else remembers a result.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::{TaskId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::lane::Answered;

/// How many of them are kept at once.
const CALLS_MAX: usize = 4096;
/// How many of one task.
const EACH_MAX: usize = 256;
/// How many bytes of results.
const BYTES_MAX: usize = 64 << 20;

/// The calls that were begun for whoever asks after them.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    calls: HashMap<Box<str>, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    task: TaskId,
    course: Course,
    bytes: usize,
    begun: Timestamp,
    until: Timestamp,
}

/// How far such a call has come.
#[derive(Clone, Debug)]
pub(super) enum Course {
    /// It is under way; this cuts it.
    UnderWay(CancellationToken),
    /// Its client called it off.
    CalledOff,
    /// It is over.
    Over(Arc<Answered>),
    /// It is over, and what came of it had to make room. That it was begun is not forgotten, or
    /// somebody who looked before could begin it again.
    Forgotten,
}

/// Whether a call may begin.
#[derive(Debug)]
pub(super) enum Begun {
    /// Now, and by whoever asked: nobody else begins it.
    Now,
    /// It has begun already.
    Before(Course),
    /// So many are kept that it cannot.
    Full,
}

impl Kept {
    /// Says how far a call has come; none where it was not begun here.
    pub(super) fn course(&self, name: &str) -> Option<Course> {
        self.lock().calls.get(name).map(|it| it.course.clone())
    }

    /// Begins the call `name`, which can be asked for until `until`, or has `course` begin it.
    pub(super) fn begin(
        &self,
        (task, name): (&TaskId, &str),
        course: Course,
        (now, until): (Timestamp, Timestamp),
    ) -> Begun {
        let mut memory = self.lock();
        if let Some(entry) = memory.calls.get(name) {
            return Begun::Before(entry.course.clone());
        }
        if memory.is_full(task) {
            memory.calls.retain(|_, it| now < it.until);
            memory.count_bytes();
        }
        if memory.is_full(task) {
            return Begun::Full;
        }
        let entry = Entry { task: task.clone(), course, bytes: 0, begun: now, until };
        memory.calls.insert(name.into(), entry);
        Begun::Now
    }

    /// Calls it off, if it is not over.
    pub(super) fn call_off(&self, name: &str) {
        let mut memory = self.lock();
        let Some(entry) = memory.calls.get_mut(name) else { return };
        if let Course::UnderWay(cut) = &entry.course {
            cut.cancel();
            entry.course = Course::CalledOff;
        }
    }

    /// Keeps what came of it. Where results need too much room, the oldest are forgotten.
    pub(super) fn over(&self, name: &str, answered: Answered) {
        let (mut memory, bytes) = (self.lock(), size(&answered));
        while BYTES_MAX < memory.bytes.saturating_add(bytes) {
            let filled = memory.calls.values_mut().filter(|it| 0 < it.bytes);
            let Some(oldest) = filled.min_by_key(|it| it.begun) else { break };
            (oldest.course, oldest.bytes) = (Course::Forgotten, 0);
            memory.count_bytes();
        }
        let Some(entry) = memory.calls.get_mut(name) else { return };
        if let Course::UnderWay(_) = entry.course {
            entry.course = Course::Over(Arc::new(answered));
            entry.bytes = bytes;
            memory.bytes = memory.bytes.saturating_add(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn is_full(&self, task: &TaskId) -> bool {
        let of_task = || self.calls.values().filter(|it| it.task == *task).count();
        CALLS_MAX <= self.calls.len() || EACH_MAX <= of_task()
    }

    fn count_bytes(&mut self) {
        self.bytes = self.calls.values().map(|it| it.bytes).fold(0, usize::saturating_add);
    }
}

fn size(answered: &Answered) -> usize {
    match answered {
        Answered::Reply(_, reply, _) => reply.size(),
        Answered::GoesOn(_) | Answered::Refused(_) | Answered::Failed(..) | Answered::Cut(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{DecisionId, Ulid};
    use serde_json::value::RawValue;

    use super::*;
    use crate::upstream::Reply;

    fn task(number: usize) -> TaskId {
        format!("task_01JD8X00000000000000{number:06}").parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }

    fn under_way() -> Course {
        Course::UnderWay(CancellationToken::new())
    }

    fn result(bytes: usize) -> Answered {
        let text = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
        let decision = DecisionId::new(Ulid::new(at(0), [1; 10]));
        Answered::Reply(
            decision,
            Reply::Result(RawValue::from_string(text).unwrap()),
            Box::default(),
        )
    }

    fn begin(kept: &Kept, name: &str, now: i64) -> Begun {
        begin_of(kept, (0, name), now)
    }

    fn begin_of(kept: &Kept, (of, name): (usize, &str), now: i64) -> Begun {
        kept.begin((&task(of), name), under_way(), (at(now), at(now.saturating_add(10))))
    }

    #[test]
    fn a_call_is_begun_once_and_what_came_of_it_stays() {
        let kept = Kept::default();
        assert!(kept.course("a").is_none());
        assert!(matches!(begin(&kept, "a", 0), Begun::Now));
        assert!(matches!(begin(&kept, "a", 0), Begun::Before(Course::UnderWay(_))));
        kept.over("a", result(10));
        assert!(matches!(begin(&kept, "a", 1), Begun::Before(Course::Over(_))));
        kept.call_off("a");
        assert!(matches!(kept.course("a"), Some(Course::Over(_))), "what is over stays over");
    }

    #[test]
    fn what_was_called_off_has_no_result() {
        let kept = Kept::default();
        let cut = CancellationToken::new();
        kept.begin((&task(0), "a"), Course::UnderWay(cut.clone()), (at(0), at(10)));
        kept.call_off("a");
        kept.over("a", result(10));
        assert!(cut.is_cancelled() && matches!(kept.course("a"), Some(Course::CalledOff)));
    }

    #[test]
    fn an_answer_makes_room_and_its_call_is_begun_no_second_time() {
        let kept = Kept::default();
        for name in 0..9 {
            begin(&kept, &name.to_string(), name);
            kept.over(&name.to_string(), result(8 << 20));
        }
        assert!(kept.lock().bytes <= BYTES_MAX);
        // Who looked whether it is on record before it was begun comes here only now.
        assert!(matches!(begin(&kept, "0", 9), Begun::Before(Course::Forgotten)));
        assert!(matches!(kept.course("1"), Some(Course::Over(_))), "no more than needed");
        assert!(matches!(kept.course("8"), Some(Course::Over(_))));
    }

    #[test]
    fn one_task_keeps_a_bounded_number_of_calls_and_so_do_all() {
        let kept = Kept::default();
        for name in 0..EACH_MAX {
            assert!(matches!(begin(&kept, &name.to_string(), 0), Begun::Now));
        }
        assert!(matches!(begin(&kept, "one more", 9), Begun::Full));
        for name in EACH_MAX..CALLS_MAX {
            let of = name / EACH_MAX;
            assert!(matches!(begin_of(&kept, (of, &name.to_string()), 0), Begun::Now), "{name}");
        }
        assert!(matches!(begin_of(&kept, (100, "one more"), 9), Begun::Full));
        assert!(matches!(begin(&kept, "one more", 10), Begun::Now), "the dead make room");
    }
}
