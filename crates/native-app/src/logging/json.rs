//! One line of JSON for each event, written straight into its bytes.
//!
//! Each request has one, so this is done by hand: no map, no tree of values, no text that is read
//! again. Members stand in the order that `tracing_subscriber`'s flat JSON has.

use std::{cell::Cell, fmt, io::Write};

use serde::Serialize;
use stratus_document::push_time;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::lines::{Haste, Lines};
use crate::ports::SystemClock;

/// More than most lines have.
const LINE_BYTES: usize = 512;

/// More than the id of a request takes.
const GIVEN_BYTES: usize = 64;

thread_local! {
    /// Room for the next line.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes events as JSON.
pub(super) struct Json<'l, W> {
    lines: &'l Lines<W>,
}

/// What a span was given, as members of an object, with a comma behind each.
struct Given(Vec<u8>);

impl<'l, W: Write> Json<'l, W> {
    /// Writes to these lines.
    pub(super) fn new(lines: &'l Lines<W>) -> Self {
        Self { lines }
    }
}

impl<S, W> Layer<S> for Json<'static, W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: Write + Send + 'static,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut members = Members(Vec::with_capacity(GIVEN_BYTES));
        attributes.record(&mut members);
        span.extensions_mut().insert(Given(members.0));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(Given(given)) = span.extensions_mut().get_mut() {
            let mut members = Members(std::mem::take(given));
            values.record(&mut members);
            *given = members.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = ROOM.take();
        line.clear();
        line.reserve(LINE_BYTES);
        let line = write(line, SystemClock.micros(), event, context.event_span(event));
        self.lines.push(&line, Haste::of(event.metadata()));
        ROOM.set(line);
    }
}

/// Writes an event with its end of line behind what is there.
fn write<'s, R: LookupSpan<'s>>(
    mut line: Vec<u8>,
    micros: i64,
    event: &Event<'_>,
    span: Option<SpanRef<'s, R>>,
) -> Vec<u8> {
    line.extend_from_slice(br#"{"timestamp":""#);
    push_moment(&mut line, micros);
    line.extend_from_slice(br#"","level":""#);
    line.extend_from_slice(name(*event.metadata().level()));
    line.extend_from_slice(br#"","#);
    let mut members = Members(line);
    event.record(&mut members);
    members.push("target", event.metadata().target());
    let Members(mut line) = members;
    // Behind each member is a comma.
    line.pop();
    if let Some(span) = span {
        push_spans(&mut line, &span);
    }
    line.extend_from_slice(b"}\n");
    line
}

/// The innermost span, and all of them from the outermost one on.
fn push_spans<'s, R: LookupSpan<'s>>(line: &mut Vec<u8>, innermost: &SpanRef<'s, R>) {
    line.extend_from_slice(br#","span":"#);
    push_span(line, innermost);
    line.extend_from_slice(br#","spans":["#);
    for (at, span) in innermost.scope().from_root().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        push_span(line, &span);
    }
    line.push(b']');
}

fn push_span<'s, R: LookupSpan<'s>>(line: &mut Vec<u8>, span: &SpanRef<'s, R>) {
    line.push(b'{');
    if let Some(Given(given)) = span.extensions().get() {
        line.extend_from_slice(given);
    }
    line.extend_from_slice(br#""name":"#);
    push_json(line, span.name());
    line.push(b'}');
}

/// A moment in RFC 3339, UTC, with microseconds.
fn push_moment(line: &mut Vec<u8>, micros: i64) {
    let mut text = String::with_capacity(24);
    push_time(&mut text, micros.div_euclid(1_000));
    let below = micros.rem_euclid(1_000);
    line.extend_from_slice(text.trim_end_matches('Z').as_bytes());
    line.extend([below / 100, below / 10 % 10, below % 10].map(|it| b'0' + it as u8));
    line.push(b'Z');
}

fn name(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"ERROR",
        Level::WARN => b"WARN",
        Level::INFO => b"INFO",
        Level::DEBUG => b"DEBUG",
        Level::TRACE => b"TRACE",
    }
}

/// Members of an object, a comma behind each.
struct Members(Vec<u8>);

impl Members {
    fn push(&mut self, name: &str, value: impl Serialize) {
        push_json(&mut self.0, name);
        self.0.push(b':');
        push_json(&mut self.0, value);
        self.0.push(b',');
    }
}

/// A number or a text.
fn push_json(line: &mut Vec<u8>, value: impl Serialize) {
    let start = line.len();
    if serde_json::to_writer(&mut *line, &value).is_err() {
        line.truncate(start);
        line.extend_from_slice(b"null");
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field.name(), format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written, without the time of each line.
    fn text(written: &Written) -> String {
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|it| {
            let (time, rest) = it.strip_prefix(r#"{"timestamp":""#).unwrap().split_at(27);
            assert!(time.starts_with("20") && time.as_bytes()[19] == b'.' && time.ends_with('Z'), "{it}");
            format!("{{\"timestamp\":\"{rest}\n")
        });
        lines.collect()
    }

    fn ours(say: impl FnOnce()) -> String {
        let written = Written::default();
        let lines = Box::leak(Box::new(Lines::new(written.clone())));
        with_default(tracing_subscriber::registry().with(Json::new(lines)), say);
        text(&written)
    }

    fn theirs(say: impl FnOnce()) -> String {
        let written = Written::default();
        let copy = written.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true);
        with_default(log.with_writer(move || copy.clone()).finish(), say);
        text(&written)
    }

    fn events() {
        let (path, status, millis) = ("/api/\"posts\"\n\u{1}é", 200_u16, -3_i64);
        tracing::info!(method = %"GET", path, status, request_id = "01a1", millis, "request");
        tracing::warn!(error = ?Some("a\tb"), wide = f64::NAN, half = 0.5, is_it = true, "{} {path}", 1);
        let nothing: Option<&str> = None;
        let error = io::Error::other("broken \"pipe\"");
        tracing::error!(nothing, error = &error as &dyn std::error::Error);
        let outer = tracing::error_span!("request", id = "01a1");
        outer.in_scope(|| {
            tracing::info!("inside");
            tracing::info_span!("inner", late = tracing::field::Empty).in_scope(|| {
                tracing::Span::current().record("late", 7);
                tracing::info!(target: "elsewhere", { big = u64::MAX }, "deeper");
            });
        });
    }

    #[test]
    fn lines_are_those_of_tracing_subscriber() {
        assert_eq!(ours(events), theirs(events));
    }

    #[test]
    fn a_request_has_one_line() {
        let say = || {
            let request_id = "01a1fe16-af43-736c-b20f-2d4fe18cb293";
            tracing::info!(
                target: "stratus_api::layers",
                method = %"GET", path = "/api/posts", status = 200, request_id, millis = 3, "request"
            );
        };
        insta::assert_snapshot!(
            ours(say),
            @r#"{"timestamp":"","level":"INFO","message":"request","method":"GET","path":"/api/posts","status":200,"request_id":"01a1fe16-af43-736c-b20f-2d4fe18cb293","millis":3,"target":"stratus_api::layers"}"#
        );
    }

    #[test]
    fn moments_have_microseconds() {
        let check = |micros, expected: &str| {
            let mut line = Vec::new();
            push_moment(&mut line, micros);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        };
        check(0, "1970-01-01T00:00:00.000000Z");
        check(1_795_264_260_650_671, "2026-11-21T12:31:00.650671Z");
        check(1_795_264_260_000_009, "2026-11-21T12:31:00.000009Z");
    }
}
