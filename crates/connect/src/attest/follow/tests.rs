//! Both sides of the Workload API over a socket: what one tells, the other believes, for as long as it does.

use std::path::Path;

use bailiwick_model::{IdentityId, SpiffeId};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    task::JoinHandle,
};

use super::*;
use crate::{
    KeyPlace, ProofError, TrustedDomain, WorkloadAnswer, WorkloadAsk, WorkloadAuthority,
    WorkloadCalls, WorkloadHeard,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const OURS: &str = "https://governor.example";

/// An agent that tells what its authority has.
fn agent(socket: &Path, authority: &Arc<WorkloadAuthority>) -> JoinHandle<()> {
    let _gone = std::fs::remove_file(socket);
    let (listener, authority) = (UnixListener::bind(socket).unwrap(), Arc::clone(authority));
    tokio::spawn(async move {
        let mut serving = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let authority = Arc::clone(&authority);
            serving.spawn(async move {
                let (mut calls, mut bytes) = (WorkloadCalls::default(), [0; 4096]);
                while let Ok(read) = stream.read(&mut bytes).await {
                    for it in calls.receive(&bytes[..read]).unwrap() {
                        let WorkloadHeard::Asked(call, ask) = it else { continue };
                        let (domain, keys) = (authority.domain(), authority.keys(NOW));
                        let answer = match ask {
                            WorkloadAsk::X509Bundles => {
                                WorkloadAnswer::X509Bundle(domain, authority.certificate())
                            }
                            WorkloadAsk::JwtBundles => WorkloadAnswer::JwtBundle(domain, &keys),
                            WorkloadAsk::X509Svids
                            | WorkloadAsk::JwtSvids { .. }
                            | WorkloadAsk::ValidateJwt { .. } => panic!("it asks for more"),
                        };
                        calls.answer(call, answer, true).unwrap();
                    }
                    if read == 0 || stream.write_all(&calls.take_out()).await.is_err() {
                        break;
                    }
                }
            });
        }
    })
}

fn authority(dir: &Path, domain: &str) -> Arc<WorkloadAuthority> {
    Arc::new(WorkloadAuthority::open(&dir.join(domain), domain.parse().unwrap(), NOW).unwrap())
}

async fn proves(attestor: &Attestor, authority: &WorkloadAuthority) -> Result<(), ProofError> {
    let identity: IdentityId = "triage".parse().unwrap();
    let id: SpiffeId = format!("spiffe://{}/agents/triage", authority.domain()).parse().unwrap();
    let svid = authority.jwt((&identity, &id), &[OURS.to_owned()], NOW).unwrap();
    attestor.spiffe(svid.token.expose(), NOW).await.map(drop)
}

async fn until_proven(attestor: &Attestor, authority: &WorkloadAuthority) {
    for _ in 0..1000 {
        if proves(attestor, authority).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody is proven by what was told");
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_believed_for_its_domains_and_is_found_again_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("agent.sock");
    let (own, other) =
        (authority(dir.path(), "example.org"), authority(dir.path(), "other.example"));
    let at = |path: &Path| KeyPlace::Workload(format!("unix:{}", path.display()).parse().unwrap());
    let place = at(&socket);
    let domain = |name: &str, keys: &KeyPlace| TrustedDomain {
        domain: name.parse().unwrap(),
        keys: keys.clone(),
        once: false,
    };
    let elsewhere = at(&dir.path().join("elsewhere.sock"));
    let domains = vec![domain("example.org", &place), domain("other.example", &elsewhere)];
    let attestor = Arc::new(Attestor::new(OURS, NOW, domains, Vec::new()));
    let following = tokio::spawn(Arc::clone(&attestor).follow(|| NOW));

    let telling = agent(&socket, &own);
    until_proven(&attestor, &own).await;
    telling.abort();
    let _over = telling.await;

    // Another one answers there, of a domain that is configured for another socket: it counts for
    // nobody, and what it does not tell any more is taken back.
    let telling = agent(&socket, &other);
    for _ in 0..1000 {
        if proves(&attestor, &own).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(proves(&attestor, &own).await, Err(ProofError::UnknownKey)));
    assert!(matches!(proves(&attestor, &other).await, Err(ProofError::UnknownKey)));
    telling.abort();
    let _over = telling.await;
    let telling = agent(&socket, &own);
    until_proven(&attestor, &own).await;
    telling.abort();
    following.abort();
}
