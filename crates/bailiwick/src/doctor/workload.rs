//! Workload APIs: whether those that bundles come from tell them, and who could stand in for them; and as
//! whom local processes pass.

use std::{collections::BTreeSet, os::unix::fs::MetadataExt as _, path::Path};

use bailiwick_connect::workload_domains;
use bailiwick_model::{Proof, TrustDomain};

use super::{
    confine::cannot_tell,
    finding::{Finding, Severity},
    others,
};
use crate::config::{Config, House, Keys};

pub(super) async fn look(house: &House, serves: bool) -> Vec<Finding> {
    let alike = serves && cannot_tell(&house.config.state);
    let mut findings = followed(&house.config, alike).await;
    findings.extend(served(house, alike));
    findings
}

/// Asks whoever tells bundles, as the governor does.
async fn followed(config: &Config, alike: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Where this account is told nothing of itself, its governor still is.
    let own = config.workload_api.as_ref().filter(|_| alike);
    for domain in &config.vouchers.domains {
        let Keys::Workload(place) = &domain.keys else { continue };
        let found = match workload_domains(place).await {
            Err(_) if own.is_some_and(|it| it.socket == place.socket()) => None,
            Ok(told) if told.contains(&format!("spiffe://{}", domain.name)) => None,
            Ok(_) => Some(format!("`{place}` tells no bundle of it")),
            Err(error) => Some(format!("`{place}` tells nothing: {error}")),
        };
        findings.extend(found.map(|found| Finding {
            severity: Severity::Weak,
            code: "bundle-not-told",
            subject: format!("trust domain {}", domain.name),
            found,
            means: "a governor that starts now takes nobody of this trust domain, and one that runs takes its workloads for a day at most",
            mend: "start the agent, and register this account with it, so that it is told the bundle"
                .to_owned(),
        }));
        let folder = place.socket().parent();
        let own = rustix::process::geteuid().as_raw();
        let owners = folder.into_iter().chain([place.socket()]).filter_map(owner);
        findings.extend(told_by(&domain.name, owners, own));
        if let Some(folder) = folder.filter(|it| others::may_write(it)) {
            findings.push(Finding {
                severity: Severity::Open,
                code: "bundle-from-anybody",
                subject: format!("trust domain {}", domain.name),
                found: format!("other accounts may write to `{}`", folder.display()),
                means: "whoever puts another socket there says which keys count, and can be any identity of this trust domain",
                mend: "let the agent alone write to the socket's folder".to_owned(),
            });
        }
    }
    findings
}

fn owner(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|it| it.uid())
}

/// Says which accounts, beside the governor's own and root, can be anybody of a trust domain: those that a
/// socket and its folder belong to.
fn told_by(domain: &TrustDomain, owners: impl Iterator<Item = u32>, own: u32) -> Option<Finding> {
    let others: BTreeSet<u32> = owners.filter(|it| *it != 0 && *it != own).collect();
    let names: Vec<_> = others.iter().map(u32::to_string).collect();
    (!others.is_empty()).then(|| Finding {
        severity: Severity::Note,
        code: "bundle-from-account",
        subject: format!("trust domain {domain}"),
        found: format!("its socket, or the folder of it, belongs to account {}", names.join(" and ")),
        means: "whatever runs under that account says which keys count, and can be any identity of this trust domain",
        mend: "let nothing but the agent run under that account".to_owned(),
    })
}

/// Says where everything that runs under the governor's own account passes for an identity, or nothing does
/// since tool servers look as all of it do (`alike`).
fn served(house: &House, alike: bool) -> Option<Finding> {
    let api = house.config.workload_api.as_ref()?;
    let own = rustix::process::geteuid().as_raw();
    let is_own = |proof: &Proof| *proof == Proof::Uid(own);
    let names =
        |proof: &Proof| matches!(proof, Proof::Spiffe(id) if *id.domain() == api.trust_domain);
    let mut all = house.charters.values();
    let found = all.find(|it| it.proof.iter().any(is_own) && it.proof.iter().any(names))?;
    let mend = format!(
        "run it under an account of its own, and name that in its charter; `{}` is for every account",
        shown(&api.socket)
    );
    if alike {
        return Some(Finding {
            severity: Severity::Weak,
            code: "workload-not-told-apart",
            subject: found.identity.to_string(),
            found: format!(
                "no process of account {own}, which the governor runs as, is given its SVIDs"
            ),
            means: "the governor cannot gain privileges, as its tool servers cannot, so nothing tells them from this identity",
            mend,
        });
    }
    Some(Finding {
        severity: Severity::Note,
        code: "workload-of-own-account",
        subject: found.identity.to_string(),
        found: format!(
            "every process of account {own}, which the governor runs as, is given its SVIDs"
        ),
        means: "confined tool servers are not, but whatever else runs under this account can be this identity",
        mend,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_socket_it_is_is_said_unless_it_is_ours_or_root_s() {
        let domain = "example.org".parse().unwrap();
        let found = |owners: &[u32]| told_by(&domain, owners.iter().copied(), 1000);
        assert_eq!(found(&[0, 1000]), None);
        assert_eq!(found(&[]), None);
        let told = found(&[0, 1001]).unwrap();
        assert!(told.found.ends_with("account 1001"), "{}", told.found);
        assert!(found(&[1002, 1001]).unwrap().found.ends_with("account 1001 and 1002"));
    }
}
