//! The broker's address, checked once and never shown with its password.

use std::fmt;

use lapin::uri::{AMQPScheme, AMQPUri};

use crate::Error;

/// Seconds between heartbeats when the address does not say: a dead connection is noticed within twice this.
const HEARTBEAT: u16 = 10;

/// `amqp://user:password@host:port/vhost`, parsed. `Debug` and `Display` leave user and password out.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(AMQPUri);

impl Address {
    /// Checks an `amqp://` or `amqps://` address and adds the heartbeat when it names none.
    ///
    /// # Errors
    /// [`Error::Address`], which does not repeat the text, as it may hold a password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let host = text.split_once("://").ok_or(Error::Address)?.1.rsplit('@').next();
        // The client library takes an IPv6 literal for no host at all and would connect to localhost instead.
        if host.is_none_or(|host| host.is_empty() || host.starts_with('[')) {
            return Err(Error::Address);
        }
        let mut uri: AMQPUri = text.parse().map_err(|_| Error::Address)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self(uri))
    }

    pub(crate) fn uri(&self) -> AMQPUri {
        self.0.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.0.scheme {
            AMQPScheme::AMQP => "amqp",
            AMQPScheme::AMQPS => "amqps",
        };
        write!(
            f,
            "{scheme}://{}:{} (virtual host {})",
            self.0.authority.host, self.0.authority.port, self.0.vhost
        )
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_user_and_password() {
        let address = Address::parse("amqp://app:hunter2@rabbit.internal:5673/%2f").unwrap();

        assert_eq!(address.to_string(), "amqp://rabbit.internal:5673 (virtual host /)");
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    #[test]
    fn an_address_without_a_heartbeat_gets_one_and_a_given_one_stays() {
        let heartbeat = |text| Address::parse(text).unwrap().uri().query.heartbeat;

        assert_eq!(heartbeat("amqp://localhost"), Some(10));
        assert_eq!(heartbeat("amqp://localhost/%2f?heartbeat=30"), Some(30));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "hunter2",
            "http://hunter2@host",
            "amqp://",
            "amqp://app:hunter2@",
            "amqp://app:hunter2@[::1]:5672",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
        }
    }
}
