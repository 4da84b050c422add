//! AWS STS: a stub that is strict, and that denies the sessions that the policy of the role names.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_connect::{
    AwsAllow, AwsKeys, AwsPlace, Broker, BrokerError, Credential, EndedLease, EnforcedAs,
    LeaseOrder, Secret, SecretSource, Sts, StsTarget, Unsigned,
};
use bailiwick_model::{LeaseId, Timestamp, Ulid};
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms, ended, order},
    service::{Asked, Stub},
};
use serde_json::{Value, json};

use crate::real::field;

pub(super) const LIMITS: &[Limit] = &[Limit::NothingStays, Limit::NothingIsListed];

/// Long ago by the system's own clock, which has a say in whether a session is over.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ROLE: &str = "arn:aws:iam::123456789012:role/work/agents";
const KEYS: &str = r#"{"Version": 1, "AccessKeyId": "AKIAGATEKEEPER", "SecretAccessKey": "hunter2/of+the=gatekeeper"}"#;

/// What AWS has.
struct Aws {
    now: Timestamp,
    away: bool,
    /// By key: the lease that it is tagged with, its policy, its end and its beginning.
    sessions: BTreeMap<String, (String, Value, Timestamp, Timestamp)>,
    /// The policy of the role, as it was put.
    policy: Option<String>,
    made: u64,
}

impl Aws {
    fn new() -> Arc<Mutex<Self>> {
        let (sessions, policy) = (BTreeMap::new(), None);
        Arc::new(Mutex::new(Self { now: NOW, away: false, sessions, policy, made: 0 }))
    }

    async fn serve(aws: &Arc<Mutex<Self>>) -> Stub {
        let aws = Arc::clone(aws);
        Stub::start(move |asked| {
            let mut aws = aws.lock().unwrap();
            if aws.away { (503, String::new()) } else { aws.answer(asked) }
        })
        .await
    }

    /// Says whether a session may do anything: it has not ended, and its role does not deny it.
    fn lets_in(&self, key: &str) -> bool {
        let Some((lease, _, until, issued)) = self.sessions.get(key) else { return false };
        let denied = self.policy.as_ref().is_some_and(|it| {
            let policy: Value = serde_json::from_str(it).unwrap();
            let tags = &policy["Statement"][0]["Condition"]["StringEquals"];
            let named = tags["aws:PrincipalTag/bailiwick-lease"].as_array().unwrap();
            let older = &policy["Statement"][1]["Condition"]["DateLessThanEquals"];
            let before = older["aws:TokenIssueTime"].as_str().map(|it| it.parse().unwrap());
            named.iter().any(|it| it == lease) || before.is_some_and(|it: Timestamp| *issued <= it)
        });
        self.now < *until && !denied
    }

    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        let refused = |status, code: &str| {
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender\
                 </Type><Code>{code}</Code><Message>hunter2</Message></Error></ErrorResponse>"
            );
            (status, body)
        };
        let fields: BTreeMap<_, _> = asked.body.split('&').filter_map(pair).collect();
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        let service = if field("Action") == "AssumeRole" { "sts" } else { "iam" };
        if !signed(asked, service) {
            return refused(403, "SignatureDoesNotMatch");
        }
        match field("Action") {
            "AssumeRole" => {
                let seconds: u64 = field("DurationSeconds").parse().unwrap_or(0);
                let tagged = field("Tags.member.2.Key") == "bailiwick-lease";
                let named =
                    field("SourceIdentity").len() >= 2 && !field("RoleSessionName").is_empty();
                if !(900..=43200).contains(&seconds)
                    || field("RoleArn") != ROLE
                    || !tagged
                    || !named
                {
                    return refused(400, "ValidationError");
                }
                let Ok(policy) = serde_json::from_str(field("Policy")) else {
                    return refused(400, "MalformedPolicyDocument");
                };
                if 2048 < field("Policy").len() {
                    return refused(400, "ValidationError");
                }
                self.made = self.made.saturating_add(1);
                let key = format!("ASIA{:016}", self.made);
                let until = self.now.after(Duration::from_secs(seconds));
                let lease = field("Tags.member.2.Value").to_owned();
                self.sessions.insert(key.clone(), (lease, policy, until, self.now));
                (
                    200,
                    format!(
                        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                     <AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>\
                     hunter2-secret-{key}</SecretAccessKey><SessionToken>hunter2-session-{key}\
                     </SessionToken><Expiration>{until}</Expiration></Credentials></AssumeRoleResult>\
                     </AssumeRoleResponse>"
                    ),
                )
            }
            "PutRolePolicy" if 10_240 < field("PolicyDocument").len() => {
                refused(409, "LimitExceeded")
            }
            "PutRolePolicy" if field("RoleName") == "agents" => {
                self.policy = Some(field("PolicyDocument").to_owned());
                (200, "<PutRolePolicyResponse><ResponseMetadata/></PutRolePolicyResponse>".into())
            }
            "GetRolePolicy" => match &self.policy {
                None => refused(404, "NoSuchEntity"),
                Some(policy) => {
                    let escaped: String = policy.bytes().map(|it| format!("%{it:02X}")).collect();
                    (
                        200,
                        format!(
                            "<GetRolePolicyResponse><GetRolePolicyResult><PolicyDocument>{escaped}\
                         </PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>"
                        ),
                    )
                }
            },
            _ => refused(400, "ValidationError"),
        }
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((unescaped(name), unescaped(value)))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
        bytes.push(if byte == b'%' { u8::try_from(digit() << 4 | digit()).unwrap() } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

/// Looks whether a question is signed by the gatekeeper's keys.
fn signed(asked: &Asked, service: &str) -> bool {
    let header = |name: &str| {
        let mut lines = asked.head.lines().filter_map(|it| it.split_once(": "));
        lines.find(|it| it.0 == name).map_or("", |it| it.1).to_owned()
    };
    let [date, host, kind] = ["x-amz-date", "host", "content-type"].map(header);
    let digits = |from: usize, to: usize| date.get(from..to).unwrap_or_default();
    let moment = format!(
        "{}-{}-{}T{}:{}:{}Z",
        digits(0, 4),
        digits(4, 6),
        digits(6, 8),
        digits(9, 11),
        digits(11, 13),
        digits(13, 15)
    );
    let Ok(moment) = moment.parse() else { return false };
    let keys = AwsKeys {
        id: "AKIAGATEKEEPER".into(),
        secret: Secret::new("hunter2/of+the=gatekeeper"),
        session: None,
    };
    let region = if service == "iam" { "us-east-1" } else { "eu-central-1" };
    let place = AwsPlace { region: region.into(), service: service.into() };
    let headers = [("content-type", kind.as_str()), ("host", host.as_str())];
    let body = asked.body.as_bytes();
    let request = Unsigned { method: "POST", path: "/", query: "", headers: &headers, body };
    let wanted = keys.sign(&place, request, moment).unwrap();
    wanted.iter().any(|(name, value)| *name == "authorization" && value.expose() == header(name))
}

fn allow(name: &str, action: &str) -> AwsAllow {
    AwsAllow {
        name: name.into(),
        actions: vec![action.into()],
        resources: vec!["arn:aws:s3:::orders/*".into()],
    }
}

fn target(url: &str) -> StsTarget {
    StsTarget {
        role: ROLE.into(),
        region: "eu-central-1".into(),
        endpoint: Some(url.to_owned()),
        iam_endpoint: Some(url.to_owned()),
        ca: None,
        keys: SecretSource::Held(Secret::new(KEYS)),
        allow: vec![allow("read", "s3:GetObject"), allow("write", "s3:PutObject")],
        hand_out: true,
        deny: true,
        longest: Duration::from_secs(43_200),
    }
}

fn broker(target: StsTarget) -> Sts {
    Sts::new("aws".parse().unwrap(), target).unwrap()
}

struct Tried(Arc<Mutex<Aws>>, Sts);

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["read".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("everything".into())
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async { self.0.lock().unwrap().lets_in(&field(credential, "access_key_id")) })
    }

    fn stays<'a>(&'a self, _: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async { None })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        self.0.lock().unwrap().away = away;
        Box::pin(async {})
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        self.0.lock().unwrap().now = at;
        Box::pin(async {})
    }
}

#[tokio::test]
async fn the_broker_conforms_at_a_strict_stub_that_denies_ended_leases() {
    let aws = Aws::new();
    let stub = Aws::serve(&aws).await;
    conforms(&Tried(Arc::clone(&aws), broker(target(&stub.url)))).await;
    // Each is denied by its own lease, and by whatever else was ended before.
    let policy = aws.lock().unwrap().policy.clone().unwrap();
    assert!(policy.contains("\"Deny\"") && policy.matches("lease_").count() > 5, "{policy}");
}

#[tokio::test]
async fn when_more_end_than_can_be_named_all_are_denied_and_people_hear_of_it() {
    let aws = Aws::new();
    let stub = Aws::serve(&aws).await;
    let tried = Tried(Arc::clone(&aws), broker(target(&stub.url)));
    let mut all = Vec::new();
    // One a minute, so that it can be told which were issued before which.
    for number in 0..240_u64 {
        let now = NOW.after(Duration::from_secs(60 * number));
        aws.lock().unwrap().now = now;
        let mut random = [7; 10];
        random[..8].copy_from_slice(&number.to_be_bytes());
        let lease = LeaseId::new(Ulid::new(now, random));
        let longest = now.after(Duration::from_secs(43_200));
        let order = LeaseOrder { lease, now, until: longest, ..order(&tried, 1) };
        let issued = tried.broker().issue(&order).await.unwrap();
        all.push((
            issued.called.clone(),
            EndedLease { now, ..ended(&tried, &order, Some(&issued)) },
        ));
    }
    let (last, rest) = all.split_last().unwrap();
    let mut heard = Vec::new();
    for (key, over) in rest {
        tried.broker().revoke(&EndedLease { now: last.1.now, ..copied(over) }).await.unwrap();
        assert!(!aws.lock().unwrap().lets_in(key), "{key}");
        heard.extend(tried.broker().noticed());
    }
    let [heard] = heard.as_slice() else { panic!("{heard:?}") };
    assert!(heard.contains("those of running tasks too"), "{heard}");
    // All are denied yet, and what was issued after them is not.
    let aws = aws.lock().unwrap();
    assert!(rest.iter().all(|(key, _)| !aws.lets_in(key)));
    assert!(aws.lets_in(&last.0));
}

fn copied(over: &EndedLease) -> EndedLease {
    EndedLease {
        lease: over.lease.clone(),
        called: over.called.clone(),
        keepsake: over.keepsake.as_ref().map(|it| Secret::new(it.expose())),
        enforced: over.enforced,
        until: over.until,
        now: over.now,
    }
}

#[tokio::test]
async fn a_session_may_do_what_was_wanted_and_nothing_else() {
    let aws = Aws::new();
    let stub = Aws::serve(&aws).await;
    let tried = Tried(Arc::clone(&aws), broker(target(&stub.url)));
    let issued = tried.broker().issue(&order(&tried, 1)).await.unwrap();
    let policy = aws.lock().unwrap().sessions[&issued.called].1.clone();
    let statement = json!([{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::orders/*"]}]);
    assert_eq!(policy["Statement"], statement);
    assert!(!format!("{issued:?} {:?}", tried.1).contains("hunter2"));
    let asked = &stub.asked()[0].body;
    for wanted in ["SourceIdentity=reporter", "Tags.member.1.Value=task_", "DurationSeconds=1800"] {
        assert!(asked.contains(wanted), "{wanted}: {asked}");
    }
}

#[tokio::test]
async fn keys_that_are_out_end_when_they_end_by_themselves_and_it_is_said_so() {
    let aws = Aws::new();
    let stub = Aws::serve(&aws).await;
    let target = StsTarget { deny: false, ..target(&stub.url) };
    let tried = Tried(aws, broker(target));
    let order = order(&tried, 1);
    let issued = tried.broker().issue(&order).await.unwrap();
    let over = ended(&tried, &order, Some(&issued));
    let error = tried.broker().revoke(&over).await.unwrap_err();
    let until = issued.until;
    assert!(matches!(&error, BrokerError::Lasts { until: it, .. } if *it == until), "{error}");
    // A clock that is ahead ends nothing before its time.
    let later = EndedLease { now: issued.until, ..ended(&tried, &order, Some(&issued)) };
    let early = tried.broker().revoke(&later).await.unwrap_err();
    assert!(matches!(&early, BrokerError::Lasts { until: it, .. } if until < *it), "{early}");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1800)).await;
    tokio::time::resume();
    tried.broker().revoke(&later).await.unwrap();
    // What never left the gateway ends at once, and nobody is asked.
    let asked = stub.asked().len();
    let kept = EndedLease { enforced: EnforcedAs::Prevent, ..over };
    tried.broker().revoke(&kept).await.unwrap();
    assert_eq!(stub.asked().len(), asked);
}

#[tokio::test]
async fn a_policy_of_others_is_not_written_over() {
    let aws = Aws::new();
    let stub = Aws::serve(&aws).await;
    let tried = Tried(Arc::clone(&aws), broker(target(&stub.url)));
    let order = order(&tried, 1);
    let issued = tried.broker().issue(&order).await.unwrap();
    let theirs = r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned();
    aws.lock().unwrap().policy = Some(theirs.clone());
    let error = tried.broker().revoke(&ended(&tried, &order, Some(&issued))).await.unwrap_err();
    assert!(error.to_string().contains("none that we wrote"), "{error}");
    assert_eq!(aws.lock().unwrap().policy.as_ref(), Some(&theirs));
}

#[tokio::test]
async fn no_answer_shows_what_was_in_it_and_what_is_too_long_is_said_before() {
    for (status, body, wanted) in [
        (200, "<html>hunter2</html>".to_owned(), "none of AssumeRole"),
        (200, "hunter2".to_owned(), "none of AWS's"),
        (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>".to_owned(),
            "403 AccessDenied: the role must let",
        ),
        (
            400,
            "<ErrorResponse><Error><Code>hunter2</Code></Error></ErrorResponse>".to_owned(),
            "it answers 400",
        ),
        (500, "hunter2".to_owned(), "it answers 500"),
        (429, String::new(), "wants no more for now"),
    ] {
        let stub = Stub::start(move |_| (status, body.clone())).await;
        let tried = Tried(Aws::new(), broker(target(&stub.url)));
        let error = tried.broker().issue(&order(&tried, 1)).await.unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("hunter2"), "{status}: {error}");
    }
    let long = |name: &str| AwsAllow {
        resources: vec![format!("arn:aws:s3:::{}", "x".repeat(1200))],
        ..allow(name, "s3:GetObject")
    };
    let long = StsTarget { allow: vec![long("one"), long("two")], ..target("http://127.0.0.1:1") };
    let tried = Tried(Aws::new(), broker(long));
    let both = LeaseOrder { wants: vec!["one".into(), "two".into()], ..order(&tried, 1) };
    let error = tried.broker().issue(&both).await.unwrap_err().to_string();
    assert!(error.contains("characters, and STS takes 2048"), "{error}");
}

#[test]
fn what_cannot_be_meant_is_refused_in_the_operators_words() {
    type Change = fn(&mut StsTarget);
    let changes: [(Change, &str, &str); 6] = [
        (|it| it.role = "agents".into(), "role", "`agents` is no role"),
        (|it| it.region = "EU".into(), "region", "`EU` is no region"),
        (|it| it.allow.clear(), "allow", "`allow` names nothing"),
        (|it| it.allow[0].actions = vec!["*".into()], "allow", "`*` is no action"),
        (|it| it.allow[0].resources = vec!["orders".into()], "allow", "`orders` is no resource"),
        (|it| it.allow[1].name = "read".into(), "allow", "`read` is given twice"),
    ];
    for (change, setting, wanted) in changes {
        let mut wrong = target("http://localhost");
        change(&mut wrong);
        let error = wrong.check().unwrap_err();
        assert!(error.setting == setting && error.message.starts_with(wanted), "{error}");
    }
}
