//! What file systems and those who write logs do at their worst: nothing is lost, nothing waits, and no file costs another.

use std::{
    fs::{File, FileTimes},
    io::{Read, Seek, SeekFrom},
    os::unix::{ffi::OsStrExt as _, fs::FileExt as _},
    time::{Duration, SystemTime},
};

use super::*;
use crate::source::tail::followed::Followed;

/// The keys of some records.
fn keys(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    let text: String = ids.into_iter().map(|it| one(it) + "\n").collect();
    whole(text.as_bytes()).into_keys().collect()
}

fn is_error(name: &str) -> bool {
    name.contains(' ')
}

impl Log {
    fn set_changed(&self, name: &str, to: SystemTime) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        file.set_times(FileTimes::new().set_modified(to)).unwrap();
    }

    fn keys(&self) -> Vec<String> {
        self.told.keys().filter(|it| !is_error(it)).cloned().collect()
    }

    fn errors(&self) -> u32 {
        self.told.iter().filter(|it| is_error(it.0)).map(|it| it.1).sum()
    }
}

#[test]
fn a_log_that_begins_with_a_broken_line_is_read_line_by_line() {
    for broken in ["{\"bro", "{\"a\":1,", "{\"a\":[1,2", "ne\":\"x\"}", "{}garbage", "{\"a\":12}}"]
    {
        let mut log = Log::new();
        log.append("a.log", format!("{broken}\n{}\n", one(1)).as_bytes());
        log.settle();
        for id in 2..6 {
            log.append("a.log", (one(id) + "\n").as_bytes());
            let turn = log.turn(1 << 20);
            assert!(turn.bytes < 400, "{broken}: {} bytes are read for one line", turn.bytes);
        }
        assert_eq!(log.keys(), keys(1..6), "{broken}: {:?}", log.told);
        assert_eq!(log.errors(), 1, "{broken}: {:?}", log.told);
        assert!(log.told.values().all(|it| *it == 1), "{broken}: {:?}", log.told);
    }
}

#[test]
fn a_long_document_that_grows_is_read_again_the_later_the_longer_it_is() {
    let mut log = Log::new();
    let blanks = " ".repeat(5 << 20);
    log.append(
        "a.json",
        format!("{{\n\"x\": \"{blanks}\",\n\"Records\": [\n{}", one(1)).as_bytes(),
    );
    let mut looked = 0_u64;
    for _ in 0..20 {
        log.append("a.json", b" ");
        log.settle();
        looked = looked.saturating_add(u64::from(log.tail.files.values().all(Followed::is_done)));
    }
    assert_eq!(looked, 1, "it is looked at once, and then it lies still for no more than a second");
    log.append("a.json", b"\n]}\n");
    log.settle();
    assert!(log.told.is_empty(), "{:?}", log.told);
    log.now = log.now.saturating_add(Duration::from_secs(5));
    log.settle();
    assert_eq!(log.keys(), keys([1]));
}

#[test]
fn a_log_that_is_emptied_under_its_writer_goes_on_behind_bytes_of_nothing() {
    let mut log = Log::new();
    log.append("a.log", format!("{}\n{}\n", one(1), one(2)).as_bytes());
    log.settle();
    // The writer keeps its place: what lies before it is a hole, once a short one and once of 40 MiB.
    for (id, place) in [(3, 900), (4, 40 << 20)] {
        let file = File::options().write(true).open(log.path("a.log")).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at((one(id) + "\n").as_bytes(), place).unwrap();
        log.settle();
    }
    assert_eq!(log.keys(), keys(1..5), "{:?}", log.told);
    assert_eq!(log.errors(), 0, "{:?}", log.told);
}

#[test]
fn another_file_with_the_number_and_the_beginning_of_one_that_went_is_read() {
    let mut log = Log::new();
    let begin = format!("{{\"p_log_type\":\"{}\"}}\n", "x".repeat(2000));
    log.append("a.log", format!("{begin}{}\n", one(1)).as_bytes());
    log.settle();
    // The file system says when it was made: it has the number of one of an hour before.
    let places = serde_json::to_value(log.tail.places()).unwrap();
    let Some(born) = places[0]["born"].as_u64() else { return };
    log.restart();
    let mut places = places;
    places[0]["born"] = (born - 3_600_000_000).into();
    log.tail = Tail::new(log.path(""), None, serde_json::from_value(places).unwrap());
    log.settle();
    assert_eq!(log.told.values().copied().collect::<Vec<_>>(), [2], "it is another file");
    log.restart();
    log.settle();
    assert_eq!(log.told.values().copied().collect::<Vec<_>>(), [2], "and the same from then on");
}

#[test]
fn files_made_and_removed_again_and_again_are_all_read_though_their_numbers_come_again() {
    let mut log = Log::new();
    for id in 0..60 {
        // Each takes the place of the one before, and often its number.
        let _gone = fs::remove_file(log.path(&format!("{}.log", id.max(1) - 1)));
        log.append(&format!("{id}.log"), (one(id) + "\n").as_bytes());
        log.turn(1 << 20);
    }
    log.settle();
    assert_eq!(log.keys(), keys(0..60));
}

#[test]
fn clocks_that_jump_lose_nothing_and_read_nothing_again() {
    let mut log = Log::new();
    log.append("a.log", (one(1) + "\n").as_bytes());
    log.append("b.log.gz", &gz(one(2).as_bytes()));
    log.settle();
    let hour = Duration::from_secs(3600);
    for to in [SystemTime::UNIX_EPOCH, SystemTime::now() + hour, SystemTime::now() - hour] {
        log.set_changed("a.log", to);
        log.settle();
        log.append("a.log", (one(3) + "\n").as_bytes());
        log.set_changed("a.log", to);
        log.settle();
    }
    assert_eq!(log.keys(), keys(1..4));
    assert!(log.told.values().all(|it| *it <= 3), "{:?}", log.told);
    // The clock by which turns are taken may stand still, or go back a little.
    log.append("c.log.gz", &gz(one(4).as_bytes()));
    let before = log.now;
    log.now = before.saturating_sub(Duration::from_secs(2));
    log.turn(1 << 20);
    log.now = before;
    log.settle();
    assert_eq!(log.keys(), keys(1..5));
}

#[test]
fn ten_thousand_small_files_are_read_once_each() {
    let mut log = Log::new();
    for id in 0..10_000 {
        fs::write(log.path(&format!("{id:05}.log")), one(id) + "\n").unwrap();
    }
    let turn = log.turn(1 << 18);
    assert_eq!((turn.files, turn.behind), (10_000, 0));
    log.settle();
    assert_eq!(log.told.len(), 10_000);
    assert!(log.told.values().all(|it| *it == 1));
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_read_as_well() {
    let mut log = Log::new();
    let old: String = (0..100).map(|it| one(it) + "\n").collect();
    log.append("a.log", old.as_bytes());
    fs::write(log.home.path().join("new"), one(200) + "\n").unwrap();
    let (new, here, old) = (log.home.path().join("new"), log.path("a.log"), log.path("a.log.1"));
    // In the middle of it another takes its name, and it goes on under a new one.
    let told = &mut log.told;
    log.tail.turn(log.now, 1, &mut |_, it| {
        if told.len() == 50 {
            fs::rename(&here, &old).unwrap();
            fs::rename(&new, &here).unwrap();
        }
        count(told, &it);
    });
    log.append("a.log.1", (one(201) + "\n").as_bytes());
    log.settle();
    assert_eq!(log.keys(), keys((0..100).chain([200, 201])));
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_read_again() {
    let mut log = Log::new();
    log.append("a.log", (one(1) + "\n").as_bytes());
    log.settle();
    fs::remove_dir_all(log.path("")).unwrap();
    assert!(log.turn(1 << 20).lost.is_some());
    // What took its name may be a file.
    fs::write(log.home.path().join("log"), "x").unwrap();
    assert!(log.turn(1 << 20).lost.is_some());
    fs::remove_file(log.home.path().join("log")).unwrap();
    fs::create_dir(log.path("")).unwrap();
    log.append("a.log", (one(2) + "\n").as_bytes());
    log.settle();
    assert_eq!(log.keys(), keys(1..3));
}

#[test]
fn rings_of_links_pipes_sockets_and_devices_are_left_alone_and_nobody_waits() {
    let mut log = Log::new();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, log.path(name)).unwrap();
    link("ring", "ring");
    link("two", "one");
    link("one", "two");
    link(".", "here");
    link("nowhere", "gone");
    link("/dev/zero", "zero");
    let pipe = log.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(log.path("socket")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"no \xff\xfe\n utf-8.log");
    fs::write(log.path("").join(name), one(1) + "\n").unwrap();
    log.settle();
    let turn = log.turn(1 << 20);
    assert_eq!((turn.files, turn.lost, log.keys()), (1, None, keys([1])));
    assert_eq!(log.faults, Vec::<String>::new());
}

#[test]
fn a_file_that_the_system_cannot_read_costs_itself_alone_and_is_tried_again() {
    let mut log = Log::new();
    // No page of it can be read.
    std::os::unix::fs::symlink("/proc/self/mem", log.path("a.log")).unwrap();
    log.append("b.log", (one(1) + "\n").as_bytes());
    for _ in 0..3 {
        log.settle();
    }
    assert_eq!(log.faults.len(), 1, "it is told of once: {:?}", log.faults);
    assert!(log.tail.files.values().any(|it| !it.is_done()), "it is not done");
    assert_eq!(log.keys(), keys([1]));
}

#[test]
fn lines_that_are_longer_than_any_cost_themselves_alone_though_a_log_begins_with_them() {
    let mut log = Log::new();
    let long = format!("{{\"x\":\"{}\"}}\n", "y".repeat(65 << 20));
    log.append("a.log", format!("{long}{}\n", one(1)).as_bytes());
    log.append("b.log", format!("{{x:{}\n{}\n", "y".repeat(17 << 20), one(2)).as_bytes());
    log.settle();
    log.settle();
    assert_eq!(log.keys(), keys(1..3), "{:?} {:?}", log.told, log.faults);
    assert_eq!((log.errors(), log.faults.len()), (2, 0), "{:?} {:?}", log.told, log.faults);
}

#[test]
fn bytes_of_nothing_among_lines_cost_their_line_alone() {
    let mut log = Log::new();
    log.append("a.log", format!("{}\n\0\0\n{{\0}}\n{}\n\0", one(1), one(2)).as_bytes());
    log.settle();
    log.append("a.log", format!("\0\0{}\n", one(3)).as_bytes());
    log.settle();
    assert_eq!(log.keys(), keys(1..4), "{:?}", log.told);
    assert_eq!(log.errors(), 1, "{:?}", log.told);
}

/// A file of which no more can be read beyond a place, for a while.
struct Failing {
    text: Vec<u8>,
    at: usize,
    until: usize,
}

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let end = self.until.min(self.text.len()).min(self.at.saturating_add(into.len().min(700)));
        if end <= self.at && self.at < self.text.len() {
            return Err(std::io::Error::from_raw_os_error(5));
        }
        let piece = &self.text[self.at..end];
        into[..piece.len()].copy_from_slice(piece);
        self.at = end;
        Ok(piece.len())
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let SeekFrom::Start(to) = to else { panic!("{to:?}") };
        self.at = usize::try_from(to).unwrap_or(usize::MAX);
        Ok(to)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a disk gives back in pieces, with errors between them, tells what the whole file tells.
    #[test]
    fn a_disk_that_fails_for_a_while_costs_nothing(
        text in prop_oneof![3 => logs(), 1 => begun_wrong()],
        until in proptest::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let mut file = Failing { text: text.clone().into_bytes(), at: 0, until: 0 };
        let mut until: Vec<_> = until.iter().map(|it| it.index(text.len().saturating_add(1))).collect();
        until.sort_unstable();
        until.push(text.len());
        let mut followed = Followed::at(Place::begin(FileId { device: 1, inode: 1 }));
        let stop = AtomicBool::new(false);
        let look = Look { length: 0, changed: (0, 0) };
        let path = Path::new("a.log");
        let reading = Reading { path, look, now: Duration::ZERO, most: 1 << 20, only: None, stop: &stop };
        let mut told = Told::new();
        for place in until {
            file.until = place;
            let read = followed.lines(&mut file, true, &reading, &mut |_, it| count(&mut told, &it));
            prop_assert_eq!(read.is_err(), file.at < text.len());
        }
        prop_assert_eq!(told, whole(text.as_bytes()));
    }

    /// Any bytes, in any pieces: nothing panics, and what lies still is done.
    #[test]
    fn any_bytes_come_to_an_end(
        pieces in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(b"{\n".to_vec()), Just(b"[\n".to_vec()), Just(vec![0x1f, 0x8b]), Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
            Just(one(1).into_bytes()), Just(b"\n".to_vec()), Just(gz(b"{}")),
        ], 0..8),
    ) {
        let mut log = Log::new();
        for piece in &pieces {
            log.append("a.log", piece);
            log.turn(100);
        }
        log.settle();
        let before = log.told.clone();
        log.settle();
        prop_assert_eq!(before, log.told);
    }
}

#[test]
fn what_is_renamed_after_it_was_listed_is_read_by_its_next_name() {
    for other in ["gone.log", "other.log"] {
        let mut log = Log::new();
        log.append("a.log", (one(1) + "\n").as_bytes());
        let found = list(&log.path("")).unwrap().found.remove(0);
        log.append("other.log", (one(2) + "\n").as_bytes());
        let (mut file, stop) = (Followed::at(Place::begin(found.id)), AtomicBool::new(false));
        let names = [other, other, "a.log"].map(|it| log.path(it));
        for (path, now) in names.iter().zip([Duration::ZERO, STILL, STILL * 2]) {
            let (look, stop) = (found.look, &stop);
            let reading = Reading { path, look, now, most: 1 << 20, only: None, stop };
            file.read_on(&reading, &mut |_, it| count(&mut log.told, &it)).unwrap();
        }
        assert_eq!(log.keys(), keys([1]), "{other}");
    }
}
