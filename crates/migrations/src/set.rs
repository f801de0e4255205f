//! What can be applied: migrations, in sets.

/// One numbered SQL file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The number in front of its name: unique over all sets, and the order of application.
    pub id: u32,
    /// The file's name without its extension, as in `0001_core`.
    pub name: &'static str,
    /// The file's text: statements for [`split`](crate::split).
    pub sql: &'static str,
    /// SHA-256 of the file's bytes, as 64 lower-case hexadecimal digits.
    pub checksum: &'static str,
}

/// Migrations that are applied together.
#[derive(Debug, PartialEq, Eq)]
pub struct MigrationSet {
    /// The name by which messages speak of it.
    pub name: &'static str,
    /// Sets that must be applied before it, or together with it.
    pub requires: &'static [&'static MigrationSet],
    /// Its migrations, by ascending number.
    pub migrations: &'static [Migration],
}
