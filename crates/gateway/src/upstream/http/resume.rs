//! An answer whose stream ended before it came: until 2025-11-25 it is taken up again after the last event
//! that came, where its server names its events. The question itself is never asked again.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{
    Link, Missed,
    answer::{self, Asked, unknown},
    events::Mark,
};
use crate::upstream::incoming::Reply;

/// How long a server is left alone that does not say how long.
const PAUSE: Duration = Duration::from_secs(1);
/// What it may say.
const PAUSE_LEAST: Duration = Duration::from_millis(100);
const PAUSE_MOST: Duration = Duration::from_secs(30);
/// How often in a row nothing new may come.
const MISSES_MAX: u32 = 5;

const LAST_EVENT: &str = "last-event-id";

impl Link {
    /// Takes up the stream of the question that `asked` looks for. Whoever waits for the answer says how
    /// long all of it may take.
    pub(super) async fn resume(
        &self,
        asked: Asked<'_>,
        headers: &HeaderMap,
        (mut why, mut mark): (String, Mark),
    ) -> Result<Reply, Missed> {
        let mut misses = 0;
        while misses < MISSES_MAX {
            let Some(id) = mark.id.as_deref().and_then(|it| HeaderValue::from_str(it).ok()) else {
                break;
            };
            tokio::time::sleep(pause(&mark, misses)).await;
            let mut headers = headers.clone();
            headers.insert(LAST_EVENT, id);
            tracing::debug!(server = %self.spec.name, why, "a stream is taken up again");
            match self.take_up(asked, &headers).await {
                Ok(reply) => return reply,
                Err(Gap::Over(over)) => {
                    why = format!("{why}, and it {over}");
                    break;
                }
                Err(Gap::Nobody) => misses = misses.saturating_add(1),
                Err(Gap::Again(broke, newer)) => {
                    why = broke;
                    let retry = newer.retry.or(mark.retry);
                    match newer.id.filter(|it| Some(it) != mark.id.as_ref()) {
                        Some(id) => {
                            misses = 0;
                            mark = Mark { id: Some(id), retry };
                        }
                        None => {
                            misses = misses.saturating_add(1);
                            mark.retry = retry;
                        }
                    }
                }
            }
        }
        Err(unknown(why))
    }

    async fn take_up(
        &self,
        asked: Asked<'_>,
        headers: &HeaderMap,
    ) -> Result<Result<Reply, Missed>, Gap> {
        let response =
            self.send(Method::GET, Bytes::new(), headers).await.map_err(|_| Gap::Nobody)?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Gap::Nobody);
        }
        if !status.is_success() || !answer::is_stream(response.headers()) {
            return Err(Gap::Over(format!("cannot be asked for the rest ({status})")));
        }
        match asked.among_events(response.into_body()).await {
            Err(Missed::Broke { why, mark }) => Err(Gap::Again(why, mark)),
            answered => Ok(answered),
        }
    }
}

/// Why there is still no answer.
enum Gap {
    /// Nobody is there now.
    Nobody,
    /// The stream ended again.
    Again(String, Mark),
    /// There is no more to come.
    Over(String),
}

/// Gives how long a server is left alone after `misses` tries that brought nothing.
fn pause(mark: &Mark, misses: u32) -> Duration {
    let first = mark.retry.unwrap_or(PAUSE).clamp(PAUSE_LEAST, PAUSE_MOST);
    first.saturating_mul(1_u32.checked_shl(misses).unwrap_or(u32::MAX)).min(PAUSE_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_left_alone_as_long_as_it_says_within_bounds() {
        let waits = |retry: Option<u64>, misses| {
            let retry = retry.map(Duration::from_millis);
            pause(&Mark { id: None, retry }, misses).as_millis()
        };
        assert_eq!([waits(None, 0), waits(Some(500), 0), waits(Some(500), 2)], [1000, 500, 2000]);
        assert_eq!([waits(Some(0), 0), waits(Some(u64::MAX), 0)], [100, 30_000]);
        assert_eq!([waits(None, 31), waits(None, 99)], [30_000, 30_000]);
    }
}
