//! A writer that keeps an event in its line: what came from outside may hold line breaks and other controls, and they are written as escapes.

use std::borrow::Cow;
use std::io::{self, Write};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

pub struct OneLine<M>(pub M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        Line(self.0.make_writer_for(metadata))
    }
}

/// Gets each event whole, in one call, with the line break that ends it.
pub struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        // At once, or another thread's line could come between.
        match text.strip_suffix('\n') {
            Some(line) => self.0.write_all(format!("{}\n", escaped(line)).as_bytes())?,
            None => self.0.write_all(escaped(&text).as_bytes())?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether it would end a line, or do something else than stand in it.
fn breaks(c: char) -> bool {
    (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(line: &str) -> Cow<'_, str> {
    if !line.contains(breaks) {
        return line.into();
    }
    let mut out = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if breaks(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.into()
}
