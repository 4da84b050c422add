//! Work whose panic is its own: it is caught, and whoever asked for the work is told.
//!
//! What broke is dropped and never used again. What it shared is whole at every step: atomics, and
//! locks that are taken over as they are. What a panic says may hold what a caller sent, so nobody
//! gets to read it.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

/// Something panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it broke off by a fault of the governor's")]
pub struct BrokeOff;

/// Does something at once.
pub fn now<T>(work: impl FnOnce() -> T) -> Result<T, BrokeOff> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| BrokeOff)
}

/// Gives what `work` comes to. It is put in its place before it is awaited: whatever waits for it is moved about, and
/// the run of a call is large.
pub fn whole<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, BrokeOff>> {
    let mut work = Box::pin(work);
    poll_fn(move |context| match now(|| work.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(broke_off) => Poll::Ready(Err(broke_off)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_breaks_off_says_so_wherever_it_does() {
        let fault = || assert!(!std::hint::black_box(true), "on purpose");
        assert_eq!(now(fault), Err(BrokeOff));
        assert_eq!(whole(async { fault() }).await, Err(BrokeOff));
        let later = async {
            tokio::task::yield_now().await;
            fault();
        };
        assert_eq!(whole(later).await, Err(BrokeOff));
    }

    #[tokio::test]
    async fn what_does_not_break_is_as_it_was() {
        assert_eq!(now(|| 7), Ok(7));
        assert_eq!(whole(async { 7 }).await, Ok(7));
    }
}
