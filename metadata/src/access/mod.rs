//! Who may do what: the replicated table of accounts, tokens and revoked certificates, and the one function that judges by it. The table
//! is beside the state, as idempotency keys are: in snapshots, and never on the feed, in `/state`, in SQL or in a page.
//!
//! * [`credential`]: what somebody shows. [`demand`]: what a call takes. [`role`]: what an account may do. [`table`]: who there is.
//!   [`authorise`]: who asks, and whether it is theirs.

pub mod authorise;
pub mod credential;
pub mod demand;
pub mod role;
pub mod table;

pub use authorise::Who;
pub use credential::{Credential, Fingerprint};
pub use demand::Demand;
pub use role::Role;
pub use table::{Access, AccessChange, Account, NewToken, Token, check_name, check_role};
