//! Spans: what a stage did with a message, and which trace it belongs to. Ids follow from the
//! message's, so that stages that meet only in the database, on whatever host, tell one trace.

use bridge::{delivery::DeliveryKey, message::MessageId};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span as Wire, Status, span::SpanKind, status::StatusCode},
};
use sha2::{Digest as _, Sha256};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A post came and was kept.
    Receive,
    /// It got its plan.
    Plan,
    /// A mail with it came to its end.
    Deliver(DeliveryKey),
}

/// A span. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) trace: MessageId,
    pub(super) stage: Stage,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) failed: Option<&'static str>,
    pub(super) attributes: Vec<(&'static str, String)>,
}

impl Stage {
    const fn name(&self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Plan => "plan",
            Self::Deliver(_) => "deliver",
        }
    }

    /// What tells it from the others of a message.
    fn label(&self) -> &str {
        match self {
            Self::Deliver(key) => key.as_str(),
            stage => stage.name(),
        }
    }

    const fn parent(&self) -> Option<Self> {
        match self {
            Self::Receive => None,
            Self::Plan => Some(Self::Receive),
            Self::Deliver(_) => Some(Self::Plan),
        }
    }
}

/// Sixteen bytes, never all zero in practice: they are a part of a hash.
fn trace_id(message: &MessageId) -> Vec<u8> {
    hash(&["trace", message.as_str()], 16)
}

fn span_id(message: &MessageId, stage: &Stage) -> Vec<u8> {
    hash(&["span", message.as_str(), stage.label()], 8)
}

fn hash(parts: &[&str], bytes: usize) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().copied().take(bytes).collect()
}

/// An attribute whose value is a text.
pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

impl From<&Span> for Wire {
    fn from(span: &Span) -> Self {
        let Span { trace, stage, from_ms, to_ms, failed, attributes } = span;
        let nanoseconds = |ms: i64| u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000);
        let kind = match stage {
            Stage::Receive => SpanKind::Consumer,
            Stage::Plan => SpanKind::Internal,
            Stage::Deliver(_) => SpanKind::Client,
        };
        let mut attributes: Vec<_> =
            attributes.iter().map(|(key, value)| attribute(key, value)).collect();
        attributes.push(attribute("chat_digest.message_id", trace.as_str()));
        Self {
            trace_id: trace_id(trace),
            span_id: span_id(trace, stage),
            parent_span_id: stage
                .parent()
                .map(|parent| span_id(trace, &parent))
                .unwrap_or_default(),
            name: stage.name().to_owned(),
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(*from_ms),
            // A clock that was set back makes no span end before it begins.
            end_time_unix_nano: nanoseconds((*to_ms).max(*from_ms)),
            attributes,
            status: failed
                .map(|why| Status { message: why.to_owned(), code: StatusCode::Error.into() }),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use bridge::message::{PostKey, RoomId};

    use super::*;

    fn span(stage: Stage) -> Wire {
        let trace = MessageId::derive(&RoomId::new("ma-chan://c/1"), &PostKey::new("17"));
        Wire::from(&Span {
            trace,
            stage,
            from_ms: 2000,
            to_ms: 1000,
            failed: Some("no"),
            attributes: vec![("k", "v".to_owned())],
        })
    }

    #[test]
    fn stages_of_a_message_make_one_trace() {
        let key = |text: &str| Stage::Deliver(DeliveryKey::from_text(text));
        let [receive, plan] = [span(Stage::Receive), span(Stage::Plan)];
        let [one, other] = [span(key("a")), span(key("b"))];
        assert_eq!((receive.trace_id.len(), receive.span_id.len()), (16, 8));
        for span in [&plan, &one, &other] {
            assert_eq!(span.trace_id, receive.trace_id);
        }
        assert!(receive.parent_span_id.is_empty());
        assert_eq!(plan.parent_span_id, receive.span_id);
        assert_eq!((&one.parent_span_id, &other.parent_span_id), (&plan.span_id, &plan.span_id));
        assert_ne!(one.span_id, other.span_id);
        assert_eq!(
            (plan.start_time_unix_nano, plan.end_time_unix_nano),
            (2_000_000_000, 2_000_000_000)
        );
        assert_eq!(plan.status.map(|status| status.code), Some(StatusCode::Error.into()));
    }
}
