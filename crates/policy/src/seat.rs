//! One policy, ready to be asked.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use bailiwick_model::Digest;
use cedar_policy::Policy;
use cedar_policy_core::ast::Expr;

use crate::{
    PolicySummary,
    index::{Head, Names},
    pieces::{Piece, lines},
    reads::Reads,
    syntax,
};

/// One policy on the bench. Sets that have it in common share it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
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
    pub(crate) summary: PolicySummary,
    written: Option<Written>,
}

/// The piece of a file that a policy was compiled from.
#[derive(Clone, Debug)]
struct Written {
    digest: Digest,
    /// The place of the policy in the piece.
    at: Range<usize>,
    /// How many lines end before it there.
    lines: usize,
}

impl Seat {
    /// Makes a policy ready.
    pub(crate) fn new(policy: &Policy, summary: PolicySummary) -> Self {
        let policy = policy.as_ref();
        let condition = policy.non_scope_constraints().map(syntax::without_places);
        let Head { condition: head, names } = Head::of(policy);
        Self {
            head,
            names,
            reads: condition.as_ref().map(Reads::of).unwrap_or_default(),
            liked: condition.as_ref().map(syntax::liked).unwrap_or_default(),
            condition,
            summary,
            written: None,
        }
    }

    /// Notes what it was compiled from, at which place there.
    pub(crate) fn of_piece(self, piece: &Piece<'_>, digest: Digest, at: Range<usize>) -> Self {
        let before = piece.text.get(..at.start).unwrap_or_default();
        Self { written: Some(Written { digest, lines: lines(before), at }), ..self }
    }

    /// Names what it was compiled from: whatever says the same is the same policy.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.written.as_ref().map(|it| it.digest)
    }

    /// Gives its place in the file in which its piece is `piece`.
    pub(crate) fn at(&self, piece: &Piece<'_>) -> Range<usize> {
        let at = self.written.as_ref().map_or(0..0, |it| it.at.clone());
        piece.start.saturating_add(at.start)..piece.start.saturating_add(at.end)
    }

    /// Gives it as it stands in the file `source`, where its piece is `piece`.
    pub(crate) fn placed(self: &Arc<Self>, source: &str, piece: &Piece<'_>) -> Arc<Self> {
        let before = self.written.as_ref().map_or(0, |it| it.lines);
        let line = Some(piece.line.saturating_add(before));
        if self.summary.line == line && self.summary.source.as_deref() == Some(source) {
            return Arc::clone(self);
        }
        let mut moved = Self::clone(self);
        (moved.summary.source, moved.summary.line) = (Some(source.to_owned()), line);
        Arc::new(moved)
    }
}
