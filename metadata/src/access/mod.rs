//! Who may do what: the replicated table of accounts, tokens and revoked certificates, and the one function that judges by it. The table
//! is beside the state, as idempotency keys are: in snapshots, and never on the feed, in `/state`, in SQL or in a page.
//!
//! * [`credential`]: what somebody shows. [`demand`]: what a call takes; `asked`: and which intent. [`role`]: what an account may do. [`password`], [`session`]: of people.
//!   [`table`]: who there is. [`change`]: what changes it. [`authorise`]: who asks, and whether it is theirs.

mod asked;
pub mod authorise;
pub mod change;
pub mod credential;
pub mod demand;
pub mod password;
pub mod role;
pub mod session;
pub mod table;

pub use authorise::{Given, Who};
pub use change::{AccessChange, NewToken, check_name, check_role};
pub use credential::{Credential, Fingerprint};
pub use demand::Demand;
pub use password::{Password, PasswordHash};
pub use role::Role;
pub use session::{NewSession, Session};
pub use table::{Access, Account, Token};
