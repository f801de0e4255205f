//! The log: one line an event on the console of the Worker, which the platform collects.

use std::{
    cell::RefCell,
    collections::HashMap,
    error::Error,
    fmt::{Debug, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{
    Event, Id, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};

thread_local! {
    static SPANS: RefCell<Spans> = RefCell::default();
}

/// The spans that are open, and those that are being worked in, innermost last.
#[derive(Default)]
struct Spans {
    open: HashMap<u64, (usize, String)>,
    entered: Vec<u64>,
}

/// Starts the log of this instance.
pub(crate) fn start(level: Level) {
    let console = Console { level, next: AtomicU64::new(1) };
    // The first one stays.
    let _ = tracing::subscriber::set_global_default(console);
}

struct Console {
    level: Level,
    next: AtomicU64,
}

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut line = Line::default();
        span.record(&mut line);
        let text = format!("{}{{{}}}", span.metadata().name(), line.text.trim_start());
        SPANS.with_borrow_mut(|it| it.open.insert(id, (1, text)));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        let spans = SPANS.with_borrow(|it| {
            let texts = it.entered.iter().filter_map(|id| it.open.get(id));
            texts.map(|(_, text)| format!("{text}: ")).collect::<String>()
        });
        let text = format!("{} {spans}{}{}", metadata.level(), line.message, line.text);
        match *metadata.level() {
            Level::ERROR => worker::console_error!("{text}"),
            Level::WARN => worker::console_warn!("{text}"),
            _ => worker::console_log!("{text}"),
        }
    }

    fn enter(&self, span: &Id) {
        SPANS.with_borrow_mut(|it| it.entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        SPANS.with_borrow_mut(|it| {
            if let Some(at) = it.entered.iter().rposition(|id| *id == span.into_u64()) {
                it.entered.remove(at);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        SPANS.with_borrow_mut(|it| {
            if let Some((uses, _)) = it.open.get_mut(&span.into_u64()) {
                *uses += 1;
            }
        });
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        SPANS.with_borrow_mut(|it| {
            let id = span.into_u64();
            let Some((uses, _)) = it.open.get_mut(&id) else { return false };
            *uses -= 1;
            *uses == 0 && it.open.remove(&id).is_some()
        })
    }
}

/// The fields of an event or a span as text.
#[derive(Default)]
struct Line {
    message: String,
    text: String,
}

impl Line {
    fn add(&mut self, field: &Field, value: std::fmt::Arguments<'_>) {
        // Writing to a text can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.text, " {name}={value}"),
        };
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.add(field, format_args!("{text}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;

    #[test]
    fn a_span_is_kept_until_nobody_needs_it() {
        with_default(Console { level: Level::INFO, next: AtomicU64::new(1) }, || {
            let span = tracing::info_span!("request", id = "a");
            let open =
                || SPANS.with_borrow(|it| it.open.values().map(|(_, text)| text.clone()).collect::<Vec<_>>());
            assert_eq!(open(), ["request{id=a}"]);
            let twin = span.clone();
            span.in_scope(|| assert_eq!(SPANS.with_borrow(|it| it.entered.len()), 1));
            assert_eq!(SPANS.with_borrow(|it| it.entered.len()), 0);
            drop(span);
            assert_eq!(open().len(), 1);
            drop(twin);
            assert!(open().is_empty());
        });
    }
}
