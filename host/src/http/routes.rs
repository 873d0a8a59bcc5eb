//! A router that takes no handler without a permission, and writes the OpenAPI document as doors are added.

use std::future::Future;

use axum::Router;
use axum::extract::FromRequest;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};
use serde_json::Value;

use super::openapi::{Document, Door};
use super::permission::Permission;
use super::state::Api;

/// Doors under construction.
pub struct Routes {
    router: Router<Api>,
    document: Document,
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self { router: Router::new(), document: Document::new() }
    }

    /// Adds a door. The handler takes its permission first, then one extractor (a tuple of them) for the rest.
    pub fn door<P, M, A, F, Fut>(mut self, door: Door, handler: F) -> Self
    where
        P: Permission,
        // `M` is axum's mark of whether the last extractor reads the body.
        M: Send + 'static,
        A: FromRequest<Api, M> + Send + 'static,
        F: Fn(P, A) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send,
    {
        self.document.add(&door, P::NAME);
        let filter = match door.method {
            "post" => MethodFilter::POST,
            "delete" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let guarded = move |permission: P, request: A| {
            let answer = handler(permission, request);
            async move { answer.await.into_response() }
        };
        self.router = self.router.route(door.path, on(filter, guarded));
        self
    }

    /// The finished router and its OpenAPI document.
    pub fn finish(self) -> (Router<Api>, Value) {
        (self.router, self.document.finish())
    }
}
