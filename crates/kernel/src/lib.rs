//! The life of tasks: what may happen next, decided from what is known now.
//!
//! Nothing here waits, asks a clock or writes: state, a request and `now` come in, a decision and
//! its effects go out. The shell carries the effects out, in their order.

mod can;
mod contained;
mod decide;
mod decision;
mod evaluate;
mod explain;
mod exposed;
mod held;
mod lateral;
mod lease;
mod life;
mod lowered;
mod open;
mod ours;
mod paced;
mod permit;
mod search;
mod snapshot;
mod state;
mod visible;

pub use bailiwick_insight::{Advice, advise, advise_judged};
pub use bailiwick_insight::{Because, Can, Prospect};
pub use can::{Sought, can, prospective};
pub use decide::{CAME, Lapsed, Rewritable, decide, still_stands, still_waits};
pub use decision::{Decision, Effect, Judged, Names, Outcome};
pub use evaluate::{Evaluated, evaluate};
pub use explain::{Stopped, explain, is_stopped};
pub use held::{
    Shown, Standing, Unfit, answer_held, cancel_held, evaluate_approved, fits, standing,
};
pub use lease::{LeaseBook, LeaseEffect, LeaseEvent, UNSURE};
pub use life::{Answer, answer, end, forget, observe, stay, tick};
pub use open::{DEPTH_MAX, Opening, open};
pub use paced::Paced;
pub use permit::{Permit, PermitError};
pub use search::{Search, world};
pub use snapshot::Snapshot;
pub use state::{DayKey, Memory, RestoreError, TaskState};
pub use visible::{Sight, could_ever, liked_inputs, reaches, sight};
