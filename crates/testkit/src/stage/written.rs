//! A call whose arguments can be written anew, as a gateway does with bytes.

use bailiwick_kernel::Rewritable;
use bailiwick_model::{AccessRequest, Arguments, CallDigest, Json, JsonLimits};

/// A call of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a>(pub(super) &'a AccessRequest);

impl Rewritable for Written<'_> {
    fn request(&self) -> &AccessRequest {
        self.0
    }

    fn rewritten(&self, limits: &Arguments) -> Result<AccessRequest, String> {
        let mut arguments = self.0.arguments.clone();
        for change in limits.changes(&self.0.arguments)? {
            let value = Json::parse(change.value.as_bytes(), JsonLimits::default());
            if let (Json::Object(members), Ok(value)) = (&mut arguments, value) {
                members.insert(change.path.to_string(), value);
            }
        }
        let call = CallDigest::of(&self.0.action, &arguments);
        Ok(AccessRequest { call, arguments, ..self.0.clone() })
    }
}
