//! Where tests have the gateway break: in a build for debugging, the place that `BAILIWICK_BREAK`
//! names panics, once, and the process dies at the place that `BAILIWICK_DIE` names. A release has none
//! of it.

/// Passes a place.
#[cfg(not(debug_assertions))]
pub const fn pass(_place: &str) {}

/// Passes a place.
///
/// # Panics
///
/// The first time, where the environment names the place.
#[cfg(debug_assertions)]
pub fn pass(place: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    };
    static NAMED: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("BAILIWICK_BREAK").ok());
    static BROKEN: AtomicBool = AtomicBool::new(false);
    let breaks = NAMED.as_deref() == Some(place) && !BROKEN.swap(true, Ordering::AcqRel);
    // What a panic says may hold a caller's secret: nobody may read it.
    assert!(!breaks, "ghp_0123456789abcdefghijklmnopqrstuvwxAB at {place}");
}

/// Reaches a place where everything could end.
#[cfg(not(debug_assertions))]
pub(crate) fn reach(_place: &'static str) -> std::future::Ready<()> {
    std::future::ready(())
}

/// Reaches a place where everything could end. Where the environment names it (`place:3` is its third
/// time), the process dies as if it were killed: nothing is put in order before.
#[cfg(debug_assertions)]
pub(crate) fn reach(place: &'static str) -> impl Future<Output = ()> + Send {
    use std::sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    };
    static NAMED: LazyLock<Option<(String, usize)>> = LazyLock::new(|| {
        let named = std::env::var("BAILIWICK_DIE").ok()?;
        let (place, time) = named.split_once(':').unwrap_or((&named, "1"));
        Some((place.to_owned(), time.parse().ok()?))
    });
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let named = NAMED.as_ref().filter(|(named, _)| named == place);
    if named
        .is_some_and(|(_, time)| TIMES.fetch_add(1, Ordering::AcqRel).saturating_add(1) == *time)
    {
        std::process::abort();
    }
    #[cfg(test)]
    {
        stand::still_at(place)
    }
    #[cfg(not(test))]
    {
        std::future::ready(())
    }
}

/// The same within one process, for tests on a thread of their own: what reaches the place stands still
/// there, and the test drops everything where it stands.
#[cfg(test)]
pub(crate) mod stand {
    use std::cell::{Cell, RefCell};

    thread_local! {
        static PLACE: RefCell<Option<(&'static str, usize)>> = const { RefCell::new(None) };
        static REACHED: Cell<bool> = const { Cell::new(false) };
    }

    /// Has whatever reaches `place` for the `time`th time stand still there, and all that follows.
    pub(crate) fn at(place: Option<(&'static str, usize)>) {
        PLACE.set(place);
        REACHED.set(false);
    }

    /// Says whether the place was reached.
    pub(crate) fn reached() -> bool {
        REACHED.get()
    }

    pub(super) async fn still_at(place: &'static str) {
        let stands = PLACE.with_borrow_mut(|it| match it {
            Some((named, times)) if *named == place => {
                *times = times.saturating_sub(1);
                *times == 0
            }
            Some(_) | None => false,
        });
        if stands {
            REACHED.set(true);
        }
        // Once one stands still, nothing else goes on either.
        if REACHED.get() {
            std::future::pending::<()>().await;
        }
    }
}
