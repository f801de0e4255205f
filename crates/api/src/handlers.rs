//! The answers to what is asked.

pub(crate) mod batch;
pub(crate) mod collections;
pub(crate) mod description;
pub(crate) mod history;
pub(crate) mod lifecycle;
pub(crate) mod list;
pub(crate) mod permissions;
pub(crate) mod probes;
pub(crate) mod single;
pub(crate) mod write;
