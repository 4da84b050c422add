//! What a call is read with: the operator's word, what its server offers, what conditions look at.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_connect::Verified;

use super::{Lane, START_WAIT, caller_of};
use crate::{Call, Catalog, ServerSpec, known, reading::Reading};

/// What is known around one call.
#[derive(Debug)]
pub(super) struct Around<'l> {
    spec: Option<&'l ServerSpec>,
    catalog: Option<Arc<Catalog>>,
    liked: BTreeSet<String>,
}

impl Lane {
    /// Gathers what a call of `caller` is read with.
    pub(super) async fn around(&self, caller: &Verified, call: &Call) -> Around<'_> {
        let server = &call.action().server;
        let catalog = self.upstreams.catalog(server, START_WAIT).await.ok();
        let liked = self.desk.slot(&caller.task).map_or_else(BTreeSet::new, |slot| {
            bailiwick_kernel::liked_inputs(&self.desk.snapshot(), &slot.lock())
        });
        Around { spec: self.upstreams.spec(server), catalog, liked }
    }
}

impl Around<'_> {
    /// Knows nothing.
    pub(super) const fn nothing() -> Self {
        Self { spec: None, catalog: None, liked: BTreeSet::new() }
    }

    /// Reads what the call does, and to what.
    pub(super) fn reading<'r>(&'r self, caller: &Verified, call: &'r Call) -> Reading<'r> {
        let (action, catalog) = (call.action(), self.catalog.as_deref());
        let known = known::known(action, self.spec, catalog, &self.liked);
        Reading::of(call, known, caller_of(caller), known::offered(action, catalog))
    }
}
