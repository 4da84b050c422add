//! However a log comes to be, what is told of it is what is told of it as a whole.

mod hostile;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::source::{Spool, lines_of, read_from};

/// How often each record was told of, by its id; what cannot be read by its error.
type Told = BTreeMap<String, u32>;

fn count(told: &mut Told, record: &Record<'_>) {
    let name = match record {
        Record::Exercise(_, it) => format!("{:x}", it.key),
        Record::Nothing => return,
        Record::Undated => "undated".to_owned(),
        Record::Error(it) => it.why.to_string(),
    };
    let times = told.entry(name).or_default();
    *times = times.saturating_add(1);
}

/// A folder and who follows it.
struct Log {
    home: TempDir,
    tail: Tail,
    told: Told,
    faults: Vec<String>,
    now: Duration,
}

impl Log {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("log")).unwrap();
        let tail = Tail::new(home.path().join("log"), None, Vec::new());
        Self { home, tail, told: Told::new(), faults: Vec::new(), now: Duration::ZERO }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("log").join(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let file = OpenOptions::new().create(true).append(true).open(self.path(name));
        file.unwrap().write_all(bytes).unwrap();
    }

    /// Takes a turn, and as many more as there is something to read right away.
    fn turn(&mut self, most: u64) -> Turn {
        loop {
            let told = &mut self.told;
            let turn = self.tail.turn(self.now, most, &mut |_, it| count(told, &it));
            self.faults.extend(turn.faults.iter().map(|it| it.1.clone()));
            if !turn.more {
                return turn;
            }
        }
    }

    /// Takes turns until whatever lies there lies still.
    fn settle(&mut self) {
        self.turn(1 << 20);
        self.now = self.now.saturating_add(STILL);
        self.turn(1 << 20);
    }

    fn restart(&mut self) {
        let places = serde_json::to_string(&self.tail.places()).unwrap();
        let places = serde_json::from_str(&places).unwrap();
        self.tail = Tail::new(self.home.path().join("log"), None, places);
    }

    fn names(&self) -> Vec<&str> {
        self.told.keys().map(String::as_str).collect()
    }
}

/// One record of AWS.
fn one(id: u32) -> String {
    format!(
        "{{\"eventTime\":\"2026-03-01T10:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"eventID\":\"{id}\",\"userIdentity\":{{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::1:user/u\"}}}}"
    )
}

/// One record of PostgreSQL, which may have several lines.
fn row(id: u32) -> String {
    let more = if id.is_multiple_of(2) { "\n\tfrom x" } else { "" };
    format!(
        "2026-03-01 10:00:00.{id:03} UTC [7] ann@shop LOG:  AUDIT: SESSION,{id},1,READ,SELECT,TABLE,public.x,\"select {id}{more}\",<none>"
    )
}

fn whole(text: &[u8]) -> Told {
    let mut told = Told::new();
    read_from(text, None, &mut |it| count(&mut told, &it), &|_| {}).unwrap();
    told
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// Cuts a text at some places.
fn cut<'t>(text: &'t str, at: &[prop::sample::Index]) -> Vec<&'t [u8]> {
    let mut places: Vec<_> = at.iter().map(|it| it.index(text.len().saturating_add(1))).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|it| &text.as_bytes()[it[0]..it[1]]).collect()
}

fn logs() -> impl Strategy<Value = String> {
    let line = |line: fn(u32) -> String| {
        proptest::collection::vec(0..40_u32, 0..8)
            .prop_map(move |it| it.into_iter().map(|id| line(id) + "\n").collect::<String>())
    };
    let mixed = proptest::collection::vec(
        prop_oneof![
            4 => (0..40_u32).prop_map(|it| one(it) + "\n"),
            1 => Just("{\"bro\n".to_owned()),
            1 => Just("\n\r\n".to_owned()),
            1 => Just("{\"hello\":1}\n".to_owned()),
            1 => (0..40_u32).prop_map(|it| format!("{{\"Records\":[{}]}}\n", one(it))),
        ],
        0..8,
    )
    // Whether a file has lines says its first.
    .prop_map(|it| format!("{}\n{}", one(99), it.concat()));
    prop_oneof![line(one), line(row), mixed]
}

/// Logs that begin with a line that is broken: it costs itself alone.
fn begun_wrong() -> impl Strategy<Value = String> {
    let begin = prop_oneof![
        Just("{\"bro\n"),
        Just("{\"a\":1,\n"),
        Just("{} {\n"),
        Just("\0\0\0\n"),
        Just("\0\0"),
    ];
    let lines = proptest::collection::vec((0..40_u32).prop_map(|it| one(it) + "\n"), 1..6);
    (begin, lines).prop_map(|(begin, lines)| format!("{begin}{}", lines.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Law 10: how a log is split while it is written makes no difference, nor how much of it is read at once.
    #[test]
    fn any_split_of_appends_tells_what_the_whole_file_tells(
        text in prop_oneof![3 => logs(), 1 => begun_wrong()],
        at in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        most in prop_oneof![Just(1_u64), Just(100), Just(1 << 20)],
    ) {
        let mut log = Log::new();
        for piece in cut(&text, &at) {
            log.append("a.log", piece);
            log.turn(most);
        }
        log.settle();
        prop_assert_eq!(&log.told, &whole(text.as_bytes()));
        prop_assert_eq!(log.turn(most).behind, 0);
        prop_assert_eq!(&log.told, &whole(text.as_bytes()), "what lies still is told once");
    }

    /// Law 10: renaming a log, beginning it anew and restarting at any point lose nothing, and invent nothing.
    #[test]
    fn rotation_and_restarts_at_any_point_change_nothing(
        text in logs(),
        steps in proptest::collection::vec((any::<prop::sample::Index>(), 0..6_u8), 0..6),
    ) {
        let (mut log, mut old) = (Log::new(), 0_u32);
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let at: Vec<_> = steps.iter().map(|it| it.0).collect();
        let mut does: Vec<_> = steps.iter().map(|it| it.1).collect();
        does.push(0);
        let mut wanted = Told::new();
        let mut now = String::new();
        let mut places: Vec<_> = at.iter().map(|it| it.index(lines.len().saturating_add(1))).collect();
        places.extend([0, lines.len()]);
        places.sort_unstable();
        for (range, step) in places.windows(2).zip(does) {
            let piece = lines[range[0]..range[1]].concat();
            log.append("a.log", piece.as_bytes());
            now.push_str(&piece);
            match step {
                0 | 1 => {}
                2 => drop(log.turn(64)),
                3 => log.restart(),
                // A log is renamed, or packed and then taken away, and another begins in its place.
                rotates => {
                    old = old.saturating_add(1);
                    wanted.extend(whole(now.as_bytes()));
                    if rotates == 4 {
                        fs::rename(log.path("a.log"), log.path(&format!("a.log.{old}"))).unwrap();
                    } else {
                        fs::write(log.path(&format!("a.log.{old}.gz")), gz(now.as_bytes())).unwrap();
                        fs::write(log.path("a.log"), b"").unwrap();
                        log.settle();
                    }
                    now.clear();
                }
            }
        }
        wanted.extend(whole(now.as_bytes()));
        log.settle();
        // A row that is cut in two by whoever empties the log is broken here, and whole in what was packed before.
        let is_cut = |it: &&str| it.contains("row of pgaudit in it is broken, or cut off");
        let wanted: Vec<_> = wanted.keys().map(String::as_str).filter(|it| !is_cut(it)).collect();
        let names: Vec<_> = log.names().into_iter().filter(|it| !is_cut(it)).collect();
        prop_assert_eq!(names, wanted);
        prop_assert_eq!(&log.faults, &Vec::<String>::new());
    }

    /// What a spool gives back is what was sent, whatever it was sent as.
    #[test]
    fn what_is_pushed_is_told_as_if_it_were_a_file(
        ids in proptest::collection::vec(0..40_u32, 1..6),
        shape in 0..4_u8,
        limit in prop_oneof![Just(u64::MAX), Just(1)],
    ) {
        let records: Vec<_> = ids.iter().map(|it| one(*it)).collect();
        let body = match shape {
            0 => records.join("\n"),
            1 => format!("{{\"Records\": [\n{}\n]}}", records.join(",\n")),
            2 => format!("[{}]", records.join(",")),
            _ => records.join("\r\n") + "\r\n",
        };
        let mut log = Log::new();
        let mut spool = Spool::open(log.path("spool"), limit).unwrap();
        spool.add(&lines_of(body.as_bytes())).unwrap();
        let mut spool = Spool::open(log.path("spool"), limit).unwrap();
        spool.add(&lines_of(one(77).as_bytes())).unwrap();
        log.settle();
        let wanted = whole((body + "\n" + &one(77)).as_bytes());
        prop_assert_eq!(log.names(), wanted.keys().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn packed_files_and_documents_are_read_once_they_are_whole() {
    let text = format!("{{\"Records\":[{},{}]}}", one(1), one(2));
    let pretty = format!("{{\n \"Records\": [\n{},\n{}\n ]\n}}\n", one(3), one(4));
    let packed = gz(text.as_bytes());
    let mut log = Log::new();
    let half = packed.len() / 2;
    log.append("a.json.gz", &packed[..half]);
    log.append("b.json", &pretty.as_bytes()[..pretty.len() / 2]);
    log.append("c.json", &text.as_bytes()[..text.len() / 2]);
    log.turn(1 << 20);
    assert!(log.told.is_empty(), "{:?}", log.told);
    log.append("a.json.gz", &packed[half..]);
    log.append("b.json", &pretty.as_bytes()[pretty.len() / 2..]);
    log.append("c.json", &text.as_bytes()[text.len() / 2..]);
    log.turn(1 << 20);
    assert!(log.told.is_empty(), "nothing lies still yet: {:?}", log.told);
    log.settle();
    let wanted = whole(format!("{}\n{}\n{}\n{}", one(1), one(2), one(3), one(4)).as_bytes());
    assert_eq!(log.names(), wanted.keys().map(String::as_str).collect::<Vec<_>>());
    let before = log.told.clone();
    log.restart();
    log.settle();
    assert_eq!(log.told, before, "a restart reads nothing again");
}

#[test]
fn a_document_that_stops_in_its_middle_is_waited_for() {
    let mut log = Log::new();
    log.append("b.json", format!("{{\n \"Records\": [\n{},\n", one(1)).as_bytes());
    log.settle();
    log.settle();
    assert!(log.told.is_empty(), "{:?}", log.told);
    log.append("b.json", format!("{}\n ]\n}}\n", one(2)).as_bytes());
    log.settle();
    assert_eq!(log.told.len(), 2, "{:?}", log.told);
}

#[test]
fn a_packed_file_that_is_broken_is_told_of_once() {
    let mut log = Log::new();
    let packed = gz(one(1).as_bytes());
    let (begin, end) = packed.split_at(packed.len().saturating_sub(4));
    log.append("a.gz", begin);
    for _ in 0..4 {
        log.settle();
    }
    assert_eq!(log.faults.len(), 1, "{:?}", log.faults);
    log.append("a.gz", end);
    log.settle();
    assert_eq!((log.faults.len(), log.told.len()), (1, 1));
}

#[test]
fn a_log_that_is_copied_and_cut_off_is_begun_anew_even_where_it_is_longer_than_before() {
    let mut log = Log::new();
    log.append("a.log", (one(1) + "\n").as_bytes());
    log.settle();
    fs::write(log.path("a.log"), format!("{}\n{}\n", one(22), one(33))).unwrap();
    log.settle();
    assert_eq!(log.told.len(), 3, "{:?}", log.told);
}

#[test]
fn a_folder_may_go_and_come_back() {
    let mut log = Log::new();
    log.append("a.log", (one(1) + "\n").as_bytes());
    log.settle();
    let (here, away) = (log.path(""), log.home.path().join("away"));
    fs::rename(&here, &away).unwrap();
    assert!(log.turn(1 << 20).lost.is_some());
    OpenOptions::new()
        .append(true)
        .open(away.join("a.log"))
        .unwrap()
        .write_all((one(2) + "\n").as_bytes())
        .unwrap();
    fs::rename(&away, &here).unwrap();
    assert_eq!(log.turn(1 << 20).lost, None);
    assert_eq!(log.told.values().sum::<u32>(), 2, "{:?}", log.told);
    // An empty folder in its place, as where a disk is not there: what was read is remembered.
    fs::rename(&here, &away).unwrap();
    fs::create_dir(&here).unwrap();
    log.settle();
    fs::remove_dir(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    log.settle();
    assert_eq!(log.told.values().sum::<u32>(), 2, "{:?}", log.told);
}

#[test]
fn a_line_that_is_too_long_costs_itself_alone() {
    let mut log = Log::new();
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(17 << 20));
    let (begin, end) = long.split_at(long.len() / 2);
    log.append("a.log", format!("{}\n{begin}", one(1)).as_bytes());
    log.settle();
    log.append("a.log", end.as_bytes());
    log.settle();
    log.restart();
    log.append("a.log", format!("\n{}\n", one(2)).as_bytes());
    log.settle();
    assert_eq!(log.told.len(), 3, "{:?}", log.told.keys());
    assert_eq!(log.told.get("this is no record: it is too long"), Some(&1));
}

#[test]
fn what_is_no_file_is_left_alone() {
    let mut log = Log::new();
    let pipe = log.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    std::os::unix::fs::symlink(log.path(""), log.path("loop")).unwrap();
    log.append("a.log", (one(1) + "\n").as_bytes());
    std::os::unix::fs::symlink(log.path("a.log"), log.path("same.log")).unwrap();
    fs::hard_link(log.path("a.log"), log.path("too.log")).unwrap();
    log.settle();
    assert_eq!(log.told.values().sum::<u32>(), 1, "{:?}", log.told);
}

#[test]
fn whoever_is_told_to_stop_leaves_a_long_file_for_the_next_time() {
    let mut log = Log::new();
    log.append("a.gz", &gz(one(1).as_bytes()));
    let stop = Arc::new(AtomicBool::new(true));
    let folder = log.path("");
    log.tail = Tail::new(folder, None, log.tail.places()).until(Arc::clone(&stop));
    let turn = log.tail.turn(log.now, 1 << 20, &mut |_, _| panic!("nothing is read"));
    assert!(turn.more);
    stop.store(false, Ordering::Relaxed);
    log.settle();
    assert_eq!(log.told.len(), 1);
}

#[test]
fn what_is_broken_in_one_body_costs_nothing_of_the_next() {
    for broken in ["[{\"a\":1},{\"b", "{\"a\n\":1}", "{\n\"Records\": [", "hello"] {
        let mut log = Log::new();
        let mut spool = Spool::open(log.path("spool"), u64::MAX).unwrap();
        spool.add(&lines_of(broken.as_bytes())).unwrap();
        log.settle();
        spool.add(&lines_of(one(1).as_bytes())).unwrap();
        log.settle();
        let wanted = whole(one(1).as_bytes());
        let id = wanted.keys().next().unwrap();
        assert_eq!(log.told.get(id), Some(&1), "{broken}: {:?}", log.told);
        // The report reads the file as a whole, and finds it as well.
        let file = fs::read(log.path("spool/0000000001.log")).unwrap();
        assert_eq!(whole(&file).get(id), Some(&1), "{broken}");
    }
}

#[test]
fn a_crash_in_the_middle_of_a_push_leaves_whole_lines() {
    let log = Log::new();
    let folder = log.path("spool");
    let mut spool = Spool::open(folder.clone(), u64::MAX).unwrap();
    spool.add(b"one\ntwo\n").unwrap();
    let file = folder.join("0000000001.log");
    OpenOptions::new().append(true).open(&file).unwrap().write_all(b"thr").unwrap();
    let mut spool = Spool::open(folder, u64::MAX).unwrap();
    spool.add(b"four\n").unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), "[]\none\ntwo\nfour\n");
}

#[test]
fn a_row_that_is_cut_off_in_a_quote_costs_nothing_of_the_next_body() {
    let at = "2026-03-01 10:00:00.123 UTC";
    let row = format!(
        "{at},\"ann\",\"shop\",7,\"[local]\",1.2,1,\"SELECT\",{at},3/1,0,LOG,00000,\"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.x,"
    );
    let good = format!("{row}\"\"select {{\n\"\",<none>\",,,,,,,,,\"psql\"");
    let cut = format!("{row}\"\"select 1");
    let listed = format!("[{}]", one(2));
    let spread = one(3).replace("{\"eventTime", "{\n \"eventTime");
    let mut log = Log::new();
    let mut spool = Spool::open(log.path("spool"), u64::MAX).unwrap();
    for body in [format!("{good}\n{cut}"), one(1), listed, format!("{good}\n{cut}"), spread, good] {
        spool.add(&lines_of(body.as_bytes())).unwrap();
        log.turn(1 << 20);
    }
    log.settle();
    let all = (1..4).map(|it| one(it) + "\n").collect::<String>();
    for id in whole(all.as_bytes()).keys() {
        assert_eq!(log.told.get(id), Some(&1), "{:?}", log.told);
    }
    // Nor of the whole row before it, and the report reads the same.
    assert_eq!(log.told.values().sum::<u32>(), 8, "{:?}", log.told);
    let file = fs::read(log.path("spool/0000000001.log")).unwrap();
    assert_eq!(whole(&file), log.told);
}

#[test]
fn a_folder_that_cannot_be_listed_in_part_is_looked_at_all_the_same() {
    let mut log = Log::new();
    fs::create_dir_all(log.path(&"d/".repeat(17))).unwrap();
    log.append("a.log", (one(1) + "\n").as_bytes());
    assert!(log.turn(1 << 20).lost.is_some());
    log.append("a.log", (one(2) + "\n").as_bytes());
    let turn = log.turn(1 << 20);
    assert!(turn.lost.is_some() && turn.stirred && !turn.unseen, "{turn:?}");
    fs::rename(log.path(""), log.home.path().join("gone")).unwrap();
    let turn = log.turn(1 << 20);
    assert!(turn.lost.is_some() && turn.unseen, "{turn:?}");
}
