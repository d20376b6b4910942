//! The agent's own log, lines on stderr. What a message quotes of events, files and servers is escaped, so that no line can
//! pose as another or speak to the terminal.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, field::Field};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::printable::Printable;
use crate::settings::Settings;

/// Starts it; what libraries say only when something is wrong.
pub fn start(settings: &Settings) {
    let colour = std::io::stderr().is_terminal();
    let log = log(std::io::stderr, settings.log_level, colour);
    if log.try_init().is_err() {
        eprintln!("sawlog: the log was started before");
    }
}

fn log<W>(writer: W, level: LevelFilter, colour: bool) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colour)
        .with_target(false)
        .fmt_fields(debug_fn(field).delimited(" "));
    let levels = Targets::new()
        .with_target("sawlog", level)
        .with_default(LevelFilter::ERROR);
    tracing_subscriber::registry().with(lines).with(levels)
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn std::fmt::Debug) -> std::fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => write!(writer, "{}", Printable(&text)),
        name => write!(writer, "{name}={}", Printable(&text)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::level_filters::LevelFilter;

    use super::log;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no test panics here").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_message_cannot_pose_as_another_or_speak_to_the_terminal() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = log(move || writer.clone(), LevelFilter::INFO, false);
        tracing::subscriber::with_default(log, || {
            let hostile = "x\n2026-11-28T00:00:00Z ERROR forged\u{1b}]0;title\u{7}\u{202e}";
            tracing::warn!(path = %hostile, "said: {hostile}");
        });
        let text = kept.0.lock().expect("no test panics here").clone();
        let text = String::from_utf8(text).expect("it is text");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            !text.trim_end().contains(crate::printable::is_harmful),
            "{text}"
        );
        let written = r"x\n2026-11-28T00:00:00Z ERROR forged\u{1b}]0;title\u{7}\u{202e}";
        assert!(text.contains(&format!("WARN said: {written}")), "{text}");
        assert!(text.contains(&format!("path={written}")), "{text}");
    }
}
