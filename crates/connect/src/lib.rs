//! Who calls, and with what proof: task tokens, the keys of agents and of people, TLS, and the
//! private files they live in; the secrets that other people's systems want, sealed; and the brokers
//! that make credentials there.
//!
//! No judgement happens here. This crate says *who* is asking and refuses what it cannot prove;
//! what they may do is for the kernel. Every `now` is an argument, so that a test can hold time
//! still.

mod attest;
mod broker;
mod certificate;
mod der;
mod dpop;
mod enrol;
mod es256;
mod evidence_key;
mod fetch;
#[cfg(any(test, fuzzing))]
pub mod foreign;
pub mod grants;
mod hmac_file;
mod http2;
mod identity_key;
mod jwk;
mod jws;
pub mod opengraph;
mod pem;
mod person_key;
mod private;
mod proof;
mod random;
mod replay;
mod rs256;
mod seal_key;
mod secret;
mod sigv4;
mod since;
pub mod source;
mod state_key;
mod tls;
mod token;
mod vault;
mod workload;

pub use attest::{
    Attested, Attestor, EventError, EventSubject, EventVerifier, ID_JAG_EDITION, IdJag, KeyPlace,
    MandateIssuer, SecurityEvent, SubjectName, TrustedDomain, TrustedIssuer, TrustedTransmitter,
    Vouched, is_id_jag,
};
pub use bailiwick_model::EnforcedAs;
pub use broker::{
    Attempt, AwsAllow, Broker, BrokerError, Credential, EndCommand, EndedLease, Field, GitHub,
    GitHubTarget, ISSUE_WAIT, Issued, Kubernetes, KubernetesTarget, LeaseOrder, OAuth, OAuthTarget,
    Postgres, PostgresDefaults, PostgresTarget, PostgresTrust, ProgramBroker, ProgramSpec,
    PushPlace, Pushed, SecretSource, SecretSourceError, Ssh, SshTarget, Sts, StsTarget,
    TargetMistake, Traded, TradedFor, X509, X509Target,
};
pub use certificate::ClientCertificate;
pub use dpop::{DPOP_ALGORITHMS, DpopError, DpopProof, DpopRequest, DpopVerifier};
pub use enrol::{CODE_LIFE_MAX, EnrolError, EnrolledKey, Enrolments, WaitingCode};
pub use es256::KeyError;
pub use evidence_key::EvidenceKey;
pub use fetch::{FetchError, FetchPlace, FetchPlaceError, check_fetch_address};
pub use identity_key::{AssertionVerifier, IdentityKey, check_public_pem};
pub use jwk::{Algorithm, check_key_set};
pub use jws::ShapeError;
pub use person_key::{
    PersonKey, PersonKeyError, SealedPersonKey, Statement, StatementVerifier, Stretch,
};
pub use private::{
    PrivateError, check_private, check_private_tree, create_dir_private, create_private,
    write_private,
};
pub use proof::ProofError;
pub use random::{RandomError, new_ulid, random_bytes, random_text};
pub use rs256::{Rs256Key, Rs256KeyError};
pub use seal_key::SealKey;
pub use secret::Secret;
pub use sigv4::{AwsKeys, AwsPlace, Unsignable, Unsigned};
pub use state_key::StateKey;
pub use tls::{ListenerTls, ServerTrust, TlsError, TlsFiles};
pub use token::{
    Audience, Binding, Held, Intent, Issuer, MintError, TASK_TOKEN_LIFE, TaskClaims, TokenCounts,
    TokenError, TokenKeyChange, TokenKeyState, TokenKeyView, TokenKeys, TokenKeysError, TokenMint,
    TokenVerifier, VIA_MAX, Verified,
};
pub use vault::{
    KekSource, KekSources, OpenSecret, PinSource, Rekeyed, Sealed, SecretAbout, SecretsKept,
    TokenPlace, TokenSource, Vault, VaultError, pin_refused, secrets_kept,
};
pub use workload::{
    JwtSvid, WorkloadAnswer, WorkloadAsk, WorkloadAuthority, WorkloadCall, WorkloadCalls,
    WorkloadError, WorkloadHeard, WorkloadPlace, WorkloadPlaceError, WorkloadStatus, X509Svid,
    workload_domains,
};
