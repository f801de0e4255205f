//! Slugs for names that know case, dots and other signs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::tools::fingerprint;

/// What a document's slug may have at most, in bytes.
const MAX_BYTES: usize = 200;
/// A dash and 8 hex digits.
const SUFFIX_BYTES: usize = 9;

/// A slug for each name, no two alike.
///
/// It is the words of the name in lower case. Of names that come to the same, the first in the order
/// of code points has it, and the others, like those too long, end in a hash of the name: a count
/// would change when another name comes along.
pub(crate) fn of<'name>(names: impl Iterator<Item = &'name str>) -> Result<BTreeMap<&'name str, String>> {
    let mut taken = BTreeSet::new();
    let mut slugs = BTreeMap::new();
    for name in names.collect::<BTreeSet<_>>() {
        let words = words(name);
        let is_free = !words.is_empty() && words.len() <= MAX_BYTES && !taken.contains(&words);
        let slug = if is_free { words } else { with_hash(&words, name) };
        ensure!(taken.insert(slug.clone()), "`{name}` shares the slug `{slug}`: lengthen the hash");
        slugs.insert(name, slug);
    }
    Ok(slugs)
}

/// Letters and digits of ASCII in lower case, a dash for whatever is between.
pub(crate) fn words(name: &str) -> String {
    let words = name.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

fn with_hash(words: &str, name: &str) -> String {
    let room = words.len().min(MAX_BYTES - SUFFIX_BYTES);
    let hash = format!("{:08x}", fingerprint(name.as_bytes()) & 0xffff_ffff);
    match words[..room].trim_end_matches('-') {
        "" => hash,
        words => format!("{words}-{hash}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_fit_and_differ() -> Result<()> {
        let long = format!("a.{}", "b".repeat(300));
        let names = ["api.Crypto", "api.crypto", "api.X.@@iterator", "css.a-b", "css.a.b", "…", &long];
        let slugs = of(names.into_iter())?;
        let check = |name: &str, expected: &str| assert_eq!(slugs[name], expected);
        check("api.Crypto", "api-crypto");
        check("api.crypto", "api-crypto-4737166a");
        check("api.X.@@iterator", "api-x-iterator");
        check("css.a-b", "css-a-b");
        check("css.a.b", "css-a-b-4382223d");
        check("…", "8850f21b");
        assert_eq!(slugs[long.as_str()].len(), MAX_BYTES);
        Ok(())
    }
}
