//! A call as the lane reads it, where there is no server that could be asked.

use std::collections::BTreeSet;

use bailiwick_model::{AccessRequest, Caller, Environment, Offered};

use crate::{
    Call, ToolSpec,
    classify::{Hints, Known, classify},
};

/// Puts a call that is only rehearsed to the kernel: what it does is read from the operator's word
/// and its name, as for a server that says nothing of its tools.
pub fn rehearsed(
    call: &Call,
    caller: Caller,
    (tool, environment): (Option<&ToolSpec>, Environment),
    liked: &BTreeSet<String>,
    offered: Offered,
) -> AccessRequest {
    let (spec, hints, input_schema) = (tool, Hints::default(), None);
    let known = Known { spec, hints, input_schema, environment, mapping: None, liked };
    classify(call, &known, &caller.identity).into_request(call, caller, offered)
}
