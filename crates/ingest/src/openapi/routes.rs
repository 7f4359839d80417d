//! Routes that cannot be mounted without saying what they are.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};

use super::Operation;

/// Handlers, each with its description.
#[derive(Debug)]
pub struct Routes<S = ()> {
    router: Router<S>,
    operations: Vec<Operation>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            operations: Vec::new(),
        }
    }

    /// Mounts a handler where its operation says.
    ///
    /// # Panics
    /// When something is mounted there already.
    #[must_use]
    pub fn on<H: Handler<T, S>, T: 'static>(mut self, operation: Operation, handler: H) -> Self {
        let method = MethodFilter::try_from(operation.method().clone()).expect("a method that axum can route");
        self.router = self.router.route(&operation.path(), on(method, handler));
        self.operations.push(operation);
        self
    }

    /// These and those.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// What is mounted, described.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The router, and what is mounted on it.
    pub fn into_parts(self) -> (Router<S>, Vec<Operation>) {
        (self.router, self.operations)
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}
