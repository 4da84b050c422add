//! What can be declared, and who belongs to whom.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn declared(kind: &str, id: &str, parents: &[(&str, &str)]) -> Declared {
    let entity = Entity { kind: kind.to_owned(), id: id.to_owned(), properties: BTreeMap::new() };
    let name =
        |(kind, id): &(&str, &str)| EntityName { kind: (*kind).to_owned(), id: (*id).to_owned() };
    Declared { entity, parents: parents.iter().map(name).collect() }
}

fn take(all: &[Declared]) -> Result<Inventory, Vec<(usize, Undeclarable)>> {
    Inventory::new(all, [])
}

#[track_caller]
fn wrong(all: &[Declared]) -> Vec<(usize, String)> {
    take(all).unwrap_err().into_iter().map(|(at, why)| (at, why.to_string())).collect()
}

/// Names everything above something, as far as it is known.
fn above(inventory: &Inventory, kind: &str, id: &str) -> BTreeSet<String> {
    let known = inventory.get(&uid(&type_of_others(kind).unwrap(), id)).unwrap();
    known.above().map(|it| it.eid().as_ref().to_owned()).collect()
}

#[test]
fn whoever_belongs_to_a_team_belongs_to_whatever_the_team_belongs_to() {
    let inventory = take(&[
        declared("user", "alice", &[("group", "platform")]),
        declared("group", "platform", &[("group", "engineering"), ("group", "on-call")]),
        declared("group", "engineering", &[("group", "staff")]),
        declared("group", "on-call", &[("group", "staff")]),
        declared("group", "staff", &[]),
    ])
    .unwrap();
    let all = ["platform", "engineering", "on-call", "staff"].map(str::to_owned);
    assert_eq!(above(&inventory, "user", "alice"), BTreeSet::from(all));
    assert_eq!(above(&inventory, "group", "staff"), BTreeSet::new());
}

#[test]
fn what_cannot_be_declared_is_named_with_its_place() {
    assert_eq!(
        wrong(&[declared("user", "a", &[]), declared("my type", "b", &[])]),
        [(1, "`my type` is no type that policies can name".to_owned())]
    );
    for kind in ["identity", "Identity", "IDENTITY"] {
        let text = "type `identity` is the governor's own: each is declared by its charter";
        assert_eq!(wrong(&[declared(kind, "a", &[])]), [(0, text.to_owned())]);
    }
    assert_eq!(
        wrong(&[declared("user", "a", &[]), declared("user", "a", &[])]),
        [(1, "`user` `a` is declared twice".to_owned())]
    );
    let lacking = [declared("user", "a", &[("group", "staf")]), declared("group", "staff", &[])];
    let wrong = take(&lacking).unwrap_err();
    let [(0, Undeclarable::Parent { meant: Some(meant), .. })] = wrong.as_slice() else {
        panic!("the parent is there: {wrong:?}")
    };
    assert_eq!(meant, "staff");
}

#[test]
fn nobody_belongs_to_itself_however_far_the_way_round() {
    let all = [
        declared("group", "a", &[("group", "b")]),
        declared("group", "b", &[("group", "c")]),
        declared("group", "c", &[("group", "a")]),
        declared("group", "d", &[]),
    ];
    let places: BTreeSet<usize> = take(&all).unwrap_err().into_iter().map(|it| it.0).collect();
    assert_eq!(places, BTreeSet::from([0, 1, 2]));
    let own = take(&[declared("group", "a", &[("group", "a")])]).unwrap_err();
    assert!(matches!(own.as_slice(), [(0, Undeclarable::Circle { .. })]));
}

#[test]
fn so_much_may_be_above_one_and_no_more() {
    let chain = |length: usize| -> Vec<Declared> {
        let name = |it: usize| format!("{it:05}");
        let one = |it: usize| {
            let (id, next) = (name(it), name(it + 1));
            let parents = [("group", next.as_str())];
            declared("group", &id, if it + 1 < length { &parents } else { &[] })
        };
        (0..length).map(one).collect()
    };
    assert!(take(&chain(above::MOST + 1)).is_ok());
    let wrong = take(&chain(above::MOST + 3)).unwrap_err();
    let places: BTreeSet<usize> = wrong.iter().map(|it| it.0).collect();
    assert_eq!(places, BTreeSet::from([0, 1]), "{wrong:?}");
    assert!(matches!(wrong.first(), Some((_, Undeclarable::TooMuchAbove { .. }))));
    assert!(take(&chain(20_000)).is_err(), "and it takes no time to see that");
}

#[test]
fn the_digest_is_of_all_that_is_known_and_not_of_its_order() {
    let (one, other) = (declared("user", "a", &[]), declared("user", "b", &[("user", "a")]));
    let of = |all: &[Declared]| take(all).unwrap().version().to_owned();
    let both = of(&[one.clone(), other.clone()]);
    assert_eq!(both, of(&[other.clone(), one.clone()]));
    assert_ne!(both, of(std::slice::from_ref(&one)));
    let mut said = other.clone();
    said.entity.properties.insert("role".to_owned(), Json::Text("admin".to_owned()));
    assert_ne!(both, of(&[one.clone(), said]));
    assert_ne!(both, of(&[one, Declared { parents: Vec::new(), ..other }]));
    assert_eq!(of(&[]), "");
}

proptest! {
    /// What is above is the closure of what is directly above, or there is a circle.
    #[test]
    fn all_that_is_above_is_found(links in prop::collection::btree_set((0_usize..7, 0_usize..7), 0..14)) {
        let ids = ["0", "1", "2", "3", "4", "5", "6"];
        let all: Vec<Declared> = (0..7).map(|it| {
            let parents: Vec<_> =
                links.iter().filter(|(from, _)| *from == it).map(|(_, to)| ("group", ids[*to])).collect();
            declared("group", ids[it], &parents)
        }).collect();
        let mut closure = links.clone();
        for through in 0..7 {
            for (from, to) in closure.clone() {
                if to == through {
                    let further: Vec<_> =
                        closure.iter().filter(|it| it.0 == through).map(|it| (from, it.1)).collect();
                    closure.extend(further);
                }
            }
        }
        match take(&all) {
            Ok(inventory) => for it in 0..7 {
                let naive = closure.iter().filter(|(from, _)| *from == it);
                let naive: BTreeSet<String> = naive.map(|(_, to)| ids[*to].to_owned()).collect();
                prop_assert_eq!(above(&inventory, "group", ids[it]), naive);
            },
            Err(_) => prop_assert!((0..7).any(|it| closure.contains(&(it, it)))),
        }
        prop_assert_eq!(take(&all).is_err(), (0..7).any(|it| closure.contains(&(it, it))));
    }
}

#[test]
fn what_identities_are_called_leaves_the_usual_name_to_others() {
    let ours: IdentityType = "ours::agent".parse().unwrap();
    let take = |kind| Inventory::calling(ours.clone(), &[declared(kind, "a", &[])], []);
    assert!(take("identity").is_ok());
    let wrong = take("ours::Agent").unwrap_err();
    assert_eq!(wrong, [(0, Undeclarable::Ours { kind: ours.clone() })]);
    let (none, other) = (Inventory::default(), Inventory::calling(ours, &[], []).unwrap());
    assert_ne!(none.version(), other.version(), "other answers are another version");
    for text in ["", "my type", "Action", "a::Action", "identity // x"] {
        assert!(text.parse::<IdentityType>().is_err(), "{text}");
    }
}
