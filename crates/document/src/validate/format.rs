//! Formats of text: each turns a value into the form in which it is stored.

use jiff::{Timestamp, civil::Date};
use url::Url;

type Stored = Result<String, &'static str>;

pub(crate) fn date(text: &str) -> Stored {
    let parsed = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
    let same = parsed.filter(|date| date.to_string() == text && date.year() >= 0);
    same.map(|date| date.to_string()).ok_or("must be a day such as 2026-11-21")
}

pub(crate) fn moment(text: &str) -> Stored {
    parse_moment(text).map(rfc3339).ok_or("must be a moment such as 2026-11-21T09:30:00Z")
}

/// Parses RFC 3339, with an offset, between the years 0000 and 9999; in milliseconds UTC.
pub(crate) fn parse_moment(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = (20..=40).contains(&bytes.len())
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[10].eq_ignore_ascii_case(&b'T')
        && !text.contains('[');
    let moment = shape.then(|| text.parse::<Timestamp>().ok()).flatten()?;
    Some(moment.as_millisecond())
        .filter(|&millis| (-62_167_219_200_000..=253_402_300_799_999).contains(&millis))
}

/// Milliseconds UTC as RFC 3339 with three decimals: of fixed width, so that text sorts as time.
pub(crate) fn rfc3339(millis: i64) -> String {
    let moment = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{moment:.3}")
}

/// Not the whole of RFC 5321, but what mail is delivered to: one `@`, a dotted or local domain.
pub(crate) fn email(text: &str) -> Stored {
    let local = |it: &str| {
        (1..=64).contains(&it.len())
            && it.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>[],;:\\\"@".contains(&byte))
            && !it.starts_with('.')
            && !it.ends_with('.')
            && !it.contains("..")
    };
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && it.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    let sound = text.len() <= 254
        && text.split_once('@').is_some_and(|(name, domain)| local(name) && domain.split('.').all(label));
    if sound { Ok(text.to_owned()) } else { Err("must be an e-mail address") }
}

pub(crate) fn url(text: &str) -> Stored {
    let clean = !text.contains(|it: char| it.is_whitespace() || it.is_control());
    let parsed = (clean && text.len() <= 2_048).then(|| Url::parse(text).ok()).flatten();
    let web = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    web.map(|_| text.to_owned()).ok_or("must be an http or https URL")
}

pub(crate) fn color(text: &str) -> Stored {
    let digits = text.strip_prefix('#').unwrap_or_default();
    let sound = matches!(digits.len(), 3 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if sound { Ok(text.to_ascii_lowercase()) } else { Err("must be a colour such as #1e90ff") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |format: fn(&str) -> Stored, text: &str, expected: Option<&str>| {
            assert_eq!(format(text).ok().as_deref(), expected, "{text}");
        };
        check(date, "2026-02-28", Some("2026-02-28"));
        check(date, "2026-02-30", None);
        check(date, "20260228", None);
        check(date, "2026-02-28T00:00:00Z", None);
        check(moment, "2026-11-21T09:30:00Z", Some("2026-11-21T09:30:00.000Z"));
        check(moment, "2026-11-21T09:30:00.1239+02:00", Some("2026-11-21T07:30:00.123Z"));
        check(moment, "2026-11-21T09:30:00", None);
        check(moment, "2026-02-30T25:61:61Z", None);
        check(moment, "now", None);
        check(email, "ada@example.com", Some("ada@example.com"));
        check(email, "a b@example.com", None);
        check(email, "ada@-x.com", None);
        check(email, "ada@@example.com", None);
        check(url, "https://example.com/a?b#c", Some("https://example.com/a?b#c"));
        check(url, "javascript:alert(1)", None);
        check(url, "//example.com", None);
        check(url, "https://", None);
        check(url, "java\nscript:alert(1)", None);
        check(color, "#1E90FF", Some("#1e90ff"));
        check(color, "red", None);
    }
}
