//! The trace that a caller's call belongs to (W3C Trace Context, `traceparent`).

/// Says whether a text is a `traceparent` that everyone reads the same way.
pub(crate) fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    let hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|it| it == b'0');
    *version == "00"
        && hex(trace, 32)
        && hex(parent, 16)
        && hex(flags, 2)
        && !zero(trace)
        && !zero(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_counts() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        for bad in [
            String::new(),
            good.to_uppercase(),
            good.replacen("00", "ff", 1),
            format!("{good}-x"),
            good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            good.replace("00f067aa0ba902b7", &"0".repeat(16)),
        ] {
            assert!(!is_traceparent(&bad), "{bad}");
        }
    }
}
