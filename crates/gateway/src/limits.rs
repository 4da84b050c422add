//! How much this gateway takes of anybody at once. `docs/reference/limits.md` has these numbers, too.

use std::time::Duration;

use bailiwick_model::JsonLimits;

/// How large one message may be, and how intricate.
pub(crate) const MESSAGE: JsonLimits = JsonLimits { bytes: 4 << 20, depth: 64, values: 200_000 };
/// How long a body may take to arrive.
pub(crate) const BODY_WAIT: Duration = Duration::from_secs(30);

/// How many requests one task may have under way.
pub(crate) const REQUESTS_UNDER_WAY_OF_A_TASK: usize = 256;
/// How many all tasks may.
pub(crate) const REQUESTS_UNDER_WAY: usize = 4096;
/// How many bytes the requests may have that one task has under way.
pub(crate) const REQUEST_BYTES_OF_A_TASK: usize = 64 << 20;
/// How many those of all tasks may.
pub(crate) const REQUEST_BYTES: usize = 256 << 20;
/// How many bytes the answers of all tasks may have that are under way.
pub const ANSWER_BYTES: usize = 256 << 20;
/// Which part of them those of one task may have.
pub(crate) const SHARE_OF_A_TASK: usize = 4;
/// How many bytes of an answer are not counted. There is one for each connection at most.
pub(crate) const SMALL_ANSWER: usize = 16 << 10;
/// How many streams of changes one task may have open.
pub(crate) const STREAMS_OF_A_TASK: usize = 8;
/// How many all tasks may.
pub(crate) const STREAMS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a number as the page does.
    fn written(number: usize) -> String {
        let digits = number.to_string();
        let parts: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|it| std::str::from_utf8(it).unwrap()).collect();
        parts.join(",")
    }

    fn mebibytes(bytes: usize) -> String {
        format!("{} MiB", bytes >> 20)
    }

    #[test]
    fn the_page_of_limits_has_these_numbers() {
        let page = include_str!("../../../docs/reference/limits.md");
        let (bytes, depth, values) =
            (mebibytes(MESSAGE.bytes), MESSAGE.depth, written(MESSAGE.values));
        for line in [
            format!("| a message to `/mcp` | {bytes}, {depth} levels deep, {values} values |"),
            format!("| its way here | {} s |", BODY_WAIT.as_secs()),
            format!(
                "| {} of one task, {} of all |",
                REQUESTS_UNDER_WAY_OF_A_TASK,
                written(REQUESTS_UNDER_WAY)
            ),
            format!(
                "| their bytes | {} of one task, {} of all |",
                mebibytes(REQUEST_BYTES_OF_A_TASK),
                mebibytes(REQUEST_BYTES)
            ),
            format!(
                "| bytes of answers under way; those of {} KiB at most are not counted | {} of one task, {} of all; `[listen] answers` |",
                SMALL_ANSWER >> 10,
                mebibytes(ANSWER_BYTES / SHARE_OF_A_TASK),
                mebibytes(ANSWER_BYTES)
            ),
            format!(
                "| streams of changes | {STREAMS_OF_A_TASK} of one task, {} of all |",
                written(STREAMS)
            ),
        ] {
            assert!(page.contains(&line), "{line}");
        }
    }
}
