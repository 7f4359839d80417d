//! Names, kinds and bindings of our exchanges and queues.
//!
//! **Invariant:** a queue is declared with nothing but its type. Whatever else there is to set (length, delivery limit,
//! dead-lettering) is a policy, because a declare that differs from what exists is refused and a policy changes live.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::Error;
use crate::error::{ANSWER, within};

/// Routing keys that bindings use.
pub mod key {
    /// To the intake exchange: one message.
    pub const MESSAGE: &str = "message";
    /// To the intake exchange: one broadcast.
    pub const BROADCAST: &str = "broadcast";
    /// To the send exchange: jobs of replies and single messages.
    pub const RT: &str = "rt";
    /// To the send exchange: jobs of broadcasts and campaigns.
    pub const BULK: &str = "bulk";
}

/// Every name we have in the broker, under one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    prefix: String,
    /// Where to publish.
    pub exchanges: Exchanges,
    /// Where to consume.
    pub queues: Queues,
}

/// Names of the exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanges {
    /// Direct: other systems publish here, with [`key::MESSAGE`] or [`key::BROADCAST`].
    pub intake: String,
    /// Direct: our jobs, with [`key::RT`] or [`key::BULK`].
    pub send: String,
    /// Fanout: takes what `send` could not route.
    pub unrouted: String,
    /// Topic: what happened, for whoever wants to hear it.
    pub events: String,
}

/// Names of the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues {
    /// What other systems want sent.
    pub intake: String,
    /// What of it was unusable, with the reason in headers.
    pub rejected: String,
    /// Jobs of replies and single messages.
    pub rt: String,
    /// Jobs of broadcasts and campaigns.
    pub bulk: String,
    /// Jobs nobody could read, with the reason in headers.
    pub dead: String,
    /// Jobs that found no queue.
    pub unrouted: String,
}

impl Queues {
    fn all(&self) -> [&String; 6] {
        [
            &self.intake,
            &self.rejected,
            &self.rt,
            &self.bulk,
            &self.dead,
            &self.unrouted,
        ]
    }
}

impl Topology {
    /// The names under `prefix`, `turnpike` by default.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            exchanges: Exchanges {
                intake: format!("{prefix}.intake"),
                send: format!("{prefix}.send"),
                unrouted: format!("{prefix}.unrouted"),
                events: format!("{prefix}.events"),
            },
            queues: Queues {
                intake: format!("{prefix}.intake"),
                rejected: format!("{prefix}.intake.rejected"),
                rt: format!("{prefix}.send.rt"),
                bulk: format!("{prefix}.send.bulk"),
                dead: format!("{prefix}.send.dead"),
                unrouted: format!("{prefix}.unrouted"),
            },
        }
    }

    /// The first word of every name.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a queue is one of ours. An answer must not go there, whatever `reply_to` a stranger asks for.
    pub fn owns(&self, queue: &str) -> bool {
        self.queues.all().into_iter().any(|ours| ours == queue)
    }

    /// Declares everything on a channel of its own, as a refused declare closes the channel. Again is harmless.
    pub(crate) async fn declare(&self, channel: &Channel) -> Result<(), Error> {
        let (exchanges, queues) = (&self.exchanges, &self.queues);
        let mut alternate = FieldTable::default();
        alternate.insert(
            "alternate-exchange".into(),
            AMQPValue::LongString(exchanges.unrouted.as_str().into()),
        );
        declare_exchange(channel, &exchanges.intake, ExchangeKind::Direct, FieldTable::default()).await?;
        declare_exchange(
            channel,
            &exchanges.unrouted,
            ExchangeKind::Fanout,
            FieldTable::default(),
        )
        .await?;
        declare_exchange(channel, &exchanges.send, ExchangeKind::Direct, alternate).await?;
        declare_exchange(channel, &exchanges.events, ExchangeKind::Topic, FieldTable::default()).await?;
        for queue in queues.all() {
            declare_queue(channel, queue).await?;
        }
        bind(channel, &queues.intake, &exchanges.intake, key::MESSAGE).await?;
        bind(channel, &queues.intake, &exchanges.intake, key::BROADCAST).await?;
        bind(channel, &queues.rt, &exchanges.send, key::RT).await?;
        bind(channel, &queues.bulk, &exchanges.send, key::BULK).await?;
        bind(channel, &queues.unrouted, &exchanges.unrouted, "").await
    }

    /// Deletes everything with whatever is in it.
    pub(crate) async fn delete(&self, channel: &Channel) -> Result<(), Error> {
        for queue in self.queues.all() {
            let deleted = channel.queue_delete(short("queue name", queue)?, Default::default());
            within("deleting a queue", ANSWER, deleted).await?;
        }
        let exchanges = &self.exchanges;
        for exchange in [
            &exchanges.intake,
            &exchanges.send,
            &exchanges.unrouted,
            &exchanges.events,
        ] {
            let deleted = channel.exchange_delete(short("exchange name", exchange)?, Default::default());
            within("deleting an exchange", ANSWER, deleted).await?;
        }
        Ok(())
    }
}

async fn declare_exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
    arguments: FieldTable,
) -> Result<(), Error> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let declared = channel.exchange_declare(short("exchange name", name)?, kind, options, arguments);
    within("declaring an exchange", ANSWER, declared).await
}

pub(crate) async fn declare_queue(channel: &Channel, name: &str) -> Result<(), Error> {
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let declared = channel.queue_declare(short("queue name", name)?, QueueDeclareOptions::durable(), quorum);
    within("declaring a queue", ANSWER, declared).await?;
    Ok(())
}

pub(crate) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
    let (queue, exchange) = (short("queue name", queue)?, short("exchange name", exchange)?);
    let bound = channel.queue_bind(
        queue,
        exchange,
        key.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    within("binding a queue", ANSWER, bound).await
}

/// A name in AMQP's form, which holds at most 255 bytes (and whose plain conversion panics beyond that).
pub(crate) fn short(what: &'static str, name: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name).map_err(|_| Error::TooLong {
        what,
        length: name.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let topology = Topology::new("turnpike");

        assert_eq!(topology.exchanges.send, "turnpike.send");
        assert_eq!(topology.queues.rejected, "turnpike.intake.rejected");
        assert_eq!(topology.queues.rt, "turnpike.send.rt");
        assert_eq!(topology.queues.dead, "turnpike.send.dead");
    }

    #[test]
    fn every_queue_of_ours_is_known_as_ours_and_no_other() {
        let topology = Topology::new("acme");

        assert!(topology.queues.all().into_iter().all(|queue| topology.owns(queue)));
        assert!(!topology.owns("turnpike.send.rt") && !topology.owns("acme.answers"));
    }

    #[test]
    fn a_name_too_long_for_amqp_is_an_error_and_no_panic() {
        assert!(matches!(
            short("queue name", &"x".repeat(256)),
            Err(Error::TooLong { length: 256, .. })
        ));
        assert!(short("queue name", &"x".repeat(255)).is_ok());
    }
}
