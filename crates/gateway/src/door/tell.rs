//! What clients tell without asking: that they gave something up, mostly.

use serde_json::value::RawValue;

use super::{ask::Asked, running::CallName};
use crate::{Listener, jsonrpc::RawObject, mcp::Era};

impl Asked<'_> {
    /// Takes note of what a client tells.
    pub(super) fn told(&self, method: &str, params: Option<&RawValue>) {
        // Since 2026-07-28 a client that hangs up has said it.
        if method != "notifications/cancelled" || self.era == Era::Modern {
            return;
        }
        let params = params.and_then(|it| RawObject::read(it.get()).ok());
        if let Some(id) = params.and_then(|it| it.get("requestId")) {
            self.door.running.cancel(&self.caller.task, &self.name(id));
        }
    }

    /// Gives who listens to the call `id`, such that the client can cancel it by that name.
    pub(super) fn cancellable(&self, id: &RawValue) -> Listener {
        let place = match self.era {
            Era::Legacy => {
                self.door.running.enter(&self.caller.task, self.name(id), self.listener.cut())
            }
            Era::Modern => None,
        };
        place.map_or_else(|| self.listener.clone(), |it| self.listener.keeping(it))
    }

    fn name(&self, id: &RawValue) -> CallName {
        let session = self.headers.get("mcp-session-id").and_then(|it| it.to_str().ok());
        CallName::new(session, id)
    }
}
