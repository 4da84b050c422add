//! What a process takes, together with the processes that it started and those that they did.

use std::{fs, process::Command, time::Duration};

use anyhow::Context as _;

/// The kernel counts a process's time in hundredths of a second, whatever its clock does.
const TICK: Duration = Duration::from_millis(10);

/// What `/proc` tells of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    id: u32,
    parent: u32,
    cpu: Duration,
}

/// Gives the processor time that the family of `root` has used so far, all its threads together.
pub(crate) fn cpu(root: u32) -> anyhow::Result<Duration> {
    let family = family(&all()?, root);
    let used = family.iter().fold(Duration::ZERO, |sum, it| sum.saturating_add(it.cpu));
    (!family.is_empty()).then_some(used).context("there is no such process any more")
}

/// Gives how much memory the family of `root` takes, in MiB.
pub(crate) fn rss_mib(root: u32) -> anyhow::Result<f64> {
    let sizes = family(&all()?, root).into_iter().filter_map(|it| {
        resident_mib(&fs::read_to_string(format!("/proc/{}/status", it.id)).ok()?)
    });
    let size: f64 = sizes.sum();
    (0.0 < size).then_some(size).context("the process has no size")
}

/// Asks a process to end.
pub(crate) fn terminate(process: u32) -> anyhow::Result<()> {
    let asked = Command::new("kill").args(["-TERM", &process.to_string()]).status()?;
    asked.success().then_some(()).context("a process could not be asked to end")
}

/// Looks at every process there is; one that ends meanwhile is left out.
fn all() -> anyhow::Result<Vec<Seen>> {
    let entries = fs::read_dir("/proc").context("there is no `/proc` here")?;
    let stats = entries.flatten().filter_map(|it| fs::read_to_string(it.path().join("stat")).ok());
    Ok(stats.filter_map(|it| seen(&it)).collect())
}

/// Reads `/proc/PID/stat`, whose second field may hold anything. The times of children that have
/// ended are their parent's.
fn seen(stat: &str) -> Option<Seen> {
    let (head, fields) = stat.rsplit_once(") ")?;
    let (id, _) = head.split_once(' ')?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let number = |place: usize| fields.get(place).and_then(|it| it.parse::<u32>().ok());
    let mut ticks = 0_u32;
    for place in 11..=14 {
        ticks = ticks.saturating_add(number(place)?);
    }
    Some(Seen { id: id.parse().ok()?, parent: number(1)?, cpu: TICK.saturating_mul(ticks) })
}

/// Picks `root` and all that descend from it.
fn family(all: &[Seen], root: u32) -> Vec<Seen> {
    let mut family: Vec<Seen> = all.iter().copied().filter(|it| it.id == root).collect();
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|it| it.parent == parent.id));
        next = next.saturating_add(1);
    }
    family
}

/// Reads the resident size out of `/proc/PID/status`.
fn resident_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_process_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 0 0 0 0 150 25 3 4 20 0 9 0 100 0";
        let cpu = Duration::from_millis(1820);
        assert_eq!(seen(stat), Some(Seen { id: 7, parent: 1, cpu }));
        assert_eq!(seen("7 (a) S 1"), None);
    }

    #[test]
    fn a_family_is_a_process_and_all_that_descend_from_it() {
        let of = |id, parent| Seen { id, parent, cpu: TICK };
        let all = [of(9, 4), of(2, 1), of(4, 2), of(3, 1), of(8, 4)];
        let ids = |root| family(&all, root).iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(ids(2), [2, 4, 9, 8]);
        assert_eq!(ids(3), [3]);
        assert!(ids(7).is_empty());
    }

    #[test]
    fn a_process_can_look_at_itself() {
        let id = std::process::id();
        assert!(cpu(id).is_ok());
        assert!(rss_mib(id).unwrap() > 0.0);
    }

    #[test]
    fn the_size_of_a_process_is_in_mib() {
        let status = "Name:\tb\nVmHWM:\t  99999 kB\nVmRSS:\t   38912 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident_mib(status), Some(38.0));
        assert_eq!(resident_mib("Name:\tb\n"), None);
    }
}
