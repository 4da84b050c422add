//! Measures what tokens cost, in process: `tokens PROGRAM FOLDER`.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart. The
//! program is not started: what is measured is the very code that it runs.

#[path = "../judgement/clock.rs"]
mod clock;
#[path = "../shared/figures.rs"]
#[expect(dead_code, reason = "the other measurements use what is left")]
mod figures;

use std::{collections::BTreeSet, ffi::OsString, fs, io::Write as _, path::Path, sync::Arc};

use anyhow::Context as _;
use bailiwick_connect::{
    AssertionVerifier, Audience, IdentityKey, Intent, Issuer, Secret, TASK_TOKEN_LIFE, TaskClaims,
    TokenKeys, TokenMint, TokenVerifier,
};
use bailiwick_model::{Charter, Digest, IdentityKind, Proof, TaskId, Timestamp};

use crate::figures::Spread;

const ROUNDS: usize = 7;
/// How many tokens each round mints, trades and verifies: fewer than one identity may prove at once.
const TOKENS: u32 = 500;
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const URL: &str = "https://governor.example";

fn main() -> anyhow::Result<()> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [_program, folder, ..] = words.as_slice() else {
        anyhow::bail!("say `tokens PROGRAM FOLDER`");
    };
    let folder = Path::new(folder);
    let mut runs: [Vec<f64>; 4] = Default::default();
    for round in 0..ROUNDS {
        let home = folder.join(round.to_string());
        let measured = measure(&home)?;
        runs.iter_mut().zip(measured).for_each(|(all, it)| all.push(it));
    }
    fs::remove_dir_all(folder).context("the folder cannot be cleared away")?;
    let names = ["mint_us", "verify_us", "verify_cached_us", "exchange_us"];
    let spread = |(name, runs): (&str, &Vec<f64>)| Some((name.to_owned(), Spread::of(runs)?));
    let metrics: Vec<_> = names.into_iter().zip(&runs).filter_map(spread).collect();
    for (name, spread) in &metrics {
        writeln!(std::io::stderr(), "    {name}: {spread}")?;
    }
    let object = figures::object(&metrics).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Measures one round: processor time of one minting, one verification in full, one of a token that was
/// verified before, and one exchange (an assertion verified, a known token looked at, a new one minted).
fn measure(home: &Path) -> anyhow::Result<[f64; 4]> {
    let keys = Arc::new(TokenKeys::load_or_create(home, NOW)?);
    let issuer = Issuer::new(URL);
    let mint = TokenMint::new(Arc::clone(&keys), issuer.clone());
    let verifier = TokenVerifier::new(keys, issuer);
    let (claims, key) = (claims()?, IdentityKey::generate()?);
    let charter = charter(&key)?;
    let assertions = AssertionVerifier::new(URL, NOW);
    let current = |_: &TaskId| Some(1);

    let (tokens, minting) = clock::timed(|| {
        (0..TOKENS).map(|_| mint.mint(&claims)).collect::<Result<Vec<Secret>, _>>()
    });
    let tokens = tokens?;
    let verify = || -> anyhow::Result<()> {
        for token in &tokens {
            verifier.verify(token.expose(), &Audience::All, NOW, &current)?;
        }
        Ok(())
    };
    let (verified, in_full) = clock::timed(verify);
    verified?;
    let (verified, cached) = clock::timed(verify);
    verified?;

    let signed = (0..TOKENS).map(|_| key.assertion(&charter.identity, URL, NOW));
    let signed = signed.collect::<Result<Vec<Secret>, _>>()?;
    let (traded, exchanging) = clock::timed(|| -> anyhow::Result<()> {
        for (token, assertion) in tokens.iter().zip(&signed) {
            assertions.verify(assertion.expose(), (&charter, &[]), NOW)?;
            verifier.shown(token.expose(), NOW, &current)?;
            mint.mint(&claims)?;
        }
        Ok(())
    });
    traded?;
    Ok([minting, in_full, cached, exchanging].map(|it| figures::micros(it) / f64::from(TOKENS)))
}

/// A token such as agents have: one hand above, a few tools.
fn claims() -> anyhow::Result<TaskClaims> {
    let expires = NOW.after(TASK_TOKEN_LIFE);
    let tools = ["tickets__get_ticket", "tickets__add_comment", "files__read_text_file"];
    let intent = Intent {
        class: "ticket-triage".to_owned(),
        purpose: Digest::of(b"Triage one support ticket"),
        actions: tools.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(),
        deadline: NOW.after(TASK_TOKEN_LIFE.saturating_mul(12)),
    };
    Ok(TaskClaims {
        audience: Audience::All,
        task: "task_01JD8X00000000000000000000".parse()?,
        identity: "triage-agent".parse()?,
        via: vec!["orchestrator".parse()?],
        generation: 1,
        policy: Digest::of(b"policies").to_string(),
        asked_with: None,
        bound: None,
        intent,
        issued: NOW,
        expires,
    })
}

fn charter(key: &IdentityKey) -> anyhow::Result<Charter> {
    Ok(Charter {
        identity: "triage-agent".parse()?,
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse()?,
        owner: "team-support".to_owned(),
        purpose: "Triage support tickets".to_owned(),
        proof: vec![Proof::Key { path: "key".to_owned(), pem: key.public_pem() }],
        templates: BTreeSet::new(),
        servers: BTreeSet::new(),
        targets: BTreeSet::new(),
        delegates_to: BTreeSet::new(),
    })
}
