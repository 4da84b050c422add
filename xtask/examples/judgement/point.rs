//! A decision point that is asked over HTTP: ours, or a peer's.

use std::{
    net::{SocketAddr, TcpStream},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{policies::Question, wire::Wire};

/// How many threads ask. More of them would take the processor from what is measured.
const HANDS: usize = 2;

/// Where a decision point is asked, and with which token.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

/// What is sent again and again, and what must come back.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    bytes: Vec<u8>,
    expected: Vec<bool>,
}

/// How many evaluations were answered, in which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) evaluations: u32,
    pub(crate) took: Duration,
}

impl Point {
    /// Makes the requests of single questions.
    pub(crate) fn singles(&self, questions: &[Question]) -> Vec<Asked> {
        let one = |it: &Question| Asked {
            bytes: self.request("/access/v1/evaluation", &it.body),
            expected: vec![it.allowed],
        };
        questions.iter().map(one).collect()
    }

    /// Makes one request of many questions.
    pub(crate) fn batch(&self, questions: &[Question], size: usize) -> Asked {
        let all: Vec<&Question> = questions.iter().cycle().take(size).collect();
        let bodies: Vec<&Value> = all.iter().map(|it| &it.body).collect();
        Asked {
            bytes: self.request("/access/v1/evaluations", &json!({ "evaluations": bodies })),
            expected: all.iter().map(|it| it.allowed).collect(),
        }
    }

    fn request(&self, path: &str, body: &Value) -> Vec<u8> {
        let (body, address) = (body.to_string(), self.address);
        let bearer = self.token.as_ref().map(|it| format!("Authorization: Bearer {it}\r\n"));
        let bearer = bearer.unwrap_or_default();
        let len = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{bearer}Content-Length: {len}\r\n\r\n{body}").into_bytes()
    }

    /// Opens a connection.
    pub(crate) fn open(&self) -> anyhow::Result<Wire> {
        let address = self.address;
        Wire::new(TcpStream::connect(address).with_context(|| format!("no one at {address}"))?)
    }

    /// Asks everything once, and makes sure that each answer is the expected one.
    pub(crate) fn agrees(&self, questions: &[Question]) -> anyhow::Result<()> {
        let mut wire = self.open()?;
        self.singles(questions).iter().try_for_each(|it| it.ask(&mut wire))
    }

    /// Asks over that many connections at once until `window` is over: each has its next question
    /// as soon as its last one is answered and its turn comes.
    pub(crate) fn together(
        &self,
        connections: usize,
        asked: &[Asked],
        window: Duration,
    ) -> anyhow::Result<Done> {
        let start = Barrier::new(HANDS.saturating_add(1));
        let mut wires: Vec<Wire> =
            (0..connections).map(|_| self.open()).collect::<Result<_, _>>()?;
        thread::scope(|scope| {
            let (start, mut running) = (&start, Vec::new());
            for (hand, wires) in wires.chunks_mut(connections.div_ceil(HANDS)).enumerate() {
                running.push(scope.spawn(move || {
                    start.wait();
                    ask_for(wires, asked, hand, window)
                }));
            }
            start.wait();
            let (began, mut evaluations) = (Instant::now(), 0_u32);
            for one in running {
                let made = one.join().map_err(|_| anyhow::anyhow!("a connection broke off"))??;
                evaluations = evaluations.saturating_add(made);
            }
            Ok(Done { evaluations, took: began.elapsed() })
        })
    }
}

/// Goes round the connections of one thread: takes an answer where it is due, and asks on. Which
/// answer comes first makes no difference, as there is always one to wait for.
fn ask_for(
    wires: &mut [Wire],
    asked: &[Asked],
    hand: usize,
    window: Duration,
) -> anyhow::Result<u32> {
    let mut next = asked.iter().cycle().skip(asked.len().div_ceil(HANDS).saturating_mul(hand));
    let mut waiting: Vec<(&mut Wire, &Asked)> = Vec::new();
    for (wire, it) in wires.iter_mut().zip(&mut next) {
        it.send(wire)?;
        waiting.push((wire, it));
    }
    let (began, mut evaluations) = (Instant::now(), 0_u32);
    let mut is_over = false;
    while !is_over {
        is_over = window <= began.elapsed();
        for (wire, it) in &mut waiting {
            it.take(wire)?;
            evaluations = evaluations.saturating_add(u32::try_from(it.expected.len())?);
            if let Some(other) = next.next().filter(|_| !is_over) {
                other.send(wire)?;
                *it = other;
            }
        }
    }
    Ok(evaluations)
}

impl Asked {
    /// Sends it, and makes sure that the answer is the expected one.
    pub(crate) fn ask(&self, wire: &mut Wire) -> anyhow::Result<()> {
        self.send(wire)?;
        self.take(wire)
    }

    fn send(&self, wire: &mut Wire) -> anyhow::Result<()> {
        wire.send(&self.bytes)
    }

    /// Waits for the answer, and makes sure that it is the expected one.
    fn take(&self, wire: &mut Wire) -> anyhow::Result<()> {
        let answer = wire.receive()?.context("the connection was closed")?;
        let body = std::str::from_utf8(&answer.body).context("an answer is no text")?;
        if !answer.first.starts_with("HTTP/1.1 200") {
            bail!("not answered: {} {body}", answer.first);
        }
        // The word is found without reading all of it: the program that asks is not what is
        // measured. It can stand nowhere else, as no question has it.
        let said =
            body.split("\"decision\":").skip(1).map(|it| it.trim_start().starts_with("true"));
        if !said.eq(self.expected.iter().copied()) {
            let asked = String::from_utf8_lossy(&self.bytes).into_owned();
            bail!("expected {:?} and got {body} for {asked}", self.expected);
        }
        Ok(())
    }
}
