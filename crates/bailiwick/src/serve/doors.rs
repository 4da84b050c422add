//! The ways in: calls, tokens and the admin API, which share their keys and proofs.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context;
use axum::Router;
use bailiwick_connect::{
    AssertionVerifier, Attestor, DpopVerifier, Enrolments, Issuer, ListenerTls, SealKey, Secret,
    StateKey, StatementVerifier, TokenKeys, TokenMint, TokenVerifier, Vault, create_dir_private,
    create_private, random_text,
};
use bailiwick_gateway::{
    Authzen, AuthzenParts, Door, DoorParts, HoldParts, Lane, Leases, Oauth, OauthParts, Outward,
    OutwardParts, Signals, SignalsParts, authzen_router, lease_router, oauth_router,
    outward_router, signals_router,
};
use bailiwick_model::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Meter, Reload, Sources};
use crate::{
    admin::{self, Admin},
    config::{Config, TOKEN_MAX},
};

/// What the governor is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called<'a> {
    pub(super) public_url: &'a str,
    pub(super) address: SocketAddr,
}

/// Every way in.
#[derive(Debug)]
pub(super) struct Doors {
    /// What answers on the listener.
    pub(super) routes: Router,
    /// Where calls come in.
    pub(super) door: Arc<Door>,
    /// What answers on the admin socket.
    pub(super) admin: Arc<Admin>,
    /// The keys that sign tokens, and what reads those of whoever vouches for identities.
    pub(super) keys: (Arc<TokenKeys>, Arc<Attestor>),
    /// What takes signals of other systems, and what tells them ours, where there is anybody to tell.
    pub(super) signals: (Arc<Signals>, Option<Arc<Outward>>),
}

/// Loads the keys and opens every way in.
pub(super) fn open(
    config: &Config,
    (lane, leases): (&Arc<Lane>, &Arc<Leases>),
    (reload, meter, vault): (Arc<Reload>, Meter, Arc<Vault>),
    (called, stop): (&Called<'_>, &CancellationToken),
    (attestor, asks_for_certificates, sources): (Arc<Attestor>, bool, Option<&Arc<Sources>>),
) -> anyhow::Result<Doors> {
    let (issuer, now) = (Issuer::new(called.public_url), lane.desk().now());
    let keys = Arc::new(TokenKeys::load_or_create(&config.state.join("keys"), now)?);
    let mint = TokenMint::new(Arc::clone(&keys), issuer.clone());
    let assertions = Arc::new(
        AssertionVerifier::new(issuer.as_str(), now)
            .kept_at(&config.state.join("assertions.latest"))?,
    );
    let enrolments = Arc::new(Enrolments::open(&config.state.join("enrolled.json"))?);
    lane.desk().shut_out(enrolments.gone(now));
    let verifier = TokenVerifier::new(Arc::clone(&keys), issuer);
    let verifier = Arc::new(verifier.over_a_network(!called.address.ip().is_loopback()));
    let dpop = Arc::new(DpopVerifier::new(now)?);
    let peps = peps(config)?;
    let door = Arc::new(Door::new(DoorParts {
        lane: Arc::clone(lane),
        verifier: Arc::clone(&verifier),
        dpop: Arc::clone(&dpop),
        seal: SealKey::load_or_create(&config.state.join("keys").join("session.key"))?,
        hosts: hosts(called),
        holds: holds(config, called, stop)?,
    }));
    let oauth = Oauth::new(OauthParts {
        lane: Arc::clone(lane),
        mint: mint.clone(),
        keys: Arc::clone(&keys),
        verifier,
        assertions: Arc::clone(&assertions),
        enrolments: Arc::clone(&enrolments),
        dpop,
        attestor: Arc::clone(&attestor),
        peps: peps.clone(),
        hosts: hosts(called),
        asks_for_certificates,
    });
    let outward = outward(config, lane, (called, &vault))?;
    let admin = Arc::new(Admin {
        lane: Arc::clone(lane),
        leases: Arc::clone(leases),
        mint,
        keys: Arc::clone(&keys),
        assertions,
        enrolments,
        statements: StatementVerifier::new(now).kept_at(&config.state.join("statements.latest"))?,
        reload,
        meter,
        vault: Arc::clone(&vault),
        outward: outward.clone(),
        sources: sources.cloned(),
        secrets: tokio::sync::Mutex::default(),
        people: tokio::sync::Mutex::default(),
    });
    let authzen = Authzen::new(AuthzenParts {
        desk: Arc::clone(lane.desk()),
        peps,
        hosts: hosts(called),
        public_url: called.public_url.to_owned(),
        pages: StateKey::load_or_create(&config.state.join("keys").join("pages.key"))?,
    });
    let signals = Arc::new(signals(config, lane, (called, vault))?);
    let own = |name: &str| own_token(&config.state.join(name));
    let routes = bailiwick_gateway::router(Arc::clone(&door))
        .merge(lease_router(Arc::clone(&door), Arc::clone(leases)))
        .merge(oauth_router(Arc::new(oauth)))
        .merge(authzen_router(Arc::new(authzen)))
        .merge(signals_router(Arc::clone(&signals)))
        .merge(admin::on_listener(&admin, own("admin.token")?))
        .merge(admin::metrics::on_listener(&admin, own("metrics.token")?))
        .merge(outward.clone().map(outward_router).unwrap_or_default())
        .merge(sources.map(admin::sources::on_listener).unwrap_or_default());
    Ok(Doors { routes, door, admin, keys: (keys, attestor), signals: (signals, outward) })
}

/// What takes signals of other systems.
fn signals(
    config: &Config,
    lane: &Lane,
    (called, vault): (&Called<'_>, Arc<Vault>),
) -> anyhow::Result<Signals> {
    let spec = |it: &crate::config::Transmitter| it.spec(called.public_url);
    let transmitters = config.signals.transmitters.iter().map(spec).collect::<Result<_, _>>();
    let transmitters = transmitters.context("what a transmitter tells cannot be verified")?;
    let (desk, hosts) = (Arc::clone(lane.desk()), hosts(called));
    Ok(Signals::new(SignalsParts { desk, vault, transmitters, hosts }))
}

/// What tells other systems, where any is to be told.
fn outward(
    config: &Config,
    lane: &Lane,
    (called, vault): (&Called<'_>, &Arc<Vault>),
) -> anyhow::Result<Option<Arc<Outward>>> {
    if config.signals.receivers.is_empty() {
        return Ok(None);
    }
    let folder = config.state.join("ssf");
    create_dir_private(&folder)?;
    let receiver = |it: &crate::config::Receiver| -> anyhow::Result<_> {
        let token = own_token(&folder.join(format!("{}.token", it.name)))?;
        Ok(it.spec(token, folder.join(format!("{}.told", it.name)))?)
    };
    let receivers = config.signals.receivers.iter().map(receiver).collect::<Result<_, _>>()?;
    let parts = OutwardParts {
        desk: Arc::clone(lane.desk()),
        vault: Arc::clone(vault),
        public_url: called.public_url.to_owned(),
        key: config.state.join("keys").join("signals.pem"),
        receivers,
        hosts: hosts(called),
    };
    let outward = Outward::new(parts).context("nobody can be told what happens here")?;
    Ok(Some(Arc::new(outward)))
}

/// What verifies whom others vouch for, and what the listener shows.
pub(super) fn shown(
    config: &Config,
    ours: &str,
    now: Timestamp,
) -> anyhow::Result<(Arc<Attestor>, Option<Arc<ListenerTls>>)> {
    let attestor = Arc::new(attestor(config, ours, now)?);
    let shown = super::parts::tls(config, &attestor, now)?;
    Ok((attestor, shown))
}

fn attestor(config: &Config, ours: &str, now: Timestamp) -> anyhow::Result<Attestor> {
    let (domains, issuers) = config.vouchers.trusted().context("nobody can vouch for anybody")?;
    let mandates = config.vouchers.mandates().context("nobody can vouch for people")?;
    let attestor = Attestor::new(ours, now, domains, issuers).with_mandates(mandates);
    Ok(attestor.kept_at(&config.state.join("attested.latest"))?)
}

/// How held calls keep their callers.
fn holds(
    config: &Config,
    called: &Called<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<HoldParts> {
    Ok(HoldParts {
        poll: config.holds.poll,
        stream: config.holds.stream,
        key: StateKey::load_or_create(&config.state.join("keys").join("state.key"))?,
        public_url: called.public_url.to_owned(),
        stop: stop.clone(),
    })
}

/// The `Host` values that this gateway answers to.
fn hosts(called: &Called<'_>) -> Vec<String> {
    let Called { public_url, address } = *called;
    let public = public_url.split("://").nth(1).unwrap_or(public_url);
    let public = public.split('/').next().unwrap_or(public).to_owned();
    let port = address.port();
    let mut hosts =
        vec![address.to_string(), format!("localhost:{port}"), format!("127.0.0.1:{port}")];
    // The usual port may be named, and may be left out.
    let usual = if public_url.starts_with("https:") { ":443" } else { ":80" };
    hosts.push(match public.strip_suffix(usual) {
        Some(bare) => bare.to_owned(),
        None => format!("{public}{usual}"),
    });
    hosts.push(public);
    hosts
}

/// Reads the tokens of the enforcement points that may ask, or makes them.
fn peps(config: &Config) -> anyhow::Result<BTreeMap<String, Secret>> {
    let folder = config.state.join("authzen");
    if !config.peps.is_empty() {
        create_dir_private(&folder)?;
    }
    let token =
        |name: &String| Ok((name.clone(), own_token(&folder.join(format!("{name}.token")))?));
    config.peps.iter().map(token).collect()
}

/// How long a token is at least: whoever writes one by hand must not write one that is guessed.
const TOKEN_MIN: usize = 20;

/// Reads a token that something on the listener wants, or makes one.
pub(super) fn own_token(path: &Path) -> anyhow::Result<Secret> {
    if path.exists() {
        bailiwick_connect::check_private(path)?;
        // No more is looked at where equal ones are looked for.
        if TOKEN_MAX < std::fs::metadata(path)?.len() {
            anyhow::bail!("`{}` is longer than {TOKEN_MAX} bytes, and no token", path.display());
        }
        let token = std::fs::read_to_string(path)?;
        if token.trim().len() < TOKEN_MIN {
            anyhow::bail!(
                "`{}` holds no token of {TOKEN_MIN} letters: delete it, and one is made",
                path.display()
            );
        }
        return Ok(Secret::new(token.trim()));
    }
    let token = Secret::new(format!("{}{}", random_text()?, random_text()?));
    create_private(path, token.expose().as_bytes())?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_one_that_was_emptied_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.token");
        let made = own_token(&path).unwrap();
        assert!(own_token(&path).unwrap().matches(made.expose()));
        std::fs::write(&path, "\n").unwrap();
        let refused = own_token(&path).unwrap_err().to_string();
        assert!(refused.contains("holds no token"), "{refused}");
        let long = format!("{}{}", made.expose(), "\n".repeat(5000));
        std::fs::write(&path, long).unwrap();
        let refused = own_token(&path).unwrap_err().to_string();
        assert!(refused.contains("longer than 4096 bytes"), "{refused}");
    }
}
