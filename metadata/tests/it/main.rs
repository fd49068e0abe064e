//! The tests of the pure core: the rules row by row, the encodings for ever, and properties over random histories.
//!
//! They run natively and, through `xtask/wasi.mjs`, in WebAssembly: no thread, no clock, no file but what is embedded.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod access;
mod access_people;
mod bindings;
mod decoders;
mod diff;
mod fixture;
mod golden;
mod history;
mod history_steering;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod json_history;
mod kafka_topic_keys;
mod looking_back;
mod model;
mod model_histories;
mod moving;
mod placement;
mod rows_a;
mod rows_b;
mod rows_c;
mod rows_d;
mod rows_e;
mod rows_e_asked;
mod rows_f;
mod rows_f_growth;
mod rows_h;
mod rows_h_override;
mod rows_h_plans;
mod rows_j;
mod rows_l;
mod rows_u;
mod rows_u_places;
mod samples;
mod samples_second;
mod samples_small;
mod sequences;
mod undo;
mod verdict;
