//! What every broker has to keep, checked at whatever target it is given; and a target of its own that
//! does what a test tells it.

mod scripted;

use std::{pin::Pin, time::Duration};

use bailiwick_connect::{
    Broker, BrokerError, Credential, EndedLease, Field, Issued, LeaseOrder, Secret,
};
use bailiwick_model::{LeaseId, TaskId, Timestamp, Ulid};

pub use scripted::{ScriptedTarget, Trouble};

/// How long a credential lives whose end is waited for.
const SHORT: Duration = Duration::from_secs(15);

/// Something that is awaited.
pub type Waited<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a target cannot, or its broker. It is said here and in the manual, so that nothing is left out
/// without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Each use of a credential is one question: nothing stays open.
    NothingStays,
    /// What the target has cannot be asked for.
    NothingIsListed,
    /// A credential of which nobody heard lives until its own end.
    UnheardLives,
    /// Credentials are made without asking the target, also while it is away.
    MadeAlone,
    /// The target knows no end but the one that it is told.
    NoEndOfItsOwn,
}

impl Limit {
    /// As the manual has it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NothingStays => "nothing stays open",
            Self::NothingIsListed => "nothing is listed",
            Self::UnheardLives => "what nobody heard of lives until its end",
            Self::MadeAlone => "made without the target",
            Self::NoEndOfItsOwn => "no end of its own",
        }
    }
}

/// A target at which a broker is tried, as its holders and its operators see it.
pub trait Trial: Send + Sync {
    /// The broker.
    fn broker(&self) -> &dyn Broker;

    /// What it cannot.
    fn limits(&self) -> &'static [Limit];

    /// What can be wanted of the target.
    fn wants(&self) -> Vec<String>;

    /// What cannot.
    fn unfit(&self) -> Option<String> {
        None
    }

    /// The time that the target goes by.
    fn now(&self) -> Timestamp;

    /// Uses a credential once, anew, and says whether the target let it.
    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool>;

    /// Begins to use a credential and stays; none where nothing stays open.
    fn stays<'a>(&'a self, credential: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>>;

    /// Takes the target away, or brings it back.
    fn away(&self, away: bool) -> Waited<'_, ()>;

    /// Waits until it is so late at the target.
    fn late(&self, at: Timestamp) -> Waited<'_, ()>;
}

/// A use of a credential that stays open.
pub trait Stay: Send + Sync {
    /// Does something once more, and says whether the target let it.
    fn goes_on(&mut self) -> Waited<'_, bool>;
}

/// Checks everything at one target.
pub async fn conforms(trial: &dyn Trial) {
    what_is_issued_counts_until_it_is_revoked(trial).await;
    what_is_open_ends_with_it(trial).await;
    revoking_twice_and_revoking_nothing_is_done(trial).await;
    issuing_again_leaves_one(trial).await;
    what_is_there_is_found(trial).await;
    what_nobody_has_is_refused(trial).await;
    nothing_of_a_secret_is_shown(trial).await;
    what_is_dropped_midway_can_be_ended(trial).await;
    an_end_that_is_dropped_midway_is_made_good(trial).await;
    an_outage_is_said_and_outlived(trial).await;
    what_nobody_ends_ends_by_itself(trial).await;
}

fn cannot(trial: &dyn Trial, limit: Limit) -> bool {
    trial.limits().contains(&limit)
}

/// Makes the order of a new lease.
pub fn order(trial: &dyn Trial, number: u8) -> LeaseOrder {
    let now = trial.now();
    let mut random = [number; 10];
    random[0] = 0x5a;
    LeaseOrder {
        lease: LeaseId::new(Ulid::new(now, random)),
        task: TaskId::new(Ulid::new(now, random)),
        identity: "reporter".parse().expect("an identity"),
        on_behalf: None,
        wants: trial.wants(),
        until: now.after(Duration::from_secs(1800)),
        now,
    }
}

/// Makes the end of what was ordered, of which `issued` came back.
pub fn ended(trial: &dyn Trial, order: &LeaseOrder, issued: Option<&Issued>) -> EndedLease {
    EndedLease {
        lease: order.lease.clone(),
        called: issued.map(|it| it.called.clone()),
        keepsake: issued.and_then(|it| it.keepsake.as_ref()).map(|it| Secret::new(it.expose())),
        enforced: trial.broker().reach(),
        until: order.until,
        now: trial.now(),
    }
}

async fn issue(trial: &dyn Trial, order: &LeaseOrder) -> Issued {
    trial.broker().issue(order).await.expect("the target makes it")
}

async fn revoke(trial: &dyn Trial, order: &LeaseOrder, issued: Option<&Issued>) {
    trial.broker().revoke(&ended(trial, order, issued)).await.expect("the target ends it");
}

/// A credential counts from when it was issued, and not after it was revoked.
pub async fn what_is_issued_counts_until_it_is_revoked(trial: &dyn Trial) {
    let order = order(trial, 1);
    let issued = issue(trial, &order).await;
    assert!(trial.is_let_in(&issued.credential).await, "what was issued does not count");
    assert!(trial.is_let_in(&issued.credential).await, "what was issued counts once only");
    revoke(trial, &order, Some(&issued)).await;
    assert!(!trial.is_let_in(&issued.credential).await, "what was revoked still counts");
}

/// When revoke returns, open use is over.
pub async fn what_is_open_ends_with_it(trial: &dyn Trial) {
    let order = order(trial, 2);
    let issued = issue(trial, &order).await;
    let mut stays = Vec::new();
    for _ in 0..3 {
        stays.extend(trial.stays(&issued.credential).await);
    }
    assert_eq!(
        stays.is_empty(),
        cannot(trial, Limit::NothingStays),
        "what stays is not as it is said"
    );
    for stay in &mut stays {
        assert!(stay.goes_on().await, "what is open does not work");
    }
    revoke(trial, &order, Some(&issued)).await;
    for stay in &mut stays {
        assert!(!stay.goes_on().await, "what was open outlives its lease");
    }
}

/// Already gone is done, and so is what never was.
pub async fn revoking_twice_and_revoking_nothing_is_done(trial: &dyn Trial) {
    let one = order(trial, 3);
    let issued = issue(trial, &one).await;
    revoke(trial, &one, Some(&issued)).await;
    revoke(trial, &one, Some(&issued)).await;
    // After a crash nobody knows what it is called.
    let other = order(trial, 4);
    revoke(trial, &other, None).await;
}

/// A lease that is issued again leaves nothing of the first try.
pub async fn issuing_again_leaves_one(trial: &dyn Trial) {
    let order = order(trial, 5);
    let first = issue(trial, &order).await;
    let second = issue(trial, &order).await;
    assert!(trial.is_let_in(&second.credential).await, "what was issued again does not count");
    revoke(trial, &order, Some(&second)).await;
    assert!(!trial.is_let_in(&second.credential).await, "what was revoked still counts");
    let lives = trial.is_let_in(&first.credential).await;
    assert_eq!(lives, cannot(trial, Limit::UnheardLives), "the first try is not as it is said");
}

/// A target says which leases it has something of, where it can.
pub async fn what_is_there_is_found(trial: &dyn Trial) {
    let order = order(trial, 6);
    let before = trial.broker().found().await.expect("the target says what it has");
    assert!(!before.contains(&order.lease), "the target has what it was never asked for");
    let issued = issue(trial, &order).await;
    let during = trial.broker().found().await.expect("the target says what it has");
    revoke(trial, &order, Some(&issued)).await;
    let after = trial.broker().found().await.expect("the target says what it has");
    assert!(!after.contains(&order.lease), "what was revoked is still there");
    let listed = during.contains(&order.lease);
    assert_ne!(
        listed,
        cannot(trial, Limit::NothingIsListed),
        "what is listed is not as it is said"
    );
    assert!(listed || during.is_empty(), "the target lists others and not this one");
}

/// What a target does not have is refused, and leaves nothing.
pub async fn what_nobody_has_is_refused(trial: &dyn Trial) {
    let Some(unfit) = trial.unfit() else { return };
    let order = LeaseOrder { wants: vec![unfit], ..order(trial, 7) };
    let refused = trial.broker().issue(&order).await;
    assert!(
        matches!(refused, Err(BrokerError::Unfit { .. } | BrokerError::Refused { .. })),
        "{refused:?}"
    );
    let found = trial.broker().found().await.expect("the target says what it has");
    assert!(!found.contains(&order.lease), "what was refused is there");
}

/// What is secret of a credential is in no name and in no text that is printed of it.
pub async fn nothing_of_a_secret_is_shown(trial: &dyn Trial) {
    let order = order(trial, 8);
    let issued = issue(trial, &order).await;
    let shown = format!("{issued:?} {:?} {:?}", order, trial.broker());
    for secret in issued.credential.secrets().chain(&issued.keepsake) {
        assert!(!shown.contains(secret.expose()), "a secret is printed");
        assert!(!issued.called.contains(secret.expose()), "a name is a secret");
        for (_, field) in issued.credential.fields() {
            if let Field::Plain(text) = field {
                assert!(!text.contains(secret.expose()), "a secret stands in a plain field");
            }
        }
    }
    revoke(trial, &order, Some(&issued)).await;
}

/// Who asks may go at any moment: whatever the target has by then is ended by the lease's name alone.
pub async fn what_is_dropped_midway_can_be_ended(trial: &dyn Trial) {
    for (number, wait) in (10_u8..).zip([0, 1, 3, 10, 30]) {
        let order = order(trial, number);
        let issuing = trial.broker().issue(&order);
        let dropped = tokio::time::timeout(Duration::from_millis(wait), issuing).await;
        drop(dropped);
        // What is still under way at the target may come later: the engine asks once more after a while.
        for _ in 0..2 {
            revoke(trial, &order, None).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let found = trial.broker().found().await.expect("the target says what it has");
        assert!(!found.contains(&order.lease), "what was dropped after {wait} ms is there");
    }
}

/// The engine may stop while a target is told: told again, it is gone.
pub async fn an_end_that_is_dropped_midway_is_made_good(trial: &dyn Trial) {
    for (number, wait) in (30_u8..).zip([0, 1, 5, 20]) {
        let order = order(trial, number);
        let issued = issue(trial, &order).await;
        let ended = ended(trial, &order, Some(&issued));
        let revoking = trial.broker().revoke(&ended);
        drop(tokio::time::timeout(Duration::from_millis(wait), revoking).await);
        revoke(trial, &order, Some(&issued)).await;
        assert!(!trial.is_let_in(&issued.credential).await, "dropped after {wait} ms it counts");
    }
}

/// A target that is away is an error, never a success; when it is back, what is to end ends.
pub async fn an_outage_is_said_and_outlived(trial: &dyn Trial) {
    let (one, other) = (order(trial, 20), order(trial, 21));
    let issued = issue(trial, &one).await;
    trial.away(true).await;
    let revoked = trial.broker().revoke(&ended(trial, &one, Some(&issued))).await;
    assert!(
        matches!(revoked, Err(BrokerError::Away { .. } | BrokerError::Busy { .. })),
        "{revoked:?}"
    );
    let made = trial.broker().issue(&other).await;
    assert_eq!(made.is_ok(), cannot(trial, Limit::MadeAlone), "an absent target makes something");
    trial.away(false).await;
    revoke(trial, &one, Some(&issued)).await;
    revoke(trial, &other, made.as_ref().ok()).await;
    assert!(!trial.is_let_in(&issued.credential).await, "what was revoked still counts");
}

/// Should nobody come back to end it, a credential opens nothing after its time.
pub async fn what_nobody_ends_ends_by_itself(trial: &dyn Trial) {
    let order = LeaseOrder { until: trial.now().after(SHORT), ..order(trial, 40) };
    let issued = issue(trial, &order).await;
    assert!(trial.is_let_in(&issued.credential).await, "what was issued does not count");
    if !cannot(trial, Limit::NoEndOfItsOwn) {
        // Of two clocks one may be a second behind.
        trial.late(issued.until.after(Duration::from_secs(2))).await;
        assert!(!trial.is_let_in(&issued.credential).await, "it counts after its time");
    }
    revoke(trial, &order, Some(&issued)).await;
}
