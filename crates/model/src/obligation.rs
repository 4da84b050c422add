//! What must happen along with an allowed call, and how the demands of several become one: the most
//! restrictive.
//!
//! An obligation is a type whose values can be combined in any order and grouping, and where no
//! combination asks for less than one of its parts (law 7). What is asked for in two ways that no
//! call could meet stays visible as a contradiction, and whoever decides denies.

mod argument;
mod constraint;
mod credential;
mod most;
mod rate;
mod redact;
mod shape;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::action::{ActionFacts, words};

pub use argument::{ArgumentLimit, ArgumentPath, Arguments, Change, PathError};
pub use constraint::{Constraint, Constraints};
pub use credential::CredentialScope;
pub use most::Most;
pub use rate::{Rate, Rates};
pub use redact::{FieldPath, Redact};
pub use shape::{Shaped, Unshaped};

/// One sort of obligation.
pub trait Obligation: Default {
    /// Says whether it asks for nothing.
    fn is_nothing(&self) -> bool;

    /// Asks for what both ask for.
    #[must_use]
    fn and(self, other: Self) -> Self;

    /// Says what no call could meet, if there is such a thing.
    fn contradictions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Says in a few words what it asks for.
    fn text(&self) -> String;
}

macro_rules! obligations {
    ($($(#[$doc:meta])* $field:ident: $of:ty, $kind:ident = $word:literal;)+) => {
        words! {
            /// The sorts of obligations, as policies and other programs name them.
            ObligationKind { $($(#[$doc])* $kind = $word,)+ }
        }

        /// Everything that must happen along with one call.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Obligations {
            /// The constraints that ask for it, each with its version.
            pub from: BTreeSet<String>,
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Obligation::is_nothing")]
                pub $field: $of,
            )+
        }

        impl Obligations {
            /// Asks for nothing.
            pub const NONE: Self = Self { from: BTreeSet::new(), $($field: <$of>::NONE,)+ };

            /// Says whether nothing is asked for.
            pub fn is_nothing(&self) -> bool {
                self.from.is_empty() $(&& self.$field.is_nothing())+
            }

            /// Asks for what both ask for. The order makes no difference.
            #[must_use]
            pub fn and(mut self, mut other: Self) -> Self {
                // Most calls owe nothing.
                if other.is_nothing() {
                    return self;
                }
                self.from.append(&mut other.from);
                Self { from: self.from, $($field: self.$field.and(other.$field),)+ }
            }

            /// Gives the sorts of what is asked for.
            pub fn kinds(&self) -> BTreeSet<ObligationKind> {
                let mut kinds = BTreeSet::new();
                $(if !self.$field.is_nothing() { kinds.insert(ObligationKind::$kind); })+
                kinds
            }

            /// Says what no call could meet: nothing in whatever is to be met.
            pub fn contradictions(&self) -> Vec<String> {
                let mut all = Vec::new();
                $(all.extend(self.$field.contradictions());)+
                all
            }

            /// Says in a few words what is asked for, each sort by itself.
            pub fn texts(&self) -> Vec<(ObligationKind, String)> {
                let mut all = Vec::new();
                $(if !self.$field.is_nothing() {
                    all.push((ObligationKind::$kind, self.$field.text()));
                })+
                all
            }
        }
    };
}

// A new obligation is one file and one line here.
obligations! {
    /// Arguments are sent as these limits want them.
    arguments: Arguments, Arguments = "arguments";
    /// These fields of the result are shown to nobody.
    redact: Redact, Redact = "redact";
    /// No list of the result is longer.
    rows: Most, Rows = "rows";
    /// The result is no larger.
    bytes: Most, Bytes = "bytes";
    /// So many calls of one task in so much time.
    rate: Rates, Rate = "rate";
    /// The credential that the call is made with can do no more.
    credential: CredentialScope, Credential = "credential";
}

impl ObligationKind {
    /// What this gateway can meet. Whatever else is asked for, it denies.
    pub const MET_HERE: &'static [Self] =
        &[Self::Arguments, Self::Redact, Self::Rows, Self::Bytes, Self::Rate];

    /// The same, for a call that can be made with a credential that reads and does nothing else.
    const MET_BY_A_READER: &'static [Self] =
        &[Self::Arguments, Self::Redact, Self::Rows, Self::Bytes, Self::Rate, Self::Credential];

    /// Gives what this gateway can meet for a call of which this is known.
    pub const fn met_for(facts: &ActionFacts) -> &'static [Self] {
        if facts.reading_credential { Self::MET_BY_A_READER } else { Self::MET_HERE }
    }
    /// What can be met where a credential is handed out: whoever has it does with it what it allows.
    pub const MET_OF_LEASES: &'static [Self] = &[Self::Rate];

    /// What an enforcement point elsewhere can be asked to meet: all but what is counted here.
    pub const MET_ELSEWHERE: &'static [Self] =
        &[Self::Arguments, Self::Redact, Self::Rows, Self::Bytes, Self::Credential];
}

impl Obligations {
    /// Says why a call under these cannot be made by whoever meets `supported`: nothing where it can.
    pub fn unmet(&self, supported: &[ObligationKind]) -> Vec<String> {
        let beyond = self.kinds().into_iter().filter(|it| !supported.contains(it));
        let beyond = beyond.map(|it| format!("nobody here can meet `{it}`"));
        self.contradictions().into_iter().chain(beyond).collect()
    }

    /// Says whether a result has to be looked into before anybody may have it.
    pub fn look_inside(&self) -> bool {
        !self.redact.is_nothing() || !self.rows.is_nothing()
    }

    /// Says whether a result goes back otherwise than it came, or may not go back.
    pub fn touch_results(&self) -> bool {
        self.look_inside() || !self.bytes.is_nothing()
    }
}
