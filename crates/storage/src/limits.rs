//! What a backend takes at most.

/// What a backend takes at most. Checked before a statement is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bound parameters of a statement.
    pub params: usize,
    /// Columns of a table, generated ones included.
    pub columns: usize,
    /// Terms of a compound SELECT.
    pub compound_terms: usize,
    /// Bytes of a statement's text.
    pub sql_bytes: usize,
    /// Bytes of a LIKE or GLOB pattern.
    pub pattern_bytes: usize,
    /// Bytes of a row, and of a value in it.
    pub row_bytes: usize,
}

impl Limits {
    /// Cloudflare D1, the narrowest backend. Everything above the ports keeps within these.
    pub const D1: Self = Self {
        params: 100,
        columns: 100,
        compound_terms: 5,
        sql_bytes: 100_000,
        pattern_bytes: 50,
        row_bytes: 2_000_000,
    };

    /// SQLite as it is compiled by default.
    pub const SQLITE: Self = Self {
        params: 32_766,
        columns: 2_000,
        compound_terms: 500,
        sql_bytes: 1_000_000_000,
        pattern_bytes: 50_000,
        row_bytes: 1_000_000_000,
    };
}
