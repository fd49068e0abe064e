//! What several pages show in the same way. Class names are those of `style/`.

pub mod broker_state;
pub mod card;
pub mod chart;
pub mod code;
pub mod dialog;
pub mod empty;
pub mod entered;
pub mod facts;
pub mod field;
pub mod heartbeat;
pub mod late;
pub mod leader_spread;
pub mod log;
pub mod past;
pub mod placement_matrix;
pub mod replica_tokens;
pub mod share_bar;
pub mod status;
pub mod ticker;
pub mod verdict;
