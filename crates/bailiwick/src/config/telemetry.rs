//! `[telemetry]`: where traces go.

use http::Uri;

use super::{
    Code,
    listen::is_loopback,
    origin::Settings,
    read::{Field, Table},
    server::address,
};

/// Where traces go; nowhere unless it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Telemetry {
    /// The collector: OTLP over HTTP.
    pub(crate) otlp: Option<Uri>,
}

/// Reads `[telemetry]`.
pub(super) fn read(root: &Table<'_>, settings: &mut Settings<'_>) -> Option<Telemetry> {
    root.section("telemetry", |telemetry| {
        let otlp = telemetry.get("otlp");
        let url = otlp.made(address).map(toml::Spanned::into_inner);
        if let Some(url) = &url {
            near(&otlp, url);
            settings.add("telemetry.otlp", url, otlp.at());
        }
        Telemetry { otlp: url }
    })
}

/// Refuses a collector that would be told over a network in the clear.
fn near(otlp: &Field<'_>, url: &Uri) {
    let help = "name a collector on this machine, which passes on what it is told";
    if url.scheme_str() == Some("https") {
        let message = "collectors over `https://` are not reached yet";
        otlp.fault(Code::NotYet, message, "TLS is not spoken to collectors", Some(help));
    } else if !url.host().is_some_and(is_loopback) {
        let message = "what calls touch would cross a network in the clear";
        otlp.fault(Code::OpenListener, message, "not this machine", Some(help));
    }
}
