//! What tokens cost in process: the very code that the governor runs, one thread, processor time.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use bailiwick_connect::{
    AssertionVerifier, Audience, DpopRequest, DpopVerifier, IdentityKey, Intent, Issuer, Secret,
    TASK_TOKEN_LIFE, TaskClaims, TokenKeys, TokenMint, TokenVerifier,
};
use bailiwick_model::{Charter, Digest, IdentityKind, Proof, TaskId, Timestamp};

use crate::{clock, figures::micros, proof::Holder};

/// How many tokens each round mints, trades and verifies: fewer than one identity may prove at once.
const TOKENS: u32 = 500;
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const URL: &str = "https://governor.example";

/// Measures one round: processor time of one minting, one verification in full, one of a token that was
/// verified before, one exchange (an assertion verified, a known token looked at, a new one minted), and
/// one proof of possession verified and used up.
pub(crate) fn round(home: &Path) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let keys = Arc::new(TokenKeys::load_or_create(home, NOW)?);
    let issuer = Issuer::new(URL);
    let mint = TokenMint::new(Arc::clone(&keys), issuer.clone());
    let verifier = TokenVerifier::new(keys, issuer);
    let (claims, key) = (claims()?, IdentityKey::generate()?);
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
    let counts = verifier.counts();
    let each = u64::from(TOKENS);
    anyhow::ensure!(counts.verified == each && counts.hits == each, "{counts:?}");

    let charter = charter(&key)?;
    let assertions = AssertionVerifier::new(URL, NOW);
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
    let proving = proofs(&tokens, &charter)?;
    let each = |it: Duration| micros(it) / f64::from(TOKENS);
    Ok(vec![
        ("mint_us", each(minting)),
        ("verify_us", each(in_full)),
        ("verify_cached_us", each(cached)),
        ("exchange_us", each(exchanging)),
        ("dpop_us", each(proving)),
    ])
}

/// Verifies a proof for each token and uses it up, as every request with a bound token does.
fn proofs(tokens: &[Secret], charter: &Charter) -> anyhow::Result<Duration> {
    let holder = Holder::new()?;
    // One that has run for a while wants no nonce.
    let verifier = DpopVerifier::new(Timestamp::from_millis(0))?;
    let address = format!("{URL}/mcp");
    let request = |token| DpopRequest { method: "POST", address: &address, token: Some(token) };
    let signed = tokens.iter().zip(0..);
    let signed = signed.map(|(it, id)| holder.proof(request(it.expose()), id, NOW));
    let signed = signed.collect::<anyhow::Result<Vec<_>>>()?;
    let (used, proving) = clock::timed(|| -> anyhow::Result<()> {
        for (token, proof) in tokens.iter().zip(&signed) {
            let proof = verifier.verify(proof, request(token.expose()), NOW)?;
            verifier.use_up(proof, &charter.identity, NOW)?;
        }
        Ok(())
    });
    used?;
    Ok(proving)
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
