//! A run that goes to its end whatever becomes of whoever waits for it.
//!
//! It runs where it is awaited, without a task of its own. Only when nobody awaits it any more does
//! what is left of it get one.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

/// A run that cannot be dropped in the middle.
pub(super) struct ToTheEnd<T: Send + 'static> {
    run: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T: Send + 'static> ToTheEnd<T> {
    pub(super) fn new(run: impl Future<Output = T> + Send + 'static) -> Self {
        Self { run: Some(Box::pin(run)) }
    }
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(run) = &mut self.run else { return Poll::Pending };
        let polled = run.as_mut().poll(context);
        if polled.is_ready() {
            self.run = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        // Where nothing runs any more, the process ends.
        if let (Some(run), Ok(runtime)) = (self.run.take(), Handle::try_current()) {
            drop(runtime.spawn(run));
        }
    }
}

impl<T: Send + 'static> fmt::Debug for ToTheEnd<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ToTheEnd").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_waits_gets_what_it_gives() {
        assert_eq!(ToTheEnd::new(async { 7 }).await, 7);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_goes_on() {
        let (begin, begun) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut run = ToTheEnd::new(async move {
            begun.await.unwrap();
            end.send(7).unwrap();
        });
        assert!(futures_poll(&mut run).is_pending());
        drop(run);
        begin.send(()).unwrap();
        assert_eq!(ended.await.unwrap(), 7);
    }

    fn futures_poll<T: Send + 'static>(run: &mut ToTheEnd<T>) -> Poll<T> {
        Pin::new(run).poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
