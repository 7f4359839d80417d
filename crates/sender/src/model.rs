//! The delivery of messages as a model: the pipeline's own rules and decisions, driven through thousands of seeded schedules on a ledger
//! in memory, with crashes, lost jobs, lost answers and late webhooks between any two steps.
//!
//! **What is the real code:** the rules (`domain::rules::decide`), the hold's clock (`domain::hold`), which transition is legal
//! (`State::may_become`), what an answer of Meta's is (`meta::judge`), what becomes of a message after it ([`crate::aftermath`]), and what
//! a successor makes of a journal ([`crate::rescue`]). **What is a model:** the order of a sender's steps ([`world`]), which follows
//! `gate` and `post`, and the ledger ([`memory`]), which is held to PostgreSQL by [`conformance`].
//!
//! A run that breaks an invariant prints its seed and the command that replays it. That the checker can see is tested with mistakes made
//! on purpose ([`schedules`]).

mod checker;
mod conformance;
mod memory;
mod meta;
mod schedules;
mod sender;
mod world;
