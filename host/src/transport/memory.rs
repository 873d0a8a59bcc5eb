//! Memory for what is under way: all bodies together never hold more than [`BYTES`], however many senders there are, and no
//! agency holds all of it.

use lienthong_core::id::AgencyId;

use crate::fair::{self, Pool};

/// Bytes of all bodies that are under way.
pub const BYTES: usize = 256 << 20;

/// All of it, in bytes. Clones share it.
pub type Memory = Pool<AgencyId>;

/// What one body holds of it, given back when this is dropped.
pub type Share = fair::Share<AgencyId>;
