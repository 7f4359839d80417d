//! An accept loop of our own, because only it can end a connection without an answer.
//!
//! A route that wants no answer returns a response with a [`Cut`] inside; the service turns it into an error, upon
//! which hyper writes nothing, and the socket is closed or reset here.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::{Arrival, Cut};

/// How long requests under way may take to end at shutdown.
const GRACE: Duration = Duration::from_secs(1);

/// After a failed accept (out of sockets), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type GraphService = TowerToHyperService<Router>;

pub(crate) struct Server {
    listener: TcpListener,
    service: GraphService,
}

impl Server {
    pub(crate) fn new(listener: TcpListener, router: Router) -> Self {
        Self {
            listener,
            service: TowerToHyperService::new(router),
        }
    }

    /// Accepts until told to stop, then waits for the connections to end.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, self.service.clone(), shutdown.clone()));
                }
                Err(error) => {
                    warn!(%error, "accepting a connection failed, trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        connections.close();
        connections.wait().await;
    }
}

async fn connection(stream: TcpStream, graph: GraphService, shutdown: CancellationToken) {
    let _ = stream.set_nodelay(true); // only costs latency when refused
    let service = service_fn(move |request| answer(graph.clone(), request));
    // No timer is given to hyper: an idle connection stays open, so that no client runs into a close it did not ask for.
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);

    let ended = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(ended),
        () = shutdown.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            let rest = pin!(poll_fn(|cx| connection.poll_without_shutdown(cx)));
            tokio::time::timeout(GRACE, rest).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        match error.source().and_then(|source| source.downcast_ref::<Cut>()) {
            Some(Cut::Reset) => {
                let stream = connection.into_parts().io.into_inner();
                let _ = stream.set_zero_linger(); // then dropping it sends a reset; an orderly close is the next best
            }
            Some(Cut::Close) => {}
            None => debug!(%error, "a connection ended early"),
        }
    }
}

/// Stamps the arrival first of all, then asks the routes, then sees whether there shall be an answer.
fn answer(graph: GraphService, mut request: hyper::Request<Incoming>) -> BoxFuture<'static, Result<Response, Cut>> {
    request.extensions_mut().insert(Arrival(Instant::now()));
    Box::pin(async move {
        let answered: Result<Response, Infallible> = graph.call(request).await;
        let Ok(response) = answered;
        match response.extensions().get::<Cut>() {
            Some(cut) => Err(*cut),
            None => Ok(response),
        }
    })
}
