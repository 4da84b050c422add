//! How the reference model opens tasks.

use std::collections::BTreeSet;

use bailiwick_model::{Budget, Charter, Mode, OnWiden, ReasonCode, Template, Timestamp};

use super::{
    Reference,
    task::{Layer, Task},
};
use crate::{By, OpenLine, Seen};

impl Reference {
    pub(super) fn open(&mut self, line: &OpenLine) -> Seen {
        let parent = line.under.as_ref().map(|label| self.find(label));
        let above = parent.flatten();
        let now = above.map_or(self.now, |it| self.task(it).latest.max(self.now));
        let mut why = BTreeSet::new();
        let mut opener = self.names_of(&line.identity);
        opener.extend(line.with.iter().map(|it| format!("credential:{it}")));
        if opener.iter().any(|it| self.contained.contains(it)) {
            why.insert(ReasonCode::Contained);
        }
        let charter = self.world.charters.iter().find(|it| it.identity == line.identity).cloned();
        let template = self.world.templates.iter().find(|it| it.name == line.template).cloned();
        let shape = match (&charter, template) {
            (None, _) => {
                why.insert(ReasonCode::NotRegistered);
                None
            }
            (Some(charter), Some(template)) if charter.templates.contains(&template.name) => {
                self.shape(&template, line, now, &mut why);
                Some(template)
            }
            (Some(_), _) => {
                why.insert(ReasonCode::OutsideCharter);
                None
            }
        };
        match parent {
            Some(None) => drop(why.insert(ReasonCode::NoSuchTask)),
            Some(Some(above)) => self.below(above, line, now, &mut why),
            None => {}
        }
        let (Some(template), true) = (shape, why.is_empty()) else {
            return Seen { codes: why, ..Seen::word("deny") };
        };
        let task = self.made(line, &template, above, now);
        if let Some(above) = above {
            self.tell(above);
            let above = self.task_mut(above);
            above.active = above.latest;
        }
        self.current = Some(self.tasks.len());
        self.tasks.push(task);
        Seen::word("allow")
    }

    /// What the template itself asks for.
    fn shape(
        &self,
        template: &Template,
        line: &OpenLine,
        now: Timestamp,
        why: &mut BTreeSet<ReasonCode>,
    ) {
        let missing = template.params.keys().any(|it| !line.params.contains_key(it));
        let unknown = line.params.keys().any(|it| !template.params.contains_key(it));
        let unfit = line.params.iter().any(|(name, value)| {
            // Patterns of the model's worlds are classes of one letter, like `[u-w]`.
            template.params.get(name).is_some_and(|rule| !one_of(rule.pattern.as_deref(), value))
        });
        if missing || unknown || unfit {
            why.insert(ReasonCode::BadParam);
        }
        let same = |it: &&Task| {
            it.ended.is_none() && it.identity == line.identity && it.template == template.name
        };
        let open = self.tasks.iter().filter(same).count();
        if template
            .max_open
            .is_some_and(|most| usize::try_from(most).is_ok_and(|most| most <= open))
        {
            why.insert(ReasonCode::TooManyOpen);
        }
        if template.window.calendar.as_ref().is_some_and(|it| !it.contains(now)) {
            why.insert(ReasonCode::OutsideCalendar);
        }
        let observes = matches!(&template.mode, Mode::Observe { until, .. } if now < *until);
        let layer = Layer {
            identity: line.identity.clone(),
            template: template.name.clone(),
            params: line.params.clone(),
            only: None,
        };
        if !observes && self.day_is_over(&layer, 1, now) {
            why.insert(ReasonCode::OverBudget);
        }
    }

    /// What the task above asks for.
    fn below(&self, above: usize, line: &OpenLine, now: Timestamp, why: &mut BTreeSet<ReasonCode>) {
        let task = self.task(above);
        if task.ended.is_some() || task.lapsed(now, self.has_children(above)).is_some() {
            why.insert(ReasonCode::TaskEnded);
        }
        let may =
            |it: &Charter| it.identity == task.identity && it.delegates_to.contains(&line.identity);
        let by_giver = match &line.by {
            None | Some(By::Person) => true,
            Some(By::Orchestrator(who)) => *who == task.identity,
            Some(By::Itself) => false,
            Some(By::Token(_)) => true,
        };
        let to_itself = line.identity == task.identity;
        let many = task.via.len() >= 4;
        if !self.world.charters.iter().any(may) || to_itself || !by_giver || many {
            why.insert(ReasonCode::MayNotDelegate);
        }
        if self.is_contained(above) {
            why.insert(ReasonCode::Contained);
        }
    }

    fn made(
        &self,
        line: &OpenLine,
        template: &Template,
        above: Option<usize>,
        now: Timestamp,
    ) -> Task {
        let observes = match &template.mode {
            Mode::Enforce => None,
            Mode::Observe { until, .. } => Some(*until),
        };
        let mut task = Task {
            label: line.label.clone(),
            identity: line.identity.clone(),
            via: Vec::new(),
            template: template.name.clone(),
            layers: vec![Layer {
                identity: line.identity.clone(),
                template: template.name.clone(),
                params: line.params.clone(),
                only: above.and(line.token()).and_then(|it| it.server),
            }],
            parent: above,
            deadline: now.after(template.window.max),
            idle: template.window.idle,
            calendars: template.window.calendar.iter().cloned().collect(),
            budget: template.budget,
            holds: template.on_widen == OnWiden::Hold,
            observes,
            calls: 0,
            bytes: 0,
            ended: None,
            generation: 1,
            on_their_way: 0,
            active: now,
            latest: now,
            last: None,
        };
        if let Some(above) = above {
            let (left, above) = (self.left(above), self.task(above));
            task.via = vec![above.identity.clone()];
            task.via.extend(above.via.iter().cloned());
            task.layers.extend(above.layers.iter().cloned());
            task.calendars.extend(above.calendars.iter().cloned());
            task.deadline = task.deadline.min(above.deadline);
            task.holds = task.holds && above.holds;
            task.observes = match (task.observes, above.observes) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (Some(_) | None, _) => None,
            };
            task.budget = Budget {
                calls: least(task.budget.calls, left.calls),
                bytes_out: least(task.budget.bytes_out, left.bytes_out),
            };
        }
        task
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Says whether `value` is one letter of a class like `[u-w]`.
fn one_of(pattern: Option<&str>, value: &str) -> bool {
    let inner = pattern.and_then(|it| it.strip_prefix('[')).and_then(|it| it.strip_suffix(']'));
    let (first, last) = inner.and_then(|it| it.split_once('-')).expect("a class like [u-w]");
    value.len() == 1 && first <= value && value <= last
}
