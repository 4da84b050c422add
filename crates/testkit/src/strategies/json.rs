//! Random JSON values.

use bailiwick_model::Json;
use proptest::{collection, prelude::*};

/// Gives any JSON value of a modest size that this program reads.
pub fn json() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|it| Json::Int(it.into())),
        any::<u64>().prop_map(|it| Json::Int(it.into())),
        (-1.0e12..1.0e12).prop_map(Json::Float),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(Json::List),
            collection::btree_map(any::<String>(), inner, 0..5).prop_map(Json::Object),
        ]
    })
    .boxed()
}
