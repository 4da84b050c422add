//! `outside-charter`: an identity was used in a system, or an account of it, that its charter does not name.
//!
//! It is authority beyond the purpose (NHI5), and between accounts of one system a wall that is not there (NHI8). A charter
//! that names no systems says nothing, and what was refused is no use.

use super::{FindingKind, IntentFinding, Risk, Seen, SystemName, finding::counted};

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = Vec::new();
    for it in &seen.touched {
        let Some((first, last)) = it.touch.when else { continue };
        let (platform, id) = (it.who.platform, it.who.id.as_str());
        for charter in seen.charters_of(platform, id) {
            if charter.allows(platform, &it.account) != Some(false) {
                continue;
            }
            let knows_system = charter.systems.iter().any(|of| of.platform == platform);
            let risk = if knows_system { Risk::Nhi8 } else { Risk::Nhi5 };
            let system = SystemName { platform, account: it.account.clone() }.to_string();
            let refused = match it.touch.denied {
                0 => String::new(),
                1 => ", and 1 was refused".to_owned(),
                denied => format!(", and {denied} were refused"),
            };
            let says = format!(
                "{} in `{system}`, which the charter of `{}` does not name{refused}",
                counted(it.touch.done, "access", "accesses"),
                charter.identity,
            );
            let kind = (FindingKind::OutsideCharter, risk);
            let finding = IntentFinding::new(kind, (platform, id), says, it.touch.done)
                .charter(Some(charter.identity.clone()))
                .within(&it.account)
                .when(first, last);
            found.push(IntentFinding { system: Some(system), ..finding });
        }
    }
    found
}
