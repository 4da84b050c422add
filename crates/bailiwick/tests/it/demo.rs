//! The demonstration, as a newcomer runs it: what it claims is compared with what really happened.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

/// One run of the demonstration, in a folder that goes with it.
struct Shown {
    story: String,
    dir: tempfile::TempDir,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.env_remove("BAILIWICK_CONFIG").env_remove("BAILIWICK_LOG");
    command
}

impl Shown {
    fn run() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ran = program().arg("demo").env("TMPDIR", dir.path()).output().unwrap();
        let story = String::from_utf8(ran.stdout).unwrap();
        let complaints = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{story}\n{complaints}");
        Self { story, dir }
    }

    fn folder(&self) -> &Path {
        let after = self.story.split_once("files stay in ").unwrap().1;
        let folder = Path::new(after.split_once("):").unwrap().0);
        assert!(folder.starts_with(self.dir.path()), "{}", folder.display());
        folder
    }

    fn ask(&self, words: &[&str]) -> String {
        let config = self.folder().join("bailiwick.toml");
        let ran = program().args(words).arg("--config").arg(config).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{words:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.ask(&[words, &["--output", "json"]].concat())).unwrap()
    }

    /// Gives what the story says of each call: `(scene, allowed | held | denied, server, line)`.
    fn calls(&self) -> Vec<(String, String, String, String)> {
        let (mut scene, mut calls) = (String::new(), Vec::new());
        for line in self.story.lines().take_while(|it| !it.contains("calls were allowed")) {
            if let Some((number, _)) = line.split_once("  ").filter(|(it, _)| is_number(it)) {
                number.clone_into(&mut scene);
            }
            let mut words = line.split_whitespace();
            let (Some(verdict), Some(action)) = (words.next(), words.next()) else { continue };
            if let (true, Some((server, tool))) =
                (["allowed", "held", "denied"].contains(&verdict), action.split_once("__"))
            {
                let (_, arguments) = line.split_once(action).unwrap();
                let call = format!("{tool}{arguments}");
                calls.push((scene.clone(), verdict.to_owned(), server.to_owned(), call));
            }
        }
        calls
    }

    /// Gives the calls that each tool server wrote down.
    fn reached(&self) -> BTreeMap<String, Vec<String>> {
        let files = fs::read_dir(self.folder().join("reached")).unwrap();
        let file = |entry: fs::DirEntry| {
            let lines = fs::read_to_string(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, lines.lines().map(str::to_owned).collect())
        };
        files.map(|it| file(it.unwrap())).collect()
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

#[test]
fn every_scene_of_the_demonstration_stops_its_call_before_the_server_and_the_evidence_agrees() {
    let shown = Shown::run();
    let calls = shown.calls();

    // What the servers counted is what the story calls allowed, call for call.
    let mut allowed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, _, server, line) in calls.iter().filter(|it| it.1 == "allowed") {
        allowed.entry(server.clone()).or_default().push(line.clone());
    }
    assert_eq!(allowed, shown.reached());
    for scene in ["1", "2", "4", "6", "9", "12", "13", "15"] {
        let stopped = calls.iter().filter(|it| it.0 == scene && it.1 != "allowed").count();
        let went = calls.iter().filter(|it| it.0 == scene && it.1 == "allowed").count();
        assert!(0 < stopped && 0 < went, "scene {scene}: {went} went, {stopped} were stopped");
    }
    let reached: usize = shown.reached().values().map(Vec::len).sum();
    let stopped = calls.len() - reached;
    let claim = format!(
        "{reached} calls were allowed and {reached} reached a tool server; {stopped} were stopped"
    );
    assert!(shown.story.contains(&claim), "{}", shown.story);
    assert!(!shown.story.contains("NOT AS IT SHOULD BE"), "{}", shown.story);

    // What was noticed, looked at and measured is told, and the database saw its sessions closed before
    // the story did.
    for claim in [
        "finding lateral-access: `triage-agent` tried ",
        "contained: task_",
        "the key's age is kept",
        "8 sessions of `lease_",
        "all 8 sessions are closed",
        " is revoked: revoke accepted ",
        "bob has looked at all 2 steps of task_",
    ] {
        assert!(shown.story.contains(claim), "{claim}: {}", shown.story);
    }
    every_decision_has_its_record(&shown, &calls);
    every_task_has_its_path(&shown, calls.len());
    where_to_look_next_works(&shown);
}

fn every_decision_has_its_record(shown: &Shown, calls: &[(String, String, String, String)]) {
    let export = shown.ask(&["ledger", "export"]);
    let records: Vec<Value> = export.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let of = |kind: &'static str| {
        records.iter().map(|it| &it["record"]).filter(move |it| it["kind"] == kind)
    };
    let told: Vec<_> = calls.iter().map(|it| it.1.as_str()).collect();
    let word = |verdict: &Value| match verdict.as_str().unwrap() {
        "allow" => "allowed",
        "hold" => "held",
        _ => "denied",
    };
    let recorded: Vec<_> = of("decision").map(|it| word(&it["verdict"])).collect();
    assert_eq!(recorded, told, "the decisions, in the order of the story");
    for decision in of("decision") {
        let outcomes = of("outcome").filter(|it| it["decision"] == decision["decision"]).count();
        let wanted = usize::from(decision["verdict"] == "allow");
        assert_eq!(outcomes, wanted, "{decision}");
    }
    let privileged = shown.ask(&["ledger", "export", "--privileged"]);
    assert!(privileged.contains("prod/db-password"), "{privileged}");
    assert_eq!(shown.json(&["ledger", "verify"])["ok"], true);
    let checkpoints = shown.folder().join("checkpoints");
    let against = ["ledger", "verify", "--against", checkpoints.to_str().unwrap()];
    assert_eq!(shown.json(&against)["checkpoint"]["matches"], true);
}

fn every_task_has_its_path(shown: &Shown, calls: usize) {
    let tasks: Vec<_> = shown
        .story
        .lines()
        .filter_map(|it| it.split_once(" opens ").map(|(_, after)| after))
        .map(|it| it.split(' ').next().unwrap())
        .collect();
    assert_eq!(tasks.len(), 9);
    let steps = tasks.into_iter().map(|task| {
        assert!(shown.story.contains(&format!("\ntask      {task}\n")), "{task} has no path");
        shown.json(&["path", task])["steps"].as_array().unwrap().len()
    });
    assert_eq!(steps.sum::<usize>(), calls);
}

fn where_to_look_next_works(shown: &Shown) {
    let advice = shown.story.split_once("Where to look next").unwrap().1;
    let commands: Vec<_> = advice
        .lines()
        .filter_map(|it| it.trim().strip_prefix("bailiwick "))
        .filter(|it| it.contains("--config"))
        .collect();
    assert_eq!(commands.len(), 3);
    for command in commands {
        let words: Vec<_> = command.split(' ').collect();
        let ran = program().args(&words).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{command}: {ran:?}");
    }
    assert_eq!(shown.json(&["hold", "list"])["holds"].as_array().unwrap().len(), 1);
}
