//! Whether the ledger has room, and whether a copy of its signed heads would outlive the disk.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use super::{
    finding::{Finding, Severity},
    past::Past,
};
use crate::config::Config;

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;
/// Less than this, and the next busy day may fill the disk.
const FREE_MIN: u64 = 256 * MIB;
/// So many days of growth must have room.
const DAYS_MIN: u64 = 30;

pub(super) fn look(config: &Config, past: Option<&Past>) -> Vec<Finding> {
    let ledger = size(&config.state.join("ledger"));
    let span = past.and_then(|it| Some(it.last?.since(it.first?))).unwrap_or_default();
    let room = Room::of(&config.state);
    let room = room.map(|it| it.findings(&config.state, growth(ledger, span)));
    let copies = copies(&config.state, config.evidence.checkpoints.as_deref());
    room.into_iter().flatten().chain(copies).collect()
}

/// What is left of a file system.
#[derive(Clone, Copy, Debug)]
struct Room {
    bytes: u64,
    /// Files that can still be made, of so many; none where the file system has no such limit.
    files: Option<(u64, u64)>,
}

impl Room {
    /// Looks at the file system of a path, or of the nearest folder above it that exists.
    fn of(path: &Path) -> Option<Self> {
        let stat = path.ancestors().find_map(|it| rustix::fs::statvfs(it).ok())?;
        let files = (0 < stat.f_files).then_some((stat.f_favail, stat.f_files));
        Some(Self { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), files })
    }

    fn findings(self, path: &Path, a_day: Option<u64>) -> Vec<Finding> {
        let free = self.bytes.checked_div(MIB).unwrap_or_default();
        let days = a_day.filter(|it| 0 < *it).and_then(|it| self.bytes.checked_div(it));
        let mut found = Vec::new();
        let mut add = |severity, text: String| {
            found.push(Finding {
                severity,
                code: "little-room",
                subject: path.display().to_string(),
                found: text,
                means: "a call whose decision cannot be written is refused: a full disk stops everything",
                mend: "make room, or move `[state] dir` to a larger volume".to_owned(),
            });
        };
        if self.bytes < FREE_MIN {
            add(Severity::Open, format!("{free} MiB are free"));
        } else if let Some(days) = days.filter(|it| *it < DAYS_MIN) {
            add(
                Severity::Weak,
                format!("{free} MiB are free, and the ledger fills them in {days} days"),
            );
        }
        let few = self.files.filter(|(left, all)| *left < 1000 || *left < all.div_ceil(100));
        if let Some((left, _)) = few {
            add(Severity::Weak, format!("{left} more files can be made"));
        }
        found
    }
}

/// Gives how many bytes a ledger grows by in a day, once it is old enough to tell.
fn growth(bytes: u64, span: Duration) -> Option<u64> {
    let seconds = span.as_secs();
    (DAY <= seconds).then(|| bytes.saturating_mul(DAY).checked_div(seconds)).flatten()
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|it| {
        let about = it.metadata().ok()?;
        Some(if about.is_dir() { size(&it.path()) } else { about.len() })
    });
    sizes.fold(0, u64::saturating_add)
}

fn copies(state: &Path, checkpoints: Option<&Path>) -> Option<Finding> {
    let disk =
        |path: &Path| path.ancestors().find_map(|it| fs::metadata(it).ok()).map(|it| it.dev());
    let found = match checkpoints {
        None => "signed heads of the ledger are copied nowhere".to_owned(),
        Some(copies) if disk(copies) == disk(state) => {
            format!("`{}` lies on the volume of the state", copies.display())
        }
        Some(_) => return None,
    };
    Some(Finding {
        severity: Severity::Weak,
        code: "checkpoints-nearby",
        subject: "evidence.checkpoints".to_owned(),
        found,
        means: "whoever has the disk can cut or rewrite the ledger and its signed heads together, and a lost disk takes both",
        mend: "name a folder on another machine or volume as `[evidence] checkpoints`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: u64, files: (u64, u64), a_day: Option<u64>) -> Vec<(Severity, String)> {
        let room = Room { bytes, files: Some(files) };
        let found = room.findings(Path::new("/state"), a_day);
        found.into_iter().map(|it| (it.severity, it.found)).collect()
    }

    #[test]
    fn a_disk_with_room_for_a_month_is_well() {
        assert_eq!(found(1 << 40, (1 << 20, 1 << 21), Some(MIB)), []);
        assert_eq!(found(1 << 40, (1 << 20, 1 << 21), None), []);
    }

    #[test]
    fn a_disk_that_fills_is_told_with_its_time() {
        let weak =
            (Severity::Weak, "1024 MiB are free, and the ledger fills them in 10 days".to_owned());
        assert_eq!(found(1 << 30, (1 << 20, 1 << 21), Some(100 * MIB)), [weak]);
        let open = (Severity::Open, "3 MiB are free".to_owned());
        assert_eq!(found(3 * MIB, (1 << 20, 1 << 21), None), [open]);
    }

    #[test]
    fn files_run_out_too() {
        let weak = (Severity::Weak, "7 more files can be made".to_owned());
        assert_eq!(found(1 << 40, (7, 1 << 21), None), [weak]);
    }

    #[test]
    fn a_young_ledger_says_nothing_of_its_growth() {
        assert_eq!(growth(1 << 30, Duration::from_secs(60)), None);
        assert_eq!(growth(200, Duration::from_secs(2 * DAY)), Some(100));
    }

    #[test]
    fn copies_that_would_burn_with_the_ledger_are_weak() {
        let dir = tempfile::tempdir().unwrap();
        let (state, copies_at) = (dir.path().join("state"), dir.path().join("copies"));
        assert!(copies(&state, None).is_some());
        assert!(copies(&state, Some(&copies_at)).is_some());
        assert_eq!(copies(&state, Some(Path::new("/proc"))), None);
    }
}
