//! Requests written on one line, and what policies say of them on another.
//!
//! `files__write_file write path=/a on:/a to:https://x approved` is a call of `write_file` of
//! `files`, with an effect, an argument, a resource, a destination and a person's approval.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{
    AccessRequest, Action, ActionFacts, ActionKind, AllowLine, ApprovedCall, Budget, CallDigest,
    Caller, Charter, Effect, Environment, Fact, Grant, HoldId, IdentityKind, Json, JsonLimits,
    Layer, Mode, Offered, OnBehalf, OnWiden, Opener, Param, Reach, Sensitivity, Task, TaskId,
    TaskStatus, Timestamp, Ulid, Verdict,
};
use bailiwick_policy::{
    Case, ListQuestion, PolicyAnswer, PolicyOptions, PolicySet, PolicySource, Question,
};

/// The moment at which requests are asked unless they say otherwise.
pub(crate) const NOW: &str = "2026-11-02T10:00:00Z";

/// A request with all that it is asked with.
pub(crate) struct Asked {
    pub(crate) request: AccessRequest,
    pub(crate) task: Task,
    pub(crate) charter: Charter,
    pub(crate) facts: Vec<Fact>,
    pub(crate) now: Timestamp,
    pub(crate) granted: bool,
    pub(crate) approval: Option<ApprovedCall>,
}

impl Asked {
    pub(crate) const fn question(&self) -> Question<'_> {
        Question {
            request: &self.request,
            task: &self.task,
            charter: &self.charter,
            facts: self.facts.as_slice(),
            now: self.now,
            granted: self.granted,
            approval: self.approval.as_ref(),
        }
    }

    pub(crate) fn case(&self) -> Case<'_> {
        Case::of(self.question())
    }

    pub(crate) fn list_question(&self) -> ListQuestion<'_> {
        ListQuestion {
            action: &self.request.action,
            facts_of_action: &self.request.facts,
            task: &self.task,
            charter: &self.charter,
            facts: &self.facts,
        }
    }

    pub(crate) fn approve(&mut self) {
        self.approval = Some(ApprovedCall {
            hold: HoldId::new(Ulid::new(self.now, [2; 10])),
            call: self.request.call,
            caller: self.request.caller.identity.clone(),
            via: Vec::new(),
            reasons: BTreeSet::new(),
            policy: String::new(),
            by: "ada".parse().unwrap(),
            expires: Timestamp::MAX,
        });
    }
}

pub(crate) fn charter() -> Charter {
    Charter {
        identity: "triage-agent".parse().unwrap(),
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse().unwrap(),
        owner: "team-support".to_owned(),
        purpose: "Triage support tickets".to_owned(),
        proof: Vec::new(),
        templates: BTreeSet::from(["ticket-triage".parse().unwrap()]),
        servers: BTreeSet::from(["files".parse().unwrap(), "tickets".parse().unwrap()]),
        targets: BTreeSet::new(),
        delegates_to: BTreeSet::new(),
    }
}

pub(crate) fn line(server: &str, tools: &[&str], when: Option<&str>, source: &str) -> AllowLine {
    AllowLine {
        server: server.parse().unwrap(),
        tools: tools.iter().map(|it| it.parse().unwrap()).collect(),
        resources: Vec::new(),
        prompts: Vec::new(),
        leases: Vec::new(),
        max: None,
        when: when.map(str::to_owned),
        source: source.to_owned(),
    }
}

pub(crate) fn layer(params: &[(&str, &str)], lines: Vec<AllowLine>) -> Layer {
    let param = |value: &str| Param { value: value.to_owned(), from: Opener::Itself };
    Layer {
        day: None,
        identity: "triage-agent".parse().unwrap(),
        template: "ticket-triage".parse().unwrap(),
        purpose: "Triage one support ticket".to_owned(),
        params: params.iter().map(|(name, value)| ((*name).to_owned(), param(value))).collect(),
        servers: charter().servers,
        targets: BTreeSet::new(),
        lines,
    }
}

pub(crate) fn grant(layers: Vec<Layer>) -> Grant {
    Grant { layers, budget: Budget::default(), on_widen: OnWiden::Deny, mode: Mode::Enforce }
}

pub(crate) fn task() -> Task {
    Task {
        id: TaskId::new(Ulid::new(Timestamp::default(), [1; 10])),
        identity: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        template: "ticket-triage".parse().unwrap(),
        purpose: "Triage one support ticket".to_owned(),
        opener: Opener::Itself,
        params: BTreeMap::from([(
            "ticket".to_owned(),
            Param { value: "T-1".to_owned(), from: Opener::Itself },
        )]),
        parent: None,
        above: Vec::new(),
        opened: NOW.parse().unwrap(),
        deadline: Timestamp::MAX,
        idle: None,
        calendars: Vec::new(),
        grant: grant(Vec::new()),
        generation: 0,
        status: TaskStatus::Open,
        on_behalf: Some(OnBehalf {
            issuer: "https://idp.example".to_owned(),
            subject: "U0194".to_owned(),
            through: Vec::new(),
            only: None,
        }),
        people: BTreeSet::new(),
    }
}

/// Reads a request.
pub(crate) fn asked(text: &str) -> Asked {
    let mut words = text.split_whitespace();
    let (server, name) = words.next().unwrap().split_once("__").unwrap();
    let (kind, name) = match name {
        "resources/read" => (ActionKind::Resource, words.next().unwrap()),
        "prompts/get" => (ActionKind::Prompt, words.next().unwrap()),
        tool => (ActionKind::Tool, tool),
    };
    let action = Action { server: server.parse().unwrap(), kind, name: name.to_owned() };
    let task = task();
    let mut asked = Asked {
        request: AccessRequest {
            caller: Caller {
                identity: task.identity.clone(),
                via: Vec::new(),
                task: task.id.clone(),
                generation: 0,
                credentials: BTreeSet::new(),
                exposed: false,
            },
            call: CallDigest::of(&action, &Json::Null),
            action,
            facts: ActionFacts {
                reading_credential: false,
                effects: BTreeSet::new(),
                sensitivity: Sensitivity::Internal,
                results_trusted: false,
                reversible: true,
                reach: Reach::Internal,
                environment: Environment::Development,
            },
            resources: BTreeSet::new(),
            destinations: BTreeSet::new(),
            arguments: Json::Object(BTreeMap::new()),
            bytes_out: 0,
            offered: Offered::NotPinned,
            faults: Vec::new(),
        },
        task,
        charter: charter(),
        facts: Vec::new(),
        now: NOW.parse().unwrap(),
        granted: true,
        approval: None,
    };
    words.for_each(|word| add(&mut asked, word));
    asked
}

fn add(asked: &mut Asked, word: &str) {
    let request = &mut asked.request;
    if let Some(effect) = Effect::from_word(word) {
        request.facts.effects.insert(effect);
    } else if let Some(sensitivity) = Sensitivity::from_word(word) {
        request.facts.sensitivity = sensitivity;
    } else if let Some(environment) = Environment::from_word(word) {
        request.facts.environment = environment;
    } else if let Some(value) = word.strip_prefix("on:") {
        request.resources.insert(value.to_owned());
    } else if let Some(value) = word.strip_prefix("to:") {
        request.destinations.insert(value.to_owned());
    } else if let Some(name) = word.strip_prefix("via:") {
        asked.task.via.push(name.parse().unwrap());
    } else if let Some(at) = word.strip_prefix("at:") {
        asked.now = at.parse().unwrap();
    } else if let Some(fact) = word.strip_prefix("fact:") {
        let (name, until) = fact.split_once('@').unwrap();
        asked.facts.push(Fact { name: name.to_owned(), until: until.parse().unwrap() });
    } else if word == "approved" {
        asked.approve();
    } else if word == "ungranted" {
        asked.granted = false;
    } else if let Some((name, value)) = word.split_once('=') {
        let value = Json::parse(value.as_bytes(), JsonLimits::default())
            .unwrap_or_else(|_| Json::Text(value.to_owned()));
        let Json::Object(members) = &mut request.arguments else {
            panic!("arguments are an object")
        };
        members.insert(name.to_owned(), value);
    } else {
        panic!("a request cannot say `{word}`");
    }
}

pub(crate) fn compile(text: &str) -> PolicySet {
    compile_with(text, true)
}

pub(crate) fn compile_with(text: &str, builtin_permit: bool) -> PolicySet {
    let source = PolicySource { name: "guardrails.cedar".to_owned(), text: text.to_owned() };
    PolicySet::compile(&[source], PolicyOptions { builtin_permit }).unwrap_or_else(|errors| {
        let all: Vec<String> = errors.iter().map(|it| format!("{it} at {:?}", it.span())).collect();
        panic!("{text}\n{}", all.join("\n"))
    })
}

/// Writes a verdict with what said it: `hold export-needs-approval`.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    let mut words = vec![verdict.kind().to_string()];
    words.extend(verdict.reasons().into_iter().map(|it| it.source));
    words.join(" ")
}

pub(crate) fn answer(answer: &PolicyAnswer) -> String {
    let would = answer.would.as_ref().map(|it| format!(", would {}", verdict(it)));
    format!("{}{}", verdict(&answer.verdict), would.unwrap_or_default())
}

/// Compiles the policies and asks every line below them: `request -> verdict`.
#[track_caller]
pub(crate) fn check(policies: &str, requests: &str) {
    check_set(&compile(policies), requests);
}

#[track_caller]
pub(crate) fn check_set(policies: &PolicySet, requests: &str) {
    for line in requests.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (request, expected) = line.split_once("->").unwrap();
        let said = answer(&policies.evaluate(&asked(request).case()));
        assert_eq!(said, expected.trim(), "{line}");
    }
}
