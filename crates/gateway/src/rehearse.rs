//! A call as the lane reads it, where there is no server that could be asked.

use std::collections::BTreeSet;

use bailiwick_kernel::Rewritable;
use bailiwick_model::{AccessRequest, Arguments, Caller, Environment, Offered};

use crate::{
    Call, ToolSpec,
    classify::{Hints, Known},
    reading::Reading,
};

/// A call that is only rehearsed.
#[derive(Clone, Debug)]
pub struct Rehearsed<'l>(Reading<'l>);

impl Rewritable for Rehearsed<'_> {
    fn request(&self) -> &AccessRequest {
        self.0.request()
    }

    fn rewritten(&self, limits: &Arguments) -> Result<AccessRequest, String> {
        self.0.rewritten(limits)
    }
}

/// Puts a call that is only rehearsed to the kernel: what it does is read from the operator's word
/// and its name, as for a server that says nothing of its tools.
pub fn rehearsed<'l>(
    call: &'l Call,
    caller: Caller,
    (tool, environment): (Option<&'l ToolSpec>, Environment),
    liked: &'l BTreeSet<String>,
    offered: Offered,
) -> Rehearsed<'l> {
    let (spec, hints, input_schema) = (tool, Hints::default(), None);
    let known = Known {
        spec,
        hints,
        input_schema,
        environment,
        mapping: None,
        liked,
        reading_credential: false,
    };
    Rehearsed(Reading::of(call, known, caller, offered))
}
