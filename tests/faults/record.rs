//! One event of the fault tests, as a line: its source, its number there, a sum over all of it, and text.
//!
//! Every line is made from source and number alone, so whoever finds one can tell whether it is as it was written. Not
//! here: which of them were written (`writer`) and found (`oracle`).

/// Letters that have to be escaped somewhere on the way, and some of more than one byte.
const ALPHABET: [&str; 16] = [
    "a", "b", "c", "d", "e", "f", " ", " ", "\"", "\\", "/", "<", "\t", "é", "→", "%{x}",
];

/// A text is at least and at most so many of these letters: what most log lines have.
const LETTERS: std::ops::Range<u64> = 20..220;

/// The line of an event, without its end.
pub fn line(source: &str, number: u64) -> String {
    let mut seed = sum(format!("{source} {number}").as_bytes());
    let letters = LETTERS.start + seed % (LETTERS.end - LETTERS.start);
    let mut text = String::new();
    for _ in 0..letters {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(ALPHABET[(seed >> 60) as usize]);
    }
    sealed(source, number, &text)
}

/// The same with a text of so many bytes.
pub fn long_line(source: &str, number: u64, bytes: usize) -> String {
    sealed(source, number, &"x".repeat(bytes))
}

/// No text ends in a blank: inputs may strip it.
fn sealed(source: &str, number: u64, text: &str) -> String {
    let sum = sum(format!("{source} {number} {text}.").as_bytes());
    format!("{source} {number} {sum:016x} {text}.")
}

/// Source and number of a line that is as it was written.
pub fn read(line: &str) -> Option<(&str, u64)> {
    let mut words = line.splitn(4, ' ');
    let (source, number, written, text) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    let found = sum(format!("{source} {number} {text}").as_bytes());
    (written == format!("{found:016x}")).then_some((source, number.parse().ok()?))
}

/// FNV-1a of 64 bits.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn a_line_tells_its_source_and_number_and_a_changed_one_nothing() {
    for number in 0..1000 {
        let line = line("app", number);
        assert_eq!(read(&line), Some(("app", number)), "{line}");
        assert_eq!(read(&line.replace("app", "web")), None);
        assert_eq!(read(line.trim_end_matches('.')), None);
        assert_eq!(read(&format!("{line}.")), None);
    }
    assert_eq!(read(&long_line("app", 7, 100_000)), Some(("app", 7)));
}
