//! A call as the kernel is asked about it, and asked again where its obligations want it otherwise.

use bailiwick_kernel::Rewritable;
use bailiwick_model::{AccessRequest, Arguments, Caller, Offered};

use crate::{
    Call,
    classify::{Known, classify},
    limits::MESSAGE,
};

/// One call, read with what is known of the thing that is called.
#[derive(Clone, Debug)]
pub(crate) struct Reading<'l> {
    call: &'l Call,
    known: Known<'l>,
    request: AccessRequest,
}

impl<'l> Reading<'l> {
    /// Reads a call of `caller`, whose server offers `offered` under its name.
    pub(crate) fn of(call: &'l Call, known: Known<'l>, caller: Caller, offered: Offered) -> Self {
        let request = classify(call, &known, &caller.identity).into_request(call, caller, offered);
        Self { call, known, request }
    }
}

impl Rewritable for Reading<'_> {
    fn request(&self) -> &AccessRequest {
        &self.request
    }

    fn rewritten(&self, limits: &Arguments) -> Result<AccessRequest, String> {
        let Some(call) = self.call.limited(limits, MESSAGE)? else {
            return Ok(self.request.clone());
        };
        let (caller, offered) = (self.request.caller.clone(), self.request.offered);
        Ok(classify(&call, &self.known, &caller.identity).into_request(&call, caller, offered))
    }
}
