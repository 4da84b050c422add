//! Tools of servers up to 2025-11-25 that run as tasks of the protocol and not otherwise: one is begun, and
//! its result is waited for as any answer is. So such a call has one decision and one outcome as well.

use std::{collections::BTreeMap, time::Duration};

use serde_json::value::RawValue;

use super::{error::SendError, incoming::Reply, link::Link, request::Request};
use crate::{
    jsonrpc::{RawObject, raw_of},
    mcp::tasks,
};

/// How long calling one off may take.
const ASIDE: Duration = Duration::from_secs(2);
/// How long a server's name of one may be.
const NAME_MAX: usize = 1 << 10;

/// Gives what becomes of a call that `request` began, and that its server answered with `reply`.
pub(super) async fn result(
    link: &Link,
    (request, reply): (&Request<'_>, Reply),
    left: Duration,
) -> Result<Reply, SendError> {
    let Some(theirs) = begun(&reply) else { return Ok(reply) };
    let named = raw_of(&BTreeMap::from([("taskId", theirs)]));
    match link.ask(&request.result(&named), left).await {
        Ok(Reply::Result(result)) => Ok(Reply::Result(tasks::unnamed(&result).unwrap_or(result))),
        Ok(Reply::Error(error)) => Ok(Reply::Error(error)),
        Err(SendError::NotSent { why } | SendError::Unknown { why }) => {
            tokio::spawn(call_off(link.clone(), named));
            // The call itself was sent.
            Err(SendError::Unknown { why })
        }
    }
}

/// Reads the name of the task that was begun; none where the answer is one already.
fn begun(reply: &Reply) -> Option<String> {
    let Reply::Result(result) = reply else { return None };
    let task = RawObject::read(result.get()).ok()?.get("task")?;
    let name = RawObject::read(task.get()).ok()?.text("taskId")?;
    (name.len() <= NAME_MAX).then_some(name)
}

/// Tells a server that nobody waits for a task any more.
async fn call_off(link: Link, named: Box<RawValue>) {
    let Some(request) = Request::plain("tasks/cancel", Some(&named)) else { return };
    if let Err(error) = link.ask(&request, ASIDE).await {
        tracing::debug!(%error, "a server did not hear that a task is called off");
    }
}
