//! The nouns and the rules of Turnpike: what a message is, when it may go, what became of it.
//!
//! **Invariant:** nothing here does IO, reads a clock or knows a client. Time is an argument, facts are arguments, and a
//! decision is a value. That is what lets the same rule run at the door (ingest) and at the gate (sender).

pub mod ailment;
pub mod api_key;
pub mod attempt;
pub mod campaign;
pub mod category;
pub mod content;
pub mod declaration;
pub mod destination;
pub mod event;
pub mod hold;
pub mod ids;
pub mod inbound;
pub mod job;
pub mod lane;
pub mod media;
pub mod meta_error;
pub mod money;
pub mod network;
pub mod opaque;
pub mod pace;
pub mod policy;
pub mod rate_card;
pub mod reason;
pub mod recipient;
pub mod retry;
pub mod rules;
pub mod slow_down;
pub mod status;
pub mod stop_words;
pub mod story;
pub mod template;
pub mod tier;
pub mod trace;
pub mod webhook;
pub mod zone;

pub use category::Category;
pub use content::Content;
pub use destination::Destination;
pub use ids::{
    CampaignId, EndpointId, FlowId, MessageId, NumberId, OrganizationId, ScopeId, TemplateId, WabaId, Wamid,
};
pub use lane::Lane;
pub use media::MediaId;
pub use money::{Amount, Currency};
pub use rate_card::RateCard;
pub use reason::Reason;
pub use recipient::Recipient;
pub use status::{Delivery, PublicStatus, State};
pub use template::Template;
