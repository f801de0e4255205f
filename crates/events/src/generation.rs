//! Generations: whether a collection has changed, in one row.

use std::fmt;

use stratus_access::TenantId;
use stratus_storage::{Entropy, OpId, Result, Row, Rows, Statement, Value};

/// 64 random bits, drawn anew whenever what the public may see can have changed.
///
/// Positions alone would repeat after a database is restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(String);

impl Stamp {
    /// A new stamp.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bits = [0; 8];
        entropy.fill(&mut bits);
        Self(format!("{:016x}", u64::from_be_bytes(bits)))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a write reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The public can't see a difference.
    Private,
    /// What the public may see can have changed.
    Public,
}

/// How often a collection has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The collection.
    pub collection: String,
    /// The position in the log of its last write.
    pub seq: u64,
    /// The position in the log of the last write that the public may see.
    pub public_seq: u64,
    /// Drawn with that write.
    pub stamp: Stamp,
}

/// Moves the generation of the collection that the event `op_id` speaks of.
///
/// Stands directly after [`append`](crate::append) in the batch of the write.
pub fn advance(op_id: &OpId, reach: Reach, stamp: &Stamp) -> Statement {
    let sql = match reach {
        Reach::Public => {
            "INSERT INTO generations (tenant_id, collection, seq, public_seq, stamp) \
             SELECT tenant_id, collection, seq, seq, ?2 FROM events WHERE op_id = ?1 \
             ON CONFLICT (tenant_id, collection) DO UPDATE \
             SET seq = excluded.seq, public_seq = excluded.public_seq, stamp = excluded.stamp"
        }
        // A collection's first row needs a stamp even if nothing public happened yet.
        Reach::Private => {
            "INSERT INTO generations (tenant_id, collection, seq, public_seq, stamp) \
             SELECT tenant_id, collection, seq, 0, ?2 FROM events WHERE op_id = ?1 \
             ON CONFLICT (tenant_id, collection) DO UPDATE SET seq = excluded.seq"
        }
    };
    Statement::new(sql, vec![op_id.as_str().into(), stamp.0.as_str().into()])
}

/// Says that what the public sees of a collection can have changed though no document was written,
/// in every tenant: rows were rewritten under another definition.
pub fn restamp(collection: &str, stamp: &Stamp) -> Statement {
    let params = vec![collection.into(), stamp.0.as_str().into()];
    Statement::new("UPDATE generations SET stamp = ?2 WHERE collection = ?1", params)
}

/// Reads the generations of a tenant's collections; one that was never written has none.
///
/// Decode the result with [`Generation::all`].
pub fn generations<'a>(tenant: &TenantId, collections: impl IntoIterator<Item = &'a str>) -> Statement {
    let names: Vec<_> = collections.into_iter().collect();
    Statement::new(
        "SELECT g.collection, g.seq, g.public_seq, g.stamp FROM json_each(?2) AS c \
         CROSS JOIN generations AS g ON g.tenant_id = ?1 AND g.collection = c.value",
        vec![tenant.as_str().into(), Value::Text(serde_json::Value::from(names).to_string())],
    )
}

impl Generation {
    /// Decodes the result of [`generations`].
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`](stratus_storage::Error::Unexpected) for any other result.
    pub fn all(rows: &Rows) -> Result<Vec<Self>> {
        rows.iter().map(Self::from_row).collect()
    }

    fn from_row(row: Row<'_>) -> Result<Self> {
        Ok(Self {
            collection: row.text(0)?.to_owned(),
            seq: row.integer(1)?.unsigned_abs(),
            public_seq: row.integer(2)?.unsigned_abs(),
            stamp: Stamp(row.text(3)?.to_owned()),
        })
    }
}
