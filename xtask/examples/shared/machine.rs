//! The machine that is measured on, as far as `/proc` tells.

use std::{fs, path::Path, thread};

/// Describes the machine, and the disk that `folder` lies on.
pub(crate) fn described(folder: &Path) -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let processor = line_of("/proc/cpuinfo", "model name").unwrap_or_default();
    let memory = line_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let disk = mount_of(&mounts, folder).unwrap_or_else(|| "of an unknown kind".to_owned());
    format!("{cores} cores ({processor}), memory {memory}, disk {disk}")
}

/// Gives the load averages of 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut pairs = text.lines().filter_map(|it| it.split_once(':'));
    pairs.find(|(it, _)| it.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// Gives device and file system of the deepest mount that holds `folder`.
fn mount_of(mounts: &str, folder: &Path) -> Option<String> {
    let mut found: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(device), Some(place), Some(kind)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let deep = Path::new(place).components().count();
        if folder.starts_with(place) && found.as_ref().is_none_or(|(it, _)| *it <= deep) {
            found = Some((deep, format!("{device} ({kind})")));
        }
    }
    found.map(|(_, disk)| disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_is_the_one() {
        let mounts =
            "/dev/a / ext4 rw 0 0\n/dev/b /data xfs rw 0 0\ntmpfs /data/new tmpfs rw 0 0\n";
        let of = |folder: &str| mount_of(mounts, Path::new(folder)).unwrap();
        assert_eq!(of("/data/here"), "/dev/b (xfs)");
        assert_eq!(of("/data/new/here"), "tmpfs (tmpfs)");
        assert_eq!(of("/database"), "/dev/a (ext4)");
        assert_eq!(mount_of("", Path::new("/")), None);
    }
}
