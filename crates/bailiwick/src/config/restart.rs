//! What of the configuration takes effect only at a start.

use super::{Config, Server, Transport};

impl Config {
    /// Gives the sections in which `new` says something else, and which are read at a start alone.
    /// A running governor that took the rest of such a file would look as if it had taken all.
    pub(crate) fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let parts = [
            ("[listen]", self.listen == new.listen),
            ("[state]", (&self.state, self.ended_tasks) == (&new.state, new.ended_tasks)),
            ("[evidence]", self.evidence == new.evidence),
            ("[holds]", self.holds == new.holds),
            ("[authzen]", (&self.peps, &self.identity_type) == (&new.peps, &new.identity_type)),
            ("[secrets] and [[secret]]", self.secrets == new.secrets),
            ("[[trust]]", self.vouchers.domains == new.vouchers.domains),
            ("[[issuer]]", self.vouchers.issuers == new.vouchers.issuers),
            ("[workload_api]", self.workload_api == new.workload_api),
            ("[[mandate_issuer]]", self.vouchers.mandates == new.vouchers.mandates),
            ("[[transmitter]]", self.signals.transmitters == new.signals.transmitters),
            ("[[receiver]]", self.signals.receivers == new.signals.receivers),
            ("[[source]]", self.sources == new.sources),
            ("[log]", self.log == new.log),
            ("[telemetry]", self.telemetry == new.telemetry),
            ("[[target]]", self.targets == new.targets),
            ("[[server]]", of(self, false).eq(of(new, false))),
            ("[[route]]", of(self, true).eq(of(new, true))),
        ];
        parts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// Gives the routes of a configuration, or its other servers.
fn of(config: &Config, routes: bool) -> impl Iterator<Item = Server> + '_ {
    let is_route = |it: &Server| matches!(it.transport, Transport::Route(_));
    config.servers.iter().filter(move |it| is_route(it) == routes).map(placeless)
}

/// A server that only moved within the file is the same.
fn placeless(server: &Server) -> Server {
    Server { place: 0..0, ..server.clone() }
}
