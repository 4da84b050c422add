//! One policy, ready to be asked.

use std::{
    collections::BTreeSet,
    ops::{Deref, Range},
    sync::{Arc, OnceLock},
};

use bailiwick_model::Digest;
use cedar_policy::Policy;
use cedar_policy_core::ast::Expr;

use crate::{
    PolicySummary,
    index::{Head, Names},
    parts::{self, Part},
    pieces::{Piece, lines},
    reads::Reads,
    schema::Schema,
    syntax,
};

/// One policy on the bench. Sets that have it in common share it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// What it says, wherever it stands.
    body: Arc<Body>,
    pub(crate) summary: PolicySummary,
    /// Where it begins in its file, in bytes.
    start: usize,
}

/// What one policy says.
#[derive(Debug)]
pub(crate) struct Body {
    /// Whether its head fits, as a condition.
    pub(crate) head: Expr,
    /// What the head names.
    pub(crate) names: Names,
    /// When it applies, once its head fits.
    pub(crate) condition: Option<Expr>,
    /// What the condition reads.
    pub(crate) reads: Reads,
    /// The arguments that it compares as paths or addresses.
    pub(crate) liked: BTreeSet<String>,
    written: Option<Written>,
    /// The parts of its condition, once somebody asks for them.
    parts: OnceLock<Vec<Part>>,
    /// The schema that it was held against, and fits.
    fits: Option<Digest>,
}

/// The piece of a file that a policy was compiled from.
#[derive(Clone, Debug)]
struct Written {
    digest: Digest,
    /// What it says.
    text: Arc<str>,
    /// The place of the policy in the piece.
    at: Range<usize>,
    /// How many lines end before it there.
    lines: usize,
}

impl Body {
    /// Makes a policy ready.
    pub(crate) fn new(policy: &Policy) -> Self {
        let policy = policy.as_ref();
        let condition = policy.non_scope_constraints().map(syntax::without_places);
        let Head { condition: head, names } = Head::of(policy);
        Self {
            head,
            names,
            reads: condition.as_ref().map(Reads::of).unwrap_or_default(),
            liked: condition.as_ref().map(syntax::liked).unwrap_or_default(),
            condition,
            written: None,
            parts: OnceLock::new(),
            fits: None,
        }
    }

    /// Notes that it fits `schema`.
    pub(crate) fn fitting(self, schema: &Schema) -> Self {
        Self { fits: Some(*schema.digest()), ..self }
    }

    /// Notes what it was compiled from, at which place there.
    pub(crate) fn of_piece(self, piece: &Piece<'_>, digest: Digest, at: Range<usize>) -> Self {
        let before = piece.text.get(..at.start).unwrap_or_default();
        let text = piece.text.get(at.clone()).unwrap_or_default().into();
        Self { written: Some(Written { digest, text, lines: lines(before), at }), ..self }
    }

    /// Says whether nothing is left to find out about it, where it is to be held against `schema`.
    pub(crate) fn is_settled(&self, schema: Option<&Schema>) -> bool {
        schema.is_none_or(|it| self.fits.as_ref() == Some(it.digest()))
    }

    /// Names the schema that it was held against, and fits.
    pub(crate) const fn fits(&self) -> Option<&Digest> {
        self.fits.as_ref()
    }

    /// Names what it was compiled from: whatever says the same is the same policy.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.written.as_ref().map(|it| it.digest)
    }

    /// Gives its place in the file in which its piece begins at `start`.
    pub(crate) fn at(&self, start: usize) -> Range<usize> {
        let at = self.written.as_ref().map_or(0..0, |it| it.at.clone());
        start.saturating_add(at.start)..start.saturating_add(at.end)
    }

    /// Gives the parts of its condition. It is read once more for their places, since these would
    /// slow every evaluation down.
    pub(crate) fn parts(&self) -> &[Part] {
        let text = self.written.as_ref().map(|it| &*it.text);
        self.parts.get_or_init(|| parts::of_policy(self.condition.as_ref(), text))
    }
}

impl Deref for Seat {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.body
    }
}

impl Seat {
    /// Takes a policy that stands nowhere yet.
    pub(crate) fn new(body: Body, summary: PolicySummary) -> Self {
        Self { body: Arc::new(body), summary, start: 0 }
    }

    /// Gives it as it stands in the file `source`, where its piece begins at `start`, on `line`.
    pub(crate) fn placed(
        self: &Arc<Self>,
        source: &str,
        (start, line): (usize, usize),
    ) -> Arc<Self> {
        let before = self.written.as_ref().map_or(0, |it| it.lines);
        let line = Some(line.saturating_add(before));
        let start = self.at(start).start;
        let same = self.summary.line == line && self.start == start;
        if same && self.summary.source.as_deref() == Some(source) {
            return Arc::clone(self);
        }
        let mut moved = Self { start, ..Self::clone(self) };
        (moved.summary.source, moved.summary.line) = (Some(source.to_owned()), line);
        Arc::new(moved)
    }

    /// Says whether both ask for the same in their heads.
    pub(crate) fn heads_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.body, &other.body) || self.names == other.names
    }

    /// Gives the line of a place in its text, and the place in its file.
    pub(crate) fn placed_at(&self, (from, to): (usize, usize)) -> Option<(usize, (usize, usize))> {
        let text = &*self.written.as_ref()?.text;
        let line = self.summary.line?.saturating_add(lines(text.get(..from)?));
        Some((line, (self.start.saturating_add(from), self.start.saturating_add(to))))
    }

    /// Gives its place in its file.
    pub(crate) fn range(&self) -> Option<Range<usize>> {
        let text = &*self.written.as_ref()?.text;
        Some(self.start..self.start.saturating_add(text.len()))
    }
}
