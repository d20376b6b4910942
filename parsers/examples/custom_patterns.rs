//! Uses a pattern file: reads it, compiles an expression with its definitions, says which engine matches it, and shows
//! for each line of stdin the captures, or how far the line got.
//!
//! `cargo run --example custom_patterns -- FILE '%{ORDER} in %{NUMBER:took:float} s' < shop.log`

use std::io::{self, BufRead, Write};

use sawlog_parsers::Error;
use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, expression] = &arguments[..] else {
        return Err("wanted: a pattern file and an expression".into());
    };
    // An error names the file, the line, the column and what would be right.
    let grok = compile(file, &std::fs::read(file)?, expression)?;
    for warning in grok.warnings() {
        eprintln!("{warning}");
    }
    show(&grok, io::stdin().lock(), io::stdout().lock())?;
    Ok(())
}

/// The definitions of the file come on top of the built-in ones, and win over them.
pub fn compile(file: &str, text: &[u8], expression: &str) -> Result<Grok, Error> {
    let mut patterns = Patterns::legacy();
    patterns.add_file(file, text)?;
    Grok::compile(expression, &patterns, Options::default())
}

pub fn show(grok: &Grok, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    writeln!(output, "{:?}: {}", grok.tier(), grok.tier_reason())?;
    let mut slots = Slots::new();
    for line in input.split(b'\n') {
        let line = line?;
        match grok.search(&line, &mut slots) {
            Outcome::Match => {
                let spans = (0..grok.captures().len()).map(|index| (index, slots.span(index)));
                for (index, span) in spans {
                    print_capture(grok, index, span, &line, &mut output)?;
                }
            }
            Outcome::NoMatch | Outcome::BudgetSpent => explain(grok, &line, &mut output)?,
        }
    }
    output.flush()
}

fn print_capture(
    grok: &Grok,
    index: usize,
    span: Option<std::ops::Range<usize>>,
    line: &[u8],
    output: &mut impl Write,
) -> io::Result<()> {
    let text = span.and_then(|span| line.get(span));
    match (grok.captures().get(index), text) {
        (Some(capture), Some(text)) => {
            let text = String::from_utf8_lossy(text);
            writeln!(output, "{} = {text}", capture.field)
        }
        _ => Ok(()),
    }
}

/// The line, a caret below the place where no way led on, and what was wanted there.
fn explain(grok: &Grok, line: &[u8], output: &mut impl Write) -> io::Result<()> {
    let explanation = grok.explain(line);
    let before = String::from_utf8_lossy(line.get(..explanation.offset).unwrap_or(line));
    writeln!(output, "{}", String::from_utf8_lossy(line))?;
    let blank = |letter| if letter == '\t' { '\t' } else { ' ' };
    let caret: String = before.chars().map(blank).collect();
    writeln!(output, "{caret}^ expected {}", explanation.expected)?;
    for (index, span) in explanation.captured {
        write!(output, "  until there ")?;
        print_capture(grok, index, Some(span), line, output)?;
    }
    Ok(())
}
