//! What an issuer's backend does with credentials: has them issued and stored, reads, finds and deletes them, says what
//! has become of them.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `issue` | a credential of a published configuration, of data that is handed in or asked for |
//! | `items` | the same for the items of a job |
//! | `secure` | a credential that is handed in: signed here, or taken over with the proof that it has |
//! | `policy` | what an issuer does with credentials that are handed in |
//! | `stored` | reading one back, finding those that fit |
//! | `status` | changing a status, and its history |
//! | `delete` | deletion, erasure of a person's records, retention |
//! | `replies` | idempotency keys: the same request gets the same answer, and acts once |

mod delete;
mod issue;
mod items;
pub mod policy;
mod replies;
mod secure;
mod status;
mod stored;

pub use delete::{Deletions, Revoke};
pub use issue::{DirectRequest, Issued, Item};
pub use replies::{Answered, Idempotency};
pub(super) use secure::HANDED_IN;
pub use secure::HandedIn;
pub use status::{StatusChanged, StatusRequest};
pub use stored::{Found, Page, Search, Stored};
pub(crate) use stored::{cursor, cursor_after};
