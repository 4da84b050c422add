//! Shared Signals: whether those who tell can be heard, and those who are told can be reached.

use std::time::Duration;

use bailiwick_connect::{SecretsKept, secrets_kept};
use bailiwick_model::SecretName;
use http::Uri;
use tokio::{net::TcpStream, time::timeout};

use super::{
    finding::{Finding, Severity},
    past::Past,
};
use crate::config::Config;

/// How long a receiver may take to take a connection.
const WAIT: Duration = Duration::from_secs(5);

/// Looks at all of them.
pub(super) async fn look(config: &Config, past: Option<&Past>) -> Vec<Finding> {
    // What keeps the folder from being read is told of where secrets are looked at.
    let kept = secrets_kept(&config.state.join("secrets")).unwrap_or_default();
    let mut found = Vec::new();
    for transmitter in &config.signals.transmitters {
        let (name, secret) = (transmitter.name(), transmitter.secret());
        let subject = format!("transmitter {name}");
        if let Some(missing) = missing(&subject, secret, &kept) {
            found.push(missing);
        } else if past.is_none_or(|it| !it.heard.contains(name)) {
            found.push(unheard(subject));
        }
    }
    for receiver in &config.signals.receivers {
        let Some((url, secret)) = receiver.pushed() else { continue };
        let subject = format!("receiver {}", receiver.name);
        found.extend(missing(&subject, secret, &kept));
        if let Err(why) = reach(url).await {
            found.push(unreachable(subject, why));
        }
    }
    found
}

/// Opens a connection, and says nothing.
async fn reach(url: &str) -> Result<(), String> {
    let url: Uri = url.parse().map_err(|_| format!("`{url}` is no address"))?;
    let host = url.host().ok_or("its address has no host")?;
    let usual = if url.scheme_str() == Some("http") { 80 } else { 443 };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let connecting = TcpStream::connect((host, url.port_u16().unwrap_or(usual)));
    match timeout(WAIT, connecting).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("nothing answers in time".to_owned()),
    }
}

fn missing(subject: &str, secret: &SecretName, kept: &SecretsKept) -> Option<Finding> {
    if kept.contains_key(secret) {
        return None;
    }
    Some(Finding {
        severity: Severity::Weak,
        code: "signal-secret-missing",
        subject: subject.to_owned(),
        found: format!("there is no secret `{secret}`"),
        means: "no signal goes this way: what was revoked on one side goes on on the other",
        mend: format!("`bailiwick secret set {secret}`"),
    })
}

fn unheard(subject: String) -> Finding {
    Finding {
        severity: Severity::Note,
        code: "transmitter-unheard",
        subject,
        found: "nothing of it is in the ledger, not even a verification".to_owned(),
        means: "whether its signals would be taken is not known",
        mend: "have it send a verification event (its `verification_endpoint`), and look again"
            .to_owned(),
    }
}

fn unreachable(subject: String, why: String) -> Finding {
    Finding {
        severity: Severity::Weak,
        code: "receiver-unreachable",
        subject,
        found: format!("it takes no connection from here: {why}"),
        means: "what ends here waits to be told, and is lost after seven days",
        mend: "look at its address, its network, and whether it runs".to_owned(),
    }
}
