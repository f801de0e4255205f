//! Documents with others in the place of the ids that refer to them.
//!
//! A document may be shown in many places, so a body is measured while it grows.

use stratus_document::{DocumentError, MAX_POPULATED_BYTES, Piece, Place, Populated};

use super::{Pages, list_of, push_head, push_text};

/// The body of an answer with one document; empty without one.
///
/// # Errors
///
/// [`DocumentError::TooMuchToPopulate`] when it is too long.
pub(crate) fn one_populated(populated: &Populated) -> Result<String, DocumentError> {
    let mut body = String::from("{\"data\":");
    for place in populated.roots().take(1) {
        push_place(&mut body, &place)?;
    }
    body.push('}');
    Ok(body)
}

/// The body of an answer with a list.
///
/// # Errors
///
/// [`DocumentError::TooMuchToPopulate`] when it is too long.
pub(crate) fn list_populated(populated: &Populated, pages: &Pages) -> Result<String, DocumentError> {
    list_of(populated.roots(), pages, |body, place| push_place(body, &place))
}

fn push_place(body: &mut String, place: &Place<'_>) -> Result<(), DocumentError> {
    push_head(body, place.document());
    for piece in place.pieces() {
        match piece {
            Piece::Text(text) => body.push_str(text),
            Piece::Document(inner) => push_place(body, &inner)?,
            Piece::Above(id) => push_text(body, id),
            Piece::Nothing => body.push_str("null"),
        }
        if body.len() > MAX_POPULATED_BYTES {
            return Err(DocumentError::too_many_bytes());
        }
    }
    body.push('}');
    Ok(())
}
