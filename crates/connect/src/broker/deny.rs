//! Which leases of an authority count no more although their certificates still would.
//!
//! A certificate cannot be taken back, only named. It is named here until its own time is over, and
//! the list is published whole each time, so that whoever reads it has one that was true.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bailiwick_model::{LeaseId, Timestamp};

use crate::{PrivateError, private::read_private, write_private};

/// The longest list that is read: half a million leases that ended early within their time.
const LIST_MAX: u64 = 32 * 1024 * 1024;
/// How far the clocks of others may be from ours where a certificate begins.
pub(super) const SKEW: Duration = Duration::from_secs(60);
/// How long a lease is named after the end of its certificate, for clocks that are behind.
const STAYS: Duration = Duration::from_secs(600);

/// How long a lease is named at least, whatever clocks say: no certificate lives longer.
const KEPT: Duration = Duration::from_secs(3600 + 600);

/// How long whoever ends leases waits for the list. Where it hangs, what is open is ended all the same,
/// and the list is told again.
const PATIENCE: Duration = Duration::from_secs(10);

/// All that is named is in the file.
const KEPT_WHOLE: u8 = 1;
/// All that is named is in the list that was published last.
const PUBLISHED_WHOLE: u8 = 2;
const WHOLE: u8 = KEPT_WHOLE | PUBLISHED_WHOLE;

/// What writes a list where the target reads it.
pub(super) type Publish = dyn Fn(&[LeaseId], Timestamp) -> Result<(), String> + Send + Sync;

/// The list, its file, and what publishes it.
#[derive(Clone)]
pub(super) struct DenyList(Arc<Inner>);

struct Inner {
    path: PathBuf,
    /// Each lease with the end of its certificate, and since when it is named here. Held while the list is written and published, so
    /// that no earlier list replaces a later one.
    denied: Mutex<BTreeMap<LeaseId, (Timestamp, Instant)>>,
    /// The last moment that somebody told, and when that was.
    told: Mutex<(Timestamp, Instant)>,
    publish: Box<Publish>,
    /// Whether all that is named here is in the file, and in what was published last.
    whole: AtomicU8,
    /// One write at a time: where the list lies may hang, and every thread that waits for it is one less.
    turn: Arc<tokio::sync::Semaphore>,
}

impl DenyList {
    /// Reads the list, if there is one, and publishes it. Where it cannot be published now the next sweep
    /// tries again: a start that failed for it would end the leases of no other target either.
    pub(super) fn open(
        path: PathBuf,
        now: Timestamp,
        publish: Box<Publish>,
    ) -> Result<Self, String> {
        let text = match read_private(&path, LIST_MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing() => String::new(),
            Err(error) => return Err(told(&error)),
        };
        let since = Instant::now();
        let dated = |it: (LeaseId, Timestamp)| (it.0, (it.1, since));
        let read: Option<BTreeMap<_, _>> = text.lines().map(|it| entry(it).map(dated)).collect();
        let Some(denied) = read else {
            return Err(format!("`{}` is not the list that was written", path.display()));
        };
        let told = Mutex::new((now, Instant::now()));
        let turn = Arc::new(tokio::sync::Semaphore::new(1));
        let (denied, whole) = (Mutex::new(denied), AtomicU8::new(KEPT_WHOLE));
        let inner = Inner { path, denied, told, publish, whole, turn };
        let _until_the_sweep = inner.publish(now);
        Ok(Self(Arc::new(inner)))
    }

    /// Names one more lease, and comes back when the list is published.
    pub(super) async fn deny(
        &self,
        lease: LeaseId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), String> {
        self.deny_all(vec![(lease, until)], now).await
    }

    /// Names many more, with one list for all of them. Where all are named already nothing is written. It
    /// comes back within [`PATIENCE`]; what hangs then may still be done.
    pub(super) async fn deny_all(
        &self,
        leases: Vec<(LeaseId, Timestamp)>,
        now: Timestamp,
    ) -> Result<(), String> {
        let denied = self.blocking(move |it| it.deny(leases, now));
        let denied = tokio::time::timeout(PATIENCE, denied).await;
        denied.unwrap_or_else(|_| Err("its list cannot be written: it takes too long".to_owned()))
    }

    /// Publishes the list again, so that nobody takes it for an old one.
    pub(super) async fn refresh(&self, now: Timestamp) -> Result<(), String> {
        self.blocking(move |it| it.publish(now)).await
    }

    /// Publishes the list again where nobody tells the time.
    pub(super) async fn refresh_by_itself(&self) -> Result<(), String> {
        self.blocking(move |it| {
            let (told, at) = *it.told.lock().unwrap_or_else(PoisonError::into_inner);
            it.publish(told.after(at.elapsed()))
        })
        .await
    }

    async fn blocking(
        &self,
        work: impl FnOnce(&Inner) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let inner = Arc::clone(&self.0);
        let turn = Arc::clone(&inner.turn).acquire_owned().await;
        let turn = turn.map_err(|error| error.to_string())?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&inner)
        })
        .await;
        done.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl Inner {
    fn deny(&self, leases: Vec<(LeaseId, Timestamp)>, now: Timestamp) -> Result<(), String> {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        let named = || leases.iter().all(|(lease, _)| denied.contains_key(lease));
        if self.whole.load(Ordering::Acquire) == WHOLE && named() {
            return Ok(());
        }
        let wall = wall();
        denied.retain(|_, (until, since)| {
            let end = until.after(STAYS);
            // One clock may have jumped ahead; the other two have not.
            since.elapsed() < KEPT || now <= end || wall <= end
        });
        denied.extend(leases.into_iter().map(|(lease, until)| (lease, (until, Instant::now()))));
        let line = |(lease, (until, _)): (&LeaseId, &(Timestamp, Instant))| {
            format!("{lease} {}\n", until.millis())
        };
        let lines: String = denied.iter().map(line).collect();
        let kept = write_private(&self.path, lines.as_bytes()).map_err(|error| told(&error));
        self.is_whole(KEPT_WHOLE, kept.is_ok());
        // What cannot be kept is published all the same, and tried again until it is both.
        self.written(&denied, now).and(kept)
    }

    fn publish(&self, now: Timestamp) -> Result<(), String> {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        self.written(&denied, now)
    }

    fn written(
        &self,
        denied: &BTreeMap<LeaseId, (Timestamp, Instant)>,
        now: Timestamp,
    ) -> Result<(), String> {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = (now, Instant::now());
        let published = (self.publish)(&denied.keys().cloned().collect::<Vec<_>>(), now);
        self.is_whole(PUBLISHED_WHOLE, published.is_ok());
        published
    }

    fn is_whole(&self, part: u8, whole: bool) {
        if whole {
            self.whole.fetch_or(part, Ordering::AcqRel);
        } else {
            self.whole.fetch_and(!part, Ordering::AcqRel);
        }
    }
}

/// The system's own clock: whoever counts the time elsewhere never lets it go back.
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}

fn entry(line: &str) -> Option<(LeaseId, Timestamp)> {
    let (lease, until) = line.split_once(' ')?;
    Some((lease.parse().ok()?, Timestamp::from_millis(until.parse().ok()?)))
}

/// Says an error with what the operating system said.
pub(super) fn told(error: &PrivateError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The 128 bits of a lease's letters.
pub(crate) fn bits(lease: &LeaseId) -> u128 {
    let (_, letters) = lease.as_str().split_once('_').unwrap_or_default();
    letters.bytes().fold(0, |bits: u128, letter| {
        let place = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter().position(|it| *it == letter);
        (bits << 5) | place.and_then(|it| u128::try_from(it).ok()).unwrap_or_default()
    })
}

/// Makes the folder of an authority, and says where a file in it is.
pub(super) fn folder(path: &Path) -> Result<impl Fn(&str) -> PathBuf + use<>, String> {
    crate::create_dir_private(path).map_err(|error| told(&error))?;
    let path = path.to_owned();
    Ok(move |name: &str| path.join(name))
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Ulid;

    use super::*;

    fn lease(number: u8) -> LeaseId {
        LeaseId::new(Ulid::new(Timestamp::from_millis(1), [number; 10]))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).after(Duration::from_secs(seconds))
    }

    /// A list whose publications are kept.
    fn list(path: &Path) -> (DenyList, Arc<Mutex<Vec<Vec<LeaseId>>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let published = Arc::clone(&seen);
        let publish = move |leases: &[LeaseId], _: Timestamp| {
            published.lock().unwrap().push(leases.to_vec());
            Ok(())
        };
        (DenyList::open(path.to_owned(), at(0), Box::new(publish)).unwrap(), seen)
    }

    #[tokio::test]
    async fn a_denied_lease_stays_denied_over_a_restart_until_its_time_is_over() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("denied");
        let (first, seen) = list(&path);
        first.deny(lease(1), at(100), at(10)).await.unwrap();
        first.deny(lease(2), at(500), at(10)).await.unwrap();
        assert_eq!(seen.lock().unwrap().last().unwrap(), &[lease(1), lease(2)]);
        let (second, seen) = list(&path);
        assert_eq!(*seen.lock().unwrap(), [[lease(1), lease(2)]]);
        // A clock that jumped ahead takes nobody off the list.
        second.deny(lease(3), at(5), at(900_000)).await.unwrap();
        assert_eq!(seen.lock().unwrap().last().unwrap(), &[lease(1), lease(2), lease(3)]);
        // Those that are long over by every clock go.
        let long_ago = Instant::now().checked_sub(KEPT).unwrap();
        for entry in second.0.denied.lock().unwrap().values_mut().take(1) {
            entry.1 = long_ago;
        }
        second.deny(lease(4), at(900), at(701)).await.unwrap();
        assert_eq!(seen.lock().unwrap().last().unwrap(), &[lease(2), lease(3), lease(4)]);
    }

    #[tokio::test]
    async fn many_that_end_at_once_are_one_list() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("denied");
        let (list, seen) = list(&path);
        let many: Vec<_> = (1..=200).map(|number| (lease(number), at(100))).collect();
        list.deny_all(many.clone(), at(10)).await.unwrap();
        for (lease, until) in many {
            list.deny(lease, until, at(11)).await.unwrap();
        }
        let lists: Vec<usize> = seen.lock().unwrap().iter().map(Vec::len).collect();
        assert_eq!(lists, [0, 200]);
        // Where the file is not whole, each is written until it is.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        list.deny(lease(201), at(100), at(12)).await.unwrap_err();
        list.deny(lease(201), at(100), at(12)).await.unwrap_err();
        std::fs::remove_dir(&path).unwrap();
        list.deny(lease(201), at(100), at(13)).await.unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().lines().count() == 201);
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_published_all_the_same_and_said() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("denied");
        let (first, seen) = list(&path);
        std::fs::create_dir(&path).unwrap();
        first.deny(lease(1), at(100), at(10)).await.unwrap_err();
        assert_eq!(seen.lock().unwrap().last().unwrap(), &[lease(1)]);
        std::fs::remove_dir(&path).unwrap();
        first.deny(lease(1), at(100), at(11)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_hangs_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let (list, _) = list(&root.path().join("denied"));
        let hangs = Arc::clone(&list.0.turn).acquire_owned().await.unwrap();
        let denying = list.deny(lease(1), at(100), at(10));
        let denied = tokio::time::timeout(Duration::from_secs(60), denying).await.unwrap();
        assert!(denied.unwrap_err().ends_with("it takes too long"));
        drop(hangs);
    }

    #[test]
    fn a_list_that_was_spoiled_is_not_taken_for_an_empty_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("denied");
        write_private(&path, b"lease_x 1\n").unwrap();
        let error = DenyList::open(path, at(0), Box::new(|_, _| Ok(()))).err().unwrap();
        assert!(error.contains("is not the list that was written"), "{error}");
    }

    #[test]
    fn letters_are_bits() {
        assert_eq!(bits(&LeaseId::new(Ulid::new(at(0), [0; 10]))), 0);
        let ones = bits(&LeaseId::new(Ulid::new(Timestamp::from_millis(1), [255; 10])));
        assert_eq!(ones, (1 << 80) | ((1 << 80) - 1));
    }
}
