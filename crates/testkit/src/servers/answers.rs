//! Asks a server whether it is ready, in its own protocol: an open port alone says little, and the servers' own command
//! line tools take a second to start.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// PostgreSQL answers a startup packet with an authentication request (`R`); while it starts or stops, with an error.
pub(super) fn postgres(port: u16) -> bool {
    let settings = b"user\0turnpike\0database\0postgres\0\0";
    let length = u32::try_from(8 + settings.len()).expect("a few dozen bytes");
    let protocol_3_0 = 3_u32 << 16;
    let packet = [
        &length.to_be_bytes()[..],
        &protocol_3_0.to_be_bytes()[..],
        &settings[..],
    ]
    .concat();
    reply(port, &packet).is_some_and(|reply| reply.starts_with(b"R") || is_full(&reply))
}

/// An error with SQLSTATE 53300: all connections are taken. A server that busy is more than ready.
fn is_full(reply: &[u8]) -> bool {
    reply.starts_with(b"E") && reply.windows(7).any(|field| field == b"\0C53300")
}

/// RabbitMQ, once fully booted, answers the protocol header with a method frame (type 1) on channel 0.
pub(super) fn amqp(port: u16) -> bool {
    reply(port, b"AMQP\x00\x00\x09\x01").is_some_and(|reply| reply.starts_with(&[1, 0, 0]))
}

/// What comes back first for `question`.
fn reply(port: u16, question: &[u8]) -> Option<Vec<u8>> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.write_all(question).ok()?;
    let mut reply = vec![0; 1024];
    let length = stream.read(&mut reply).ok()?;
    reply.truncate(length);
    Some(reply)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What the two questions make of a server that says `words` to everybody.
    fn check(words: &'static [u8], expected: (bool, bool)) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 8]).unwrap();
                stream.write_all(words).unwrap();
            }
        });

        assert_eq!((postgres(port), amqp(port)), expected, "{words:?}");
        server.join().unwrap();
    }

    #[test]
    fn only_a_ready_server_counts() {
        check(b"R\x00\x00\x00\x08", (true, false));
        check(b"E\x00\x00\x00\x60SFATAL\x00C57P03", (false, false));
        check(
            b"E\x00\x00\x00\x60SFATAL\x00VFATAL\x00C53300\x00Mtoo many",
            (true, false),
        );
        check(b"\x01\x00\x00\x00\x00\x01\xf1", (false, true));
        check(b"AMQP\x00\x00\x09\x01", (false, false));
        check(b"", (false, false));
    }
}
