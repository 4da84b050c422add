//! The schema is what the view shows, and what fits it does not err.

use std::sync::Arc;

use bailiwick_model::{Constraints, JsonLimits};
use cedar_policy_core::{
    ast::{Entity, EntityUID, Request},
    entities::{Entities, TCComputation},
    validator::CoreSchema,
};
use proptest::prelude::*;

use super::*;
use crate::{Case, PolicyOptions, PolicySet, PolicySource};

#[path = "../../tests/policy/fixture.rs"]
#[expect(dead_code, reason = "the tests that know only what is public use all of it")]
mod fixture;

use fixture::{Asked, asked};

/// How the numbers of a call are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Whole,
    WithPlaces,
}

fn shapes(open: bool, numbers: bool) -> impl Strategy<Value = Shape> {
    let mut leaves = vec![Shape::Text, Shape::Whole, Shape::Truth];
    leaves.extend(numbers.then_some(Shape::Number));
    leaves.extend(open.then_some(Shape::Open));
    let leaf = prop::sample::select(leaves);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            2 => inner.clone().prop_map(|it| Shape::Set(Box::new(it))),
            3 => fields(inner).prop_map(Shape::Record),
        ]
    })
}

fn fields(inner: impl Strategy<Value = Shape>) -> impl Strategy<Value = Fields> {
    let name = prop_oneof![9 => "[a-d]", 1 => "[ab é\"\\\\/'-]{1,3}"];
    let field = (inner, any::<bool>()).prop_map(|(shape, required)| Field { shape, required });
    prop::collection::btree_map(name, field, 0..4).prop_map(|named| Fields { named, more: false })
}

fn inputs(open: bool, numbers: bool) -> impl Strategy<Value = Shape> {
    fields(shapes(open, numbers)).prop_map(Shape::Record)
}

/// Writes the JSON Schema that is read as `shape`.
fn schema_of(shape: &Shape) -> Json {
    let object = |members: Vec<(&str, Json)>| {
        Json::Object(members.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
    };
    let of_type = |word: &str| object(vec![("type", Json::Text(word.to_owned()))]);
    match shape {
        Shape::Text => of_type("string"),
        Shape::Whole => of_type("integer"),
        Shape::Number => of_type("number"),
        Shape::Truth => of_type("boolean"),
        Shape::Open => object(Vec::new()),
        Shape::Set(of) => {
            object(vec![("type", Json::Text("array".to_owned())), ("items", schema_of(of))])
        }
        Shape::Record(Fields { named, .. }) => {
            let properties = named.iter().map(|(name, it)| (name.clone(), schema_of(&it.shape)));
            let required = named.iter().filter(|(_, it)| it.required);
            let required = required.map(|(name, _)| Json::Text(name.clone())).collect();
            object(vec![
                ("type", Json::Text("object".to_owned())),
                ("properties", Json::Object(properties.collect())),
                ("required", Json::List(required)),
            ])
        }
    }
}

/// Makes values that are as a schema wants them.
fn values(shape: &Shape, written: Written) -> BoxedStrategy<Json> {
    match shape {
        Shape::Text => "[a-z/*]{0,4}".prop_map(Json::Text).boxed(),
        Shape::Whole => any::<i64>().prop_map(|it| Json::Int(it.into())).boxed(),
        Shape::Number => match written {
            Written::Whole => any::<i32>().prop_map(|it| Json::Int(it.into())).boxed(),
            Written::WithPlaces => {
                (-9_999..9_999_i32).prop_map(|it| Json::Float(f64::from(it) + 0.25)).boxed()
            }
        },
        Shape::Truth => any::<bool>().prop_map(Json::Bool).boxed(),
        Shape::Open => prop_oneof![
            Just(Json::Null),
            any::<i64>().prop_map(|it| Json::Int(it.into())),
            "[a-z]{0,3}".prop_map(Json::Text),
            Just(Json::Object(BTreeMap::from([("a".to_owned(), Json::Bool(true))]))),
        ]
        .boxed(),
        Shape::Set(of) => {
            prop::collection::vec(values(of, written), 0..3).prop_map(Json::List).boxed()
        }
        Shape::Record(Fields { named, .. }) => {
            let members: Vec<_> = named
                .iter()
                .map(|(name, field)| {
                    let name = name.clone();
                    let value = values(&field.shape, written);
                    let given = if field.required {
                        value.prop_map(Some).boxed()
                    } else {
                        prop_oneof![Just(None), Just(Some(Json::Null)), value.prop_map(Some)]
                            .boxed()
                    };
                    given.prop_map(move |it| it.map(|it| (name.clone(), it)))
                })
                .collect();
            members.prop_map(|all| Json::Object(all.into_iter().flatten().collect())).boxed()
        }
    }
}

fn with_arguments(open: bool, numbers: bool) -> impl Strategy<Value = (Shape, Written, Json)> {
    let written = prop::sample::select(vec![Written::Whole, Written::WithPlaces]);
    (inputs(open, numbers), written).prop_flat_map(|(shape, written)| {
        let arguments = values(&shape, written);
        (Just(shape), Just(written), arguments)
    })
}

fn offering(shape: &Shape, to_resources: bool) -> Offering {
    let server: ServerName = "files".parse().unwrap();
    Offering {
        servers: BTreeMap::from([(server.clone(), Environment::Development)]),
        targets: BTreeMap::new(),
        tools: vec![AcceptedTool {
            server,
            name: "do".to_owned(),
            effects: BTreeSet::from([Effect::Read, Effect::Egress]),
            to_resources,
            input: Some(schema_of(shape)),
        }],
        others: BTreeSet::new(),
        params: Some(BTreeSet::from(["ticket".to_owned(), "other".to_owned()])),
        templates: None,
    }
}

fn call(arguments: Json, to_resources: bool) -> Asked {
    let on = if to_resources { "on:/a" } else { "to:https://x" };
    let mut asked = asked(&format!("files__do read egress {on} via:other approved"));
    asked.request.arguments = arguments;
    asked
}

/// Asks Cedar's own validation of requests and entities.
fn conforms(text: &str, asked: &Asked) -> Result<(), String> {
    let (schema, _) = ValidatorSchema::from_cedarschema_str(text, Extensions::all_available())
        .map_err(|it| it.to_string())?;
    let case = Case::of(asked.question());
    let (places, scene, context) = case.all();
    let resource = places.first().map_or(&scene.tool, |it| &it.resource);
    let named = |uid: &Arc<EntityUID>| ((**uid).clone(), None);
    Request::new(
        named(&scene.principal.uid),
        named(&scene.action.uid),
        named(&resource.uid),
        context,
        Some(&schema),
        Extensions::all_available(),
    )
    .map_err(|it| it.to_string())?;
    let entities = places.first().map_or(&scene.entities, |it| &it.entities);
    let entities: Vec<Entity> = entities.iter().cloned().collect();
    Entities::from_entities(
        entities,
        Some(&CoreSchema::new(&schema)),
        TCComputation::AssumeAlreadyComputed,
        Extensions::all_available(),
    )
    .map_err(|it| it.to_string())?;
    Ok(())
}

/// The ways in which conditions look at an argument.
fn conditions(names: Vec<String>) -> impl Strategy<Value = String> {
    let name = prop::sample::select(names);
    let field = prop_oneof![
        3 => name.clone().prop_map(|it| format!("context.input[{it:?}]")),
        1 => (name.clone(), name.clone()).prop_map(|(a, b)| format!("context.input[{a:?}][{b:?}]")),
        1 => Just("context.task.params.ticket".to_owned()),
        1 => Just("resource.owner".to_owned()),
        1 => Just("context.tool".to_owned()),
    ];
    let ask = prop_oneof![
        field.clone().prop_map(|it| format!("{it} == \"a\"")),
        field.clone().prop_map(|it| format!("{it} < 5")),
        field.clone().prop_map(|it| format!("{it} like \"a*\"")),
        field.clone(),
        field.clone().prop_map(|it| format!("{it}.contains(\"a\")")),
        (field.clone(), field).prop_map(|(one, other)| format!("{one} == {other}")),
        name.clone().prop_map(|it| format!("context.input has {it:?}")),
        name.prop_map(|it| format!("context.input has {it:?} && context.input[{it:?}] == 7")),
    ];
    ask.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            inner.prop_map(|it| format!("!({it})")),
        ]
    })
}

fn with_conditions() -> impl Strategy<Value = (Shape, Json, String)> {
    with_arguments(false, false).prop_flat_map(|(shape, _, arguments)| {
        let mut names: Vec<String> = ["a", "b", "x"].map(str::to_owned).to_vec();
        // Two names for one thing would be two things to the validator.
        let known = shape.fields().into_iter().flat_map(|it| it.named.keys());
        names.extend(known.filter(|it| it.bytes().all(|it| it.is_ascii_lowercase())).cloned());
        (Just(shape), Just(arguments), conditions(names))
    })
}

fn set_of(condition: &str) -> Option<PolicySource> {
    let text = format!(
        "@id(\"p\") forbid (principal, action == Action::\"files__do\", resource) when {{ {condition} }};"
    );
    let source = PolicySource { name: "p.cedar".to_owned(), text };
    PolicySet::compile(std::slice::from_ref(&source), PolicyOptions::default()).ok()?;
    Some(source)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_the_view_builds_is_what_the_schema_says(
        (shape, written, arguments) in with_arguments(false, true), to_resources in any::<bool>(),
    ) {
        let schema = Schema::of(&offering(&shape, to_resources)).unwrap();
        let text = match written {
            Written::Whole => schema.text(),
            Written::WithPlaces => schema.text().replace("type Number = Long", "type Number = decimal"),
        };
        let asked = call(arguments, to_resources);
        prop_assert_eq!(conforms(&text, &asked), Ok(()), "{}", text);
    }

    #[test]
    fn what_is_printed_is_what_policies_are_held_against(shape in inputs(false, true)) {
        let schema = Schema::of(&offering(&shape, false)).unwrap();
        let text = schema.text();
        let (printed, _) =
            ValidatorSchema::from_cedarschema_str(&text, Extensions::all_available()).unwrap();
        for deed in schema.deeds.iter().filter(|it| it.tool != "prompts/get") {
            prop_assert_eq!(printed.context_type(&deed.action), deed.contexts.first(), "{}", text);
        }
        prop_assert!(schema.json().unwrap().contains("files__do"));
    }

    #[test]
    fn whatever_a_conforming_call_holds_may_be_there(
        (shape, _, arguments) in with_arguments(true, true),
    ) {
        prop_assert!(Schema::of(&offering(&shape, true)).is_ok());
        let read = Shape::of_input(Some(&schema_of(&shape)));
        let mut rest = vec![(Vec::<String>::new(), &arguments)];
        while let Some((path, value)) = rest.pop() {
            prop_assert!(read.may_have(path.iter().map(String::as_str)), "{path:?} of {read:?}");
            if let Json::Object(members) = value {
                rest.extend(members.iter().map(|(name, it)| ([path.clone(), vec![name.clone()]].concat(), it)));
            }
        }
    }

    #[test]
    fn what_fits_does_not_err_in_a_conforming_call((shape, arguments, condition) in with_conditions()) {
        let Some(source) = set_of(&condition) else { return Ok(()) };
        let schema = Schema::of(&offering(&shape, false)).unwrap();
        let sources = std::slice::from_ref(&source);
        let against = |before: Option<&PolicySet>| {
            PolicySet::compile_against(
                &schema,
                (&Constraints::new(), before),
                sources,
                PolicyOptions::default(),
            )
            .unwrap()
        };
        let (set, misfits) = against(None);
        let asked = call(arguments, false);
        let said = set.evaluate(&Case::of(asked.question()));
        if misfits.is_empty() {
            prop_assert_eq!(said.errors, vec![], "{}", condition);
        }
        // What is known to fit is not looked at again, and what does not is.
        let again: Vec<String> = against(Some(&set)).1.iter().map(ToString::to_string).collect();
        let first: Vec<String> = misfits.iter().map(ToString::to_string).collect();
        prop_assert_eq!(again, first);
    }

    #[test]
    fn any_schema_of_a_tool_is_read(text in "[\\{\\}\\[\\]\":,a-z$#/0-9 ]{0,60}") {
        if let Ok(json) = Json::parse(text.as_bytes(), JsonLimits::default()) {
            let mut offering = offering(&Shape::anything(), false);
            offering.tools.iter_mut().for_each(|it| it.input = Some(json.clone()));
            prop_assert!(Schema::of(&offering).is_ok());
        }
    }
}

#[test]
fn the_digest_names_what_policies_are_held_against() {
    let text = Shape::Record(Fields::default());
    let one = offering(&text, false);
    let digest = |it: &Offering| *Schema::of(it).unwrap().digest();
    assert_eq!(digest(&one), digest(&one.clone()));
    let mut others = vec![one.clone(); 4];
    others[0].tools[0].to_resources = true;
    others[1].tools[0].effects.clear();
    others[2].tools[0].input = None;
    others[3].params = None;
    for other in &others {
        assert_ne!(digest(&one), digest(other));
    }
    assert_eq!(Schema::of(&one).unwrap().tools(), 1);
}

#[test]
fn a_schema_is_made_anew_only_of_something_else() {
    let one = offering(&Shape::Record(Fields::default()), false);
    let made = |before: Option<&_>, it: &Offering| Schema::after(before, it).unwrap();
    let first = made(None, &one);
    assert!(Arc::ptr_eq(&first, &made(Some(&first), &one.clone())));
    let mut other = one;
    other.tools[0].to_resources = true;
    let second = made(Some(&first), &other);
    assert_eq!(second.digest(), Schema::of(&other).unwrap().digest());
    assert_ne!(second.digest(), first.digest());
}
