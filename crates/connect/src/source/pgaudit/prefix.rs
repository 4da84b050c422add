//! What stands before the message of a line in a log of text: `log_line_prefix`, in the shapes that are in use.
//!
//! Nothing in a log says how its prefix is made up. These are the shapes of PostgreSQL itself, of distributions, of
//! services and of the manuals of tools that read logs; each says of every part what it looks like, and whatever fits one
//! of them to the end is taken for that.

use super::own::LinePrefix;

/// The shapes, those that say most first.
const SHAPES: &[&str] = &[
    "%m [%p] %c %l %e %u@%d ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%m [%p] %q%u@%d ",
    "%t [%p] %q%u@%d ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%t [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: [%l-1] user=%u,db=%d,remote=%r ",
    "%m [%p]: [%l-1] user=%u,db=%d ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t:%r:%u@%d:[%p]:",
    "%t:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m %u %d [%p]: ",
    "%t %u %d [%p]: ",
    "%m %u@%d [%p] ",
    "%t %u@%d [%p] ",
    "%m %c %l %e %u %d ",
    "%m [%p] ",
    "%t [%p] ",
    "%t [%p]: ",
    "%t-%c-",
    "%m ",
    "%t ",
    "< %m > ",
    "<%m>",
];
/// How many steps finding the parts of one line may take.
const STEPS_MAX: u32 = 400;
/// How much of a line may stand before its message.
const PREFIX_MAX: usize = 1_024;

/// What a prefix says; what is empty, it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Before<'a> {
    pub(super) time: &'a str,
    pub(super) user: &'a str,
    pub(super) database: &'a str,
    pub(super) process: &'a str,
    pub(super) session: &'a str,
    pub(super) line: &'a str,
    pub(super) code: &'a str,
    /// Whether it may be read in more than one way: a user and a database with an `@` between them, and another in one of
    /// them.
    pub(super) is_unclear: bool,
}

/// A line of a log, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) before: Before<'a>,
    /// `LOG`, `ERROR`, `STATEMENT`.
    pub(super) word: &'a str,
    pub(super) message: &'a str,
}

impl Line<'_> {
    /// Finds out whether user and database could be parted elsewhere.
    fn unclear(mut self) -> Self {
        self.before.is_unclear |= [self.before.user, self.before.database].concat().contains('@');
        self
    }
}

/// Takes the first line of a record apart, where its prefix is the one that was said, or else one that is known.
pub(super) fn line<'a>(text: &'a str, own: Option<&LinePrefix>) -> Option<Line<'a>> {
    let of = |shape: &str| {
        let mut steps = STEPS_MAX;
        fits(shape, text, Before::default(), (&mut steps, PREFIX_MAX.min(text.len())))
    };
    match own {
        Some(own) => of(own.as_str()),
        None => SHAPES.iter().find_map(|shape| of(shape)),
    }
}

/// Says whether a line has something like a message, whatever stands before it.
pub(super) fn has_message(text: &str) -> bool {
    let begin = text.get(..PREFIX_MAX).unwrap_or(text);
    begin.match_indices(":  ").any(|(at, _)| {
        let before = begin.get(..at).unwrap_or_default();
        let from = before.rfind(|it: char| !it.is_ascii_alphanumeric());
        let from = from.map_or(0, |it| it.saturating_add(1));
        before.get(from..).is_some_and(is_word)
    })
}

/// The words that a message begins with (`error_severity`, and what comes after a message).
fn is_word(word: &str) -> bool {
    is_severity(word) || goes_with_another(word)
}

fn is_severity(word: &str) -> bool {
    let debug =
        word.strip_prefix("DEBUG").is_some_and(|it| matches!(it, "1" | "2" | "3" | "4" | "5"));
    debug || matches!(word, "LOG" | "INFO" | "NOTICE" | "WARNING" | "ERROR" | "FATAL" | "PANIC")
}

/// Says whether a line tells more of the message before it.
pub(super) fn goes_with_another(word: &str) -> bool {
    matches!(word, "DETAIL" | "HINT" | "QUERY" | "CONTEXT" | "LOCATION" | "BACKTRACE" | "STATEMENT")
}

/// Takes the rest of a line apart by the rest of a shape.
fn fits<'a>(
    shape: &str,
    text: &'a str,
    before: Before<'a>,
    (steps, room): (&mut u32, usize),
) -> Option<Line<'a>> {
    *steps = steps.checked_sub(1)?;
    let (literal, shape) = literal(shape);
    let text = text.strip_prefix(literal)?;
    let is_parted = shape.starts_with("%u@%d") || shape.starts_with("%d@%u");
    let mut letters = shape.chars().skip(1);
    let Some(part) = letters.next() else { return message(text, before) };
    let rest = shape.get(2..).unwrap_or_default();
    if part == '%' {
        return fits(rest, text.strip_prefix('%')?, before, (steps, room));
    }
    if part == 'q' {
        // A process that serves no session says nothing more.
        return message(text, before).or_else(|| fits(rest, text, before, (steps, room)));
    }
    match length(part, text) {
        Length::Of(count) => {
            let (value, behind) = text.split_at_checked(count)?;
            fits(rest, behind, with(before, part, value), (steps, room.checked_sub(count)?))
        }
        Length::Any => {
            // The shortest that lets all the rest fit: what follows it may be in it as well.
            let next = self::literal(rest).0;
            text.match_indices(next).take_while(|(at, _)| *at <= room).find_map(|(at, _)| {
                let (value, behind) = text.split_at_checked(at)?;
                let line =
                    fits(rest, behind, with(before, part, value), (steps, room.checked_sub(at)?))?;
                Some(if is_parted { line.unclear() } else { line })
            })
        }
        Length::Wrong => None,
    }
}

/// Takes off what a shape has as it is, up to its next part.
fn literal(shape: &str) -> (&str, &str) {
    shape.split_at_checked(shape.find('%').unwrap_or(shape.len())).unwrap_or((shape, ""))
}

/// Reads `LOG:  ` and what comes behind it.
fn message<'a>(text: &'a str, before: Before<'a>) -> Option<Line<'a>> {
    let (word, message) = text.split_once(':')?;
    let message = message.strip_prefix("  ")?;
    is_word(word).then_some(Line { before, word, message })
}

fn with<'a>(mut before: Before<'a>, part: char, value: &'a str) -> Before<'a> {
    match part {
        'm' | 't' | 'n' => before.time = value,
        // What a session that is not let in yet is called by.
        'u' | 'd' if value == "[unknown]" => {}
        'u' => before.user = value,
        'd' => before.database = value,
        'p' => before.process = value,
        'c' => before.session = value,
        'l' => before.line = value,
        'e' => before.code = value,
        _ => {}
    }
    before
}

enum Length {
    Of(usize),
    Any,
    Wrong,
}

/// Says how long a part is, by what it looks like.
fn length(part: char, text: &str) -> Length {
    let run = |fits: fn(char) -> bool| match text.find(|it| !fits(it)).unwrap_or(text.len()) {
        0 => Length::Wrong,
        count => Length::Of(count),
    };
    match part {
        't' | 'm' | 's' => time(text, part == 'm'),
        'n' => run(|it| it.is_ascii_digit() || it == '.'),
        'p' | 'l' | 'x' => run(|it| it.is_ascii_digit()),
        'c' => run(|it| it.is_ascii_hexdigit() || it == '.'),
        'e' => match run(|it| it.is_ascii_alphanumeric()) {
            Length::Of(5) => Length::Of(5),
            Length::Of(_) | Length::Any | Length::Wrong => Length::Wrong,
        },
        _ => Length::Any,
    }
}

/// Measures `2026-03-01 10:00:00.123 UTC`.
fn time(text: &str, has_fraction: bool) -> Length {
    const FORM: &str = "0000-00-00 00:00:00";
    let is_so = |(wanted, found): (u8, u8)| match wanted {
        b'0' => found.is_ascii_digit(),
        _ => wanted == found,
    };
    if text.len() < FORM.len() || !FORM.bytes().zip(text.bytes()).all(is_so) {
        return Length::Wrong;
    }
    let behind = text.get(FORM.len()..).unwrap_or_default();
    let fraction = match behind.strip_prefix('.') {
        Some(digits) if has_fraction => {
            digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len()).saturating_add(1)
        }
        None if !has_fraction => 0,
        Some(_) | None => return Length::Wrong,
    };
    let zone = behind.get(fraction..).and_then(|it| it.strip_prefix(' ')).unwrap_or_default();
    let zone = zone
        .find(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '+' | '-' | '/' | '_')))
        .unwrap_or(zone.len());
    // A zone may have a sign in it, and a shape one behind it.
    let zone = match behind.get(fraction.saturating_add(1)..) {
        Some(rest) => rest
            .get(..zone)
            .and_then(|it| it.get(1..)?.find('-'))
            .map_or(zone, |it| it.saturating_add(1)),
        None => 0,
    };
    if zone == 0 {
        return Length::Wrong;
    }
    Length::Of(FORM.len().saturating_add(fraction).saturating_add(1).saturating_add(zone))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes a prefix as PostgreSQL does.
    fn written(shape: &str, user: &str, database: &str, app: &str) -> String {
        let mut text = String::new();
        let mut letters = shape.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                text.push(letter);
                continue;
            }
            text.push_str(match letters.next().unwrap() {
                'm' => "2026-03-01 10:00:00.123 UTC",
                't' | 's' => "2026-03-01 10:00:00 UTC",
                'p' => "4711",
                'u' => user,
                'd' => database,
                'a' => app,
                'h' => "10.0.0.1",
                'r' => "10.0.0.1(5432)",
                'l' => "7",
                'c' => "6b08bbc4.6165",
                'e' => "42501",
                'v' => "3/17",
                'x' => "0",
                _ => "",
            });
        }
        text
    }

    #[test]
    fn every_shape_is_read_back() {
        for shape in SHAPES {
            let text = written(shape, "ann", "shop", "psql") + "LOG:  AUDIT: SESSION,1,1";
            let line = line(&text, None).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((line.word, line.message), ("LOG", "AUDIT: SESSION,1,1"), "{text}");
            let has = |part: &str, is: &str| {
                if shape.contains(part) { is.to_owned() } else { String::new() }
            };
            assert_eq!(line.before.user, has("%u", "ann"), "{text}");
            assert_eq!(line.before.database, has("%d", "shop"), "{text}");
            assert_eq!(line.before.process, has("%p", "4711"), "{text}");
            assert_eq!(line.before.session, has("%c", "6b08bbc4.6165"), "{text}");
            assert_eq!(line.before.code, has("%e", "42501"), "{text}");
            assert!(line.before.time.ends_with(" UTC"), "{text}");
        }
    }

    #[test]
    fn a_process_without_a_session_has_no_user_and_others_are_not_made_up() {
        for (text, told) in [
            ("2026-03-01 10:00:00.123 UTC [7] LOG:  checkpoint starting: time", Some("LOG")),
            (
                "2026-03-01 10:00:00.123 +03 [7] ann@shop ERROR:  permission denied for table x",
                Some("ERROR"),
            ),
            (
                "2026-03-01 10:00:00.123 UTC [7] [unknown]@[unknown] LOG:  connection received",
                Some("LOG"),
            ),
            ("hello LOG:  AUDIT: SESSION", None),
            ("2026-03-01 10:00:00.123 UTC [7] ann@shop LOG: one blank", None),
            ("2026-03-01 10:00:00.123 UTC [7] ann@shop LOUD:  no word of theirs", None),
            ("", None),
        ] {
            assert_eq!(line(text, None).map(|it| it.word), told, "{text}");
        }
        let unknown =
            "2026-03-01 10:00:00.123 UTC [7] [unknown]@[unknown] LOG:  connection received";
        assert_eq!(line(unknown, None).unwrap().before.user, "");
        assert!(has_message("hello LOG:  AUDIT: SESSION"));
        assert!(!has_message("hello: LOUD:  SESSION"));
    }

    #[test]
    fn a_prefix_that_is_said_is_read_and_no_other() {
        let own: LinePrefix = "[%n] %d@%u/%e 100%% ".parse().unwrap();
        let text = "[1772359200.123] shop@ann/42501 100% ERROR:  permission denied for table x";
        let before = line(text, Some(&own)).unwrap().before;
        assert_eq!(
            (before.time, before.user, before.database, before.code),
            ("1772359200.123", "ann", "shop", "42501")
        );
        let known = "2026-03-01 10:00:00.123 UTC [7] ann@shop LOG:  x";
        assert!(line(known, None).is_some() && line(known, Some(&own)).is_none());
    }

    proptest! {
        /// A program that calls itself as a message begins takes no part in who did it.
        #[test]
        fn whatever_a_program_calls_itself_the_user_stays_the_user(app in "[ -~]{0,40}") {
            let shape = "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ";
            let text = written(shape, "ann", "shop", &app) + "LOG:  AUDIT: SESSION,1,1";
            let before = line(&text, None).expect("a line").before;
            prop_assert_eq!((before.user, before.database), ("ann", "shop"));
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _line_or_none = (line(&text, None), has_message(&text));
        }
    }
}
