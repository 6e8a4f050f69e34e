//! Logs on stderr, above the progress bars.
//!
//! By default only the demo itself speaks. The product warns of every call that failed, and here calls fail because
//! they are made to. `RUST_LOG` shows what it says.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::args::DemoArgs;
use super::progress::Bars;

/// Sends all logs to stderr from now on. They and `bars` keep out of each other's lines.
pub(crate) fn log_to_stderr(args: &DemoArgs, bars: &Bars) {
    // What was left out of the input is said even to those who want quiet.
    let default = if args.quiet {
        "error,tidegate::demo=warn"
    } else {
        "error,tidegate::demo=info"
    };
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).is_ok_and(|filter| !filter.is_empty());
    let filter = if asked {
        EnvFilter::from_default_env()
    } else {
        EnvFilter::new(default)
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveBars(bars.clone()))
        .with_ansi(io::stderr().is_terminal())
        .with_timer(SinceStart(Instant::now()))
        .with_target(asked);
    // An error says that a subscriber is set already.
    let _ = subscriber.try_init();
}

/// Seconds since the demo began: what a reader compares.
struct SinceStart(Instant);

impl FormatTime for SinceStart {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        write!(line, "{:7.3} s", self.0.elapsed().as_secs_f64())
    }
}

/// Takes the bars off the terminal while a line is written.
struct AboveBars(Bars);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

struct Line(Bars);

impl Write for Line {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.aside(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
