//! Step 1 of a change: a page asks, a server function submits the intent and answers with an [`Answer`].
//!
//! Each function is also the target of a plain form: without JavaScript it redirects (303), to the result's page when it
//! is committed, and back to the form when it is refused. The way back carries the code of the refusal and what was
//! entered, never a message: the server words the refusal anew when it renders the form ([`refused`]).

mod asking;
pub mod brokers;
mod encoding;
mod looking;
pub mod past;
#[cfg(feature = "ssr")]
pub mod steered;
pub mod steering;
#[cfg(feature = "ssr")]
pub mod submit;
pub mod topics;

#[cfg(feature = "ssr")]
pub mod refused;
#[cfg(feature = "ssr")]
mod way_back;

pub use asking::{Asked, Asking, asking};
pub use brokers::{FenceBroker, UnfenceBroker, fence_broker, unfence_broker};
pub use encoding::CONTENT_TYPE as ANSWER_TYPE;
pub use looking::look;
#[cfg(feature = "ssr")]
pub use past::Looks;
pub use past::{Looked, StepTo, UndoCommit};
pub use topics::{CreateTopic, DeleteTopic, create_topic, delete_topic};

use metadata::{Index, Rejection};
use serde::{Deserialize, Serialize};

/// What was asked is committed, and applied on the node that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    pub index: Index,
}

/// The answer of every server function here: a refusal by the rules is an answer, not a failed call.
pub type Answer = Result<Committed, Rejection>;
