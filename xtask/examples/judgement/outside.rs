//! Over HTTP: governors with a thousand and with ten thousand policies, and Cerbos with the same.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    cerbos::{Cerbos, Place},
    figures::{micros, per_second},
    house::{Governor, House},
    listing::Listing,
    machine,
    measured::Measured,
    point::{Asked, Point},
    policies::{self, Question},
    processes, tell, validated,
};

const SIZES: [(&str, usize); 2] = [("1k", 1000), ("10k", 10_000)];
const CONNECTIONS: [usize; 2] = [8, 64];
const BATCH: usize = 100;
const WINDOW: Duration = Duration::from_secs(2);
const WARM: Duration = Duration::from_millis(300);
/// How long a process is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(1);
/// The peer's starts are slow: the ratio of loads has as many runs.
const STARTS: usize = 3;

/// Where everything runs.
pub(crate) struct Places<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) server: SocketAddr,
    pub(crate) cerbos: Option<PathBuf>,
}

/// One size: both sides, with what they are asked.
struct Side {
    name: &'static str,
    questions: Vec<Question>,
    house: House,
    governor: Governor,
    point: Point,
    cerbos: Option<(Place, Cerbos)>,
}

/// What one run over HTTP came to.
#[derive(Clone, Copy)]
struct Run {
    per_second: f64,
    cpu_us: f64,
}

/// Measures in rounds.
pub(crate) fn run(
    places: &Places<'_>,
    rounds: usize,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let mut sides = Vec::new();
    for (name, policies) in SIZES {
        sides.push(Side::start(places, name, policies, measured)?);
    }
    validated::run(places, measured)?;
    let listing = Listing::start(places.program, &places.folder.join("listing"), places.server)?;
    for number in 1..=rounds {
        tell(&format!("    over HTTP, round {number} of {rounds}; load {}", machine::load()));
        let mut costs = Vec::new();
        for side in &sides {
            costs.push(side.round(measured)?);
        }
        if let [small, large] = costs.as_slice() {
            measured.add_ratio("slowdown_1k_10k", large.cpu_us, small.cpu_us);
            measured.add_ratio("slowdown_rps_1k_10k", small.per_second, large.per_second);
        }
        listing.round(measured)?;
        if let Some(large) = sides.last() {
            large.change(measured)?;
        }
    }
    for side in sides {
        side.finish(measured)?;
    }
    Ok(())
}

impl Side {
    /// Starts both, ours and the peer in turns, and makes sure that they say the same.
    fn start(
        places: &Places<'_>,
        name: &'static str,
        count: usize,
        measured: &mut Measured,
    ) -> anyhow::Result<Self> {
        tell(&format!("    over HTTP: {count} policies; load {}", machine::load()));
        let questions = policies::questions(count);
        let first = questions.first().context("there is nothing to ask")?;
        let house = House::asked(places.program, &places.folder.join(name), places.server)?;
        house.write("authzen", &policies::cedar(count)?)?;
        let place = places.cerbos.as_ref().map(|program| {
            let folder = places.folder.join(format!("cerbos-{name}"));
            Place::new(program, &folder, &policies::yaml(count)?)
        });
        let place = place.transpose()?;
        // Its keys and tokens are made at the first start.
        house.serve()?.stop()?;
        let point = house.point()?;
        let (mut ours, mut theirs) = (None, None);
        for _ in 0..STARTS {
            ours.take().map_or(Ok(()), Governor::stop)?;
            theirs.take().map_or(Ok(()), Cerbos::stop)?;
            let began = Instant::now();
            let governor = house.serve()?;
            point.agrees(std::slice::from_ref(first))?;
            let took = micros(began.elapsed()) / 1000.0;
            measured.add(format!("start_ms_{name}"), took);
            ours = Some(governor);
            let Some(place) = &place else { continue };
            let (cerbos, start) = place.start(first)?;
            let start = micros(start) / 1000.0;
            measured.add(format!("cerbos_start_ms_{name}"), start);
            measured.add_ratio(format!("load_{name}_ratio_cerbos"), took, start);
            theirs = Some(cerbos);
        }
        let governor = ours.context("no governor was started")?;
        point.agrees(&questions).with_context(|| format!("ours, {name}"))?;
        if let Some(place) = &place {
            place.point.agrees(&questions).with_context(|| format!("cerbos, {name}"))?;
        }
        thread::sleep(REST);
        measured.add(format!("rss_idle_mib_{name}"), processes::rss_mib(governor.id())?);
        if let Some(cerbos) = &theirs {
            measured.add(format!("cerbos_rss_idle_mib_{name}"), processes::rss_mib(cerbos.id())?);
        }
        Ok(Self { name, questions, house, governor, point, cerbos: place.zip(theirs) })
    }

    /// Asks both in turns, and gives what ours came to over many connections.
    fn round(&self, measured: &mut Measured) -> anyhow::Result<Run> {
        let (name, singles) = (self.name, self.point.singles(&self.questions));
        let mut last = Run { per_second: 0.0, cpu_us: 0.0 };
        for count in CONNECTIONS {
            let ours =
                asked(&self.point, count, &singles, self.governor.id()).with_context(|| {
                    fs::read_to_string(self.house.folder.join("log")).unwrap_or_default()
                })?;
            ours.add("authzen", count, name, measured);
            if let Some((place, cerbos)) = &self.cerbos {
                let singles = place.point.singles(&self.questions);
                let theirs = asked(&place.point, count, &singles, cerbos.id())?;
                theirs.add("cerbos", count, name, measured);
                let (rps, cpu) = (ours.per_second, ours.cpu_us);
                measured.add_ratio(
                    format!("authzen_rps{count}_ratio_cerbos_{name}"),
                    rps,
                    theirs.per_second,
                );
                measured.add_ratio(
                    format!("authzen_cpu{count}_ratio_cerbos_{name}"),
                    cpu,
                    theirs.cpu_us,
                );
                if count == 8 {
                    measured.add_ratio(
                        format!("authzen_cpu_ratio_cerbos_{name}"),
                        cpu,
                        theirs.cpu_us,
                    );
                }
            }
            if count == 8 {
                let batch = [self.point.batch(&self.questions, BATCH)];
                let batch = asked(&self.point, count, &batch, self.governor.id())?;
                batch.add("batch", count, name, measured);
                if name == "1k" {
                    measured.add_ratio("batch100_ratio", batch.cpu_us, ours.cpu_us);
                    measured.add_ratio("batch100_time_ratio", ours.per_second, batch.per_second);
                }
            }
            last = ours;
        }
        Ok(last)
    }

    /// Changes one policy of a running governor, and back.
    fn change(&self, measured: &mut Measured) -> anyhow::Result<()> {
        let (name, text, question) = policies::change(10_000)?;
        let before = fs::read_to_string(self.house.folder.join("authzen").join(&name))?;
        let answered = |allowed| self.point.agrees(&[Question { allowed, ..question.clone() }]);
        answered(true)?;
        for (text, allowed) in [(text, false), (before, true)] {
            self.house.write("authzen", &[(name.clone(), text)])?;
            let began = Instant::now();
            self.house.reload()?;
            measured.add("one_policy_change_ms", micros(began.elapsed()) / 1000.0);
            answered(allowed)?;
        }
        Ok(())
    }

    fn finish(self, measured: &mut Measured) -> anyhow::Result<()> {
        let name = self.name;
        measured.add(format!("rss_mib_{name}"), processes::rss_mib(self.governor.id())?);
        self.governor.stop()?;
        let Some((_, cerbos)) = self.cerbos else { return Ok(()) };
        measured.add(format!("cerbos_rss_mib_{name}"), processes::rss_mib(cerbos.id())?);
        cerbos.stop()
    }
}

fn asked(point: &Point, connections: usize, asked: &[Asked], process: u32) -> anyhow::Result<Run> {
    point.together(connections, asked, WARM)?;
    let before = processes::cpu(process)?;
    let done = point.together(connections, asked, WINDOW)?;
    let cpu = processes::cpu(process)?.saturating_sub(before);
    Ok(Run {
        per_second: per_second(done.evaluations, done.took),
        cpu_us: micros(cpu) / f64::from(done.evaluations.max(1)),
    })
}

impl Run {
    fn add(self, whose: &str, count: usize, name: &str, measured: &mut Measured) {
        measured.add(format!("{whose}_rps{count}_{name}"), self.per_second);
        measured.add(format!("{whose}_cpu_us{count}_{name}"), self.cpu_us);
    }
}
