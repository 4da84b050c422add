//! What is granted: the policies that somebody holds, made sets of actions.
//!
//! Each distinct pattern is compiled once, to stretches of the catalogue, which is in order. What a policy says of
//! resources, or wants besides, is not judged here: an action may be granted, granted where something more holds, or not.

mod done;
mod pattern;
mod set;
mod spelt;

use std::{ops::Range, rc::Rc};

use bailiwick_model::{HeldPolicy, Holder, Patterns, Platform, Statement, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::set::ActionSet;
pub(crate) use self::{
    done::give,
    spelt::{Spelt, fits, has_letters, means},
};
use crate::{
    exercised::QuickMap,
    names::{Action, Catalogue},
};

/// How far an action is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// For some resources at least, whatever else holds.
    Yes,
    /// Where something more holds, which nothing here can tell.
    Maybe,
}

/// What one holder is granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// For sure, or perhaps.
    pub possible: ActionSet,
    /// For sure.
    pub sure: ActionSet,
}

/// What each policy of one holder allows.
#[derive(Debug)]
pub struct Ways<'h> {
    ways: Vec<Way<'h>>,
}

#[derive(Debug)]
struct Way<'h> {
    policy: &'h HeldPolicy,
    /// Whether it gives something for some resources alone.
    is_narrow: bool,
    always: ActionSet,
    perhaps: ActionSet,
}

impl<'h> Ways<'h> {
    /// Gives the ways to one action, by its number, and how far each goes: for some resources at least.
    pub fn to(&self, number: usize) -> impl Iterator<Item = (&'h str, Extent)> {
        self.each(number).map(|(way, extent)| (way.policy.path.as_str(), extent))
    }

    /// Gives the ways to one action that was done to these resources: what a policy gives for others alone is not sure.
    pub fn to_done<'w, 'd: 'w>(
        &'w self,
        (number, action): (usize, &'w Action),
        resources: impl Iterator<Item = &'d str> + Clone + 'w,
    ) -> impl Iterator<Item = (&'h str, Extent)> + 'w {
        self.each(number).map(move |(way, extent)| {
            let is_sure = !way.is_narrow || gives(way.policy, action, resources.clone());
            (way.policy.path.as_str(), if is_sure { extent } else { Extent::Maybe })
        })
    }

    /// Gives since when one action is granted by any of them, where all that grant it say so.
    pub fn since(&self, number: usize) -> Option<Timestamp> {
        first_of(self.each(number).map(|(way, _)| way.policy.since))
    }

    fn each(&self, number: usize) -> impl Iterator<Item = (&Way<'h>, Extent)> {
        self.ways.iter().filter_map(move |it| {
            match (it.always.has(number), it.perhaps.has(number)) {
                (true, _) => Some((it, Extent::Yes)),
                (false, true) => Some((it, Extent::Maybe)),
                (false, false) => None,
            }
        })
    }
}

/// Gives the statements of a holder that grant an action, with their policies; none where something is denied or bounded, so
/// that they do not say all.
pub(crate) fn giving<'h>(
    holder: &'h Holder,
    action: &Action,
) -> Vec<(&'h HeldPolicy, &'h Statement)> {
    let name = format!("{}:{}", action.service, action.name);
    let all = holder.policies.iter().flat_map(|of| of.statements.iter().map(move |it| (of, it)));
    let about: Vec<_> = all.filter(|it| is_about(&it.1.actions, &name)).collect();
    let is_whole = holder.bounds.is_empty() && about.iter().all(|it| it.1.allows);
    if is_whole { about } else { Vec::new() }
}

/// Says whether a name of an action is among patterns.
fn is_about(patterns: &Patterns, name: &str) -> bool {
    match patterns {
        Patterns::Only(names) => names.iter().any(|it| pattern::fits(it, name)),
        Patterns::AllBut(names) => !names.iter().any(|it| pattern::fits(it, name)),
    }
}

/// Gives the first of some moments, where each of them is known.
fn first_of(mut all: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    let first = all.next()??;
    all.try_fold(first, |first, next| Some(first.min(next?)))
}

/// Says whether a policy gives an action on all of these resources, whatever else holds.
pub(crate) fn gives<'d>(
    policy: &HeldPolicy,
    action: &Action,
    resources: impl Iterator<Item = &'d str>,
) -> bool {
    let name = format!("{}:{}", action.service, action.name);
    let always = policy.statements.iter().filter(|it| it.allows && !it.conditional);
    let always: Vec<_> = always.filter(|it| is_about(&it.actions, &name)).collect();
    give(Platform::Aws, &always, resources)
}

/// Compiles patterns, each once.
#[derive(Debug)]
pub struct Grants<'c> {
    catalogue: &'c Catalogue,
    compiled: QuickMap<String, Rc<[Range<usize>]>>,
}

impl<'c> Grants<'c> {
    /// Begins with no pattern.
    pub fn new(catalogue: &'c Catalogue) -> Self {
        Self { catalogue, compiled: QuickMap::default() }
    }

    /// Gives what a holder is granted.
    pub fn of(&mut self, holder: &Holder) -> Granted {
        let mut granted = self.said(&holder.policies);
        for bound in &holder.bounds {
            let within = self.said(std::slice::from_ref(bound));
            granted.possible.keep(&within.possible);
            granted.sure.keep(&within.sure);
        }
        granted
    }

    /// Gives the ways by which a holder has one action, by its number, and how far.
    pub fn ways(&mut self, holder: &Holder, action: usize) -> Vec<(String, Extent)> {
        let ways = self.ways_of(holder);
        ways.to(action).map(|(path, extent)| (path.to_owned(), extent)).collect()
    }

    /// Lays out what each policy of a holder allows, for many actions to be looked up.
    pub fn ways_of<'h>(&mut self, holder: &'h Holder) -> Ways<'h> {
        let none = ActionSet::none(self.catalogue.actions().len());
        let mut ways = Vec::new();
        for policy in &holder.policies {
            let (mut always, mut perhaps) = (none.clone(), none.clone());
            for statement in policy.statements.iter().filter(|it| it.allows) {
                let into = if statement.conditional { &mut perhaps } else { &mut always };
                self.add(&statement.actions, into);
            }
            let narrow = |it: &Statement| it.allows && !it.resources.is_everything();
            let is_narrow = policy.statements.iter().any(narrow);
            ways.push(Way { policy, is_narrow, always, perhaps });
        }
        Ways { ways }
    }

    /// Joins what policies say: what is denied for everything without a condition is gone, what is denied for some
    /// things or sometimes is no longer sure.
    fn said(&mut self, policies: &[HeldPolicy]) -> Granted {
        let none = ActionSet::none(self.catalogue.actions().len());
        let (mut possible, mut sure) = (none.clone(), none.clone());
        let (mut gone, mut unsure) = (none.clone(), none);
        for statement in policies.iter().flat_map(|it| &it.statements) {
            let actions = &statement.actions;
            match (statement.allows, is_plain(statement)) {
                (true, _) if statement.conditional => self.add(actions, &mut possible),
                (true, _) => {
                    self.add(actions, &mut possible);
                    self.add(actions, &mut sure);
                }
                (false, true) => self.add(actions, &mut gone),
                (false, false) => self.add(actions, &mut unsure),
            }
        }
        possible.take_off(&gone);
        sure.take_off(&gone);
        sure.take_off(&unsure);
        Granted { possible, sure }
    }

    /// Adds the actions that patterns mean.
    fn add(&mut self, patterns: &Patterns, to: &mut ActionSet) {
        match patterns {
            Patterns::Only(names) => self.add_all(names, to),
            Patterns::AllBut(names) => {
                let mut but = ActionSet::none(self.catalogue.actions().len());
                self.add_all(names, &mut but);
                to.add(&but.turned());
            }
        }
    }

    fn add_all(&mut self, names: &[String], to: &mut ActionSet) {
        for name in names {
            for range in &*self.compiled(name) {
                to.add_range(range.clone());
            }
        }
    }

    /// Gives the stretches of the catalogue that a pattern means.
    pub(crate) fn compiled(&mut self, name: &str) -> Rc<[Range<usize>]> {
        if let Some(known) = self.compiled.get(name) {
            return Rc::clone(known);
        }
        let made: Rc<[Range<usize>]> = pattern::compile(name, self.catalogue).into();
        self.compiled.insert(name.to_owned(), Rc::clone(&made));
        made
    }
}

/// Says whether a statement counts for everything and always.
fn is_plain(statement: &Statement) -> bool {
    !statement.conditional && statement.resources.is_everything()
}

#[cfg(test)]
mod tests {
    use bailiwick_model::ActorKind;
    use proptest::prelude::*;

    use super::*;

    fn catalogue() -> Catalogue {
        let text = "# a test's own\nec2\n W RunInstances\n W StopInstances\ns3\n R GetObject\n P PutBucketPolicy\n W PutObject\n";
        Catalogue::parse(text).expect("a catalogue")
    }

    /// Reads `allow|deny [but] PATTERN,… [on RESOURCE] [if]`.
    fn statement(line: &str) -> Statement {
        let mut words = line.split_whitespace().peekable();
        let allows = words.next() == Some("allow");
        let is_but = words.next_if_eq(&"but").is_some();
        let names: Vec<_> =
            words.next().into_iter().flat_map(|it| it.split(',')).map(str::to_owned).collect();
        let on = words.next_if_eq(&"on").and_then(|_| words.next()).unwrap_or("*");
        Statement {
            allows,
            actions: if is_but { Patterns::AllBut(names) } else { Patterns::Only(names) },
            resources: Patterns::Only(vec![on.to_owned()]),
            conditional: words.next() == Some("if"),
        }
    }

    fn policy(path: &str, lines: &[&str]) -> HeldPolicy {
        let statements = lines.iter().map(|it| statement(it)).collect();
        HeldPolicy { path: path.to_owned(), statements, since: None }
    }

    fn holder(policies: Vec<HeldPolicy>, bounds: Vec<HeldPolicy>) -> Holder {
        Holder {
            platform: Platform::Aws,
            id: "somebody".to_owned(),
            account: String::new(),
            kind: ActorKind::Role,
            since: None,
            policies,
            bounds,
            unread: Vec::new(),
            trusts: Vec::new(),
            crowd: false,
        }
    }

    /// Tells what is granted: a `?` behind what is not sure.
    fn told(holder: &Holder) -> String {
        let catalogue = catalogue();
        let granted = Grants::new(&catalogue).of(holder);
        assert!(granted.sure.iter().all(|it| granted.possible.has(it)));
        let name = |it: usize| {
            let mark = if granted.sure.has(it) { "" } else { "?" };
            format!("{}{mark}", catalogue.actions()[it].name)
        };
        granted.possible.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn policies_grant_what_they_say_and_a_denial_is_stronger() {
        for (lines, granted) in [
            (&["allow s3:*"][..], "GetObject PutBucketPolicy PutObject"),
            (&["allow s3:Get*,ec2:Run*"], "RunInstances GetObject"),
            // All but some is all the rest, of every service.
            (&["allow but s3:*"], "RunInstances StopInstances"),
            (&["allow but *"], ""),
            (&["allow s3:* if"], "GetObject? PutBucketPolicy? PutObject?"),
            (&["allow s3:GetObject if", "allow s3:GetObject"], "GetObject"),
            (&["allow s3:*", "deny s3:Put*"], "GetObject"),
            (&["deny s3:Put*", "allow s3:*"], "GetObject"),
            // What is denied somewhere, or sometimes, is not gone, and no longer sure.
            (&["allow s3:Get*", "deny s3:* on arn:aws:s3:::secret/*"], "GetObject?"),
            (&["allow s3:Get*", "deny s3:* if"], "GetObject?"),
            (&["allow *", "deny but s3:GetObject,ec2:*"], "RunInstances StopInstances GetObject"),
            (&["deny *"], ""),
        ] {
            assert_eq!(told(&holder(vec![policy("p", lines)], Vec::new())), granted, "{lines:?}");
        }
    }

    #[test]
    fn a_boundary_gives_nothing_and_lets_no_more_through() {
        let bounded = |grant, bound: &[&str]| {
            told(&holder(vec![policy("p", grant)], vec![policy("boundary", bound)]))
        };
        assert_eq!(bounded(&["allow s3:*"], &["allow s3:Get*,ec2:*"]), "GetObject");
        assert_eq!(bounded(&["allow s3:Get*"], &["allow * if"]), "GetObject?");
        assert_eq!(bounded(&["allow *"], &["allow *", "deny s3:*"]), "RunInstances StopInstances");
        assert_eq!(bounded(&[], &["allow *"]), "");
    }

    #[test]
    fn every_way_by_which_something_is_granted_is_named() {
        let catalogue = catalogue();
        let policies = vec![
            policy("inline policy a", &["allow s3:Get* if", "allow s3:PutObject"]),
            policy("group g › policy b", &["allow *", "deny ec2:*"]),
            policy("policy c", &["allow ec2:*"]),
        ];
        let number = catalogue.number("s3", "GetObject").expect("an action");
        let ways = Grants::new(&catalogue).ways(&holder(policies, Vec::new()), number);
        assert_eq!(
            ways,
            [
                ("inline policy a".to_owned(), Extent::Maybe),
                ("group g › policy b".to_owned(), Extent::Yes)
            ]
        );
    }

    proptest! {
        /// The plainest reading of IAM, action by action, says the same as the sets do.
        #[test]
        fn sets_say_what_each_action_alone_says(
            lines in proptest::collection::vec(
                (any::<bool>(), any::<bool>(), 0..6_usize, any::<bool>(), any::<bool>()), 0..6),
        ) {
            let catalogue = catalogue();
            let pattern = |it: usize| ["*", "s3:*", "s3:Put*", "ec2:*", "s3:GetObject", "lambda:*"][it];
            let line = |(allows, but, of, on, when): &(bool, bool, usize, bool, bool)| format!(
                "{}{} {}{}{}",
                if *allows { "allow" } else { "deny" },
                if *but { " but" } else { "" },
                pattern(*of),
                if *on { " on arn:x" } else { "" },
                if *when { " if" } else { "" },
            );
            let texts: Vec<_> = lines.iter().map(line).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            let granted = Grants::new(&catalogue).of(&holder(vec![policy("p", &texts)], Vec::new()));
            for (number, action) in catalogue.actions().iter().enumerate() {
                let whole = format!("{}:{}", action.service, action.name);
                let fits = |of: usize| {
                    let pattern = pattern(of);
                    pattern.strip_suffix('*').map_or(pattern == whole, |it| whole.starts_with(it))
                };
                let about: Vec<_> = lines.iter().filter(|it| fits(it.2) != it.1).collect();
                let denied = about.iter().any(|it| !it.0 && !it.3 && !it.4);
                let doubted = about.iter().any(|it| !it.0);
                let allowed = about.iter().any(|it| it.0);
                let always = about.iter().any(|it| it.0 && !it.4);
                prop_assert_eq!(granted.possible.has(number), allowed && !denied);
                prop_assert_eq!(granted.sure.has(number), always && !doubted);
            }
        }
    }
}
