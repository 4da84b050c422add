//! OpenSSH: a lease is a user certificate that lives minutes, of an authority that lies here.
//!
//! A certificate lets somebody in as one of the accounts that the operator named, runs one command where
//! that is wanted, and forwards nothing. Its end is a line in a list (KRL) that the servers read, which
//! keeps out whoever comes with it later; a connection that is there goes on, so a command of the
//! operator's ends it. What a server still has cannot be asked for, so nothing is found there.
//!
//! Wants OpenSSH 8.2 or newer. Certificate and list are as OpenSSH's `PROTOCOL.certkeys` and
//! `PROTOCOL.krl` describe them; keys are Ed25519.

mod certificate;
mod key;
mod krl;
mod words;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bailiwick_model::{LeaseId, TargetName, Timestamp};

use super::{
    Attempt, Broker, BrokerError, Credential, EndCommand, EndedLease, EnforcedAs, Issued,
    LeaseOrder, TargetMistake,
    deny::{DenyList, SKEW, bits, folder, told},
};
use crate::{
    PrivateError, RandomError, Secret, create_private, private::write_public, random_bytes,
};
use certificate::Certificate;
use key::Key;

#[cfg(any(test, fuzzing))]
pub(crate) use key::foreign;

/// What the operator says of a target that believes SSH certificates of ours.
#[derive(Clone, Debug)]
pub struct SshTarget {
    /// Where its server listens, for the holder to know.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// The server's public key, as in `known_hosts`, for the holder to believe.
    pub host_key: Option<String>,
    /// Where the authority's key, its public half (`ca.pub`) and what it denied lie: nobody else's folder.
    pub folder: PathBuf,
    /// Where the list of ended certificates is published.
    pub krl: PathBuf,
    /// The accounts that a lease may be for.
    pub principals: Vec<String>,
    /// The one command that may be run; without, whatever the account may run.
    pub command: Option<String>,
    /// Whether its holder may have a terminal.
    pub terminal: bool,
    /// From which addresses it may be used (CIDR); without, from any.
    pub sources: Vec<String>,
    /// How long a certificate lives at the longest.
    pub longest: Duration,
    /// Ends open connections: it is told the key id, then the serial.
    pub end: EndCommand,
}

/// Makes certificates for one target.
pub struct Ssh {
    name: TargetName,
    target: SshTarget,
    authority: Key,
    denied: DenyList,
}

impl fmt::Debug for Ssh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ssh({} at {})", self.name, self.target.host)
    }
}

impl SshTarget {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        let wrong = |setting, message: String| Err(TargetMistake::new(setting, message));
        if self.principals.is_empty() {
            let message = "`principals` names none: say which accounts a lease may be for";
            return wrong("principals", message.to_owned());
        }
        let odd = |it: char| it.is_control() || it == ',';
        let account = |it: &String| (1..=256).contains(&it.len()) && !it.contains(odd);
        if let Some(other) = self.principals.iter().find(|it| !account(it)) {
            return wrong("principals", format!("`{}` is no account's name", other.escape_debug()));
        }
        let cidr = |it: &String| {
            !it.is_empty() && it.bytes().all(|it| b"0123456789abcdef.:/".contains(&it))
        };
        match self.sources.iter().find(|it| !cidr(it)) {
            Some(other) => wrong(
                "sources",
                format!(
                    "`{}` is no range of addresses: say it as `10.0.0.0/8`",
                    other.escape_debug()
                ),
            ),
            None => Ok(()),
        }
    }
}

impl Ssh {
    /// Takes what the operator said, makes an authority where there is none, and publishes its list.
    pub fn new(name: TargetName, target: SshTarget, now: Timestamp) -> Result<Self, String> {
        target.check().map_err(|it| it.to_string())?;
        let place = folder(&target.folder)?;
        let authority = authority(&name, &place("ca.key"))?;
        let line = authority.public_line(&format!("bailiwick {name}"));
        write_public(&place("ca.pub"), line.as_bytes()).map_err(|error| told(&error))?;
        let (blob, krl) = (Arc::<[u8]>::from(authority.blob()), target.krl.clone());
        let publish = move |leases: &[LeaseId], now: Timestamp| {
            let serials = leases.iter().map(serial).collect();
            write_public(&krl, &krl::list(&blob, serials, now)).map_err(|error| told(&error))
        };
        let denied = DenyList::open(place("denied"), now, Box::new(publish))?;
        Ok(Self { name, target, authority, denied })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        self.check_wanted(&order.wants)?;
        let until = order.until.min(order.now.after(self.target.longest));
        let (key, certificate) = self.sign(order, until).map_err(|it| self.away(it.to_string()))?;
        self.denied.refresh(order.now).await.map_err(|why| self.away(why))?;
        let mut credential = Credential::default()
            .with("host", self.target.host.as_str())
            .with("port", self.target.port.to_string())
            .with("user", order.wants.first().cloned().unwrap_or_default())
            .with("certificate", certificate);
        if let Some(line) = &self.target.host_key {
            credential = credential.with("host_key", line.as_str());
        }
        let credential = credential.with_secret("private_key", key);
        Ok(Issued {
            credential,
            called: order.lease.to_string(),
            until,
            keepsake: None,
            unfit: None,
        })
    }

    fn sign(&self, order: &LeaseOrder, until: Timestamp) -> Result<(Secret, String), RandomError> {
        let holder = Key::new()?;
        let skew = i64::try_from(SKEW.as_secs()).unwrap_or(0);
        let certificate = Certificate {
            serial: serial(&order.lease),
            key_id: order.lease.as_str(),
            principals: &order.wants,
            from: order.now.seconds().saturating_sub(skew),
            until: until.seconds(),
            command: self.target.command.as_deref(),
            sources: &self.target.sources,
            terminal: self.target.terminal,
        };
        let line = certificate.signed(&holder, &self.authority, random_bytes()?);
        Ok((holder.private_pem(order.lease.as_str())?, line))
    }

    fn check_wanted(&self, wants: &[String]) -> Result<(), BrokerError> {
        let stranger = wants.iter().find(|it| !self.target.principals.contains(it));
        let wanted = match (wants, stranger) {
            ([], _) => "nothing",
            (_, Some(other)) => other,
            (_, None) => return Ok(()),
        };
        Err(BrokerError::Unfit {
            target: self.name.clone(),
            wanted: wanted.to_owned(),
            why: format!("name one of its `principals` ({})", self.target.principals.join(", ")),
        })
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        let denied = self.denied.deny(ended.lease.clone(), ended.until, ended.now).await;
        // Whatever became of the list: what is open is ended.
        let names = [ended.lease.as_str(), &serial(&ended.lease).to_string()];
        let over = self.target.end.run(&names).await;
        denied.and(over).map_err(|why| self.away(why))
    }

    fn away(&self, why: String) -> BrokerError {
        BrokerError::Away { target: self.name.clone(), why }
    }
}

impl Broker for Ssh {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.make(order))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.end(ended))
    }

    fn announce<'a>(
        &'a self,
        ended: &'a [(LeaseId, Timestamp)],
        now: Timestamp,
    ) -> Attempt<'a, ()> {
        Box::pin(async move {
            self.denied.deny_all(ended.to_vec(), now).await.map_err(|why| self.away(why))
        })
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async {
            // Nothing can be asked, but the list must not grow old.
            self.denied.refresh_by_itself().await.map_err(|why| self.away(why))?;
            Ok(Vec::new())
        })
    }
}

fn authority(name: &TargetName, path: &std::path::Path) -> Result<Key, String> {
    let made = Key::new().map_err(|error| error.to_string())?;
    let pem = made.private_pem(name.as_str()).map_err(|error| error.to_string())?;
    match create_private(path, pem.expose().as_bytes()) {
        Ok(()) => Ok(made),
        Err(PrivateError::Exists { .. }) => Key::load(path),
        Err(error) => Err(told(&error)),
    }
}

/// The serial of a lease's certificate: random bits of its id. None is 0, which names no certificate.
fn serial(lease: &LeaseId) -> u64 {
    let low = bits(lease) & u128::from(u64::MAX);
    u64::try_from(low).unwrap_or(1).max(1)
}
