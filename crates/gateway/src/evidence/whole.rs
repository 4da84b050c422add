//! Tasks and holds in evidence: what came with them is shown as arguments are, and a keyed digest
//! tells the whole again from anything else.

use std::collections::BTreeMap;

use bailiwick_model::{Hold, Judgement, Param, Reason, Task};
use serde::Serialize;

use super::{Evidence, Keep, secret::names_a_secret};

impl Evidence {
    /// Gives a task as the ledger and people may see it.
    pub fn task(&self, task: &Task) -> Task {
        let mut shown = task.clone();
        shown.purpose = self.purpose(&task.purpose);
        shown.params = self.params(&task.params);
        for layer in &mut shown.grant.layers {
            layer.params = self.params(&layer.params);
        }
        shown
    }

    /// Gives the digest of what a task was opened with; none where all of it is shown.
    pub(crate) fn hidden_of_task(&self, task: &Task) -> Option<String> {
        (self.task(task) != *task).then(|| self.whole_task(task))
    }

    /// Gives the digest of what a task was opened with.
    pub(crate) fn whole_task(&self, task: &Task) -> String {
        let layers: Vec<_> = task.grant.layers.iter().map(|it| &it.params).collect();
        self.whole(&("task", &task.id, &task.purpose, &task.params, layers))
    }

    /// Gives the digest of what a hold asks for; none where all of it is shown.
    pub(crate) fn hidden_of_hold(&self, hold: &Hold) -> Option<String> {
        (self.hold(hold.clone()) != *hold).then(|| self.whole_hold(hold))
    }

    /// Gives the digest of what a hold asks for.
    pub(crate) fn whole_hold(&self, hold: &Hold) -> String {
        let asked = (&hold.action, &hold.resources, &hold.destinations, &hold.reasons);
        self.whole(&("hold", &hold.id, asked))
    }

    fn whole(&self, whole: &impl Serialize) -> String {
        // Ids, texts and sets of them can always be written.
        self.key.digest(&serde_json::to_string(whole).unwrap_or_default())
    }

    /// Gives the judgement of a wish to open a task as the ledger may show it: its reasons quote
    /// parameters.
    pub(crate) fn opening(
        &self,
        judgement: Judgement,
        params: &BTreeMap<String, String>,
    ) -> Judgement {
        let reasons = judgement.reasons.iter().map(|it| self.opening_reason(it, params)).collect();
        Judgement { reasons, ..judgement }
    }

    /// Gives one reason of it.
    pub(crate) fn opening_reason(
        &self,
        reason: &Reason,
        params: &BTreeMap<String, String>,
    ) -> Reason {
        let mut text = reason.text.clone();
        for (name, value) in params {
            let shown = self.param(name, value);
            if shown != *value {
                text = text.replace(&format!("`{value}`"), &format!("`{shown}`"));
            }
        }
        Reason { text: self.phrase(&text), ..reason.clone() }
    }

    fn purpose(&self, purpose: &str) -> String {
        if self.keep == Keep::Digest { self.key.digest(purpose) } else { self.phrase(purpose) }
    }

    fn params(&self, params: &BTreeMap<String, Param>) -> BTreeMap<String, Param> {
        let shown = |(name, param): (&String, &Param)| {
            let value = self.param(name, &param.value);
            (name.clone(), Param { value, ..param.clone() })
        };
        params.iter().map(shown).collect()
    }

    fn param(&self, name: &str, value: &str) -> String {
        if names_a_secret(name) { self.key.digest(value) } else { self.text(value) }
    }
}
