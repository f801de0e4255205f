//! Slugs and locales: the parts of a URL that editors choose.

use deunicode::deunicode;

/// The longest slug, in bytes.
pub const MAX_SLUG_BYTES: usize = 200;

/// Whether a text is a slug: `^[a-z0-9]+(-[a-z0-9]+)*$`, 200 bytes at most.
pub fn is_slug(text: &str) -> bool {
    let word = |it: &str| {
        !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= MAX_SLUG_BYTES && text.split('-').all(word)
}

/// Derives a slug from a title: transliterated, lower case, everything else a dash.
///
/// Nothing is left of a title without letters or digits; then there is none.
pub(crate) fn derive(title: &str) -> Option<String> {
    let mut slug = String::new();
    // An apostrophe joins: “it's” reads better as `its` than as `it-s`.
    let plain = deunicode(title).to_ascii_lowercase().replace('\'', "");
    for piece in plain.split(|it: char| !it.is_ascii_alphanumeric()) {
        if piece.is_empty() {
            continue;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(piece);
    }
    // Room for a suffix that makes it unique.
    slug.truncate(MAX_SLUG_BYTES - 16);
    let slug = slug.trim_matches('-').to_owned();
    (!slug.is_empty()).then_some(slug)
}

/// Whether a text is a locale: `default`, or a language with subtags such as `pt-BR`.
pub(crate) fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let subtag =
        |it: &str| (2..=8).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let known = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    text == crate::definition::DEFAULT_LOCALE || (known && text.len() <= 35 && parts.all(subtag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_derived() {
        let check =
            |title: &str, expected: Option<&str>| assert_eq!(derive(title).as_deref(), expected, "{title}");
        check("Hello, World!", Some("hello-world"));
        check("  Crème brûlée — à la carte ", Some("creme-brulee-a-la-carte"));
        check("Zoë Lindqvist", Some("zoe-lindqvist"));
        check("日本語", Some("ri-ben-yu"));
        check("It’s Ada's", Some("its-adas"));
        check("***", None);
        check("", None);
        assert!(derive(&"long ".repeat(100)).is_some_and(|it| is_slug(&it) && it.len() <= MAX_SLUG_BYTES));
    }

    #[test]
    fn slugs_and_locales_are_checked() {
        for good in ["a", "a-b", "2026-in-review"] {
            assert!(is_slug(good), "{good}");
        }
        for bad in ["", "-", "a--b", "-a", "a-", "A", "../x", "а", "a b", &"a".repeat(201)] {
            assert!(!is_slug(bad), "{bad}");
        }
        for good in ["default", "en", "pt-BR", "zh-Hant-TW"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "EN", "english", "en_US", "en-", "x", "en-a"] {
            assert!(!is_locale(bad), "{bad}");
        }
    }
}
