//! Whether a policy fits what its head can meet: Cedar's own strict validation, asked once for each
//! kind of call that the policy can tell apart.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use bailiwick_model::{AllowLine, ParamShape};
use cedar_policy_core::{
    ast::{
        ActionConstraint, Effect, EntityReference, EntityUID, Expr, ExprKind, Literal, Policy,
        PolicyID, PrincipalConstraint, PrincipalOrResourceConstraint as Constraint,
        ResourceConstraint, Template, Var,
    },
    validator::{
        ValidationMode,
        typecheck::{PolicyCheck, Typechecker},
        types::{RequestEnv, Type},
    },
};

use super::{
    Deed, Schema,
    guard::{self, Guard},
    merge::Slips,
    shape::{Field, Shape},
    slip, types,
};
use crate::{
    WhenError,
    mistake::Found,
    reads::Reads,
    vocabulary::Types,
    when::{self, told},
};

impl Schema {
    /// Says what of a policy nothing here is called, and what does not fit the calls that its head can
    /// meet.
    pub(crate) fn misfits(&self, policy: &Policy, whole: &Range<usize>) -> Vec<Found> {
        let mut found = self.names.unheard(&policy.condition(), whole);
        found.extend(self.unfit(policy, whole));
        found
    }

    fn unfit(&self, policy: &Policy, whole: &Range<usize>) -> Vec<Found> {
        let Some(condition) = policy.non_scope_constraints() else { return Vec::new() };
        let met: Vec<(&Deed, &[Type])> =
            self.met(policy).into_iter().map(|it| (it, it.contexts.as_slice())).collect();
        let named = names_tools(policy, &met);
        let params = self.params.iter().flatten().map(String::as_str).collect();
        self.look(policy.template(), (condition, whole), &met, Slips::new(named, params))
    }

    /// Says what does not fit of the condition of an authority line, for the tools that it names
    /// and the tasks of a template with these parameters.
    pub fn misfits_of_line(
        &self,
        line: &AllowLine,
        params: &BTreeMap<String, ParamShape>,
    ) -> Vec<WhenError> {
        let Some(text) = &line.when else { return Vec::new() };
        // What is wrong with the words alone is told by whoever reads them.
        let Ok(expression) = when::parse(text, &line.source) else { return Vec::new() };
        let condition: &Expr = expression.as_ref();
        let (names, params) =
            (params.keys().map(String::as_str).collect(), types::params_of_template(params));
        let covered = self.deeds.iter().filter(|it| covers(line, it));
        let covered: Vec<(&Deed, Vec<Type>)> =
            covered.filter_map(|it| Some((it, types::contexts(&it.input, &params)?))).collect();
        let met: Vec<(&Deed, &[Type])> =
            covered.iter().map(|(it, contexts)| (*it, contexts.as_slice())).collect();
        let template = with(&permit(), condition.clone());
        let (slips, whole) = (Slips::new(true, names), 0..text.len());
        let unheard = self.names.unheard(condition, &whole).into_iter();
        let mut found: Vec<Found> = unheard.filter(|it| !it.mistake.is_remark()).collect();
        found.extend(self.look(&template, (condition, &whole), &met, slips));
        told(found, None)
    }

    /// Looks at a condition in every kind of call that it can tell apart.
    fn look<'d>(
        &self,
        template: &Template,
        (condition, whole): (&Expr, &Range<usize>),
        met: &[(&'d Deed, &[Type])],
        mut slips: Slips<'d>,
    ) -> Vec<Found> {
        let guard = Guard::of(condition);
        let open = met.iter().map(|(it, _)| *it);
        slips.meet(open.filter(|it| guard.shut_after(it).is_none()).collect());
        slips.never_there(condition, whole);
        for (kind, alike) in kinds((condition, &guard), met) {
            let Some((deed, contexts)) = alike.first() else { continue };
            let shut = kind.shut_after.map(|it| with(template, guard::shut(condition, it)));
            let found = self.check(shut.as_ref().unwrap_or(template), deed, contexts, whole);
            let names = || alike.iter().map(|(it, _)| *it);
            for slip in found {
                slips.add(slip, names());
            }
        }
        slips.told()
    }

    /// Asks Cedar about one kind of call. Where numbers can be shown in two ways, one of them has
    /// to do.
    fn check(
        &self,
        template: &Template,
        deed: &Deed,
        contexts: &[Type],
        whole: &Range<usize>,
    ) -> Vec<(Range<usize>, slip::Slip)> {
        let Some(types) = Types::get() else { return Vec::new() };
        let (principal, checker) =
            (types.identity(""), Typechecker::new(&self.cedar, ValidationMode::Strict));
        let ask = |context: &Type| {
            let env = RequestEnv::DeclaredAction {
                principal: principal.entity_type(),
                action: &deed.action,
                resource: &deed.resource,
                context,
                principal_slot: None,
                resource_slot: None,
            };
            let errors = match checker.typecheck_by_single_request_env(template, &env) {
                PolicyCheck::Success(_) => Vec::new(),
                PolicyCheck::Irrelevant(errors, _) | PolicyCheck::Fail(errors) => errors,
            };
            errors.into_iter().filter_map(|it| slip::of(it, whole)).collect::<Vec<_>>()
        };
        contexts.iter().map(ask).min_by_key(Vec::len).unwrap_or_default()
    }
}

impl Schema {
    /// Gives what the head of a policy can meet.
    fn met(&self, policy: &Policy) -> Vec<&Deed> {
        let who = match policy.principal_constraint().as_inner() {
            Constraint::Is(name) | Constraint::IsIn(name, _) => {
                Types::get().is_none_or(|it| it.identity("").entity_type() == &**name)
            }
            Constraint::Any | Constraint::Eq(_) | Constraint::In(_) => true,
        };
        if !who {
            return Vec::new();
        }
        let resource = policy.resource_constraint();
        let what = |it: &&Deed| is_done_to(resource.as_inner(), it);
        match policy.action_constraint() {
            ActionConstraint::Any => self.deeds.iter().filter(what).collect(),
            ActionConstraint::Eq(uid) => self.called(uid).filter(what).into_iter().collect(),
            ActionConstraint::In(uids) => {
                let acts = |it: &&Deed| {
                    uids.iter().any(|uid| **uid == it.action || it.groups.contains(&**uid))
                };
                self.deeds.iter().filter(acts).filter(what).collect()
            }
        }
    }

    /// Gives the deed whose action this is.
    fn called(&self, uid: &EntityUID) -> Option<&Deed> {
        let id: &str = uid.eid().as_ref();
        let place = self.deeds.binary_search_by(|it| it.name.as_str().cmp(id)).ok()?;
        self.deeds.get(place).filter(|it| it.action == *uid)
    }
}

fn is_done_to(constraint: &Constraint, deed: &Deed) -> bool {
    match constraint {
        Constraint::Any => true,
        Constraint::Is(name) => **name == deed.resource,
        Constraint::Eq(what) | Constraint::In(what) => reaches(what, deed),
        Constraint::IsIn(name, what) => **name == deed.resource && reaches(what, deed),
    }
}

/// Says whether what a call of `deed` is done to can be `what`, or belong to it.
fn reaches(what: &EntityReference, deed: &Deed) -> bool {
    let (EntityReference::EUID(uid), Some(types)) = (what, Types::get()) else { return true };
    let id: &str = uid.eid().as_ref();
    let server = deed.server.as_str();
    if **uid == types.server(id) {
        id == server
    } else if **uid == types.tool(id) {
        id == deed.name
    } else {
        let of_server = id.strip_prefix(server).is_some_and(|it| it.starts_with(':'));
        types.is_resource(uid) && deed.to_resources && of_server
    }
}

fn covers(line: &AllowLine, deed: &Deed) -> bool {
    line.server == deed.server
        && match deed.tool.as_str() {
            "resources/read" => !line.resources.is_empty(),
            "prompts/get" => !line.prompts.is_empty(),
            super::LEASE => !line.leases.is_empty(),
            tool => line.tools.iter().any(|it| it.as_str() == tool),
        }
}

/// Says whether the head names what it meets one by one: a tool of tomorrow is none of it.
fn names_tools(policy: &Policy, met: &[(&Deed, &[Type])]) -> bool {
    let is_one = |uid: &EntityUID| met.iter().any(|(it, _)| it.action == *uid);
    match policy.action_constraint() {
        ActionConstraint::Any => false,
        ActionConstraint::Eq(uid) => is_one(uid),
        ActionConstraint::In(uids) => !met.is_empty() && uids.iter().all(|it| is_one(it)),
    }
}

fn names_an_action(expr: &Expr) -> bool {
    if let ExprKind::Lit(Literal::EntityUID(uid)) = expr.expr_kind() {
        return uid.is_action();
    }
    matches!(expr.expr_kind(), ExprKind::Var(Var::Action))
}

/// What of a call a condition can tell apart.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    /// Where what is known beforehand makes it false.
    shut_after: Option<usize>,
    to_resources: bool,
    action: Option<&'a str>,
    /// All of the arguments, where it takes them as a whole.
    input: Option<&'a Shape>,
    /// Else those that it reads.
    read: Vec<Option<&'a Field>>,
    more: bool,
}

/// Sorts calls by what `condition` can tell apart: most policies read a few arguments, which most
/// tools have alike.
fn kinds<'d, 't>(
    (condition, guard): (&Expr, &Guard<'_>),
    met: &[(&'d Deed, &'t [Type])],
) -> BTreeMap<Kind<'d>, Vec<(&'d Deed, &'t [Type])>> {
    let reads = Reads::of(condition);
    let names_actions = condition.subexpressions().any(names_an_action);
    // Tools that take the same are looked at once.
    let mut same: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (deed, contexts) in met {
        let action = names_actions.then_some(deed.name.as_str());
        let alike = (guard.shut_after(deed), deed.to_resources, action, deed.takes);
        same.entry(alike).or_default().push((*deed, *contexts));
    }
    let mut kinds: BTreeMap<Kind<'d>, Vec<_>> = BTreeMap::new();
    for ((shut_after, to_resources, action, _), alike) in same {
        let Some((deed, _)) = alike.first() else { continue };
        let fields = deed.input.fields();
        let (input, read) = match reads.input.names() {
            None => (Some(&deed.input), Vec::new()),
            Some(names) => {
                let field = |name| fields.and_then(|it| it.named.get(name));
                (None, names.iter().map(field).collect())
            }
        };
        let more = fields.is_none_or(|it| it.more);
        let kind = Kind { shut_after, to_resources, action, input, read, more };
        kinds.entry(kind).or_default().extend(alike);
    }
    kinds
}

/// A policy with any head.
fn permit() -> Template {
    Template::new_shared(
        PolicyID::from_string("line"),
        None,
        Arc::default(),
        Effect::Permit,
        PrincipalConstraint::any(),
        ActionConstraint::any(),
        ResourceConstraint::any(),
        None,
    )
}

/// Gives the same policy with another condition.
fn with(template: &Template, condition: Expr) -> Template {
    Template::new_shared(
        template.id().clone(),
        template.loc().cloned(),
        Arc::default(),
        template.effect(),
        template.principal_constraint().clone(),
        template.action_constraint().clone(),
        template.resource_constraint().clone(),
        Some(Arc::new(condition)),
    )
}
