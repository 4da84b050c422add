//! Calls are judged, permitted, approved and recorded as they will be sent.

use bailiwick_model::{
    ApprovedCall, ArgumentLimit, Arguments, Constraint, Constraints, CredentialScope, JsonLimits,
    Obligations, Rate, Rates,
};
use bailiwick_policy::PolicySource;

use super::*;

/// A call whose arguments can be written anew.
struct Toy(AccessRequest);

impl Toy {
    fn of(arguments: &str) -> Self {
        let request = request(&task(CALM), CALM);
        Self(with(request, json(arguments)))
    }
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
}

fn with(request: AccessRequest, arguments: Json) -> AccessRequest {
    AccessRequest { call: CallDigest::of(&request.action, &arguments), arguments, ..request }
}

impl Rewritable for Toy {
    fn request(&self) -> &AccessRequest {
        &self.0
    }

    fn rewritten(&self, limits: &Arguments) -> Result<AccessRequest, String> {
        let Json::Object(mut members) = self.0.arguments.clone() else { panic!("no object") };
        for change in limits.changes(&self.0.arguments)? {
            members.insert(change.path.to_string(), json(&change.value));
        }
        Ok(with(self.0.clone(), Json::Object(members)))
    }
}

fn limit(min: Option<i64>, max: Option<i64>) -> Obligations {
    let limit = ArgumentLimit { min, max, one_of: None };
    Obligations { arguments: Arguments::of([("n".parse().unwrap(), limit)]), ..Obligations::NONE }
}

fn house(policies: &str, constraints: &[(&str, Obligations)]) -> Snapshot {
    let named = |(name, asks): &(&str, Obligations)| {
        let made = Constraint::new((*name).to_owned(), 1, "team".to_owned(), asks.clone());
        ((*name).to_owned(), Arc::new(made))
    };
    let constraints: Constraints = constraints.iter().map(named).collect();
    let source = PolicySource { name: "p.cedar".to_owned(), text: policies.to_owned() };
    let set =
        PolicySet::compile_with(&constraints, None, &[source], PolicyOptions::default()).unwrap();
    Snapshot { policies: Arc::new(set), ..snapshot(CALM, Vec::new()) }
}

fn state() -> TaskState {
    let task = task(CALM);
    let program = Arc::new(GrantProgram::compile(&task.grant).unwrap());
    TaskState::resume(task, program, Memory::default())
}

fn decided(snapshot: &Snapshot, state: &mut TaskState, call: &impl Rewritable) -> Decision {
    let names = Names { decision: DecisionId::new(ulid()), hold: HoldId::new(ulid()) };
    decide(snapshot, state, call, names, at(0))
}

const CLAMPED: &str = "@id(\"a\") @constrain(\"five\") permit (principal, action, resource);";

fn why(made: &Decision) -> Vec<ReasonCode> {
    match &made.outcome {
        Outcome::Refuse(why) | Outcome::Hold(_, why) => why.iter().map(|it| it.code).collect(),
        Outcome::Forward(..) => Vec::new(),
    }
}

#[test]
fn a_guardrail_judges_the_call_as_it_will_be_sent() {
    let policies = format!(
        "{CLAMPED} @id(\"f\") forbid (principal, action, resource) when {{ context.input.n > 5 }};"
    );
    let house = house(&policies, &[("five", limit(None, Some(5)))]);
    let made = decided(&house, &mut state(), &Toy::of(r#"{"n":900}"#));
    let sent = made.sent.as_ref().unwrap();
    assert_eq!(sent.arguments.canonical(), r#"{"n":5}"#);
    let Outcome::Forward(permit, asks) = made.outcome else { panic!("{:?}", made.judged) };
    assert_eq!(asks.from, ["five@1".to_owned()].into());
    assert_eq!(permit.spend(&sent.call, 0, at(1)), Ok(()));
    let step = made.judged.steps.iter().find(|it| it.step == Step::Obligation).unwrap();
    assert_eq!(step.attributes["changed"], "n");
    assert_eq!(step.attributes["came"], r#"{"n":900}"#, "what was asked for is told");
}

#[test]
fn what_detectors_found_in_the_call_as_it_came_is_on_record_and_decides_nothing() {
    let house = house(CLAMPED, &[("five", limit(None, Some(5)))]);
    let find = |request: &AccessRequest| {
        let large = request.arguments.get("n") == Some(&Json::Int(900));
        let reason = Reason::new(ReasonCode::Drift, "so many", "detector:D-001");
        let finding = DriftFinding { detector: DETECTORS[0], verdict: Verdict::deny(reason) };
        if large { vec![finding] } else { Vec::new() }
    };
    let names = Names { decision: DecisionId::new(ulid()), hold: HoldId::new(ulid()) };
    let call = Toy::of(r#"{"n":900}"#);
    let made = decide_with(&house, &mut state(), &call, (names, &find), at(0));
    assert!(matches!(made.outcome, Outcome::Forward(..)), "{:?}", made.judged);
    let steps = made.judged.steps.iter().filter(|it| it.step == Step::Drift);
    let told: Vec<_> = steps.filter(|it| !it.reasons.is_empty()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].attributes["of"], "the call as it came");
}

#[test]
fn a_call_that_came_otherwise_has_no_permit() {
    let house = house(CLAMPED, &[("five", limit(None, Some(5)))]);
    let call = Toy::of(r#"{"n":900}"#);
    let Outcome::Forward(permit, _) = decided(&house, &mut state(), &call).outcome else {
        panic!("not let through")
    };
    assert_eq!(permit.spend(&call.0.call, 0, at(1)), Err(crate::PermitError::OtherCall));
}

#[test]
fn what_a_rewritten_call_calls_forth_adds_to_what_was_asked_for_before() {
    let policies = format!(
        "{CLAMPED} @id(\"b\") @constrain(\"two\") permit (principal, action, resource) \
         when {{ context.input.n == 5 }};"
    );
    let asks = [("five", limit(None, Some(5))), ("two", limit(None, Some(2)))];
    let house = house(&policies, &asks);
    let made = decided(&house, &mut state(), &Toy::of(r#"{"n":900}"#));
    assert_eq!(made.sent.unwrap().arguments.canonical(), r#"{"n":2}"#);
    let Outcome::Forward(_, asks) = made.outcome else { panic!("not let through") };
    assert_eq!(asks.from.len(), 2, "what asked for it on the way still does");
}

#[test]
fn an_approval_is_for_the_call_as_it_will_be_sent() {
    let policies = format!(
        "{CLAMPED} @id(\"h\") @hold(\"ask\") forbid (principal, action, resource) \
         unless {{ context.approval.granted }};"
    );
    let house = house(&policies, &[("five", limit(None, Some(5)))]);
    let mut state = state();
    let made = decided(&house, &mut state, &Toy::of(r#"{"n":900}"#));
    let held = made.effects.iter().find_map(|it| match it {
        Effect::HoldOpened(hold) => Some(hold.clone()),
        Effect::TaskStatus(_)
        | Effect::HoldUsed(_)
        | Effect::HoldsExpired(_)
        | Effect::Noticed(_)
        | Effect::MustEnd => None,
    });
    let held = held.unwrap();
    assert_eq!(held.call, made.sent.unwrap().call);
    state.approvals.push(ApprovedCall {
        hold: held.id,
        call: held.call,
        caller: held.caller,
        via: Vec::new(),
        reasons: held.reasons,
        policy: held.policy,
        by: "pat".parse().unwrap(),
        expires: at(100),
    });
    let again = decided(&house, &mut state, &Toy::of(r#"{"n":800}"#));
    let Outcome::Forward(permit, asks) = again.outcome else { panic!("{:?}", again.judged) };
    assert!(!asks.is_nothing(), "an approval lifts no obligation");
    assert_eq!(permit.spend(&held.call, 0, at(1)), Ok(()));
}

#[test]
fn what_cannot_be_met_is_denied_and_says_by_which_constraint() {
    let lent = Obligations { credential: CredentialScope::ReadOnly, ..Obligations::NONE };
    let made = decided(&house(CLAMPED, &[("five", lent)]), &mut state(), &Toy::of("{}"));
    assert_eq!(why(&made), [ReasonCode::CannotComply]);
    let house = house(CLAMPED, &[("five", limit(None, Some(5)))]);
    let made = decided(&house, &mut state(), &Toy::of(r#"{"n":"many"}"#));
    let Outcome::Refuse(why) = &made.outcome else { panic!("not refused") };
    assert!(why.iter().all(|it| it.source == "five@1"), "{why:?}");
    assert!(made.sent.is_none());
    let Toy(plain) = Toy::of(r#"{"n":9}"#);
    let made = decided(&house, &mut state(), &plain);
    assert_eq!(self::why(&made), [ReasonCode::CannotComply], "it cannot be written anew");
}

#[test]
fn a_call_that_goes_on_stands_as_it_was_sent() {
    let house = house(CLAMPED, &[("five", limit(None, Some(5)))]);
    let stands = still_stands(&house, &state(), &Toy::of(r#"{"n":900}"#), |_| false, at(0));
    assert_eq!(stands.unwrap().from, ["five@1".to_owned()].into());
}

#[test]
fn a_rate_counts_what_was_let_through_and_asks_nothing_of_a_call_that_was() {
    let per = std::time::Duration::from_secs(60);
    let rate = Rates::of(Rate { name: "five".to_owned(), calls: 2, per });
    let house = house(CLAMPED, &[("five", Obligations { rate, ..Obligations::NONE })]);
    let (mut state, call) = (state(), Toy::of("{}"));
    let mut at_second = |second: i64| {
        let names = Names { decision: DecisionId::new(ulid()), hold: HoldId::new(ulid()) };
        let made = decide(&house, &mut state, &call, names, at(second));
        assert_eq!(made.judged.paced.len(), usize::from(made.judged.verdict == VerdictKind::Allow));
        (why(&made), still_stands(&house, &state, &call, |_| false, at(second)).is_ok())
    };
    assert_eq!(at_second(0), (Vec::new(), true));
    assert_eq!(at_second(30), (Vec::new(), true));
    assert_eq!(at_second(59), (vec![ReasonCode::OverBudget], true));
    assert_eq!(at_second(60), (Vec::new(), true), "the first is a minute old");
    assert_eq!(at_second(89), (vec![ReasonCode::OverBudget], true));
}

#[test]
fn what_nobody_elsewhere_could_meet_would_be_denied_as_well() {
    let few = Obligations { rows: bailiwick_model::Most::of(5), ..Obligations::NONE };
    let few = Constraint::new("few".to_owned(), 1, "team".to_owned(), few);
    let constraints = Constraints::from([("few".to_owned(), Arc::new(few))]);
    let text = "@id(\"a\") @constrain(\"few\") permit (principal, action, resource);\n\
         @id(\"f\") @mode(\"observe\") @owner(\"o\") @until(\"2030-01-01T00:00:00Z\")\n\
         permit (principal, action, resource);";
    let entity = |kind: &str| bailiwick_model::Entity {
        kind: kind.to_owned(),
        id: "a".to_owned(),
        properties: BTreeMap::new(),
    };
    let evaluation = bailiwick_model::Evaluation {
        subject: entity("user"),
        action: bailiwick_model::Deed { name: "read".to_owned(), properties: BTreeMap::new() },
        resource: entity("record"),
        context: BTreeMap::new(),
    };
    let evaluated = |text: &str| {
        let source = PolicySource { name: "authzen/p.cedar".to_owned(), text: text.to_owned() };
        let access =
            bailiwick_policy::AccessPolicies::compile_with(&constraints, None, &[source]).unwrap();
        let house = Snapshot { access: Arc::new(access), ..snapshot(CALM, Vec::new()) };
        crate::evaluate(&house, &evaluation, at(0))
    };
    assert_eq!((evaluated(text).verdict, evaluated(text).would), (VerdictKind::Deny, None));
    // What only observes would permit it, and its constraint could not be met.
    let observes = "@id(\"a\") @mode(\"observe\") @owner(\"o\") @until(\"2030-01-01T00:00:00Z\")\n\
         @constrain(\"few\") permit (principal, action, resource);";
    assert_eq!((evaluated(observes).verdict, evaluated(observes).would), (VerdictKind::Deny, None));
}

proptest! {
    /// Law 1, where arguments are sent otherwise than they came.
    #[test]
    fn a_permit_is_for_arguments_that_every_constraint_leaves_as_they_are(
        limits in prop::collection::vec((prop::option::of(-3_i64..4), prop::option::of(-3_i64..4)), 1..4),
        given in prop::option::of(-6_i64..7),
    ) {
        let names = ["c0", "c1", "c2"];
        let asks: Vec<_> = names.iter().copied().zip(limits.iter().map(|it| limit(it.0, it.1))).collect();
        let policies: String = asks
            .iter()
            .map(|(name, _)| {
                format!("@id({name:?}) @constrain({name:?}) permit (principal, action, resource);")
            })
            .collect();
        // One that no call could meet is refused before it is ever asked for.
        prop_assume!(asks.iter().all(|(_, it)| it.contradictions().is_empty()));
        let house = house(&policies, &asks);
        let call = Toy::of(&given.map_or_else(|| "{}".to_owned(), |it| format!("{{\"n\":{it}}}")));
        let made = decided(&house, &mut state(), &call);
        let sent = made.sent.as_deref().unwrap_or(&call.0);
        match made.outcome {
            Outcome::Forward(permit, all) => {
                prop_assert_eq!(permit.spend(&sent.call, 0, at(1)), Ok(()));
                prop_assert_eq!(all.arguments.changes(&sent.arguments), Ok(Vec::new()));
                for (_, one) in &asks {
                    prop_assert_eq!(one.arguments.changes(&sent.arguments), Ok(Vec::new()));
                }
            }
            Outcome::Refuse(why) => {
                prop_assert!(why.iter().all(|it| it.code == ReasonCode::CannotComply), "{why:?}");
                let all = asks.iter().fold(Obligations::NONE, |all, (_, it)| all.and(it.clone()));
                prop_assert!(!all.contradictions().is_empty());
            }
            Outcome::Hold(..) => prop_assert!(false, "nobody was to be asked"),
        }
    }
}
