//! The schema of what enforcement points elsewhere ask, as far as somebody declares it.

mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use cedar_policy_core::{
    ast::{Expr, ExprKind, Literal, Policy},
    extensions::Extensions,
    validator::{
        ValidationMode, ValidatorSchema,
        typecheck::{PolicyCheck, Typechecker},
        types::RequestEnv,
    },
};
use miette::NamedSource;

use super::{
    SchemaError, merge,
    names::{LEN_MAX, is_slip},
    slip::{self, Slip},
};
use crate::{
    IdentityType, PolicyError, PolicySource,
    compile::whole,
    depth::too_deep,
    mistake::{Found, Mistake},
    syntax,
    vocabulary::nearest,
};

/// What questions are about: the types of people and things, and what is done to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Types by name.
    pub types: BTreeMap<String, QuestionType>,
    /// Actions by name.
    pub actions: BTreeMap<String, QuestionAction>,
}

/// A type of people or things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionType {
    /// The types of what one may belong to.
    pub within: BTreeSet<String>,
    /// What is said of one.
    pub properties: BTreeMap<String, Property>,
}

/// What somebody may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionAction {
    /// The types of those who do it.
    pub subjects: BTreeSet<String>,
    /// The types of what it is done to.
    pub resources: BTreeSet<String>,
    /// What else is said along with it.
    pub context: BTreeMap<String, Property>,
}

/// One thing that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// What it is.
    pub kind: PropertyKind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What is said can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyKind {
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// A number with places.
    Decimal,
    /// True or false.
    Truth,
    /// A list of texts.
    Texts,
}

impl PropertyKind {
    /// All of them, in order.
    pub const ALL: &'static [Self] =
        &[Self::Text, Self::Whole, Self::Decimal, Self::Truth, Self::Texts];

    /// Gives the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole",
            Self::Decimal => "decimal",
            Self::Truth => "truth",
            Self::Texts => "texts",
        }
    }
}

/// The schema of what is declared. It never changes.
#[derive(Debug)]
pub struct QuestionSchema {
    questions: Questions,
    identities: IdentityType,
    cedar: ValidatorSchema,
}

impl QuestionSchema {
    /// Makes the schema; none where nothing is declared.
    pub fn of(
        questions: &Questions,
        identities: &IdentityType,
    ) -> Result<Option<Self>, SchemaError> {
        if questions.actions.is_empty() {
            return Ok(None);
        }
        let text = text::whole(questions, identities);
        let (cedar, _) = ValidatorSchema::from_cedarschema_str(&text, Extensions::all_available())
            .map_err(|error| SchemaError(error.to_string()))?;
        let (questions, identities) = (questions.clone(), identities.clone());
        Ok(Some(Self { questions, identities, cedar }))
    }

    /// Says what of the policies in `sources` does not fit, and what is worth a look. What is wrong
    /// with their words is told by whoever compiles them.
    pub fn misfits(&self, sources: &[PolicySource]) -> Vec<PolicyError> {
        let mut told = Vec::new();
        for source in sources {
            if too_deep(&source.text).is_some() {
                continue;
            }
            let Ok(set) = source.text.parse::<cedar_policy::PolicySet>() else { continue };
            let policies = set.policies().map(|it| (whole(it), it));
            let mut found: Vec<Found> =
                policies.flat_map(|(at, it)| self.misfit(it.as_ref(), &at)).collect();
            found.sort_by_key(|it| (it.at.start, it.at.end));
            let named = NamedSource::new(&source.name, source.text.clone()).with_language("cedar");
            let file = Arc::new(named);
            told.extend(found.into_iter().map(|it| PolicyError::new(it, &file)));
        }
        told
    }

    fn misfit(&self, policy: &Policy, whole: &Range<usize>) -> Vec<Found> {
        let condition = policy.condition();
        let unknown = self.unknown(&condition, whole);
        // What is said of an action has no types, and what nobody declared has none either.
        let of_action = |it: &syntax::Field| it.path == "action";
        if !unknown.is_empty() || syntax::fields(&condition, whole).iter().any(of_action) {
            return unknown;
        }
        let checker = Typechecker::new(&self.cedar, ValidationMode::Strict);
        let (mut slips, mut met) = (Slips::new(), BTreeSet::new());
        for (env, check) in checker.typecheck_by_request_env(policy.template()) {
            let errors = match check {
                PolicyCheck::Success(_) => Vec::new(),
                PolicyCheck::Irrelevant(errors, _) if errors.is_empty() => continue,
                PolicyCheck::Irrelevant(errors, _) | PolicyCheck::Fail(errors) => errors,
            };
            let RequestEnv::DeclaredAction { principal, action, resource, .. } = env else {
                continue;
            };
            let action: &str = action.eid().as_ref();
            let asked = Env {
                action: action.to_owned(),
                subject: principal.to_string(),
                resource: resource.to_string(),
            };
            for (at, slip) in errors.into_iter().filter_map(|it| slip::of(it, whole)) {
                slips.entry((at.start, at.end, slip)).or_default().insert(asked.clone());
            }
            met.insert(asked);
        }
        let told = slips.into_iter().filter_map(|((start, end, slip), envs)| {
            Some(Found { mistake: self.mistake(slip, &envs, &met)?, at: start..end })
        });
        told.collect()
    }

    /// Finds the types and actions that are named and nobody declared.
    fn unknown(&self, condition: &Expr, whole: &Range<usize>) -> Vec<Found> {
        let mut found = Vec::new();
        for part in condition.subexpressions() {
            if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
                let at = syntax::range(part.source_loc().or_else(|| uid.loc()), whole);
                if uid.is_action() {
                    let known = self.questions.actions.keys().map(String::as_str).collect();
                    found.extend(undeclared("action", uid.eid().as_ref(), &known, at));
                } else {
                    found.extend(self.undeclared_type(&uid.entity_type().to_string(), at));
                }
            } else if let ExprKind::Is { entity_type, .. } = part.expr_kind() {
                let at = syntax::range(entity_type.loc().or_else(|| part.source_loc()), whole);
                found.extend(self.undeclared_type(&entity_type.to_string(), at));
            }
        }
        found
    }

    fn undeclared_type(&self, name: &str, at: Range<usize>) -> Option<Found> {
        let mut known: BTreeSet<&str> = self.questions.types.keys().map(String::as_str).collect();
        known.insert(self.identities.as_str());
        undeclared("type", name, &known, at)
    }

    fn mistake(&self, slip: Slip, envs: &BTreeSet<Env>, met: &BTreeSet<Env>) -> Option<Mistake> {
        let Slip::Field { holder, name, missing } = slip else {
            return merge::other(slip, &listed(envs));
        };
        let field = format!("{holder}.{name}");
        if missing && envs.len() == met.len() {
            let known = self.known(&holder, met);
            let help = match nearest(&name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let known: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
                    format!("declared are {}", known.join(", "))
                }
            };
            return Some(Mistake::NeverThere { field, label: "never there".to_owned(), help });
        }
        let label = if missing { "not there in" } else { "may be left out in" };
        Some(Mistake::NotAlwaysThere {
            field,
            label: format!("{label} {}", listed(envs)),
            help: format!(
                "ask first: `{holder} has {name} && …`; what is read and not there is an error, and \
                 an erring forbid denies"
            ),
        })
    }

    /// Gives what `holder` has in some of the questions.
    fn known<'s>(&'s self, holder: &str, met: &BTreeSet<Env>) -> BTreeSet<&'s str> {
        let of_type = |name: &str| {
            let properties = self.questions.types.get(name).map(|it| &it.properties);
            let ours = (name == self.identities.as_str()).then_some(text::OURS.as_slice());
            let names = properties.into_iter().flatten().map(|(name, _)| name.as_str());
            names.chain(ours.into_iter().flatten().copied()).chain(["id"]).collect::<Vec<_>>()
        };
        let of_action = |name: &str| {
            let context = self.questions.actions.get(name).map(|it| &it.context);
            let names = context.into_iter().flatten().map(|(name, _)| name.as_str());
            names.chain(["approval", "now", "facts"]).collect::<Vec<_>>()
        };
        let known = met.iter().flat_map(|it| match holder {
            "principal" => of_type(&it.subject),
            "resource" => of_type(&it.resource),
            "context" => of_action(&it.action),
            _ => Vec::new(),
        });
        known.collect()
    }
}

/// One kind of question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Env {
    action: String,
    subject: String,
    resource: String,
}

/// What is wrong, with its place, and in which questions.
type Slips = BTreeMap<(usize, usize, Slip), BTreeSet<Env>>;

fn undeclared(what: &str, name: &str, known: &BTreeSet<&str>, at: Range<usize>) -> Option<Found> {
    if known.contains(name) {
        return None;
    }
    let short = name.len() <= LEN_MAX;
    let slip = known.iter().find(|it| short && is_slip(name, it));
    let shown: String = name.chars().take(LEN_MAX).collect();
    let message = format!("nobody declares the {what} `{shown}`");
    let near = nearest(name, known.iter().copied().filter(|_| short));
    let meant = |near: &str| format!("did you mean `{near}`?");
    let mistake = match slip {
        Some(slip) => Mistake::Misnamed { message, help: meant(slip) },
        None => Mistake::Unheard {
            message,
            help: near.map_or_else(
                || {
                    "this policy is held against nothing: declare it, too, or leave it so"
                        .to_owned()
                },
                meant,
            ),
        },
    };
    Some(Found { mistake, at })
}

/// Names a few kinds of questions.
fn listed(envs: &BTreeSet<Env>) -> String {
    let names: BTreeSet<String> =
        envs.iter().map(|it| format!("{} of {}", it.action, it.resource)).collect();
    merge::listed(&names.iter().map(String::as_str).collect())
}
