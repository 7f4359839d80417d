//! What tests, the demo and `cargo xtask` share: private servers, turns, waiting with a deadline, the built program.
//!
//! **Invariant:** nothing outside tests and `xtask` depends on this crate, and nothing here touches a server, a folder
//! or a process that this checkout did not start itself.

mod built;
pub mod chaos;
pub mod checkout;
pub mod client;
mod conformance;
pub mod database;
pub mod figures;
pub mod footprint;
pub mod history;
pub mod hostile;
pub mod load;
pub mod program;
pub mod proxy;
pub mod recovery;
pub mod run;
pub mod seed;
pub mod servers;
pub mod stack;
mod turn;
mod until;
pub mod verdict;

pub use built::{turnpike_binary, use_binary};
pub use conformance::{Conformance, Operation};
pub use turn::{Turn, exclusive, shared};
pub use until::until;
