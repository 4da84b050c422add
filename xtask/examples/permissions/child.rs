//! What a program takes from its start to its end.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

/// How often its memory is looked at; the kernel keeps the most that there was.
const LOOK: Duration = Duration::from_millis(5);
/// The kernel counts a process's time in hundredths of a second.
const TICK: f64 = 0.01;

/// What it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// Seconds of processor time, user and system, all threads.
    pub(crate) cpu: f64,
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// The most memory, in MiB.
    pub(crate) rss_mib: f64,
}

impl Took {
    /// Adds what another took after it.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            cpu: self.cpu + next.cpu,
            wall: self.wall + next.wall,
            rss_mib: self.rss_mib.max(next.rss_mib),
        }
    }
}

/// Runs a program to its end; what it says goes into the file `said`.
pub(crate) fn run(command: &mut Command, said: &Path) -> anyhow::Result<Took> {
    let output = File::create(said)?;
    let (before, began) = (of_children()?, Instant::now());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut rss_mib = 0.0_f64;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        rss_mib =
            rss_mib.max(fs::read_to_string(&status).ok().and_then(|it| peak(&it)).unwrap_or(0.0));
        thread::sleep(LOOK);
    };
    if !ended.success() {
        bail!("{command:?} failed ({ended})");
    }
    let wall = began.elapsed().as_secs_f64();
    Ok(Took { cpu: of_children()? - before, wall, rss_mib })
}

/// Gives the processor time of all children that have ended, and of theirs.
fn of_children() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("there is no `/proc` here")?;
    ended(&stat).context("`/proc/self/stat` is not as it was")
}

fn ended(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(13).map_while(|it| it.parse::<f64>().ok());
    Some((ticks.next()? + ticks.next()?) * TICK)
}

fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_is_read() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4 0 0 0 0 1 2 30 12 20 0 1 0";
        assert!((ended(stat).unwrap() - 0.42).abs() < 1e-9);
        assert_eq!(ended("7 (a) S"), None);
        assert!((peak("Name:\ta\nVmHWM:\t    2048 kB\n").unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_program_that_fails_is_no_figure() {
        let said = std::env::temp_dir().join(format!("permissions-child-{}", std::process::id()));
        assert!(run(Command::new("sh").args(["-c", "exit 3"]), &said).is_err());
        let took = run(Command::new("sh").args(["-c", "echo hello"]), &said).unwrap();
        assert_eq!(fs::read_to_string(&said).unwrap(), "hello\n");
        assert!(0.0 <= took.cpu && 0.0 < took.wall);
        fs::remove_file(said).unwrap();
    }
}
