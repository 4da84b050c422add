//! What was granted beside what was exercised, and what behaviour tells.

mod advice;
mod audit;
mod authority;
mod detector;
mod exercised;
#[cfg(test)]
mod fixture;
mod granted;
mod intent;
mod live;
mod names;
mod path;
mod prospect;
mod reach;
mod rightsize;
mod timeline;
mod why;

pub use advice::{Advice, advise, advise_judged};
pub use audit::{
    Audit, AuditEntry, AuditedIdentity, Chain, Completeness, DormancyPolicy, EntitlementPattern,
    EntitlementPatternError, Exclusion, GrantedBy, Idle, NotYet, Sessions, State, Summary,
    ToldExclusion, UnmappedNative, audit, audit_by,
};
pub use authority::{AuthorityUse, authority};
pub use detector::{DETECTORS, Detector, DriftFinding, detect};
pub use exercised::{
    Days, Deeds, Doer, Exercised, MadeCredential, Origin, Shown, Step, SystemIdentity, Taken,
    Tally, Touch, Touched, Unmapped,
};
pub use granted::{ActionSet, Extent, Granted, Grants, Ways};
pub use intent::{
    FindingKind, FindingKindError, Intent, IntentFinding, IntentPolicy, NativeName, Reach, Risk,
    SystemName, SystemReach, judge,
};
pub use live::{Inlets, Live, MadeBy, Noticed};
pub use names::{
    Action as CatalogueAction, Catalogue, CatalogueError, Certainty, Level, Name, Native, Sort,
    is_sign_in, names,
};
pub use path::{AccessPath, PathLease, PathStep, access_path};
pub use prospect::{Because, Can, Prospect};
pub use reach::{
    AccessMap, AccessWay, Adjacency, Crossing, Hop, HopState, Labels, Made, MapBuilder, Place,
    ReachSummary, Reached, Walk, WayStep, Wish,
};
pub use rightsize::{
    Allowed, CERTIFICATE, Certificate, Checks, Conninfo, ConninfoError, Decide, Decision, Document,
    DocumentRef, EVALUATOR, EventCounts, HOUSE_GRANTS, Input, KeptFor, Margin, NoPolicy,
    POSTGRES_GRANTS, Plan, Policy, Removed, Replay, Request, RightsizeError, Rightsized,
    Rightsizer, SeenSource, Stage, Used, Verified, Wishes, allows, gives_more, replay,
    rightsize_house, rightsize_kubernetes, rightsize_postgres, used_of, verify,
};
pub use timeline::{Moment, Timeline, Told, What, timeline};
pub use why::{Why, WhyStep, why, why_answered, why_found};
