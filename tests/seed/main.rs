//! The source document, sentence by sentence: each test is named after the words that it holds the product to, and shows them on whole
//! programs, real servers and the simulator.
//!
//! Whatever is sent goes in twice, over HTTP for one tenant and over AMQP for its twin, and both doors must give the same answer. All
//! tests share one pipeline; each has people, and where it needs them tenants, of its own. [`hostile`] asks for everything that nobody should.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod answers;
mod differing;
mod features;
mod hostile;
mod people;
mod pipeline;
mod postbox;
mod refusals;
mod requests;
mod twins;
mod window;
