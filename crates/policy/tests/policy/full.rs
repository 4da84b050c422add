//! Cedar itself over a whole set, shown each request in Cedar's public words: what the index and
//! the views must agree with.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bailiwick_model::{Json, ObligationKind, Param, Timestamp};
use bailiwick_policy::Applying;
use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, Entities, Entity, EntityId,
    EntityUid, Policy, PolicyId, PolicySet, Request, RestrictedExpression as Value,
};

use crate::fixture::Asked;

/// A whole set, as Cedar takes it.
pub(crate) struct Full {
    all: PolicySet,
    permits: PolicySet,
    /// Forbids that neither an approval nor the passing of time lifts.
    lasting: PolicySet,
}

/// What Cedar says of one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) allowed: bool,
    pub(crate) determining: BTreeSet<String>,
    pub(crate) errors: BTreeSet<String>,
}

impl Said {
    /// Says the same in Cedar's way of what applies: what forbids hides what permits.
    pub(crate) fn of(applying: Applying, forbids: impl Fn(&str) -> bool) -> Self {
        let Applying { satisfied, errors } = applying;
        let (forbidding, permitting): (BTreeSet<_>, BTreeSet<_>) =
            satisfied.into_iter().partition(|it| forbids(it));
        let allowed = forbidding.is_empty() && !permitting.is_empty();
        let determining = if forbidding.is_empty() { permitting } else { forbidding };
        Self { allowed, determining, errors }
    }
}

impl Full {
    /// Reads policies, each named by its `@id`.
    pub(crate) fn parse(text: &str) -> Self {
        let read: PolicySet = text.parse().unwrap();
        let named = |it: &Policy| it.new_id(PolicyId::new(it.annotation("id").unwrap()));
        let policies: Vec<Policy> = read.policies().map(named).collect();
        let pick = |fits: &dyn Fn(&Policy) -> bool| {
            PolicySet::from_policies(policies.iter().filter(|it| fits(it)).cloned()).unwrap()
        };
        let lifted = |it: &Policy| {
            ["hold", "expires", "mode"].iter().any(|name| it.annotation(name).is_some())
        };
        Self {
            all: pick(&|_| true),
            permits: pick(&|it| it.effect() == Effect::Permit),
            lasting: pick(&|it| it.effect() == Effect::Forbid && !lifted(it)),
        }
    }

    pub(crate) fn forbids(&self, id: &str) -> bool {
        self.all.policy(&PolicyId::new(id)).unwrap().effect() == Effect::Forbid
    }

    /// Asks every policy about every resource.
    pub(crate) fn said(&self, shown: &[(Request, Entities)]) -> Vec<Said> {
        let said = |(request, entities): &(Request, Entities)| {
            let response = Authorizer::new().is_authorized(request, &self.all, entities);
            let diagnostics = response.diagnostics();
            Said {
                allowed: response.decision() == Decision::Allow,
                determining: diagnostics.reason().map(ToString::to_string).collect(),
                errors: diagnostics.errors().map(broken).collect(),
            }
        };
        shown.iter().map(said).collect()
    }

    /// Asks every policy about a request that is not wholly known.
    pub(crate) fn could_ever_allow(&self, (request, entities): &(Request, Entities)) -> bool {
        let look = |set| Authorizer::new().is_authorized_partial(request, set, entities);
        let permits = look(&self.permits);
        let permitted = permits.may_be_determining().next().is_some()
            || permits.definitely_errored().next().is_some();
        permitted && look(&self.lasting).definitely_satisfied().next().is_none()
    }
}

/// Shows each resource of a request.
pub(crate) fn shown(asked: &Asked) -> Vec<(Request, Entities)> {
    let context = context(asked, false);
    let mut resources: Vec<Option<&String>> = asked.request.resources.iter().map(Some).collect();
    if resources.is_empty() {
        resources.push(None);
    }
    let shown = |resource: Option<&String>| {
        let resource = resource.map(|it| uid("Resource", &on_server(asked, it)));
        let entities = entities(asked, resource.clone());
        let resource = resource.unwrap_or_else(|| uid("Tool", &name(asked)));
        (known(asked).resource(resource).context(context.clone()).build(), entities)
    };
    resources.into_iter().map(shown).collect()
}

/// Shows a request whose arguments, resource and moment are not known.
pub(crate) fn shown_in_part(asked: &Asked) -> (Request, Entities) {
    (known(asked).context(context(asked, true)).build(), entities(asked, None).partial())
}

fn broken(error: &AuthorizationError) -> String {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    error.policy_id().to_string()
}

fn known(asked: &Asked) -> cedar_policy::RequestBuilder<cedar_policy::UnsetSchema> {
    Request::builder()
        .principal(uid("Identity", asked.task.identity.as_str()))
        .action(uid("Action", &name(asked)))
}

fn name(asked: &Asked) -> String {
    asked.request.action.policy_name()
}

fn on_server(asked: &Asked, what: &str) -> String {
    format!("{}:{what}", asked.request.action.server)
}

fn uid(of: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.parse().unwrap(), EntityId::new(id))
}

fn entities(asked: &Asked, resource: Option<EntityUid>) -> Entities {
    let (charter, facts) = (&asked.charter, &asked.request.facts);
    let server = uid("Server", asked.request.action.server.as_str());
    let tool = uid("Tool", &name(asked));
    let traits = [
        ("sensitivity", text(facts.sensitivity.as_str())),
        ("sensitivity_rank", Value::new_long(facts.sensitivity.rank().into())),
        ("environment", text(facts.environment.as_str())),
    ];
    let who = [
        ("owner", text(&charter.owner)),
        ("kind", text(charter.kind.as_str())),
        ("class", text(charter.class.as_str())),
    ];
    let groups = facts.effects.iter().map(|it| it.as_str().to_owned());
    let groups = groups.chain([format!("server:{}", asked.request.action.server)]);
    let identity = uid("Identity", asked.task.identity.as_str());
    let mut all = vec![
        entity(identity, who.to_vec(), vec![uid("Class", charter.class.as_str())]),
        entity(
            uid("Action", &name(asked)),
            Vec::new(),
            groups.map(|it| uid("Action", &it)).collect(),
        ),
        entity(tool.clone(), traits.to_vec(), vec![server.clone()]),
    ];
    all.extend(resource.map(|it| entity(it, traits.to_vec(), vec![tool, server])));
    Entities::from_entities(all, None).unwrap()
}

fn entity(uid: EntityUid, attributes: Vec<(&str, Value)>, parents: Vec<EntityUid>) -> Entity {
    let attributes: HashMap<String, Value> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let parents: HashSet<EntityUid> = parents.into_iter().collect();
    Entity::new(uid, attributes, parents).unwrap()
}

/// Shows the context; of a listing what only a call tells is not known.
fn context(asked: &Asked, listing: bool) -> Context {
    let call = |name: &str, value: Value| {
        let value = if listing { Value::new_unknown(name) } else { value };
        (name.to_owned(), value)
    };
    let Asked { request, task, approval, .. } = asked;
    let params = task.params.iter().map(|(name, Param { value, .. })| (name.clone(), text(value)));
    let given = ("granted".to_owned(), Value::new_bool(approval.is_some()));
    let by = approval.as_ref().map(|it| ("by".to_owned(), text(it.by.as_str())));
    let behalf = task.on_behalf.as_ref();
    let behalf = behalf.map_or(("", ""), |it| (it.subject.as_str(), it.issuer.as_str()));
    let facts = asked.facts.iter().filter(|it| listing || asked.now < it.until);
    let supports = ObligationKind::MET_HERE.iter().map(|it| text(it.as_str()));
    let fixed = [
        ("server", text(request.action.server.as_str())),
        ("tool", text(name(asked).split_once("__").unwrap().1)),
        ("environment", text(request.facts.environment.as_str())),
        ("facts", Value::new_set(facts.map(|it| text(&it.name)))),
        ("chain", Value::new_set(task.via.iter().map(|it| text(it.as_str())))),
        ("pep", record([("supports".to_owned(), Value::new_set(supports))])),
        ("depth", Value::new_long(i64::try_from(task.via.len()).unwrap())),
        (
            "task",
            record([
                ("id".to_owned(), text(task.id.as_str())),
                ("template".to_owned(), text(task.template.as_str())),
                ("purpose".to_owned(), text(&task.purpose)),
                ("params".to_owned(), record(params)),
                call("opened", moment(task.opened)),
                ("opened_by".to_owned(), text(task.opener.label())),
                ("break_glass".to_owned(), Value::new_bool(task.is_break_glass())),
                ("on_behalf_of".to_owned(), text(behalf.0)),
                ("on_behalf_issuer".to_owned(), text(behalf.1)),
            ]),
        ),
    ];
    let destinations = request.destinations.iter().map(|it| text(it));
    let of_call = [
        call("input", argument(&request.arguments).unwrap()),
        call("destinations", Value::new_set(destinations)),
        call("granted", Value::new_bool(asked.granted)),
        call("approval", record([given].into_iter().chain(by))),
        call("now", moment(asked.now)),
    ];
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(fixed.into_iter().chain(of_call)).unwrap()
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn moment(at: Timestamp) -> Value {
    Value::new_datetime(at.to_string())
}

fn record(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    let fields: BTreeMap<String, Value> = fields.into_iter().collect();
    Value::new_record(fields).unwrap()
}

/// Shows an argument of the kinds that the laws use.
fn argument(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Value::new_bool(*value),
        Json::Int(number) => Value::new_long(i64::try_from(*number).unwrap()),
        Json::Float(number) => Value::new_decimal(format!("{number:.4}")),
        Json::Text(value) => text(value),
        Json::List(items) => Value::new_set(items.iter().filter_map(argument)),
        Json::Object(members) => record(
            members.iter().filter_map(|(name, value)| Some((name.clone(), argument(value)?))),
        ),
    })
}
