//! How another system hands a message to Turnpike, with nothing but an AMQP client:
//! `TURNPIKE_API_KEY=tp_… cargo run -p broker --example publish -- +16505550100`

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let to = std::env::args().nth(1).ok_or("give a recipient, as in +16505550100")?;
    let broker = std::env::var("TURNPIKE_AMQP_URL")?;
    let body = format!(
        r#"{{"to": "{to}", "type": "template", "template": {{"name": "order_update", "language": {{"code": "en_US"}},
            "components": [{{"type": "body", "parameters": [{{"type": "text", "text": "Ana"}}, {{"type": "text", "text": "17"}}]}}]}}}}"#
    );
    let mut headers = FieldTable::default();
    headers.insert(
        "x-api-key".into(),
        AMQPValue::LongString(std::env::var("TURNPIKE_API_KEY")?.into()),
    );
    // The message id is the idempotency key: publishing it again sends nothing twice.
    let properties = BasicProperties::default()
        .with_message_id("order-17".into())
        .with_headers(headers)
        .with_delivery_mode(2);

    let channel = Connection::connect(&broker, ConnectionProperties::default())
        .await?
        .create_channel()
        .await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let confirmed = channel
        .basic_publish(
            "turnpike.intake".into(),
            "message".into(),
            options,
            body.as_bytes(),
            properties,
        )
        .await?
        .await?;
    if !confirmed.is_ack() || confirmed.take_message().is_some() {
        return Err("the broker did not take the message; publish it again".into());
    }
    println!("Turnpike has it");
    Ok(())
}
