//! Plain Cedar: its own authorizer over all policies, shown what they read and no more.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Context as _;
use bailiwick_model::{AccessRequest, Json};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityUid, Policy, PolicyId,
    PolicySet, Request, RestrictedExpression as Value,
};

use super::house::House;

/// The policies, and each request with its entities, all made before anything is timed.
pub(super) struct Plain {
    policies: PolicySet,
    asked: Vec<(Request, Entities)>,
}

/// What one request was answered: whether it is allowed, and by which policies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) allowed: bool,
    pub(super) because: BTreeSet<String>,
}

impl Plain {
    pub(super) fn of(house: &House) -> anyhow::Result<Self> {
        let read: PolicySet = house.text.parse()?;
        let named = |it: &Policy| Some(it.new_id(PolicyId::new(it.annotation("id")?)));
        let policies = PolicySet::from_policies(read.policies().filter_map(named))?;
        let asked = house.requests.iter().map(|it| shown(house, it));
        Ok(Self { policies, asked: asked.collect::<anyhow::Result<_>>()? })
    }

    /// Asks every policy about one request.
    pub(super) fn ask(&self, number: usize) -> Option<cedar_policy::Response> {
        let (request, entities) = self.asked.get(number)?;
        Some(Authorizer::new().is_authorized(request, &self.policies, entities))
    }

    /// Says what the answer was.
    pub(super) fn said(response: &cedar_policy::Response) -> Said {
        Said {
            allowed: response.decision() == Decision::Allow,
            because: response.diagnostics().reason().map(ToString::to_string).collect(),
        }
    }
}

fn shown(house: &House, request: &AccessRequest) -> anyhow::Result<(Request, Entities)> {
    let task = house.state.task();
    let path = request.resources.first().context("a call without a note")?;
    let charter = house.snapshot.charters.get(&task.identity).context("no charter")?;
    let who = uid("Identity", task.identity.as_str())?;
    let does = uid("Action", &request.action.policy_name())?;
    let on = uid("Resource", &format!("notes:{path}"))?;
    let (tool, server) = (uid("Tool", &request.action.policy_name())?, uid("Server", "notes")?);
    let rank = Value::new_long(request.facts.sensitivity.rank().into());
    let about = HashMap::from([("sensitivity_rank".to_owned(), rank)]);
    let class = uid("Class", charter.class.as_str())?;
    let effects = request.facts.effects.iter().map(|it| uid("Action", it.as_str()));
    let effects: HashSet<EntityUid> = effects.collect::<anyhow::Result<_>>()?;
    let entities = Entities::from_entities(
        [
            Entity::new(who.clone(), HashMap::new(), HashSet::from([class]))?,
            Entity::new(does.clone(), HashMap::new(), effects)?,
            Entity::new(tool.clone(), about.clone(), HashSet::from([server.clone()]))?,
            Entity::new(on.clone(), about, HashSet::from([tool, server]))?,
        ],
        None,
    )?;
    Ok((Request::new(who, does, on, context(house, request)?, None)?, entities))
}

/// Shows what the policies read.
fn context(house: &House, request: &AccessRequest) -> anyhow::Result<Context> {
    let Json::Object(arguments) = &request.arguments else { anyhow::bail!("no arguments") };
    let argument = |name: &str| match arguments.get(name) {
        Some(Json::Int(number)) => i64::try_from(*number).map(Value::new_long).ok(),
        _ => None,
    };
    let amount = argument("amount").context("a call without an amount")?;
    let text = |it: &str| Value::new_string(it.to_owned());
    let record = |name: &str, value| Value::new_record(BTreeMap::from([(name.to_owned(), value)]));
    Ok(Context::from_pairs([
        ("task".to_owned(), record("template", text(house.state.task().template.as_str()))?),
        ("input".to_owned(), record("amount", amount)?),
        ("environment".to_owned(), text(request.facts.environment.as_str())),
        ("facts".to_owned(), Value::new_set([])),
        ("approval".to_owned(), record("granted", Value::new_bool(false))?),
    ])?)
}

fn uid(of: &str, id: &str) -> anyhow::Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(of.parse()?, EntityId::new(id)))
}
