//! One connection a lane. A client's pool opens another while the last answer is still being put
//! away, if that takes longer than its own next step, as it does on a machine of one core. NTLM signs
//! connections in, not requests: the other one would have to start anew, or end a handshake that began
//! on the first. So a further connection waits a moment, and is not made if the old one has answered
//! meanwhile.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tower_layer::Layer;
use tower_service::Service;

/// How long a further connection is put off.
const WAIT: Duration = Duration::from_millis(50);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Puts further connections off; the first one is made at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    connected: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
}

impl Patience {
    /// Notes that a request was answered: a connection that waits to be made is not needed.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connector that waits.
#[derive(Clone, Debug)]
pub(super) struct Patient<S> {
    inner: S,
    patience: Patience,
}

impl<S> Layer<S> for Patience {
    type Service = Patient<S>;

    fn layer(&self, inner: S) -> Patient<S> {
        Patient { inner, patience: self.clone() }
    }
}

impl<S, R> Service<R> for Patient<S>
where
    S: Service<R, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // The one that was polled ready is the one to call.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        let further = self.patience.connected.swap(true, Ordering::Relaxed);
        let answers = Arc::clone(&self.patience.answers);
        Box::pin(async move {
            let before = answers.load(Ordering::Relaxed);
            if further {
                tokio::time::sleep(WAIT).await;
            }
            if answers.load(Ordering::Relaxed) != before {
                return Err("the connection there was has answered".into());
            }
            inner.call(request).await
        })
    }
}
