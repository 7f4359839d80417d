//! One AMQP delivery and how to settle it.

use std::collections::BTreeMap;
use std::sync::Arc;

use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::{AMQPValue, ShortString};
use lapin::{Acker, BasicProperties};

use crate::Error;
use crate::error::{ANSWER, within};
use crate::settling::Settling;

/// A message the broker handed to us, until it is settled by [`ack`](Self::ack), [`requeue`](Self::requeue) or
/// [`reject`](Self::reject). Dropped unsettled, it is redelivered when its connection closes.
///
/// It works only as long as the connection it came from. After that every settling fails with [`Error::Stale`] or the
/// connection's error, which is no loss: the broker delivers it again. Even what was acknowledged may come again (see
/// [`Connection::close`](crate::Connection::close)), so whoever consumes must know what it has done before.
#[derive(Debug)]
#[must_use = "a delivery that is not settled blocks one place of the prefetch"]
pub struct Delivery {
    /// What was published.
    pub body: Vec<u8>,
    /// With which key.
    pub routing_key: String,
    /// Whether it was delivered before, to us or to somebody else.
    pub redelivered: bool,
    /// What else was said about it.
    pub properties: Properties,
    tag: u64,
    acker: Acker,
    settling: Arc<Settling>,
}

/// The properties of a message that we read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The publisher's own id, our idempotency key.
    pub message_id: Option<String>,
    /// To be repeated in the answer.
    pub correlation_id: Option<String>,
    /// The queue that gets the answer.
    pub reply_to: Option<String>,
    /// The publisher's user. The broker refuses a message whose user id is not the login, so it can be trusted.
    pub user_id: Option<String>,
    /// MIME type of the body.
    pub content_type: Option<String>,
    /// The publisher's name for itself. Not checked by anybody.
    pub app_id: Option<String>,
    /// 0 to 255, higher is more urgent.
    pub priority: Option<u8>,
    /// When the publisher says it was published, seconds since 1970.
    pub timestamp: Option<u64>,
    /// Headers whose values are text or numbers, as text; others (tables, lists) are left out.
    pub headers: BTreeMap<String, String>,
}

impl Delivery {
    pub(crate) fn new(delivery: lapin::message::Delivery, settling: &Arc<Settling>) -> Self {
        settling.begin(delivery.delivery_tag);
        Self {
            body: delivery.data,
            routing_key: delivery.routing_key.into(),
            redelivered: delivery.redelivered,
            properties: Properties::from(&delivery.properties),
            tag: delivery.delivery_tag,
            acker: delivery.acker,
            settling: Arc::clone(settling),
        }
    }

    /// It is done with: the broker forgets it.
    ///
    /// # Errors
    /// When the connection is gone; the message comes again.
    pub async fn ack(self) -> Result<(), Error> {
        ack_all(vec![self]).await
    }

    /// Somebody shall get it again, soon and perhaps us.
    ///
    /// # Errors
    /// When the connection is gone; the message comes again just the same.
    pub async fn requeue(self) -> Result<(), Error> {
        let _turn = self.settling.turn().await;
        let options = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        self.settled(within("requeueing a delivery", ANSWER, self.acker.nack(options)).await)
    }

    /// The broker dead-letters it when a policy says where, and else forgets it.
    ///
    /// # Errors
    /// When the connection is gone; the message comes again.
    pub async fn reject(self) -> Result<(), Error> {
        let _turn = self.settling.turn().await;
        self.settled(
            within(
                "rejecting a delivery",
                ANSWER,
                self.acker.reject(BasicRejectOptions::default()),
            )
            .await,
        )
    }

    fn settled(&self, outcome: Result<bool, Error>) -> Result<(), Error> {
        // `false` is how the client library says that the channel of this delivery is gone.
        if !outcome? {
            return Err(Error::Stale);
        }
        self.settling.end(&[self.tag]);
        Ok(())
    }
}

/// Acknowledges many deliveries with as few frames as possible: one, when they are the oldest of their channel.
/// They may come from several channels.
///
/// # Errors
/// The first failure, after all channels were tried. Deliveries of a failed channel come again.
pub async fn ack_all(deliveries: Vec<Delivery>) -> Result<(), Error> {
    let mut channels: BTreeMap<usize, Vec<Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        channels
            .entry(Arc::as_ptr(&delivery.settling).addr())
            .or_default()
            .push(delivery);
    }
    let mut outcome = Ok(());
    for deliveries in channels.into_values() {
        outcome = outcome.and(ack_channel(deliveries).await);
    }
    outcome
}

async fn ack_channel(mut deliveries: Vec<Delivery>) -> Result<(), Error> {
    deliveries.sort_unstable_by_key(|delivery| delivery.tag);
    let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
    let Some(first) = deliveries.first() else { return Ok(()) };
    let settling = Arc::clone(&first.settling);
    let _turn = settling.turn().await;
    let covered = settling.covered(&tags);
    if let Some(last) = deliveries[..covered].last() {
        ack_frame(last, BasicAckOptions { multiple: covered > 1 }).await?;
        settling.end(&tags[..covered]);
    }
    for delivery in &deliveries[covered..] {
        ack_frame(delivery, BasicAckOptions::default()).await?;
        settling.end(&[delivery.tag]);
    }
    Ok(())
}

async fn ack_frame(delivery: &Delivery, options: BasicAckOptions) -> Result<(), Error> {
    match within("acknowledging a delivery", ANSWER, delivery.acker.ack(options)).await? {
        true => Ok(()),
        false => Err(Error::Stale),
    }
}

/// Requeues many deliveries, as at a shutdown.
///
/// # Errors
/// The first failure; those left then come again when the connection closes.
pub async fn requeue_all(deliveries: Vec<Delivery>) -> Result<(), Error> {
    for delivery in deliveries {
        delivery.requeue().await?;
    }
    Ok(())
}

impl From<&BasicProperties> for Properties {
    fn from(properties: &BasicProperties) -> Self {
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        let headers = properties.headers().iter().flatten();
        Self {
            message_id: text(properties.message_id()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            user_id: text(properties.user_id()),
            content_type: text(properties.content_type()),
            app_id: text(properties.app_id()),
            priority: *properties.priority(),
            timestamp: *properties.timestamp(),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_string(), plain(value)?)))
                .collect(),
        }
    }
}

/// A header's value as text. Clients of other languages send numbers and booleans as such.
fn plain(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::Boolean(value) => Some(value.to_string()),
        AMQPValue::ShortShortInt(value) => Some(value.to_string()),
        AMQPValue::ShortShortUInt(value) => Some(value.to_string()),
        AMQPValue::ShortInt(value) => Some(value.to_string()),
        AMQPValue::ShortUInt(value) => Some(value.to_string()),
        AMQPValue::LongInt(value) => Some(value.to_string()),
        AMQPValue::LongUInt(value) => Some(value.to_string()),
        AMQPValue::LongLongInt(value) => Some(value.to_string()),
        AMQPValue::Float(value) => Some(value.to_string()),
        AMQPValue::Double(value) => Some(value.to_string()),
        AMQPValue::Timestamp(seconds) => Some(seconds.to_string()),
        AMQPValue::ByteArray(bytes) => String::from_utf8(bytes.as_slice().to_vec()).ok(),
        AMQPValue::DecimalValue(_) | AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) | AMQPValue::Void => None,
    }
}
