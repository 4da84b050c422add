//! What happens in an organisation: agents do tasks, workflows deploy, workloads run, people sign in.

use std::{borrow::Cow, collections::BTreeSet};

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Timestamp, Via};
use serde_json::{Value, json};

use super::{Deed, Dice, Name, Organisation, Plan, native};

const ACCOUNT: &str = "111122223333";
/// 2026-03-02T00:00:00Z.
const BEGIN: i64 = 1_772_409_600_000;
const AGENTS: [&str; 4] = ["triage", "reporter", "deployer", "reviewer"];
const REPOSITORIES: [&str; 3] = ["org/web", "org/api", "org/tools"];
const PEOPLE: [&str; 3] = ["ann", "bob", "triage"];
/// What is done at AWS: service, operation, resource, whether it is in a log of data alone.
const CALLS: [(&str, &str, &str, bool); 5] = [
    ("s3", "GetObject", "arn:aws:s3:::reports/*", true),
    ("s3", "PutObject", "arn:aws:s3:::releases/*", true),
    ("ec2", "DescribeInstances", "", false),
    ("ec2", "RunInstances", "", false),
    ("lambda", "ListFunctions", "", false),
];
/// What roles may do besides, and nobody does.
const UNUSED: [(&str, &str); 3] =
    [("ec2", "StopInstances"), ("ec2", "DescribeImages"), ("lambda", "DeleteFunction")];

/// Somebody who acts, as a log names them, and by which way they came to it.
#[derive(Clone, Debug)]
struct Caller {
    id: String,
    platform: Platform,
    kind: ActorKind,
    credential: String,
    /// What the log says besides: who stands behind, or what a session calls itself.
    behind: Vec<String>,
    session: String,
    path: Vec<Name>,
    leased: bool,
}

/// What somebody does.
struct Act<'a> {
    service: &'a str,
    operation: &'a str,
    resource: &'a str,
    data: bool,
    denied: bool,
    issued: Option<Issued<'static>>,
}

struct Life {
    dice: Dice,
    now: i64,
    keys: BTreeSet<String>,
    told: Organisation,
}

pub(super) fn live(plan: Plan) -> Organisation {
    let mut life = Life {
        dice: Dice::new(plan.seed),
        now: BEGIN,
        keys: BTreeSet::new(),
        told: Organisation::default(),
    };
    for _ in 0..plan.works {
        match life.dice.below(5) {
            0 if plan.leases => life.leased_task(),
            0 => life.task_with_a_key(),
            1 if plan.leases => life.leased_task(),
            1 | 2 => life.workflow(),
            3 => life.workload(),
            _ => life.people(),
        }
        life.pass(3 * 3_600_000);
    }
    // Whatever the dice said, each kind of thing happened once.
    life.workflow();
    life.workload();
    life.people();
    if plan.leases {
        life.leased_task();
    } else {
        life.task_with_a_key();
    }
    life.grants();
    life.told
}

impl Life {
    fn pass(&mut self, most: u64) {
        let millis = self.dice.below(most.max(1));
        self.now = self.now.saturating_add(i64::try_from(millis).expect("some time"));
    }

    /// An agent of the gateway gets a key of AWS and a login of the database for a task, and nothing else.
    fn leased_task(&mut self) {
        let name = (*self.dice.one_of(&AGENTS)).to_owned();
        let task = format!("task_{}", self.dice.letters(12).to_lowercase());
        let agent = Caller {
            id: name.clone(),
            platform: Platform::Mcp,
            kind: ActorKind::Agent,
            credential: task,
            behind: Vec::new(),
            session: String::new(),
            path: vec![(Platform::Mcp, name.clone())],
            leased: false,
        };
        let (role, key) = (arn("leased"), self.key("ASIA"));
        let governor = Caller { session: "governor".to_owned(), ..user("governor") };
        let until = Timestamp::from_millis(self.now.saturating_add(3_600_000));
        self.hand_out(&agent, &key, &role, Via::Lease, until);
        // AWS says that the governor assumed the role. The clocks are a little apart.
        self.hand_out(&governor, &key, &role, Via::AssumeRole, until);
        let lease = format!("lease_{}", self.dice.letters(12).to_lowercase());
        let mut session = then(&agent, Platform::Aws, &role, ActorKind::Role);
        (session.credential, session.session, session.leased) = (key, lease.clone(), true);
        session.behind = vec![name];
        self.calls(&session);
        if self.dice.once_in(3) {
            // With the key of a lease another role is assumed.
            let next = self.assume(&session, "reader", false);
            self.calls(&next);
        }
        let login = format!("bw_{}", lease.trim_start_matches("lease_"));
        let until = Timestamp::from_millis(self.now.saturating_add(3_600_000));
        self.hand_out(&agent, &login, &login, Via::Lease, until);
        let mut session = then(&agent, Platform::Postgres, &login, ActorKind::Service);
        (session.credential, session.leased) = (String::new(), true);
        self.queries(&session);
    }

    /// An agent without a gateway has a key that lasts, and calls itself what it likes.
    fn task_with_a_key(&mut self) {
        let name = *self.dice.one_of(&AGENTS);
        let own = user(name);
        let lost = self.dice.once_in(60);
        let mut session = self.assume(&own, "agents", lost);
        session.behind = vec![(*self.dice.one_of(&AGENTS)).to_owned()];
        self.calls(&session);
        if self.dice.once_in(4) {
            let next = self.assume(&session, "reader", false);
            self.calls(&next);
        }
        let mut service = person(Platform::Postgres, "app", "");
        service.kind = ActorKind::Service;
        self.queries(&service);
    }

    /// A workflow of a repository takes a role by its token, and with the role's key it reaches a cluster.
    fn workflow(&mut self) {
        let repository = *self.dice.one_of(&REPOSITORIES);
        let subject = format!("repo:{repository}:ref:refs/heads/main");
        let provider =
            format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com");
        let web = vouched(&provider, (Platform::Github, subject));
        let lost = self.dice.once_in(60);
        let deploy = self.assume(&web, "deploy", lost);
        self.calls(&deploy);
        let mut cluster = then(&deploy, Platform::Kubernetes, "deploy-bot", ActorKind::Unknown);
        (cluster.behind, cluster.kind) = (Vec::new(), ActorKind::Unknown);
        self.objects(&cluster);
        if self.dice.once_in(2) {
            let mut other =
                then(&cluster, Platform::Kubernetes, "release-manager", ActorKind::Unknown);
            other.behind = vec![cluster.id.clone()];
            self.objects(&other);
        }
    }

    /// A workload of the cluster takes a role by its service account.
    fn workload(&mut self) {
        let account = format!("system:serviceaccount:web:{}", self.dice.one_of(&["app", "mailer"]));
        let provider = format!(
            "arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/4F2A"
        );
        let own = person(Platform::Kubernetes, &account, "");
        self.objects(&own);
        let web = vouched(&provider, (Platform::Kubernetes, account));
        let lost = self.dice.once_in(60);
        let session = self.assume(&web, "app", lost);
        self.calls(&session);
    }

    /// People sign in, push, and now and then make a key for somebody.
    fn people(&mut self) {
        let name = *self.dice.one_of(&PEOPLE);
        let at = format!("{name}@example.org");
        let session = self.dice.letters(20);
        let okta = person(Platform::Okta, &at, &session);
        self.act(&okta, &Act::plain("", "user.session.start", "console"));
        let hash = format!("sha256:{:064x}", u128::from(self.dice.roll()));
        let github = person(Platform::Github, name, &hash);
        let repository = *self.dice.one_of(&REPOSITORIES);
        for _ in 0..=self.dice.below(3) {
            self.act(&github, &Act::plain("", "git.push", repository));
        }
        let admin = user("admin");
        let (made, user) = (self.key("AKIA"), format!("arn:aws:iam::{ACCOUNT}:user/{name}"));
        let issued = Issued {
            credential: made.clone().into(),
            to: user.clone().into(),
            via: Via::Key,
            until: None,
        };
        let act =
            Act { issued: Some(issued), ..Act::plain("iam.amazonaws.com", "CreateAccessKey", "") };
        self.act(&admin, &act);
        let mut person = then(&admin, Platform::Aws, &user, ActorKind::Unknown);
        person.credential = made;
        self.calls(&person);
    }

    fn calls(&mut self, caller: &Caller) {
        for _ in 0..=self.dice.below(6) {
            let (service, operation, resource, data) = *self.dice.one_of(&CALLS);
            let denied = self.dice.once_in(20);
            let service = format!("{service}.amazonaws.com");
            self.act(
                caller,
                &Act { service: &service, operation, resource, data, denied, issued: None },
            );
        }
    }

    fn objects(&mut self, caller: &Caller) {
        for _ in 0..=self.dice.below(4) {
            let service = *self.dice.one_of(&["core/pods", "apps/deployments", "core/secrets"]);
            let operation = *self.dice.one_of(&["get", "list", "create"]);
            let denied = self.dice.once_in(10);
            self.act(caller, &Act { denied, ..Act::plain(service, operation, "web") });
        }
    }

    fn queries(&mut self, caller: &Caller) {
        for _ in 0..=self.dice.below(4) {
            let operation = *self.dice.one_of(&["SELECT", "INSERT"]);
            self.act(caller, &Act::plain("table public.orders", operation, "public.orders"));
        }
    }

    /// Assumes a role; the log may have lost that.
    fn assume(&mut self, by: &Caller, role: &str, lost: bool) -> Caller {
        let (role, key) = (arn(role), self.key("ASIA"));
        let until = Timestamp::from_millis(self.now.saturating_add(3_600_000));
        if !lost {
            self.hand_out(by, &key, &role, Via::AssumeRole, until);
        }
        let mut session = then(by, Platform::Aws, &role, ActorKind::Role);
        // Sessions of all kinds have the same names: they tell nobody apart.
        (session.credential, session.session) = (key, "run".to_owned());
        session
    }

    fn hand_out(&mut self, by: &Caller, made: &str, to: &str, via: Via, until: Timestamp) {
        let web = by.credential.is_empty();
        let (service, operation) = match (by.platform, web) {
            (Platform::Mcp, _) => ("bailiwick", "lease"),
            (_, true) => ("sts.amazonaws.com", "AssumeRoleWithWebIdentity"),
            (_, false) => ("sts.amazonaws.com", "AssumeRole"),
        };
        let issued = Issued {
            credential: made.to_owned().into(),
            to: to.to_owned().into(),
            via,
            until: Some(until),
        };
        self.act(by, &Act { issued: Some(issued), ..Act::plain(service, operation, to) });
    }

    /// Does it, and notes what the log says and what is true.
    fn act(&mut self, by: &Caller, act: &Act<'_>) {
        self.pass(60_000);
        let key = u128::from(self.dice.roll()) << 64 | u128::from(self.dice.roll());
        // AWS writes whole seconds.
        let at = if by.platform == Platform::Aws {
            self.now.saturating_sub(self.now.rem_euclid(1000))
        } else {
            self.now
        };
        let exercise = Exercise {
            platform: by.platform,
            key,
            at: Timestamp::from_millis(at),
            account: Cow::Borrowed(account(by.platform)),
            actor: Actor {
                id: by.id.clone().into(),
                kind: by.kind,
                credential: by.credential.clone().into(),
                chain: by.behind.iter().map(|it| it.clone().into()).collect(),
                ..Actor::default()
            },
            service: act.service.to_owned().into(),
            operation: act.operation.to_owned().into(),
            along: Along::NOTHING,
            resource: act.resource.to_owned().into(),
            ended: if act.denied { Ended::Denied } else { Ended::Success },
            code: Cow::Borrowed(if act.denied { "AccessDenied" } else { "" }),
            issued: act.issued.clone(),
            data: act.data,
            internal: false,
            granted_by: Cow::Borrowed(""),
        };
        if let Some(line) = native::line(&exercise, &by.session) {
            self.told.logs.entry(by.platform).or_default().push(line);
        }
        self.told.exercises.push(exercise);
        let service = act.service.trim_end_matches(".amazonaws.com");
        let parts = [by.platform.as_str(), service, act.operation];
        let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        self.told.truth.push(Deed {
            key,
            credential: by.credential.clone(),
            path: by.path.clone(),
            permission: parts.join(":"),
            denied: act.denied,
            leased: by.leased,
        });
    }

    fn key(&mut self, begin: &str) -> String {
        loop {
            let key = format!("{begin}{}", self.dice.letters(16));
            if self.keys.insert(key.clone()) {
                return key;
            }
        }
    }

    /// Lists what AWS grants: everything that roles are seen to do, and something that they are not.
    fn grants(&mut self) {
        let mut actions: Vec<_> = CALLS.iter().map(|it| format!("{}:{}", it.0, it.1)).collect();
        actions.extend(UNUSED.iter().map(|it| format!("{}:{}", it.0, it.1)));
        actions.push("sts:AssumeRole".to_owned());
        let role = |name: &str, trusts: Value| {
            json!({
                "Arn": arn(name), "RoleName": name, "CreateDate": "2025-01-01T00:00:00Z",
                "AssumeRolePolicyDocument": { "Statement": { "Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRole" } },
                "RolePolicyList": [{ "PolicyName": "work", "PolicyDocument": { "Statement":
                    { "Effect": "Allow", "Action": actions, "Resource": "*" } } }],
                "AttachedManagedPolicies": [],
            })
        };
        let provider = |host: &str| json!({ "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}") });
        let by = |name: &str| json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:user/{name}") });
        let users: Vec<_> =
            AGENTS.iter().map(|it| format!("arn:aws:iam::{ACCOUNT}:user/{it}")).collect();
        self.told.grants = json!({ "UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [
            role("leased", by("governor")), role("agents", json!({ "AWS": users })),
            role("reader", json!({ "AWS": [arn("leased"), arn("agents")] })),
            role("deploy", provider("token.actions.githubusercontent.com")),
            role("app", provider("oidc.eks.eu-central-1.amazonaws.com/id/4F2A")),
        ] });
        let roles = ["leased", "agents", "reader", "deploy", "app"];
        self.told.dormant = roles
            .iter()
            .flat_map(|role| UNUSED.iter().map(|it| (arn(role), format!("aws:{}:{}", it.0, it.1))))
            .collect();
    }
}

impl<'a> Act<'a> {
    const fn plain(service: &'a str, operation: &'a str, resource: &'a str) -> Self {
        Self { service, operation, resource, data: false, denied: false, issued: None }
    }
}

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

const fn account(platform: Platform) -> &'static str {
    match platform {
        Platform::Aws => ACCOUNT,
        Platform::Kubernetes => "cluster-1",
        Platform::Github => "org",
        Platform::Postgres => "app",
        Platform::Okta
        | Platform::Google
        | Platform::Workspace
        | Platform::Azure
        | Platform::Vault
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => "",
    }
}

/// Somebody whom one went on to be.
fn then(before: &Caller, platform: Platform, id: &str, kind: ActorKind) -> Caller {
    let mut path = before.path.clone();
    path.push((platform, id.to_owned()));
    Caller { id: id.to_owned(), platform, kind, path, ..before.clone() }
}

/// Somebody for whom another system vouches: AWS calls them by provider and subject.
fn vouched(provider: &str, name: Name) -> Caller {
    Caller {
        id: format!("{provider}:{}", name.1),
        platform: Platform::Aws,
        kind: ActorKind::Role,
        credential: String::new(),
        behind: Vec::new(),
        session: String::new(),
        path: vec![name],
        leased: false,
    }
}

/// A user of AWS with a key that lasts: one for each name.
fn user(name: &str) -> Caller {
    let id = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    let key = format!("AKIA{:X<16}", name.to_uppercase());
    Caller { kind: ActorKind::Unknown, ..person(Platform::Aws, &id, &key) }
}

fn person(platform: Platform, id: &str, credential: &str) -> Caller {
    Caller {
        id: id.to_owned(),
        platform,
        kind: ActorKind::Person,
        credential: credential.to_owned(),
        behind: Vec::new(),
        session: String::new(),
        path: vec![(platform, id.to_owned())],
        leased: false,
    }
}
