//! The journal over real files: what is read back, what a start finds, what damage comes to, and gaps that are filled.

mod damage;
mod figures;
mod filling;
mod reading;
mod searching;
mod upkeep;
mod world;
