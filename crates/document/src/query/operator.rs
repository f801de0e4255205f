//! The operators of filters: what each applies to, and the comparison that it makes.

use stratus_storage::Value;

use super::{
    condition::Comparison,
    value::{Operands, Written},
};
use crate::{
    definition::FieldType,
    error::{DocumentError, Result},
};

/// How long the operand of `contains` and `ends` is at most, in bytes.
const MAX_PART_BYTES: usize = 50;

macro_rules! operators {
    ($($variant:ident $name:literal)+) => {
        /// An operator, by its name in a filter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operator { $($variant,)+ }

        impl Operator {
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

        }

        /// The names of all operators of filters.
        pub const OPERATORS: &[&str] = &[$($name),+];
    };
}

operators! {
    Eq "eq" Ne "ne" Gt "gt" Gte "gte" Lt "lt" Lte "lte" In "in" Nin "nin" Any "any" All "all"
    None "none" Exists "exists" Between "between" Contains "contains" Starts "starts" Ends "ends"
}

/// What operators tell values apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Equal or not: flags, references, types.
    Word,
    /// They have an order and no parts: numbers, dates, ids.
    Ordered,
    /// They have parts as well.
    Text,
}

impl Kind {
    pub(crate) fn of(kind: FieldType) -> Self {
        match kind {
            FieldType::Boolean | FieldType::Reference => Self::Word,
            FieldType::Number
            | FieldType::Integer
            | FieldType::Date
            | FieldType::Datetime
            | FieldType::Media => Self::Ordered,
            _ => Self::Text,
        }
    }
}

impl Operator {
    /// Fails where it means nothing of such values.
    pub(crate) fn applies_to(self, kind: Kind, is_many: bool, operands: &Operands<'_>) -> Result<()> {
        let wrong = |message: &str| Err(DocumentError::parameter(operands.pointer, message));
        match self {
            Self::Gt | Self::Gte | Self::Lt | Self::Lte | Self::Between if kind == Kind::Word => {
                wrong("has no order; there are `eq`, `ne`, `in`, `nin` and `exists`")
            }
            Self::Contains | Self::Starts | Self::Ends if kind != Kind::Text => {
                wrong("is no text; `contains`, `starts` and `ends` are for text")
            }
            Self::Any | Self::All | Self::None if !is_many => {
                wrong("has one value a document; there are `in` and `nin`")
            }
            _ => Ok(()),
        }
    }

    /// Whether it says that another operator doesn't hold: of what it is then said is what
    /// [`comparison`](Self::comparison) makes.
    pub(crate) fn is_negative(self, operands: &Operands<'_>) -> Result<bool> {
        match self {
            Self::Ne | Self::Nin | Self::None => Ok(true),
            Self::Exists => Ok(!operands.flag()?),
            _ => Ok(false),
        }
    }

    /// The comparison, without the negation; `typed` gives a value the type of what it is compared
    /// with.
    pub(crate) fn comparison(
        self,
        operands: &Operands<'_>,
        typed: &dyn Fn(&Written<'_>) -> Result<Value>,
    ) -> Result<Comparison> {
        let one = || typed(&operands.one());
        Ok(match self {
            Self::Eq | Self::Ne => Comparison::Equal(one()?),
            Self::Gt => Comparison::Greater(one()?),
            Self::Gte => Comparison::AtLeast(one()?),
            Self::Lt => Comparison::Less(one()?),
            Self::Lte => Comparison::AtMost(one()?),
            Self::In | Self::Nin | Self::Any | Self::None => Comparison::In(operands.json_list(typed)?.0),
            Self::All => {
                let (list, count) = operands.json_list(typed)?;
                Comparison::Each { list, count }
            }
            Self::Exists => Comparison::Present,
            Self::Between => match operands.list()?.as_slice() {
                [from, to] => Comparison::Between(typed(from)?, typed(to)?),
                _ => {
                    return Err(DocumentError::parameter(
                        operands.pointer,
                        "must be two values: the least and the greatest",
                    ));
                }
            },
            Self::Contains => Comparison::Contains(part(operands)?),
            Self::Ends => Comparison::Ends(part(operands)?),
            Self::Starts => {
                let text = operands.one().text()?;
                let next = next(&text);
                Comparison::Starts(Value::Text(text), next)
            }
        })
    }
}

fn part(operands: &Operands<'_>) -> Result<String> {
    let text = operands.one().text()?;
    if text.len() > MAX_PART_BYTES {
        let message = format!("must be at most {MAX_PART_BYTES} bytes");
        return Err(DocumentError::parameter(operands.pointer, message));
    }
    Ok(text)
}

/// The first value after all texts that begin with a text: its last character, made the next one.
fn next(text: &str) -> Value {
    let mut text = text.to_owned();
    while let Some(last) = text.pop() {
        // Counts past the surrogates, which are no characters.
        if let Some(following) = (last..=char::MAX).nth(1) {
            text.push(following);
            return Value::Text(text);
        }
    }
    // Every text is before every blob; a bound that is there always keeps the statement the same.
    Value::Blob(vec![0xff])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_text_counts_the_last_character_on() {
        for (text, following) in
            [("a", "b"), ("ab", "ac"), ("\u{d7ff}", "\u{e000}"), ("a\u{10ffff}", "b"), ("é", "ê")]
        {
            assert_eq!(next(text), Value::from(following), "{text}");
        }
        for text in ["", "\u{10ffff}", "\u{10ffff}\u{10ffff}"] {
            assert_eq!(next(text), Value::Blob(vec![0xff]), "{text}");
        }
    }

    proptest! {
        #[test]
        fn texts_between_are_those_that_begin_with_it(prefix in "[a\u{d7ff}\u{10ffff}]{0,3}", text in "[ab\u{d7ff}\u{e000}\u{10ffff}]{0,4}") {
            let before = match next(&prefix) {
                Value::Text(end) => text < end,
                _ => true,
            };
            prop_assert_eq!(text >= prefix && before, text.starts_with(&prefix));
        }
    }
}
