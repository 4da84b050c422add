//! AWS STS: a lease is a session of a role, with a policy of its own that allows what was wanted alone.
//!
//! Keys that were issued cannot be taken back. Where they stay in the gateway, which signs requests with
//! them, their end is that it does so no more. Where they are handed out, they end by themselves, or, if
//! the operator wants it, are denied by a policy of the role that names ended leases.

mod life;
mod policy;
mod xml;

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use bailiwick_model::{LeaseId, TargetName, Timestamp};
use http::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;

pub use self::policy::AwsAllow;
use self::{
    life::{Lives, issued, may_live},
    policy::Denied,
};
use super::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder,
    SecretSource, TargetMistake,
    call::{Answered, Endpoint, Question, form, wiped},
};
use crate::{
    Secret,
    sigv4::{AwsKeys, AwsPlace, Unsigned},
};

/// The shortest life of a session, and the longest.
const SHORTEST: Duration = Duration::from_secs(900);
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// How long one attempt may take, of several questions.
const PATIENCE: Duration = Duration::from_secs(30);
const FORM: &str = "application/x-www-form-urlencoded";
/// What a session is tagged with.
const TASK: &str = "bailiwick-task";
const LEASE: &str = "bailiwick-lease";
/// What AWS may say of itself; nothing else is shown.
const WORDS: &[&str] = &[
    "AccessDenied",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "LimitExceeded",
    "MalformedPolicyDocument",
    "NoSuchEntity",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
    "RequestExpired",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "ValidationError",
];

/// What the operator says of a role.
#[derive(Clone, Debug)]
pub struct StsTarget {
    /// The role (`arn:aws:iam::123456789012:role/agents`).
    pub role: String,
    /// The region of STS, and of services where nobody says another.
    pub region: String,
    /// Where STS is, if not where AWS has it for the region.
    pub endpoint: Option<String>,
    /// Where IAM is, if not where AWS has it.
    pub iam_endpoint: Option<String>,
    /// The authorities that both are believed by, where it is not the system's.
    pub ca: Option<PathBuf>,
    /// Our own keys, as `credential_process` writes them.
    pub keys: SecretSource,
    /// What a lease may want.
    pub allow: Vec<AwsAllow>,
    /// Whether keys leave the gateway.
    pub hand_out: bool,
    /// Whether ended leases are denied by a policy of the role.
    pub deny: bool,
    /// The longest life of a session.
    pub longest: Duration,
}

/// Makes sessions of one role.
pub struct Sts {
    name: TargetName,
    target: StsTarget,
    sessions: Endpoint,
    policies: Endpoint,
    /// How long the sessions live that leases of ours have, or had.
    lives: Lives,
    /// One at a time reads and writes the policy of the role.
    denying: Mutex<()>,
    /// What people should hear of.
    noticed: std::sync::Mutex<Option<String>>,
}

impl fmt::Debug for Sts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sts({} for {})", self.name, self.target.role)
    }
}

/// Our own keys, as `credential_process` writes them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    #[serde(deserialize_with = "wiped")]
    secret_access_key: Secret,
    #[serde(default, deserialize_with = "perhaps")]
    session_token: Option<Secret>,
}

fn perhaps<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(input).map(|it| it.map(Secret::new))
}

impl StsTarget {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        let wrong = |setting, message: String| Err(TargetMistake::new(setting, message));
        if self.role_name().is_none() {
            let role = self.role.escape_debug();
            let message =
                format!("`{role}` is no role: say `arn:aws:iam::123456789012:role/agents`");
            return wrong("role", message);
        }
        let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        if self.region.is_empty() || !self.region.bytes().all(plain) {
            return wrong("region", format!("`{}` is no region", self.region.escape_debug()));
        }
        if self.longest < SHORTEST {
            return wrong("longest", "a session lives for 15 minutes at least".to_owned());
        }
        if self.allow.is_empty() {
            let message = "`allow` names nothing: say what a lease may want, and which actions on \
                           which resources that is";
            return wrong("allow", message.to_owned());
        }
        for (place, allow) in self.allow.iter().enumerate() {
            allow.check().map_err(|it| TargetMistake::new("allow", it))?;
            if self.allow.iter().skip(place.saturating_add(1)).any(|it| it.name == allow.name) {
                return wrong("allow", format!("`{}` is given twice", allow.name));
            }
        }
        self.services().map(drop)
    }

    fn role_name(&self) -> Option<&str> {
        let mut parts = self.role.splitn(6, ':');
        let head = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let (account, rest) = (parts.next()?, parts.next()?);
        let name = rest.strip_prefix("role/")?.rsplit('/').next()?;
        let plain = |it: u8| it.is_ascii_alphanumeric() || b"+=,.@-_".contains(&it);
        let good = head[0] == "arn"
            && head[1].starts_with("aws")
            && head[2] == "iam"
            && head[3].is_empty()
            && account.len() == 12
            && account.bytes().all(|it| it.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(plain);
        good.then_some(name)
    }

    fn services(&self) -> Result<[Endpoint; 2], TargetMistake> {
        let ca = self.ca.as_deref();
        let usual = format!("https://sts.{}.amazonaws.com", self.region);
        let sts = self.endpoint.as_deref().unwrap_or(&usual);
        let iam = self.iam_endpoint.as_deref().unwrap_or("https://iam.amazonaws.com");
        Ok([Endpoint::new("endpoint", sts, ca)?, Endpoint::new("iam_endpoint", iam, ca)?])
    }
}

impl Sts {
    /// Takes what the operator said, unless it cannot be meant. AWS is not asked.
    pub fn new(name: TargetName, target: StsTarget) -> Result<Self, TargetMistake> {
        target.check()?;
        let [sessions, policies] = target.services()?;
        let (lives, denying, noticed) = Default::default();
        Ok(Self { name, target, sessions, policies, lives, denying, noticed })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let policy = self.policy(&order.wants)?;
        let life = order.until.since(order.now).min(self.target.longest).max(SHORTEST);
        let (name, seconds) = (order.lease.to_string(), life.as_secs().to_string());
        let fields = [
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.target.role),
            ("RoleSessionName", &name),
            ("DurationSeconds", &seconds),
            ("Policy", &policy),
            ("SourceIdentity", order.identity.as_str()),
            ("Tags.member.1.Key", TASK),
            ("Tags.member.1.Value", order.task.as_str()),
            ("Tags.member.2.Key", LEASE),
            ("Tags.member.2.Value", order.lease.as_str()),
            // Whoever takes on another role with this session stays denied.
            ("TransitiveTagKeys.member.1", LEASE),
        ];
        let region = &self.target.region;
        let answer = self.ask(&self.sessions, ("sts", region), &fields, order.now).await?;
        let mut made = self.read(&answer)?;
        let mut field = |name: &str| {
            let path = format!("AssumeRoleResponse/AssumeRoleResult/Credentials/{name}");
            made.remove(&path).filter(|it| !it.is_empty() && it.len() <= 4096).map(Secret::new)
        };
        let [id, secret, session, until] =
            ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"].map(&mut field);
        let until = until.and_then(|it| it.expose().parse::<Timestamp>().ok());
        let (Some(id), Some(secret), Some(session), Some(until)) = (id, secret, session, until)
        else {
            return Err(self.away("its answer is none of AssumeRole".into()));
        };
        self.lives.began(&order.lease, until, life);
        let credential = Credential::default()
            .with("access_key_id", id.expose())
            .with("region", region.as_str())
            .with_secret("secret_access_key", secret)
            .with_secret("session_token", session);
        Ok(Issued {
            credential,
            called: id.expose().to_owned(),
            until,
            // Until when it counts, whatever becomes of the lease.
            keepsake: Some(Secret::new(until.to_string())),
            unfit: None,
        })
    }

    /// Makes the policy of a session: what is wanted, and nothing else.
    fn policy(&self, wants: &[String]) -> Result<String, BrokerError> {
        let unfit = |wanted: &str, why: String| BrokerError::Unfit {
            target: self.name.clone(),
            wanted: wanted.to_owned(),
            why,
        };
        let names = || self.target.allow.iter().map(|it| it.name.as_str()).collect::<Vec<_>>();
        let none =
            |wanted| unfit(wanted, format!("name some of its `allow` ({})", names().join(", ")));
        let mut wanted = Vec::new();
        for want in wants {
            let found = self.target.allow.iter().find(|it| it.name == *want);
            wanted.push(found.ok_or_else(|| none(want))?);
        }
        if wanted.is_empty() {
            return Err(none("nothing"));
        }
        policy::of_session(&wanted).map_err(|why| unfit(&wants.join(", "), why))
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        // Nobody but the gateway had them, and it has forgotten them.
        if ended.enforced == EnforcedAs::Prevent {
            self.lives.forget(&ended.lease);
            return Ok(());
        }
        let until = match (&ended.keepsake, &ended.called) {
            (Some(until), _) => {
                until.expose().parse().unwrap_or_else(|_| ended.until.after(LONGEST))
            }
            // Its answer was never heard: what keys there are, nobody has.
            (None, None) if !self.target.deny => return Ok(()),
            (None, _) => ended.until.after(LONGEST),
        };
        let left = self.lives.left(&ended.lease, until, ended.now);
        if left.is_zero() {
            self.lives.forget(&ended.lease);
            return Ok(());
        }
        if self.target.deny {
            return self.deny(&ended.lease, ended.now).await;
        }
        let why = "issued keys cannot be taken back: they end by themselves".to_owned();
        // By the clock of whoever asks again, which may be ahead of the others.
        let until = ended.now.after(left.min(LONGEST));
        Err(BrokerError::Lasts { target: self.name.clone(), why, until })
    }

    /// Names an ended lease in the policy of the role, and sees that it is there.
    async fn deny(&self, lease: &LeaseId, now: Timestamp) -> Result<(), BrokerError> {
        let _alone = self.denying.lock().await;
        let mut denied = self.denied(now).await?;
        if denied.has(lease, issued(lease)) {
            return Ok(());
        }
        denied.add(lease.clone());
        let (document, before) = denied.written(LEASE, issued);
        let (role, policy) = (self.role(), self.policy_name());
        let fields = [
            ("Action", "PutRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", role),
            ("PolicyName", &policy),
            ("PolicyDocument", &document),
        ];
        let answer = self.ask(&self.policies, ("iam", "us-east-1"), &fields, now).await?;
        self.read(&answer)?;
        if self.denied(now).await?.has(lease, issued(lease)) {
            if let Some(before) = before {
                self.notice(before);
            }
            Ok(())
        } else {
            Err(self.away("the policy of the role is not as it was written".into()))
        }
    }

    /// Reads what the role denies already.
    async fn denied(&self, now: Timestamp) -> Result<Denied, BrokerError> {
        let (role, policy) = (self.role(), self.policy_name());
        let fields = [
            ("Action", "GetRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", role),
            ("PolicyName", &policy),
        ];
        let answer = self.ask(&self.policies, ("iam", "us-east-1"), &fields, now).await?;
        if answer.status == StatusCode::NOT_FOUND && word(&answer) == "NoSuchEntity" {
            return Ok(Denied::default());
        }
        let found = self.read(&answer)?;
        let document = found.get("GetRolePolicyResponse/GetRolePolicyResult/PolicyDocument");
        let read = document.and_then(|it| Denied::read(it, LEASE));
        let strange = format!("the policy `{policy}` of its role is none that we wrote");
        let mut denied = read.ok_or_else(|| self.refused(strange))?;
        let matters = |lease: &LeaseId| !self.lives.is_over(lease, now);
        denied.keep(matters, |before| may_live(before, now));
        Ok(denied)
    }

    /// Has people told that what others hold is denied, too.
    fn notice(&self, before: Timestamp) {
        let Self { name, target, .. } = self;
        let text = format!(
            "more leases of `{name}` ended early than the policy of `{}` can name: every session of the role that was issued up to {before} is denied, those of running tasks too; have fewer handed out at once, or give each kind of work a role of its own",
            target.role
        );
        let mut noticed = self.noticed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *noticed = Some(text);
    }

    fn role(&self) -> &str {
        self.target.role_name().unwrap_or_default()
    }

    fn policy_name(&self) -> String {
        format!("bailiwick-{}", self.name)
    }

    async fn ask(
        &self,
        service: &Endpoint,
        (name, region): (&str, &str),
        fields: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Answered, BrokerError> {
        let keys = self.target.keys.fetch().await.map_err(|it| self.refused(it.to_string()))?;
        let keys: Keys = serde_json::from_str(keys.expose()).map_err(|_| {
            let what = "its keys are none: they are JSON, as `credential_process` writes it";
            self.refused(what.to_owned())
        })?;
        let (id, secret) = (keys.access_key_id, keys.secret_access_key);
        let keys = AwsKeys { id, secret, session: keys.session_token };
        let (body, path) = (form(fields), service.path(""));
        let headers = [("content-type", FORM), ("host", service.host())];
        let request = Unsigned {
            method: "POST",
            path: &path,
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let place = AwsPlace { region: region.to_owned(), service: name.to_owned() };
        let signed = keys.sign(&place, request, now).map_err(|it| self.refused(it.to_string()))?;
        let more = signed.into_iter().chain([("accept", Secret::new("text/xml"))]);
        let (proof, more) = more.partition::<Vec<_>, _>(|(name, _)| *name == "authorization");
        let proof = proof.into_iter().map(|(_, it)| it).next();
        let proof = proof.unwrap_or_else(|| Secret::new(""));
        let (method, path, kind, body) = (Method::POST, String::new(), FORM, Secret::new(body));
        let question = Question { method, path, kind, proof, more, body };
        service.ask(question).await.map_err(|why| self.away(why))
    }

    /// Reads an answer that says that it was done.
    fn read(&self, answer: &Answered) -> Result<BTreeMap<String, String>, BrokerError> {
        if answer.status != StatusCode::OK {
            return Err(self.denied_by(answer));
        }
        let text = str::from_utf8(&answer.body).ok();
        text.and_then(xml::texts).ok_or_else(|| self.away("its answer is none of AWS's".into()))
    }

    fn denied_by(&self, answer: &Answered) -> BrokerError {
        let word = word(answer);
        let why = format!("it answers {} {word}", answer.status.as_u16());
        let why = match word {
            "PackedPolicyTooLarge" => format!("{why}: want less, or shorten what `allow` says"),
            "AccessDenied" => {
                format!("{why}: the role must let our keys assume, tag it and name whose it is")
            }
            _ => why,
        };
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                BrokerError::Busy { target: self.name.clone(), why, after: answer.after }
            }
            StatusCode::BAD_REQUEST if word == "Throttling" => {
                BrokerError::Busy { target: self.name.clone(), why, after: answer.after }
            }
            it if it.is_client_error() => self.refused(why),
            _ => self.away(why),
        }
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.unwrap_or_else(|_| Err(self.away("it takes too long".into())))
    }

    fn refused(&self, why: String) -> BrokerError {
        BrokerError::Refused { target: self.name.clone(), why }
    }

    fn away(&self, why: String) -> BrokerError {
        BrokerError::Away { target: self.name.clone(), why }
    }
}

/// Gives AWS's word for what is wrong, where it is one that we know.
fn word(answer: &Answered) -> &'static str {
    let found = str::from_utf8(&answer.body).ok().and_then(xml::texts).unwrap_or_default();
    let said = found.iter().find(|(path, _)| path.ends_with("Error/Code")).map(|it| it.1.as_str());
    WORDS.iter().find(|it| Some(**it) == said).copied().unwrap_or("")
}

impl Broker for Sts {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        if self.target.hand_out { EnforcedAs::Session } else { EnforcedAs::Prevent }
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.within(self.make(order)))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.within(self.end(ended)))
    }

    fn noticed(&self) -> Option<String> {
        self.noticed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) use xml::foreign;
