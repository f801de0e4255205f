//! A test for each fault of SonicJS that was found by reading and running it, so that none of them
//! comes back here. Each would fail if Stratus had the fault; its comment says what the fault is.
//!
//! | fault | test |
//! |---|---|
//! | P1 public lists scan everything | `work::p1_…` |
//! | P2 reads evaluate every generated column | `work::p2_…` |
//! | P3 one insert maintains every index; logs share the table | `work::p3_…` |
//! | P4 a session and a cookie on each anonymous request | `work::p4_…` |
//! | P5 a query of permissions a row | `work::p5_…` |
//! | P6 each write goes over the whole cache | `work::p6_…`: a write costs the same however much is stored; the cache itself is to come |
//! | P7 definitions and roles are read anew for each request | `work::p7_…` |
//! | P8 dear writes: a slug look that scans, eleven round trips | `work::p8_…` |
//! | P9 no tags, offset paging, no default order | `work::p9_…` |
//! | C1 lists are stale after a write | `freshness::c1_…` |
//! | C2 long keys break the key-value tier | `freshness::c2_…`: on the port, as the cache is to come |
//! | C3 a list by slug is empty | `queries::c3_…` |
//! | C4 filters compare as text | `queries::c4_…` |
//! | C5 a negative limit is none | `queries::c5_…` |
//! | C6 history is never pruned | `histories::c6_…` |
//! | C7 concurrent edits are lost, or are a 500 | `histories::c7_…` |
//! | C8 writes that bend what they were given | `histories::c8_…` |
//! | C9 windows don't hold | `visibility::c9_…` |
//! | C10 what was deleted stays public | `visibility::c10_…` |
//! | C11 cursors, facets and paths | `queries::c11_…` |
//! | C12 two public documents with one slug | `histories::c12_…` |
//! | C13 hooks are skipped under load | `histories::c13_…`: there are no hooks; what a hook would do, checks before a write, runs for each |
//! | C14 the first start races | needs processes: `crates/native-app/tests/app/sonicjs.rs` |
//! | C15 restore merges; unknown conditions are ignored | `histories::c15_…`; there are no plugins whose state could be cached |
//! | C16 self-hosting doesn't start | needs the binary: `crates/native-app/tests/app/sonicjs.rs` |
//! | C17 addresses that shadow others | `queries::c17_…`; what isn't built has no table and no address |

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

#[path = "api/app.rs"]
#[expect(dead_code, reason = "the fixture is another binary's too")]
mod app;

mod sonicjs {
    mod freshness;
    mod histories;
    mod queries;
    mod visibility;
    mod work;
    mod world;
}
