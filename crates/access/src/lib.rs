//! Who may do what: tenants, principals, actions, grants, and how they are resolved.
//!
//! # Invariants
//!
//! - No I/O and no SQL. [`resolve`] is the oracle that the SQL predicate is tested against.
//! - Everything is denied that is not allowed; any matching deny beats every allow.

mod grant;
mod principal;
mod resolve;
mod tenant;

pub use grant::{Action, ActionSet, Effect, Entry, Grants, InvalidGrant};
pub use principal::{Caller, InvalidPrincipal, Principal};
pub use resolve::resolve;
pub use tenant::{InvalidTenant, TenantId};
