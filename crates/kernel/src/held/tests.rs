//! An approval is good for exactly what a person said yes to, once asked for, and no longer.

use bailiwick_model::{DecisionId, EntityName, HoldId, ReasonCode, Ulid};

use super::*;

const HOUR: i64 = 3_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn person() -> PersonName {
    "ada".parse().unwrap()
}

fn reason(source: &str) -> Reason {
    Reason::new(ReasonCode::ApprovalNeeded, "somebody must approve", source)
}

fn held() -> HeldEvaluation {
    let ulid = Ulid::new(Timestamp::default(), [7; 10]);
    let named = |kind: &str, id: &str| EntityName { kind: kind.to_owned(), id: id.to_owned() };
    HeldEvaluation {
        id: HoldId::new(ulid),
        decision: DecisionId::new(ulid),
        pep: "shop".to_owned(),
        subject: named("user", "alice"),
        action: "pay".to_owned(),
        resource: named("bill", "1"),
        said: "{}".to_owned(),
        asked: "hmac:1".to_owned(),
        request: "hmac:2".to_owned(),
        key: None,
        wanted_until: None,
        emergency: false,
        actor: None,
        reasons: BTreeSet::from([reason("payments")]),
        policy: "v1".to_owned(),
        opened: at(0),
        expires: at(HOUR),
        status: HeldStatus::Waiting,
    }
}

fn approved() -> HeldEvaluation {
    answer_held(&held(), (&person(), true), at(1000)).unwrap()
}

#[test]
fn it_is_answered_once_and_in_time() {
    assert_eq!(standing(&held(), at(0)), Standing::Pending);
    assert_eq!(standing(&held(), at(HOUR)), Standing::Expired);
    let until = at(1000 + HOUR);
    assert_eq!(standing(&approved(), at(2000)), Standing::Approved { at: at(1000), until });
    let refused = answer_held(&held(), (&person(), false), at(1000)).unwrap();
    let cancelled = cancel_held(&held(), at(1000)).unwrap();
    assert_eq!(standing(&refused, at(2000)), Standing::Denied);
    assert_eq!(standing(&cancelled, at(2000)), Standing::Cancelled);
    for over in [approved(), refused, cancelled] {
        assert_eq!(answer_held(&over, (&person(), true), at(2000)), None);
        assert_eq!(cancel_held(&over, at(2000)), None);
    }
    assert_eq!(answer_held(&held(), (&person(), true), at(HOUR)), None, "it is too late");
    assert_eq!(cancel_held(&held(), at(HOUR)), None);
}

#[test]
fn a_yes_lasts_no_longer_than_it_is_wanted() {
    let until = |wanted| {
        let held = HeldEvaluation { wanted_until: wanted, ..held() };
        let approved = answer_held(&held, (&person(), true), at(0)).unwrap();
        let HeldStatus::Approved { expires, .. } = approved.status else { panic!("no yes") };
        expires
    };
    assert_eq!(until(None), at(HOUR));
    assert_eq!(until(Some(at(60_000))), at(60_000));
    assert_eq!(until(Some(at(99 * HOUR))), at(HOUR));
}

#[test]
fn an_approval_fits_what_was_asked_and_nothing_else() {
    let reasons = BTreeSet::from([reason("payments")]);
    let shown =
        Shown { pep: "shop", asked: "hmac:1", reasons: &reasons, policy: "v1", now: at(2000) };
    assert_eq!(fits(&approved(), &shown), Ok(person()));
    let none = BTreeSet::new();
    assert_eq!(fits(&approved(), &Shown { reasons: &none, ..shown }), Ok(person()));
    let more = BTreeSet::from([reason("payments"), reason("large-payments")]);
    for (other, why) in [
        (Shown { pep: "desk", ..shown }, Unfit::Unknown),
        (Shown { asked: "hmac:9", ..shown }, Unfit::OutOfScope),
        (Shown { policy: "v2", ..shown }, Unfit::OutOfScope),
        (Shown { reasons: &more, ..shown }, Unfit::OutOfScope),
        (Shown { now: at(1000 + HOUR), ..shown }, Unfit::Over),
    ] {
        assert_eq!(fits(&approved(), &other), Err(why), "{other:?}");
    }
    assert_eq!(fits(&held(), &shown), Err(Unfit::Pending));
    let refused = answer_held(&held(), (&person(), false), at(1000)).unwrap();
    assert_eq!(fits(&refused, &shown), Err(Unfit::Over));
    assert_eq!(fits(&held(), &Shown { now: at(HOUR), ..shown }), Err(Unfit::Over));
}
