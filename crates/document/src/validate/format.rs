//! Formats of text: each turns a value into the form in which it is stored.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, date as day},
};
use url::Url;

const EPOCH: DateTime = day(1970, 1, 1).at(0, 0, 0, 0);
/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z.
const EARLIEST: i64 = -62_167_219_200_000;
const LATEST: i64 = 253_402_300_799_999;

type Stored = Result<String, &'static str>;

pub(crate) fn date(text: &str) -> Stored {
    let parsed = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
    let same = parsed.filter(|date| date.to_string() == text && date.year() >= 0);
    same.map(|date| date.to_string()).ok_or("must be a day such as 2026-11-21")
}

pub(crate) fn moment(text: &str) -> Stored {
    parse_moment(text).map(rfc3339).ok_or("must be a moment such as 2026-11-21T09:30:00Z")
}

/// Parses RFC 3339 (section 5.6): a full date, `T`, a time with seconds, and `Z` or an offset. In
/// milliseconds UTC, what is finer cut off; within the years 0000 to 9999 in UTC, too.
pub(crate) fn parse_moment(text: &str) -> Option<i64> {
    let (local, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, 0),
        None => {
            let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            (local, offset_minutes(offset)?)
        }
    };
    let (whole, fraction) = match local.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (local, None),
    };
    let shape = whole.bytes().zip("0000-00-00T00:00:00".bytes()).all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        like => byte.eq_ignore_ascii_case(&like),
    });
    let digits = |it: &str| (1..=9).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 19 || !shape || !fraction.is_none_or(digits) || &whole[17..] > "59" {
        return None;
    }
    let moment: DateTime = whole.parse().ok()?;
    let millis = fraction.map_or(0, |it| format!("{it:0<3}")[..3].parse().unwrap_or(0));
    let since = moment.duration_since(EPOCH).as_secs() * 1_000 + millis - offset * 60_000;
    (EARLIEST..=LATEST).contains(&since).then_some(since)
}

/// `+hh:mm` or `-hh:mm`.
fn offset_minutes(text: &str) -> Option<i64> {
    let (sign, offset) = match text.strip_prefix('+') {
        Some(offset) => (1, offset),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = offset.split_once(':')?;
    let number = |it: &str, below: i64| {
        let digits = it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| it.parse::<i64>().ok()).flatten().filter(|&it| it < below)
    };
    Some(sign * (number(hours, 24)? * 60 + number(minutes, 60)?))
}

/// Milliseconds UTC as RFC 3339 with three decimals: of fixed width, so that text sorts as time.
/// What lies outside the years 0000 to 9999 is shown as the nearest that lies within.
pub(crate) fn rfc3339(millis: i64) -> String {
    let since = SignedDuration::from_millis(millis.clamp(EARLIEST, LATEST));
    let moment = EPOCH.checked_add(since).unwrap_or(EPOCH);
    format!("{moment:.3}Z")
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
        check(moment, "9999-12-31T23:59:59.999Z", Some("9999-12-31T23:59:59.999Z"));
        check(moment, "0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00.000Z"));
        check(moment, "1969-12-31T23:59:59.9999Z", Some("1969-12-31T23:59:59.999Z"));
        check(moment, "2024-02-29t12:00:00.5-23:59", Some("2024-03-01T11:59:00.500Z"));
        check(moment, "9999-12-31T23:59:59-01:00", None);
        check(moment, "2026-11-21T09:30:60Z", None);
        check(moment, "2026-11-21T24:00:00Z", None);
        check(moment, "2026-11-21T09:30:00,5Z", None);
        check(moment, "2026-11-21T09:30:00+02", None);
        check(moment, "2026-11-21T09:30:00+24:00", None);
        check(moment, "2026-11-21T093000.000Z", None);
        check(moment, "2026-11-21T09:30:00[UTC]Z", None);
        check(moment, "\u{16ac0}  ", None);
        check(moment, "2026-11-21T09:30:00\u{16ac0}  ", None);
        check(moment, "é026-11-21T09:30:00é", None);
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
