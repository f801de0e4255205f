//! The grammar of `fields`: items joined by commas, each a name or `name(items)`.

/// How deep parentheses go.
const MAX_DEPTH: usize = 5;
/// How many names there are, at all depths together.
const MAX_NAMES: usize = 100;

/// One item.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    /// What is in its parentheses, if it has any.
    pub(super) inner: Option<Vec<Item<'a>>>,
}

/// What is wrong with a text, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What it is, `{at}` being the place.
    pub(super) what: &'static str,
    /// In bytes.
    pub(super) at: usize,
}

/// Takes a text apart.
///
/// # Errors
///
/// The first fault.
pub(super) fn parse(text: &str) -> Result<Vec<Item<'_>>, Fault> {
    let mut parser = Parser { text, at: 0, names: 0 };
    let items = parser.items(0)?;
    match parser.rest().chars().next() {
        None => Ok(items),
        Some(')') => Err(parser.fault("closes a parenthesis at {at} that none opens")),
        Some(_) => Err(parser.fault("goes on at {at} without a comma")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    names: usize,
}

impl<'a> Parser<'a> {
    fn items(&mut self, depth: usize) -> Result<Vec<Item<'a>>, Fault> {
        let mut items = vec![self.item(depth)?];
        while self.takes(',') {
            items.push(self.item(depth)?);
        }
        Ok(items)
    }

    fn item(&mut self, depth: usize) -> Result<Item<'a>, Fault> {
        let rest = self.rest();
        let name = &rest[..rest.find([',', '(', ')']).unwrap_or(rest.len())];
        if name.is_empty() {
            return Err(self.fault("has an empty item at {at}"));
        }
        self.names += 1;
        if self.names > MAX_NAMES {
            return Err(self.fault("has its 101st name at {at}, and at most 100 are taken"));
        }
        self.at += name.len();
        let inner = if self.rest().starts_with('(') { Some(self.inner(depth)?) } else { None };
        Ok(Item { name, inner })
    }

    fn inner(&mut self, depth: usize) -> Result<Vec<Item<'a>>, Fault> {
        let open = self.at;
        if depth == MAX_DEPTH {
            return Err(self.fault("opens a parenthesis at {at}, deeper than the 5 levels that are taken"));
        }
        self.takes('(');
        if self.rest().starts_with(')') {
            return Err(Fault { what: "has empty parentheses at {at}", at: open });
        }
        let items = self.items(depth + 1)?;
        if self.takes(')') {
            Ok(items)
        } else if self.rest().is_empty() {
            Err(Fault { what: "opens a parenthesis at {at} that none closes", at: open })
        } else {
            Err(self.fault("goes on at {at} without a comma"))
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn takes(&mut self, sign: char) -> bool {
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len_utf8() } else { 0 };
        is_next
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault { what, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(items: &[Item<'_>]) -> String {
        let one = |it: &Item<'_>| match &it.inner {
            None => it.name.to_owned(),
            Some(inner) => format!("{}({})", it.name, written(inner)),
        };
        items.iter().map(one).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn sound_texts_say_the_same_again() {
        let hundred = vec!["a"; 100].join(",");
        for text in ["a", "a,b", "a(b)", "a(b,c(d)),e", "a.b(c)", "a(b(c(d(e(f)))))", " a ,é", &hundred] {
            assert_eq!(written(&parse(text).unwrap()), text);
        }
    }

    #[test]
    fn faults_have_a_place() {
        let many = vec!["a"; 101].join(",");
        for (text, what, at) in [
            ("", "an empty item", 0),
            (",a", "an empty item", 0),
            ("a,", "an empty item", 2),
            ("a,,b", "an empty item", 2),
            ("(a)", "an empty item", 0),
            ("a((b))", "an empty item", 2),
            ("a(b,)", "an empty item", 4),
            ("a(,b)", "an empty item", 2),
            ("a(", "an empty item", 2),
            ("a()", "empty parentheses", 1),
            ("a(b", "none closes", 1),
            ("a(b(c)", "none closes", 1),
            ("a(b(c", "none closes", 3),
            (")", "an empty item", 0),
            ("a)", "none opens", 1),
            ("a(b))", "none opens", 4),
            ("a(b)c", "without a comma", 4),
            ("a(b(c)d)", "without a comma", 6),
            ("a(b)(c)", "without a comma", 4),
            ("a(b(c(d(e(f(g))))))", "deeper than the 5", 11),
            (&many, "101st name", 200),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.what.contains(what) && fault.at == at, "{text}: {fault:?}");
        }
    }
}
