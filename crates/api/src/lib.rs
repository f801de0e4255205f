//! The HTTP contract of Stratus: one router, served by the native binary and by the Worker.
//!
//! What is here so far is the edge of it: how requests are admitted, read and refused, the same
//! way for every route. `layers` is the one way in and out; everything else is called from
//! handlers.
//!
//! # Invariants
//!
//! - No runtime, no driver, no SQL: this compiles to wasm, and time and randomness are ports.
//! - Every answer leaves through `layers`: with a request id, an explicit `Cache-Control`, and,
//!   if it is a refusal, as `application/problem+json`. No SQL, path or panic message leaves.
//! - A credential is right, or the answer is 401: a wrong one is never taken for the public.
//! - The tenant comes from the host that was asked, never from another header.
//! - What a client may say is closed: unknown and repeated parameters, repeated JSON keys and
//!   malformed headers are refused, never ignored.
//! - Whatever a client sends is bounded before it is worked on: URL, parameters, body, nesting,
//!   keys and values.

#![cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the handlers, which come with the document crate, are its callers"
    )
)]

mod auth;
mod body;
mod bookmark;
mod conditional;
mod cors;
mod hex;
mod json;
mod layers;
mod problem;
mod query_string;
mod tenants;
#[cfg(test)]
mod test_support;

pub use auth::{AdminToken, Authenticator, InvalidToken, digest_token};
pub use tenants::{InvalidTenants, Tenants};
