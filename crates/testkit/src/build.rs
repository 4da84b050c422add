//! Builders: the nouns with everything a test does not care about filled in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bailiwick_kernel::Snapshot;
use bailiwick_model::{
    AccessRequest, Action, ActionFacts, ActionKind, AllowLine, BoundTokens, Budget, CallDigest,
    Caller, Charter, Containment, Digest, Effect, Entity, Environment, IdentityKind, Json, Mode,
    Offered, OnWiden, Pin, PinStatus, Reach, Sensitivity, Task, Template, TemplateKind, Timestamp,
    Window,
};
use bailiwick_policy::{
    AccessPolicies, Declared, Inventory, PolicyOptions, PolicySet, PolicySource,
};

/// Gives the charter of an agent that may nothing yet.
pub fn charter(identity: &str) -> Charter {
    Charter {
        identity: identity.parse().expect("an identity"),
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse().expect("a class"),
        owner: "team-test".to_owned(),
        purpose: "Be tested".to_owned(),
        proof: Vec::new(),
        templates: BTreeSet::new(),
        servers: BTreeSet::new(),
        targets: BTreeSet::new(),
        delegates_to: BTreeSet::new(),
    }
}

/// Gives policies for what enforcement points elsewhere ask, where these are known by type and id.
pub fn access(text: &str, known: &[(&str, &str)]) -> AccessPolicies {
    let declared = |(kind, id): &(&str, &str)| Declared {
        entity: Entity {
            kind: (*kind).to_owned(),
            id: (*id).to_owned(),
            properties: BTreeMap::new(),
        },
        parents: Vec::new(),
    };
    let known: Vec<Declared> = known.iter().map(declared).collect();
    let inventory = Inventory::new(&known, []).expect("an inventory");
    let source = PolicySource { name: "authzen/some.cedar".to_owned(), text: text.to_owned() };
    AccessPolicies::compile(&[source]).expect("policies").knowing(inventory)
}

/// Gives a template that allows nothing, denies what is outside, and lasts an hour.
pub fn template(name: &str) -> Template {
    Template {
        name: name.parse().expect("a template's name"),
        owner: "team-test".to_owned(),
        purpose: format!("Do {name}"),
        kind: TemplateKind::default(),
        on_widen: OnWiden::Deny,
        mode: Mode::Enforce,
        params: BTreeMap::new(),
        window: Window { max: Duration::from_secs(3600), idle: None, calendar: None },
        allow: Vec::new(),
        budget: Budget::default(),
        day: None,
        max_open: None,
        bound_tokens: BoundTokens::default(),
    }
}

/// Gives an authority line over `tools`, separated by commas.
pub fn line(server: &str, tools: &str, when: Option<&str>, source: &str) -> AllowLine {
    AllowLine {
        server: server.parse().expect("a server's name"),
        tools: tools.split(',').map(|it| it.parse().expect("a tool's name")).collect(),
        resources: Vec::new(),
        prompts: Vec::new(),
        leases: Vec::new(),
        max: None,
        when: when.map(str::to_owned),
        source: source.to_owned(),
    }
}

/// Gives the action of calling a tool.
pub fn tool(server: &str, name: &str) -> Action {
    Action {
        server: server.parse().expect("a server's name"),
        kind: ActionKind::Tool,
        name: name.to_owned(),
    }
}

/// Gives facts of a harmless action.
pub fn facts() -> ActionFacts {
    ActionFacts {
        reading_credential: false,
        effects: BTreeSet::from([Effect::Read]),
        sensitivity: Sensitivity::Internal,
        results_trusted: true,
        reversible: true,
        reach: Reach::Internal,
        environment: Environment::Development,
    }
}

/// Gives the digest that a tool's definition has in its `version`.
pub fn definition(version: u8) -> Digest {
    Digest::of_parts(&[b"a tool's definition", &[version]])
}

/// Gives what a server offers whose tool is in its `version`.
pub fn offered(version: u8) -> Offered {
    Offered::Tool { definition: definition(version), executable: None }
}

/// Gives the pin of a tool that was accepted in `version`.
pub fn pin(version: u8, at: Timestamp) -> Pin {
    Pin {
        digest: definition(version),
        executable: None,
        status: PinStatus::Accepted,
        at,
        by: "first-connection".to_owned(),
    }
}

/// Gives a call of `action` with `arguments` by the identity of `task`, as its current token
/// would carry it.
pub fn request(task: &Task, action: Action, arguments: Json) -> AccessRequest {
    AccessRequest {
        caller: Caller {
            identity: task.identity.clone(),
            via: task.via.clone(),
            task: task.id.clone(),
            generation: task.generation,
            credentials: BTreeSet::new(),
            exposed: false,
        },
        call: CallDigest::of(&action, &arguments),
        action,
        facts: facts(),
        resources: BTreeSet::new(),
        destinations: BTreeSet::new(),
        arguments,
        bytes_out: 0,
        offered: offered(1),
        faults: Vec::new(),
    }
}

/// Gives what decisions look at where only these are registered and no policy is written.
pub fn snapshot(charters: Vec<Charter>, templates: Vec<Template>) -> Snapshot {
    let policies = PolicySet::compile(&[], PolicyOptions { builtin_permit: true });
    let by_identity = |it: Charter| (it.identity.clone(), Arc::new(it));
    let by_name = |it: Template| (it.name.clone(), Arc::new(it));
    Snapshot {
        policies: Arc::new(policies.expect("no policies")),
        access: Arc::new(AccessPolicies::compile(&[]).expect("no policies")),
        charters: charters.into_iter().map(by_identity).collect(),
        templates: templates.into_iter().map(by_name).collect(),
        contained: Containment::default(),
        lowered: Vec::new(),
        pins: BTreeMap::new(),
        facts: Vec::new(),
        exceptions: Vec::new(),
        bound_tokens: BTreeMap::new(),
    }
}
