//! An explanation as the ledger may keep it: the values that conditions saw are hidden like the
//! arguments they come from.

use bailiwick_model::{
    Asked, AskedPart, Explanation, Json, JsonLimits, Otherwise, Saw, Sensitivity,
};

use super::{Evidence, Keep, brief, names_a_secret};

/// How many parts of a condition, and values that one part looked at, are kept.
const PARTS: usize = 32;
/// The longest value, as it is shown, that is kept whole.
const VALUE_MAX: usize = 1 << 10;
/// The longest part that is kept whole.
const TEXT_MAX: usize = 500;

impl Evidence {
    /// Gives an explanation of a call to a tool that handles data of `sensitivity` as the ledger
    /// and its caller may see it.
    pub fn explanation(&self, told: Explanation, sensitivity: Sensitivity) -> Explanation {
        let sensitive = self.keep != Keep::Full && Sensitivity::Confidential <= sensitivity;
        let asked = told.asked.into_iter().map(|it| self.asked(it, sensitive)).collect();
        let judged = told
            .judged
            .into_iter()
            .map(|mut it| {
                it.changes = it.changes.into_iter().map(|it| self.change(it, sensitive)).collect();
                it
            })
            .collect();
        Explanation { asked, judged, ..told }
    }

    fn asked(&self, asked: Asked, sensitive: bool) -> Asked {
        let part = |it: AskedPart| {
            let saw = it.saw.into_iter().take(PARTS).map(|it| self.saw(it, sensitive)).collect();
            let error = it.error.as_deref().map(|it| self.phrase(it));
            AskedPart { text: shortened(it.text), error, saw, ..it }
        };
        Asked {
            resource: asked.resource.as_deref().map(|it| self.text(it)),
            parts: asked.parts.into_iter().take(PARTS).map(part).collect(),
            ..asked
        }
    }

    /// Shows a value that a condition looked at.
    fn saw(&self, saw: Saw, sensitive: bool) -> Saw {
        // Where its length stands for it, there is nothing to hide.
        let Some(value) = saw.value.as_ref().filter(|_| !saw.hidden) else { return saw };
        let (value, hidden) = self.value(&saw.name, value, Of::name(&saw.name), sensitive);
        Saw { value: Some(value), hidden, ..saw }
    }

    fn change(&self, change: Otherwise, sensitive: bool) -> Otherwise {
        match change {
            Otherwise::Argument { path, value, from: Some(from), .. } => {
                let names = format!("{}.{from}", path.join("."));
                let (value, hidden) = self.value(&names, &value, Of::Call, sensitive);
                Otherwise::Argument { path, value, from: Some(from).filter(|_| hidden), hidden }
            }
            Otherwise::Param { name, value, from: Some(from), .. } => {
                let whole = Json::Text(value.clone()).canonical();
                let names = format!("{name}.{from}");
                let (shown, hidden) = self.value(&names, &whole, Of::Call, sensitive);
                let value = if hidden { shown } else { value };
                Otherwise::Param { name, value, from: Some(from).filter(|_| hidden), hidden }
            }
            Otherwise::Argument { from: None, .. }
            | Otherwise::Param { from: None, .. }
            | Otherwise::LeftOut { .. }
            | Otherwise::Fact { .. }
            | Otherwise::Approval
            | Otherwise::Line { .. } => change,
        }
    }

    /// Shows a value, and says whether something of it is hidden.
    fn value(&self, name: &str, value: &str, of: Of, sensitive: bool) -> (String, bool) {
        let secret = name.split(['.', ',', ' ']).any(names_a_secret);
        let digested = match of {
            Of::Call | Of::Place => secret || self.keep == Keep::Digest,
            Of::House => false,
        };
        let parsed = Json::parse(value.as_bytes(), JsonLimits::default());
        let (false, Ok(parsed)) = (digested, parsed) else {
            return (Json::Text(self.key.digest(value)).canonical(), true);
        };
        let shown = self.shown(&parsed, of == Of::Call && sensitive).canonical();
        let hidden = shown != value;
        if shown.len() <= VALUE_MAX {
            return (shown, hidden);
        }
        (Json::Text(brief::cut(&self.key, &shown, value)).canonical(), true)
    }
}

/// What a value tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Of what was sent.
    Call,
    /// Of where it goes, or to what.
    Place,
    /// Of the house alone.
    House,
}

impl Of {
    fn name(name: &str) -> Self {
        let within = |of: &str| {
            name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if within("context.input")
            || within("context.task.params")
            || name == "context.task.purpose"
        {
            Self::Call
        } else if name == "resource"
            || name == "action"
            || within("context.destinations")
            || name == "context.task"
        {
            Self::Place
        } else {
            Self::House
        }
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
