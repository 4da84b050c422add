//! Hosts: capital letters, dots at the end, and the many ways to write one address.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Look;

/// Looks at the host of a URL whose scheme is `scheme`, in small letters.
pub(super) fn look(scheme: &str, host: &str) -> Look {
    if let Some(inner) = host.strip_prefix('[') {
        return look_v6(inner);
    }
    if host.is_empty() {
        return if matches!(scheme, "http" | "https" | "ws" | "wss" | "ftp") {
            Look::fault("no host")
        } else {
            Look { faults: Vec::new(), normal: Some(String::new()) }
        };
    }
    if !host.is_ascii() {
        return Look::fault("a host that is not ASCII (write its `xn--` form)");
    }
    if !host.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._".contains(&it)) {
        return Look::fault("a character that no host holds");
    }
    look_name(host)
}

fn look_name(host: &str) -> Look {
    let mut faults = Vec::new();
    let small = host.to_ascii_lowercase();
    if small != host {
        faults.push("capital letters in its host");
    }
    let name = small.trim_end_matches('.');
    if name.len() < small.len() {
        faults.push("a dot after its host");
    }
    if name.is_empty() || name.split('.').any(str::is_empty) {
        faults.push("an empty part in its host");
        return Look { faults, normal: None };
    }
    if !is_number(name.rsplit('.').next().unwrap_or_default()) {
        return Look { faults, normal: Some(name.to_owned()) };
    }
    let address = read_v4(name).map(|it| it.to_string());
    if address.as_deref() != Some(name) {
        faults.push("an address in an unusual form");
    }
    Look { faults, normal: address }
}

/// Says whether the last part makes the whole host an IPv4 address.
fn is_number(part: &str) -> bool {
    let hex = part.strip_prefix("0x").is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
    hex || part.bytes().all(|it| it.is_ascii_digit())
}

/// Reads an address of one to four parts, each decimal, octal or hexadecimal, the last one filling
/// whatever the others leave, as the C library does.
fn read_v4(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = name.split('.').map(read_part).collect::<Option<_>>()?;
    let (last, bytes) = parts.split_last()?;
    if 3 < bytes.len() || bytes.iter().any(|it| 255 < *it) {
        return None;
    }
    let high = bytes.iter().fold(0_u64, |all, byte| (all << 8) | byte);
    let left = u32::try_from(4_usize.checked_sub(bytes.len())?).ok()?.checked_mul(8)?;
    let address = high.checked_shl(left)?.checked_add(*last).filter(|_| *last >> left == 0)?;
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

fn read_part(part: &str) -> Option<u64> {
    let (digits, radix) = match part.strip_prefix("0x") {
        Some("") => return Some(0),
        Some(hex) => (hex, 16),
        None if 1 < part.len() && part.starts_with('0') => (part, 8),
        None => (part, 10),
    };
    let plain = digits.bytes().all(|it| it.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, radix).ok())?
}

fn look_v6(inner: &str) -> Look {
    let read = inner.strip_suffix(']').and_then(|it| it.parse::<Ipv6Addr>().ok());
    let Some(address) = read else { return Look::fault("an address that cannot be read") };
    // An address of the older kind inside one of the newer kind is the same place.
    let normal = address
        .to_ipv4_mapped()
        .map_or_else(|| format!("[{address}]"), |address| address.to_string());
    let faults = if normal.strip_prefix('[') == Some(inner) {
        Vec::new()
    } else {
        vec!["an address in an unusual form"]
    };
    Look { faults, normal: Some(normal) }
}
