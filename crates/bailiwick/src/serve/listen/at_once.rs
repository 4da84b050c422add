//! Going on at once where a task wakes itself.
//!
//! Who answers a request reads its body within the very task that takes the body from the
//! connection, so that a first look at the body wakes that task while it runs. The runtime would put
//! such a task behind others and wake another thread to take it over, for every request. Here it is
//! polled once more instead.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// How often a task goes on at once before others have their turn.
const TURNS: u32 = 4;

/// Wakes a task, unless it is being polled: then it is only told to be polled once more.
#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who wakes the task itself.
    outer: Option<Waker>,
    polled: bool,
    woken: bool,
}

/// Does `work`, going on at once where it wakes itself.
pub(super) async fn at_once<T>(work: impl Future<Output = T>) -> T {
    let (mut work, inner) = (pin!(work), Arc::<Inner>::default());
    let waker = Waker::from(Arc::clone(&inner));
    poll_fn(|context| inner.poll(work.as_mut(), &waker, context)).await
}

impl Inner {
    fn poll<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = T>>,
        waker: &Waker,
        context: &Context<'_>,
    ) -> Poll<T> {
        self.begin(context.waker());
        for _ in 0..TURNS {
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(done);
            }
            if !self.is_woken() {
                return Poll::Pending;
            }
        }
        self.state().polled = false;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn begin(&self, outer: &Waker) {
        let mut state = self.state();
        (state.polled, state.woken) = (true, false);
        if !state.outer.as_ref().is_some_and(|it| it.will_wake(outer)) {
            state.outer = Some(outer.clone());
        }
    }

    /// Says whether the task was woken since; where it was not, it is polled no more for now.
    fn is_woken(&self) -> bool {
        let mut state = self.state();
        state.polled = state.woken;
        std::mem::take(&mut state.woken)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        if state.polled {
            state.woken = true;
            return;
        }
        let outer = state.outer.clone();
        drop(state);
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;
    use tokio::sync::oneshot;

    use super::*;

    /// Counts how often the task itself is woken.
    #[derive(Debug, Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes itself so many times before it is done.
    async fn waking(mut times: u32) -> &'static str {
        poll_fn(|context| {
            let Some(less) = times.checked_sub(1) else { return Poll::Ready("done") };
            times = less;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    proptest! {
        #[test]
        fn a_task_that_wakes_itself_goes_on_at_once_for_some_turns(times in 0_u32..30) {
            let count = Arc::new(Count::default());
            let waker = Waker::from(Arc::clone(&count));
            let mut context = Context::from_waker(&waker);
            let mut task = Box::pin(at_once(waking(times)));
            for woken in 1..=times / TURNS {
                prop_assert!(task.as_mut().poll(&mut context).is_pending());
                prop_assert_eq!(count.0.load(Ordering::Relaxed), woken);
            }
            prop_assert_eq!(task.as_mut().poll(&mut context), Poll::Ready("done"));
            prop_assert_eq!(count.0.load(Ordering::Relaxed), times / TURNS);
        }
    }

    #[test]
    fn who_is_woken_from_elsewhere_is_woken_by_the_task_that_polled_last() {
        let (send, sent) = oneshot::channel();
        let mut task = Box::pin(at_once(sent));
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        for count in &counts {
            let waker = Waker::from(Arc::clone(count));
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        send.send(7).unwrap();
        let woken = counts.each_ref().map(|it| it.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 1]);
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Ok(7)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_missed_whoever_wakes_and_when() {
        for _ in 0..500 {
            let (one, first) = oneshot::channel();
            let (two, second) = oneshot::channel();
            let waits = tokio::spawn(at_once(async move {
                one.send(()).unwrap();
                second.await.unwrap()
            }));
            first.await.unwrap();
            two.send(7).unwrap();
            assert_eq!(waits.await.unwrap(), 7);
        }
    }
}
