//! Who uses the controllers: brokers, people, operators, and who changes the membership. They run on a machine of their own, which never fails.

pub mod asking;
pub mod broker;
pub mod door;
pub mod fleet;
pub mod members;
pub mod people;
