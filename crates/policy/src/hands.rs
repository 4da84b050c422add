//! Much of the same work, done by several threads. What comes out does not depend on how many.

use std::{num::NonZero, thread};

/// Less than this is done faster than a thread is started.
const LITTLE: usize = 64;
/// More threads than this are not started, whatever the machine.
const HANDS_MAX: usize = 8;
/// As much room as a main thread has: what it can read, the others can, too.
const STACK: usize = 8 << 20;

/// Many times that, for what goes deeper than the reading of the same text.
const DEEP: usize = 256 << 20;

/// Does `work` on `items`, a `few` at a time, and gives the results in their order.
pub(crate) fn few<T: Sync, R: Send>(
    items: &[T],
    few: usize,
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let hands = thread::available_parallelism().map_or(1, NonZero::get).min(HANDS_MAX);
    let all = |items: &[T]| items.chunks(few.max(1)).flat_map(&work).collect::<Vec<R>>();
    if items.len() < LITTLE || hands < 2 {
        return all(items);
    }
    let mut shares = items.chunks(items.len().div_ceil(hands));
    let own = shares.next().unwrap_or_default();
    thread::scope(|scope| {
        let started: Vec<_> = shares
            .map(|share| {
                let thread = thread::Builder::new().stack_size(STACK);
                (share, thread.spawn_scoped(scope, || all(share)))
            })
            .collect();
        let mut done = all(own);
        for (share, thread) in started {
            // What no thread could be started for is done here.
            done.extend(thread.map_or_else(
                |_| all(share),
                |it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            ));
        }
        done
    })
}

/// Does `work` where there is room for it to go very deep; none where such room cannot be had.
pub(crate) fn deep<R: Send>(work: impl FnOnce() -> R + Send) -> Option<R> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(DEEP).spawn_scoped(scope, work).ok()?;
        Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work() {
        for count in [0, 1, LITTLE - 1, LITTLE, 1001] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|it| it * 2).collect();
            for at_once in [0, 1, 7, 2000] {
                let double = |some: &[usize]| some.iter().map(|it| it * 2).collect();
                assert_eq!(few(&items, at_once, double), doubled);
            }
        }
    }
}
