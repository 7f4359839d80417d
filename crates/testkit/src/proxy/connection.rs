//! One connection through the proxy, from its acceptance to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::faults::Arrivals;
use super::link::{Direction, Link};
use super::way::{self, Stopped};

/// How a connection came to its end.
enum End {
    /// Both ends have said all they had to say.
    Orderly,
    /// One end broke it, and the other shall see it too.
    Lost,
    /// A fault broke it.
    Broken,
}

pub(super) async fn carry(mut client: TcpStream, link: Arc<Link>, mut cuts: watch::Receiver<u64>) {
    let arrivals = link.faults().borrow().faults.arrivals;
    if arrivals == Arrivals::Swallowed {
        link.counters.swallowed.fetch_add(1, Ordering::Relaxed);
        let cut = tokio::select! {
            () = swallow(&mut client) => false,
            _ = cuts.changed() => true,
        };
        if cut {
            link.counters.broken.fetch_add(1, Ordering::Relaxed);
            reset(client);
        }
        return;
    }
    let Some(mut server) = link.connect().await else {
        // The nearest to the refusal that the client would have seen.
        return reset(client);
    };
    // Small pieces must leave as they come, or slices would be joined again.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);

    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let carried = async {
            tokio::try_join!(
                way::carry(from_client, to_server, &link, Direction::ToUpstream),
                way::carry(from_server, to_client, &link, Direction::ToClient),
            )
        };
        tokio::select! {
            carried = carried => match carried {
                Ok(_) => End::Orderly,
                Err(Stopped::Lost) => End::Lost,
                Err(Stopped::Fault) => End::Broken,
            },
            _ = cuts.changed() => End::Broken,
        }
    };
    if matches!(end, End::Broken) {
        link.counters.broken.fetch_add(1, Ordering::Relaxed);
    }
    if !matches!(end, End::Orderly) {
        reset(client);
        reset(server);
    }
}

async fn swallow(client: &mut TcpStream) {
    let mut bytes = vec![0; 16 * 1024];
    while client.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

/// Dropped without a word of farewell: the other end sees a reset.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger(); // of a socket that is gone already there is nothing left to reset
    drop(stream);
}
