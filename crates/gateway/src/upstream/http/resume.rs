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

/// How far an answer has been followed.
#[derive(Debug)]
struct Trail {
    /// Why the last stream was not the whole of it.
    why: String,
    mark: Mark,
    /// How often in a row nothing new came.
    misses: u32,
}

impl Trail {
    /// Gives after which event the stream is to be taken up, and how long from now; nothing where that is
    /// not possible, or no use.
    fn next(&self) -> Option<(HeaderValue, Duration)> {
        let id = self.mark.id.as_deref().filter(|_| self.misses < MISSES_MAX)?;
        Some((HeaderValue::from_str(id).ok()?, pause(&self.mark, self.misses)))
    }

    const fn missed(&mut self) {
        self.misses = self.misses.saturating_add(1);
    }

    /// Takes note that a stream came and ended early, too.
    fn broke(&mut self, why: String, newer: Mark) {
        self.why = why;
        self.mark.retry = newer.retry.or(self.mark.retry);
        match newer.id.filter(|it| Some(it) != self.mark.id.as_ref()) {
            Some(id) => {
                self.misses = 0;
                self.mark.id = Some(id);
            }
            None => self.missed(),
        }
    }
}

impl Link {
    /// Takes up the stream of the question that `asked` looks for. Whoever waits for the answer says how
    /// long all of it may take.
    pub(super) async fn resume(
        &self,
        asked: Asked<'_>,
        headers: &HeaderMap,
        (why, mark): (String, Mark),
    ) -> Result<Reply, Missed> {
        let mut trail = Trail { why, mark, misses: 0 };
        while let Some((id, pause)) = trail.next() {
            tokio::time::sleep(pause).await;
            let mut headers = headers.clone();
            headers.insert(LAST_EVENT, id);
            tracing::debug!(server = %self.spec.name, trail.why, "a stream is taken up again");
            match self.take_up(asked, &headers).await {
                Ok(reply) => return reply,
                Err(Gap::Over(over)) => {
                    return Err(unknown(format!("{}, and it {over}", trail.why)));
                }
                Err(Gap::Nobody) => trail.missed(),
                Err(Gap::Again(why, newer)) => trail.broke(why, newer),
            }
        }
        Err(unknown(trail.why))
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

    fn mark(id: Option<&str>, retry: Option<u64>) -> Mark {
        Mark { id: id.map(Into::into), retry: retry.map(Duration::from_millis) }
    }

    fn trail() -> Trail {
        Trail { why: "it ended".to_owned(), mark: mark(Some("one"), Some(100)), misses: 0 }
    }

    /// Says after which event a stream is taken up, and after how many milliseconds.
    fn next(trail: &Trail) -> Option<(String, u128)> {
        let (id, pause) = trail.next()?;
        Some((id.to_str().unwrap().to_owned(), pause.as_millis()))
    }

    #[test]
    fn whoever_brings_nothing_new_is_asked_five_times_in_a_row_and_ever_less_often() {
        for nobody in [false, true] {
            let mut trail = trail();
            for pause in [100, 200, 400, 800, 1600] {
                assert_eq!(next(&trail), Some(("one".to_owned(), pause)));
                if nobody { trail.missed() } else { trail.broke("it did".into(), mark(None, None)) }
            }
            assert_eq!(next(&trail), None);
            assert_eq!(
                trail.why,
                if nobody { "it ended" } else { "it did" },
                "the last word counts"
            );
        }
    }

    #[test]
    fn whoever_brings_something_new_is_asked_for_what_comes_after_it_from_the_first() {
        let mut trail = trail();
        trail.missed();
        trail.broke("it did".into(), mark(Some("one"), Some(300)));
        assert_eq!(next(&trail), Some(("one".to_owned(), 1200)), "the same event is nothing new");
        trail.broke("it did".into(), mark(Some("two"), None));
        assert_eq!(next(&trail), Some(("two".to_owned(), 300)));
        assert_eq!(next(&Trail { mark: mark(None, None), ..trail }), None, "it has no name");
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_says_within_bounds() {
        let waits = |retry: Option<u64>, misses| pause(&mark(None, retry), misses).as_millis();
        assert_eq!([waits(None, 0), waits(Some(500), 0), waits(Some(500), 2)], [1000, 500, 2000]);
        assert_eq!([waits(Some(0), 0), waits(Some(u64::MAX), 0)], [100, 30_000]);
        assert_eq!([waits(None, 31), waits(None, 99)], [30_000, 30_000]);
    }
}
