//! What is granted by names: of systems that have no list of their permissions, so that a pattern stands for itself.
//!
//! In a pattern `*` is any letters, and case makes a difference. A pattern of which a denial takes a part, or of which a bound
//! lets a part through, is no longer sure; one that is denied whole is gone.

use std::collections::BTreeMap;

use bailiwick_model::{HeldPolicy, Holder, Patterns, Platform, Statement, Timestamp};

use super::{Extent, first_of, is_plain};

/// What one holder is granted, found by name.
#[derive(Debug)]
pub(crate) struct Spelt<'h> {
    holder: &'h Holder,
    /// Names without a wildcard, and what grants them: the policy's place, and the statement.
    exact: BTreeMap<&'h str, Vec<(usize, &'h Statement)>>,
    /// Statements with wildcards.
    wide: Vec<(usize, &'h Statement)>,
    denials: Vec<&'h Statement>,
}

impl<'h> Spelt<'h> {
    /// Sorts what a holder holds.
    pub(crate) fn new(holder: &'h Holder) -> Self {
        let (mut exact, mut wide, mut denials) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (place, policy) in holder.policies.iter().enumerate() {
            for statement in &policy.statements {
                let names = match &statement.actions {
                    Patterns::Only(names) => names.as_slice(),
                    Patterns::AllBut(_) => &[],
                };
                if !statement.allows {
                    denials.push(statement);
                    continue;
                }
                for name in names.iter().filter(|it| !is_wide(it)) {
                    let ways: &mut Vec<_> = exact.entry(name.as_str()).or_default();
                    ways.push((place, statement));
                }
                if names.is_empty() || names.iter().any(|it| is_wide(it)) {
                    wide.push((place, statement));
                }
            }
        }
        Self { holder, exact, wide, denials }
    }

    /// Gives the patterns that are granted, each as it is written.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &'h str> {
        let wide = self.wide.iter().flat_map(|(_, statement)| match &statement.actions {
            Patterns::Only(names) => names.as_slice(),
            Patterns::AllBut(_) => &[],
        });
        let wide = wide.map(String::as_str).filter(|it| is_wide(it));
        let but = self.wide.iter().any(|it| matches!(it.1.actions, Patterns::AllBut(_)));
        self.exact.keys().copied().chain(wide).chain(but.then_some("*"))
    }

    /// Gives the ways by which a name, or the whole of a pattern, is granted, and how far: sure where `is_sure` of the
    /// statements that always count.
    pub(crate) fn ways_where(
        &self,
        name: &str,
        is_sure: impl Fn(&[&Statement]) -> bool,
    ) -> Vec<(&'h str, Extent)> {
        if self.denials.iter().any(|it| is_plain(it) && covers(&it.actions, name)) {
            return Vec::new();
        }
        let mut sure = !self.denials.iter().any(|it| meets(&it.actions, name));
        for bound in &self.holder.bounds {
            match within(bound, name) {
                Some(Extent::Yes) => {}
                Some(Extent::Maybe) => sure = false,
                None => return Vec::new(),
            }
        }
        let mut found: BTreeMap<usize, Vec<&Statement>> = BTreeMap::new();
        for (place, statement) in self.granting(name) {
            let always = found.entry(place).or_default();
            always.extend(Some(statement).filter(|it| !it.conditional));
        }
        let path = |place: usize| self.holder.policies.get(place).map_or("", |it| it.path.as_str());
        let far = |always: &[&Statement]| {
            if sure && is_sure(always) { Extent::Yes } else { Extent::Maybe }
        };
        found.into_iter().map(|(place, always)| (path(place), far(&always))).collect()
    }

    /// Gives since when a name, or the whole of a pattern, may have been granted, where that is known.
    pub(crate) fn since(&self, name: &str) -> Option<Timestamp> {
        let policy = |place: usize| self.holder.policies.get(place)?.since;
        let first = first_of(self.granting(name).map(|(place, _)| policy(place)));
        self.holder.since.max(first)
    }

    /// Gives the statements that grant a name, or the whole of a pattern, with their policies; none where something is denied
    /// or bounded, so that they do not say all.
    pub(crate) fn giving(&self, name: &str) -> Vec<(&'h HeldPolicy, &'h Statement)> {
        if !self.denials.is_empty() || !self.holder.bounds.is_empty() {
            return Vec::new();
        }
        let policy = |place: usize| self.holder.policies.get(place);
        self.granting(name).filter_map(|(place, it)| Some((policy(place)?, it))).collect()
    }

    /// Gives the statements that grant a name, or the whole of a pattern, and the places of their policies.
    fn granting<'s>(&'s self, name: &'s str) -> impl Iterator<Item = (usize, &'h Statement)> + 's {
        let exact = self.exact.get(name).into_iter().flatten().copied();
        let wide = self.wide.iter().filter(move |(_, it)| grants(&it.actions, name));
        exact.chain(wide.copied())
    }
}

/// Says how far a bound lets a name, or the whole of a pattern, through.
fn within(bound: &HeldPolicy, name: &str) -> Option<Extent> {
    let all = || bound.statements.iter();
    if all().any(|it| !it.allows && is_plain(it) && covers(&it.actions, name)) {
        return None;
    }
    let doubted = all().any(|it| !it.allows && meets(&it.actions, name));
    let whole = all().any(|it| it.allows && !it.conditional && covers(&it.actions, name));
    match all().any(|it| it.allows && meets(&it.actions, name)) {
        true if whole && !doubted => Some(Extent::Yes),
        true => Some(Extent::Maybe),
        false => None,
    }
}

/// Says whether a statement with wildcards gives a name, or the pattern that it has itself.
fn grants(patterns: &Patterns, name: &str) -> bool {
    // All but some is written as everything, and is not the whole of it.
    covers(patterns, name) || (name == "*" && matches!(patterns, Patterns::AllBut(_)))
}

/// Says whether all that `name` means is among the patterns.
fn covers(patterns: &Patterns, name: &str) -> bool {
    match patterns {
        Patterns::Only(all) => all.iter().any(|it| fits(it, name)),
        Patterns::AllBut(all) => !all.iter().any(|it| overlaps(it, name)),
    }
}

/// Says whether something that `name` means may be among the patterns.
fn meets(patterns: &Patterns, name: &str) -> bool {
    match patterns {
        Patterns::Only(all) => all.iter().any(|it| overlaps(it, name)),
        Patterns::AllBut(all) => !all.iter().any(|it| fits(it, name)),
    }
}

fn is_wide(pattern: &str) -> bool {
    pattern.contains('*')
}

/// Says whether a pattern means a name; of another pattern, whether it means all that the other does.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    // In `*/RESOURCE:VERB` of Kubernetes the `*` is a group, and no group has a `/`: `*/exec` is not `core/pods/exec`.
    if let Some(rest) = pattern.strip_prefix("*/").filter(|it| it.contains(':')) {
        let of_group = name.split_once('/').filter(|(group, _)| !group.contains(':'));
        return of_group.is_some_and(|(_, name)| fits(rest, name));
    }
    has_letters(pattern, name)
}

/// Says whether a pattern that somebody wrote means a name of a system: groups of Kubernetes have a rule of their own, and
/// elsewhere `*` is any letters.
pub(crate) fn means(platform: Platform, pattern: &str, name: &str) -> bool {
    if platform == Platform::Kubernetes { fits(pattern, name) } else { has_letters(pattern, name) }
}

/// Says whether a name has the letters of a pattern, in which `*` is any.
pub(crate) fn has_letters(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = name.strip_prefix(first).and_then(|it| it.strip_suffix(last)) else {
        return false;
    };
    // What is between is found as early as can be, which leaves the most for what follows.
    for piece in between.split('*') {
        match left.split_once(piece) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    true
}

/// Says whether two patterns may mean the same name: their beginnings and their ends do not part them.
fn overlaps(one: &str, other: &str) -> bool {
    if !is_wide(other) {
        return fits(one, other);
    }
    if !is_wide(one) {
        return fits(other, one);
    }
    let begin = |it: &'_ str| it.split('*').next().unwrap_or_default().to_owned();
    let end = |it: &'_ str| it.rsplit('*').next().unwrap_or_default().to_owned();
    let (begins, ends) = ([begin(one), begin(other)], [end(one), end(other)]);
    let [a, b] = &begins;
    let [c, d] = &ends;
    (a.starts_with(b.as_str()) || b.starts_with(a.as_str()))
        && (c.ends_with(d.as_str()) || d.ends_with(c.as_str()))
}

#[cfg(test)]
mod tests {
    use bailiwick_model::ActorKind;
    use proptest::prelude::*;

    use super::*;

    /// Reads `allow|deny [but] PATTERN,… [on RESOURCE] [if]`.
    fn policy(path: &str, lines: &[&str]) -> HeldPolicy {
        let statement = |line: &&str| {
            let mut words = line.split(' ').peekable();
            let allows = words.next() == Some("allow");
            let is_but = words.next_if_eq(&"but").is_some();
            let names = words.next().into_iter().flat_map(|it| it.split(',')).map(str::to_owned);
            let names = names.collect();
            let on = words.next_if_eq(&"on").and_then(|_| words.next()).unwrap_or("*");
            Statement {
                allows,
                actions: if is_but { Patterns::AllBut(names) } else { Patterns::Only(names) },
                resources: Patterns::Only(vec![on.to_owned()]),
                conditional: words.next() == Some("if"),
            }
        };
        let statements = lines.iter().map(statement).collect();
        HeldPolicy { path: path.to_owned(), statements, since: None }
    }

    fn holder(policies: Vec<HeldPolicy>, bounds: Vec<HeldPolicy>) -> Holder {
        Holder {
            platform: Platform::Kubernetes,
            id: "somebody".to_owned(),
            account: String::new(),
            kind: ActorKind::Service,
            since: None,
            policies,
            bounds,
            unread: Vec::new(),
            trusts: Vec::new(),
            crowd: false,
        }
    }

    /// Gives the ways to a name, for something at least.
    fn ways<'h>(spelt: &Spelt<'h>, name: &str) -> Vec<(&'h str, Extent)> {
        spelt.ways_where(name, |always| !always.is_empty())
    }

    /// Tells how far a name is granted: `yes`, `maybe` or nothing.
    fn far(holder: &Holder, name: &str) -> &'static str {
        match ways(&Spelt::new(holder), name).into_iter().map(|it| it.1).min() {
            Some(Extent::Yes) => "yes",
            Some(Extent::Maybe) => "maybe",
            None => "",
        }
    }

    #[test]
    fn policies_grant_what_they_say_and_a_denial_is_stronger() {
        for (lines, name, wanted) in [
            (&["allow a/pods:get,a/pods:list"][..], "a/pods:list", "yes"),
            (&["allow a/pods:get"], "a/pods:GET", ""),
            (&["allow a/*:get"], "a/pods/log:get", "yes"),
            (&["allow a/*:get if"], "a/pods:get", "maybe"),
            (&["allow a/pods:get if", "allow *"], "a/pods:get", "yes"),
            (&["allow *", "deny a/*"], "a/pods:get", ""),
            (&["allow *", "deny a/*"], "*", "maybe"),
            (&["allow a/*", "deny a/*:get"], "a/*", "maybe"),
            (&["allow a/*", "deny b/*"], "a/*", "yes"),
            (&["allow *", "deny a/* if"], "a/pods:get", "maybe"),
            (&["allow *", "deny a/* on x/y"], "a/pods:get", "maybe"),
            (&["allow but a/*"], "b/pods:get", "yes"),
            (&["allow but a/*"], "a/pods:get", ""),
            (&["allow but a/*"], "*", "yes"),
            (&["deny *"], "a/pods:get", ""),
        ] {
            assert_eq!(
                far(&holder(vec![policy("p", lines)], Vec::new()), name),
                wanted,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_bound_gives_nothing_and_lets_no_more_through() {
        let far = |grant, bound, name| {
            far(&holder(vec![policy("p", grant)], vec![policy("b", bound)]), name)
        };
        assert_eq!(far(&["allow *"], &["allow a/*"], "a/pods:get"), "yes");
        assert_eq!(far(&["allow *"], &["allow a/*"], "*"), "maybe");
        assert_eq!(far(&["allow *"], &["allow a/*"], "b/pods:get"), "");
        assert_eq!(far(&["allow *"], &["allow * if"], "a/pods:get"), "maybe");
        assert_eq!(far(&["allow *"], &["allow *", "deny a/*"], "a/pods:get"), "");
        assert_eq!(far(&[], &["allow *"], "a/pods:get"), "");
    }

    #[test]
    fn every_way_is_named_once_and_by_its_widest_word() {
        let policies = vec![
            policy("one", &["allow a/*:get if", "allow a/pods:get"]),
            policy("two", &["allow *"]),
            policy("three", &["allow b/*"]),
        ];
        let holder = holder(policies, Vec::new());
        let spelt = Spelt::new(&holder);
        assert_eq!(ways(&spelt, "a/pods:get"), [("one", Extent::Yes), ("two", Extent::Yes)]);
        assert_eq!(ways(&spelt, "a/*:get"), [("one", Extent::Maybe), ("two", Extent::Yes)]);
        assert_eq!(spelt.patterns().collect::<Vec<_>>(), ["a/pods:get", "a/*:get", "*", "b/*"]);
    }

    #[test]
    fn a_star_for_a_group_of_kubernetes_is_no_resource() {
        for (pattern, name, is) in [
            ("*/exec:create", "core/pods/exec:create", false),
            ("*/exec:create", "core/exec:create", true),
            ("*/exec:create", "nonresource:get /exec:create", false),
            ("*/*/exec:create", "core/pods/exec:create", true),
            ("*/*:create", "core/pods/exec:create", true),
            ("*/*:create", "*/exec:create", true),
            ("*/*:*", "apps/deployments/scale:get", true),
            ("apps/*:*", "apps/deployments/scale:get", true),
            ("*", "core/pods:get", true),
            ("*/read", "Microsoft.Storage/storageAccounts/read", true),
        ] {
            assert_eq!(fits(pattern, name), is, "{pattern} {name}");
        }
    }

    /// The plainest way to say what a wildcard is.
    fn by_the_book(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                by_the_book(rest, name) || (!name.is_empty() && by_the_book(pattern, &name[1..]))
            }
            ([one, pattern @ ..], [other, name @ ..]) => one == other && by_the_book(pattern, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_the_book_says(pattern in "[ab*]{0,8}", name in "[ab]{0,8}") {
            let letters = |it: &str| it.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &name), by_the_book(&letters(&pattern), &letters(&name)));
        }

        /// What one pattern has of another is judged on the safe side: whole only if it is, apart only if they are.
        #[test]
        fn patterns_that_share_a_name_overlap(
            one in "[ab*]{0,5}", other in "[ab*]{0,5}", name in "[ab]{0,5}",
        ) {
            if fits(&one, &name) && fits(&other, &name) {
                prop_assert!(overlaps(&one, &other) && overlaps(&other, &one));
            }
            if fits(&one, &other) && fits(&other, &name) {
                prop_assert!(fits(&one, &name));
            }
        }
    }
}
