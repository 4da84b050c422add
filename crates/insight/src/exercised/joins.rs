//! How a credential was come by: each use is led back, by exact names alone, to whoever made the credential.
//!
//! A credential is made before it is used, and used before it ends. Three names are exact: the credential's own, the name of
//! a lease that stands where a system wants a login or a source identity, and who the log itself says stands behind a
//! caller. What a session calls itself is anybody's word: it is told, and joins nothing.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{ActorKind, Ended, Exercise, Platform, Timestamp, Via};

use super::{Exercised, Origin, QuickMap, Shown, Step, SystemIdentity, Tally, Word};

/// How many steps are followed back.
const STEPS_MAX: usize = 16;
/// How many of those who made a credential of one name are looked at for one use: the latest before it.
const MAKERS_MAX: usize = 8;
/// How far the clocks of two systems may be apart.
const CLOCKS_APART: i64 = 60_000;

/// Who showed which credential, and for whom by the log's own word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Showing {
    pub(super) who: u32,
    pub(super) credential: Word,
    pub(super) behind: Box<[Word]>,
}

/// When something happened, how often at each moment, and how often it was let through.
#[derive(Debug, Default)]
pub(super) struct Moments(Vec<(Timestamp, u32, u32)>);

impl Moments {
    pub(super) fn add(&mut self, at: Timestamp, ended: Ended) {
        let through = u32::from(ended.is_exercised());
        match self.0.last_mut() {
            Some((last, count, done)) if *last == at => {
                *count = count.saturating_add(1);
                *done = done.saturating_add(through);
            }
            Some(_) | None => self.0.push((at, 1, through)),
        }
    }
}

/// What came by one maker.
struct Part {
    used: Tally,
    let_through: Option<(Timestamp, Timestamp)>,
}

impl Part {
    fn none(at: Timestamp) -> Self {
        Self { used: Tally::none(at), let_through: None }
    }

    fn add(&mut self, (at, count, done): (Timestamp, u32, u32)) {
        self.used.add_times(at, u64::from(count));
        if 0 < done {
            let (first, last) = self.let_through.unwrap_or((at, at));
            self.let_through = Some((first.min(at), last.max(at)));
        }
    }
}

/// A call that made a credential.
#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) by: u32,
    pub(super) with: Word,
    pub(super) behind: Box<[Word]>,
    pub(super) at: Timestamp,
    pub(super) to: Word,
    pub(super) via: Via,
    pub(super) until: Option<Timestamp>,
}

/// One identity as it shows a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holding {
    platform: Platform,
    id: Word,
    within: Word,
    credential: Word,
    behind: Box<[Word]>,
}

/// A place in the list of who made the credential of a name.
type Maker = (Word, usize);

impl Exercised {
    /// Notes which credential was shown, and which came of it.
    pub(super) fn note(&mut self, it: &Exercise<'_>, who: u32) {
        let shown = spelt(&it.actor.credential);
        let credential = self.words.number_after(&mut self.last.credential, &shown);
        let behind: Box<[Word]> =
            it.actor.chain.iter().take(STEPS_MAX).map(|name| self.words.number(name)).collect();
        if !it.actor.delivered.is_empty() {
            let why = self.delivered.entry((who, credential)).or_insert(it.actor.delivered);
            *why = it.actor.delivered.min(*why);
        }
        if let Some(issued) = it.issued.as_ref().filter(|it| !it.credential.is_empty()) {
            let made = self.words.number(&spelt(&issued.credential));
            let issue = Issue {
                by: who,
                with: credential,
                behind: behind.clone(),
                at: it.at,
                to: self.words.number(&issued.to),
                via: issued.via,
                until: issued.until,
            };
            self.issues.entry(made).or_default().push(issue);
        }
        self.shown.entry(Showing { who, credential, behind }).or_default().add(it.at, it.ended);
    }

    /// Gives every credential that was shown, and how it was come by.
    pub fn shown(&self) -> Vec<Shown> {
        let joins = Joins::new(self);
        let mut all = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "what comes of it is sorted")]
        for (showing, moments) in &self.shown {
            let Some(holding) = joins.holding(showing.who, showing.credential, &showing.behind)
            else {
                continue;
            };
            // One credential may be used before it was made, by it, and past its end: each is told by itself.
            let mut parts: BTreeMap<Option<Maker>, Part> = BTreeMap::new();
            let outermost = Joins::outermost(&holding);
            let lists = joins.lists(&outermost);
            for moment in &moments.0 {
                let maker = joins.maker(&outermost, &lists, moment.0);
                parts.entry(maker).or_insert_with(|| Part::none(moment.0)).add(*moment);
            }
            all.extend(
                parts.into_iter().map(|(maker, part)| joins.led_back(&holding, maker, part)),
            );
        }
        all.sort_by(|one, next| one.order().cmp(&next.order()));
        all
    }
}

/// Those who made something of one name, in order.
struct Makers<'j, 'e> {
    name: Word,
    leases_alone: bool,
    issues: &'j [&'e Issue],
}

/// What is looked up for each use.
struct Joins<'e> {
    all: &'e Exercised,
    makers: QuickMap<Word, Vec<&'e Issue>>,
    /// Which identity of AWS alone shows a key.
    keys: QuickMap<Word, Option<u32>>,
}

impl<'e> Joins<'e> {
    fn new(all: &'e Exercised) -> Self {
        let mut makers: QuickMap<Word, Vec<&'e Issue>> = QuickMap::default();
        #[expect(clippy::iter_over_hash_type, reason = "each list is sorted")]
        for (credential, issues) in &all.issues {
            let mut issues: Vec<_> = issues.iter().collect();
            issues.sort_by_cached_key(|it| (it.at, all.rank(it)));
            makers.insert(*credential, issues);
        }
        let mut keys: QuickMap<Word, Option<u32>> = QuickMap::default();
        #[expect(clippy::iter_over_hash_type, reason = "one alone, or none, whatever the order")]
        for (showing, moments) in &all.shown {
            let of_aws = all.who_at(showing.who).is_some_and(|it| it.platform == Platform::Aws);
            if of_aws && !moments.0.is_empty() && is_aws_key(all.words.text(showing.credential)) {
                let sole = keys.entry(showing.credential).or_insert(Some(showing.who));
                *sole = sole.filter(|it| *it == showing.who);
            }
        }
        Self { all, makers, keys }
    }

    fn holding(&self, who: u32, credential: Word, behind: &[Word]) -> Option<Holding> {
        let who = self.all.who_at(who)?;
        let (platform, id, within) = (who.platform, who.id, who.within);
        Some(Holding { platform, id, within, credential, behind: behind.into() })
    }

    /// Gives who stands behind a holder first of all: whose credential it is.
    fn outermost(holding: &Holding) -> Holding {
        match holding.behind.first() {
            Some(first) if stands_behind(holding.platform) => {
                Holding { id: *first, behind: Box::default(), ..holding.clone() }
            }
            Some(_) | None => holding.clone(),
        }
    }

    /// Gives those who made something of a name that a holder bears: its credential's, and, of leases, any other.
    fn lists(&self, holding: &Holding) -> Vec<Makers<'_, 'e>> {
        let names = std::iter::once((holding.credential, false))
            .chain(std::iter::once((holding.id, true)))
            .chain(holding.behind.iter().map(|it| (*it, true)));
        let list = |(name, leases_alone)| {
            let issues = self.makers.get(&name)?.as_slice();
            Some(Makers { name, leases_alone, issues })
        };
        names.filter_map(list).collect()
    }

    /// Finds who made what a holder showed at a moment: whoever was seen making the very credential before those whose lease
    /// the holder alone names, a governor's lease before what else made it, then the latest.
    fn maker(&self, holding: &Holding, lists: &[Makers<'_, 'e>], at: Timestamp) -> Option<Maker> {
        let mut best: Option<((bool, bool, Timestamp), Maker)> = None;
        let latest = moved(at, CLOCKS_APART);
        for list in lists {
            let end = list.issues.partition_point(|it| it.at <= latest);
            let begin = end.saturating_sub(MAKERS_MAX);
            for (place, issue) in list.issues.iter().enumerate().take(end).skip(begin) {
                let is_lease = issue.via == Via::Lease;
                if (list.leases_alone && !is_lease) || !self.could(issue, holding, at) {
                    continue;
                }
                let rank = (!list.leases_alone, is_lease, issue.at);
                // Within a list the later is the better; of two names the first counts.
                let better = |it: &((bool, bool, Timestamp), Maker)| {
                    it.0 < rank || (it.0 == rank && it.1.0 == list.name)
                };
                if best.as_ref().is_none_or(better) {
                    best = Some((rank, (list.name, place)));
                }
            }
        }
        best.map(|it| it.1)
    }

    /// Says whether a credential was there at a moment, and comes from somebody else.
    fn could(&self, issue: &Issue, holding: &Holding, at: Timestamp) -> bool {
        let Some(by) = self.all.who_at(issue.by) else { return false };
        let apart = if by.platform == holding.platform { 0 } else { CLOCKS_APART };
        let is_there =
            issue.at <= moved(at, apart) && issue.until.is_none_or(|it| at <= moved(it, apart));
        let by_itself = (by.platform, by.id, by.within)
            == (holding.platform, holding.id, holding.within)
            && (issue.via == Via::Lease || issue.with == holding.credential);
        is_there && !by_itself
    }

    /// Leads a use back to where it began.
    fn led_back(&self, holding: &Holding, maker: Option<Maker>, part: Part) -> Shown {
        let mut way = Vec::new();
        let mut seen = vec![holding.clone()];
        let mut here = self.through_behind(holding, &mut way);
        let mut made = maker;
        let origin = loop {
            if STEPS_MAX <= way.len() {
                break Origin::TooLong;
            }
            let issue = made.and_then(|(name, place)| self.makers.get(&name)?.get(place).copied());
            let (next, at) = match issue {
                Some(issue) => {
                    let Some(by) = self.holding(issue.by, issue.with, &issue.behind) else {
                        break Origin::OutOfSight;
                    };
                    let home = by.platform != here.platform && issue.to != here.id;
                    if home && issue.via != Via::Lease {
                        // The key of one system was shown to another: it is whoever it was made for.
                        way.push(self.step(&by, issue.to, Via::Federation));
                    }
                    way.push(self.step(&by, by.id, issue.via));
                    (by, issue.at)
                }
                None => match self.at_home(&here) {
                    Some(home) => {
                        way.push(self.step(&home, home.id, Via::Federation));
                        (home, part.used.first)
                    }
                    None => break self.origin(&here),
                },
            };
            if seen.contains(&next) {
                break Origin::OutOfSight;
            }
            seen.push(next.clone());
            here = self.through_behind(&next, &mut way);
            made = self.maker(&here, &self.lists(&here), at);
        };
        let said = holding.behind.iter().filter(|_| !stands_behind(holding.platform));
        let said: BTreeSet<_> = said.map(|it| self.all.words.text(*it).to_owned()).collect();
        Shown {
            by: self.identity(holding, holding.id),
            kind: self.kind(holding),
            credential: self.all.words.text(holding.credential).to_owned(),
            used: part.used,
            let_through: part.let_through,
            way,
            origin,
            said,
        }
    }

    /// Steps through those who stand behind a holder, to the outermost.
    fn through_behind(&self, holding: &Holding, way: &mut Vec<Step>) -> Holding {
        if stands_behind(holding.platform) {
            let behind = holding.behind.iter().rev();
            way.extend(behind.map(|it| self.step(holding, *it, Via::Impersonation)));
        }
        Self::outermost(holding)
    }

    /// Gives who at AWS has the key that was shown to another system.
    fn at_home(&self, holding: &Holding) -> Option<Holding> {
        if holding.platform == Platform::Aws {
            return None;
        }
        let who = (*self.keys.get(&holding.credential)?)?;
        self.holding(who, holding.credential, &[])
    }

    fn origin(&self, here: &Holding) -> Origin {
        let credential = self.all.words.text(here.credential);
        let who = self.all.who_numbers.get(&(here.platform, here.id, here.within));
        let delivered = who.and_then(|it| self.all.delivered.get(&(*it, here.credential)));
        let is_vouched = vouched(here.platform, self.all.words.text(here.id)).is_some();
        match (self.kind(here), delivered) {
            (_, Some(why)) => Origin::Delivered(why),
            (ActorKind::Platform, None) => Origin::Itself,
            (ActorKind::Agent, None) => Origin::Governed,
            (_, None) if is_vouched => Origin::Vouched,
            (_, None) if credential.is_empty() => Origin::Unnamed,
            (_, None) if self.makers.contains_key(&here.credential) => Origin::OutOfTime,
            (_, None) if credential.starts_with("AKIA") => Origin::Lasting,
            (_, None) => Origin::OutOfSight,
        }
    }

    fn kind(&self, here: &Holding) -> ActorKind {
        let who = self.all.who_numbers.get(&(here.platform, here.id, here.within));
        who.and_then(|it| self.all.who_at(*it)).map(|it| it.kind).unwrap_or_default()
    }

    /// Steps to somebody of the system and the account that `beside` is of.
    fn step(&self, beside: &Holding, id: Word, via: Via) -> Step {
        Step { from: self.identity(beside, id), via }
    }

    fn identity(&self, beside: &Holding, id: Word) -> SystemIdentity {
        let (platform, id) = (beside.platform, self.all.words.text(id));
        let within = self.all.words.text(beside.within);
        vouched(platform, id).unwrap_or_else(|| SystemIdentity::within(platform, id, within))
    }
}

impl Exercised {
    fn who_at(&self, number: u32) -> Option<&super::Who> {
        self.whos.get(usize::try_from(number).ok()?)
    }

    /// Ranks those who made one credential at one moment: whoever showed a credential for it last, then by name. An
    /// account that a role belongs to logs the call of another account as well, and names no credential of it.
    fn rank(&self, issue: &Issue) -> String {
        let by = self.who_at(issue.by).map_or("", |it| self.words.text(it.id));
        let named = u8::from(!self.words.text(issue.with).is_empty());
        let (with, to) = (self.words.text(issue.with), self.words.text(issue.to));
        let until = issue.until.map(Timestamp::millis);
        format!("{named} {by} {with} {to} {} {until:?}", issue.via.as_str())
    }
}

/// Says whether a system's log names those who stand behind a caller itself. AWS has what the caller said of itself there.
const fn stands_behind(platform: Platform) -> bool {
    !matches!(platform, Platform::Aws)
}

fn moved(at: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(by))
}

fn is_aws_key(credential: &str) -> bool {
    matches!(credential.get(..4), Some("AKIA" | "ASIA")) && 16 <= credential.len()
}

/// Writes the digest of a token in one way: logs have base64 or hexadecimal digits.
fn spelt(credential: &str) -> std::borrow::Cow<'_, str> {
    use std::{borrow::Cow, fmt::Write as _};
    let Some(digest) = credential.strip_prefix("sha256:") else { return Cow::Borrowed(credential) };
    if digest.len() == 64 && digest.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Cow::Owned(credential.to_ascii_lowercase());
    }
    let Some(bytes) = of_base64(digest).filter(|it| it.len() == 32) else {
        return Cow::Borrowed(credential);
    };
    let mut text = "sha256:".to_owned();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Cow::Owned(text)
}

/// Reads base64 of either alphabet (RFC 4648, sections 4 and 5), with padding or without.
fn of_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0_u8);
    for letter in text.trim_end_matches('=').bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter.wrapping_sub(b'A'),
            b'a'..=b'z' => letter.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => letter.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(six)) & 0xffff;
        bits = bits.saturating_add(6);
        if 8 <= bits {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Gives who another system vouched for, where AWS names the provider and the subject: the run of a GitHub workflow, or a
/// service account of a cluster on EKS. Of other providers a subject is known by AWS's name of it alone.
pub(crate) fn vouched(platform: Platform, id: &str) -> Option<SystemIdentity> {
    if platform != Platform::Aws {
        return None;
    }
    let provider = id.split_once("oidc-provider/").map_or(id, |(_, it)| it);
    let (host, subject) = provider.split_once(':')?;
    let (platform, begin) = if host == "token.actions.githubusercontent.com" {
        (Platform::Github, "repo:")
    } else if host.starts_with("oidc.eks.") && host.contains(".amazonaws.com") {
        (Platform::Kubernetes, "system:serviceaccount:")
    } else {
        return None;
    };
    subject.starts_with(begin).then(|| SystemIdentity::of(platform, subject))
}
