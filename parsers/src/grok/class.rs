//! Sets of characters: what `[...]`, `\d` or `.` stands for. Ranges of code points come in from the
//! expression's parser; the engines take them out as ranges or as a table of bytes.
//!
//! A byte that is not part of valid UTF-8 counts as one U+FFFD, in every engine alike.

use std::fmt;
use std::sync::OnceLock;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange, HirKind};

/// The last code point there is.
const LAST: u32 = 0x10FFFF;
/// What a byte outside of valid UTF-8 counts as.
pub(super) const REPLACEMENT: u32 = 0xFFFD;

/// Ranges of a set that are shown; a property of Unicode has hundreds.
const RANGES_SHOWN_MAX: usize = 12;

/// What `[:name:]` knows.
pub(super) const POSIX_NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What `\p{Name}` knows besides them and is most likely meant: Unicode's general categories by their long names, the
/// properties and the scripts that texts are made of. It takes all others too, and the short names.
pub(super) const PROPERTY_NAMES: [&str; 60] = [
    "Alphabetic",
    "Any",
    "Arabic",
    "Armenian",
    "Ascii",
    "Assigned",
    "Bengali",
    "Cased",
    "Close_Punctuation",
    "Common",
    "Connector_Punctuation",
    "Control",
    "Currency_Symbol",
    "Cyrillic",
    "Dash_Punctuation",
    "Decimal_Number",
    "Devanagari",
    "Emoji",
    "Enclosing_Mark",
    "Ethiopic",
    "Final_Punctuation",
    "Format",
    "Georgian",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hex_Digit",
    "Hiragana",
    "Ideographic",
    "Initial_Punctuation",
    "Katakana",
    "Khmer",
    "Latin",
    "Letter",
    "Letter_Number",
    "Line_Separator",
    "Lowercase",
    "Lowercase_Letter",
    "Mark",
    "Math_Symbol",
    "Modifier_Letter",
    "Modifier_Symbol",
    "Nonspacing_Mark",
    "Number",
    "Open_Punctuation",
    "Other_Letter",
    "Other_Number",
    "Other_Punctuation",
    "Other_Symbol",
    "Punctuation",
    "Separator",
    "Space_Separator",
    "Symbol",
    "Tamil",
    "Thai",
    "Titlecase_Letter",
    "Uppercase",
    "Uppercase_Letter",
    "White_Space",
];

/// A set of code points: sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Class {
    ranges: Vec<(u32, u32)>,
}

impl Class {
    pub fn from_ranges(ranges: &[(u32, u32)]) -> Self {
        let mut ranges = ranges.to_vec();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }

    pub fn single(code: u32) -> Self {
        Self {
            ranges: vec![(code, code)],
        }
    }

    pub fn any() -> Self {
        Self {
            ranges: vec![(0, LAST)],
        }
    }

    pub fn any_but_newline() -> Self {
        Self::single(u32::from('\n')).negated()
    }

    /// `\d`: ASCII only, as Ruby has it.
    pub fn digit() -> Self {
        Self::ascii(&[(b'0', b'9')])
    }

    /// `\w`: ASCII only, as Ruby has it.
    pub fn word() -> Self {
        Self::ascii(&[(b'0', b'9'), (b'A', b'Z'), (b'_', b'_'), (b'a', b'z')])
    }

    /// `\s`: blank, tab, newline, vertical tab, form feed, carriage return.
    pub fn space() -> Self {
        Self::ascii(&[(b'\t', b'\r'), (b' ', b' ')])
    }

    /// `\h`: a hexadecimal digit.
    pub fn hex() -> Self {
        Self::ascii(&[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')])
    }

    pub fn ascii(ranges: &[(u8, u8)]) -> Self {
        let ranges: Vec<_> = ranges
            .iter()
            .map(|(low, high)| ((*low).into(), (*high).into()))
            .collect();
        Self::from_ranges(&ranges)
    }

    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    pub fn union(&self, other: &Self) -> Self {
        Self::from_ranges(&[&self.ranges[..], &other.ranges[..]].concat())
    }

    pub fn negated(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for &(low, high) in &self.ranges {
            if next < low {
                ranges.push((next, low - 1));
            }
            next = high + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Self { ranges }
    }

    pub fn intersection(&self, other: &Self) -> Self {
        self.negated().union(&other.negated()).negated()
    }

    pub fn contains(&self, code: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= code);
        after
            .checked_sub(1)
            .and_then(|at| self.ranges.get(at))
            .is_some_and(|range| code <= range.1)
    }

    /// Whether text of any kind is in the set, on one line at least.
    pub fn is_any_text(&self) -> bool {
        self.ranges
            .iter()
            .any(|range| range.0 <= u32::from(' ') && u32::from('~') <= range.1)
    }

    /// Whether every character beyond ASCII is in the set: then it may be tested byte by byte.
    pub fn holds_all_beyond_ascii(&self) -> bool {
        self.ranges
            .last()
            .is_some_and(|last| last.0 <= 0x80 && last.1 == LAST)
    }

    pub fn is_ascii(&self) -> bool {
        self.ranges.last().is_none_or(|last| last.1 < 0x80)
    }

    /// The set with all that Unicode's simple case folding takes for the same letters, for `(?i)`: with `s` come `S` and
    /// `\u{17F}`.
    pub fn ignoring_case(&self) -> Self {
        let letters = self.intersection(cased());
        // Surrogates are no characters, and have no case.
        let range = |&(low, high): &(u32, u32)| {
            let (low, high) = (char::from_u32(low)?, char::from_u32(high)?);
            Some(ClassUnicodeRange::new(low, high))
        };
        let mut folded = ClassUnicode::new(letters.ranges.iter().filter_map(range));
        folded
            .try_case_fold_simple()
            .expect("the tables of case are compiled in");
        self.union(&Self::of_hir(&folded))
    }

    /// The same, but a letter of ASCII and one beyond it are taken for the same only if it is one of these: `\W` holds
    /// the Kelvin sign, and is not meant to hold `k` where case is ignored.
    pub fn ignoring_case_with(&self, letters: &Self) -> Self {
        let ascii = Self::from_ranges(&[(0, 0x7F)]);
        let within = |half: &Self| self.intersection(half).ignoring_case().intersection(half);
        self.union(&within(&ascii))
            .union(&within(&ascii.negated()))
            .union(&self.intersection(letters).ignoring_case())
    }

    fn of_hir(class: &ClassUnicode) -> Self {
        let ranges = class.iter();
        let ranges = ranges.map(|range| (range.start().into(), range.end().into()));
        Self::from_ranges(&ranges.collect::<Vec<_>>())
    }

    /// The POSIX bracket `[:name:]`, with Unicode's meaning as in Ruby.
    pub fn posix(name: &str) -> Option<Self> {
        Some(match name {
            "alnum" => beyond_ascii(r"[\p{Alphabetic}\p{Nd}]", b"0-9A-Za-z"),
            "alpha" => beyond_ascii(r"\p{Alphabetic}", b"A-Za-z"),
            "ascii" => Self::ascii(&[(0, 127)]),
            "blank" => beyond_ascii(r"\p{Zs}", b"\t-\t - "),
            "cntrl" => beyond_ascii(r"\p{Cc}", b"\0-\x1F\x7F-\x7F"),
            "digit" => beyond_ascii(r"\p{Nd}", b"0-9"),
            "graph" => beyond_ascii(r"[^\p{White_Space}\p{Cc}\p{Cn}]", b"!-~"),
            "lower" => beyond_ascii(r"\p{Lowercase}", b"a-z"),
            "print" => beyond_ascii(r"[[^\p{White_Space}\p{Cc}\p{Cn}]\p{Zs}]", b" -~"),
            "punct" => beyond_ascii(r"\p{P}", b"!-/:-@[-`{-~"),
            "space" => beyond_ascii(r"\p{White_Space}", b"\t-\r - "),
            "upper" => beyond_ascii(r"\p{Uppercase}", b"A-Z"),
            "word" => Self::word().union(unicode_word()),
            "xdigit" => Self::hex(),
            _ => return None,
        })
    }

    /// Unicode's general categories, scripts and properties: `L`, `Lu`, `Han`.
    pub fn property(name: &str) -> Option<Self> {
        let is_word = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_word.then(|| of_unicode(&format!(r"\p{{{name}}}")))?
    }
}

/// Reads a set out of the automaton's own tables, so that both engines agree.
fn of_unicode(expression: &str) -> Option<Class> {
    let parsed = regex_syntax::parse(expression).ok()?;
    let ranges: Vec<(u32, u32)> = match parsed.kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            return Some(Class::of_hir(class));
        }
        // A set of one character is made a text.
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let codes = text.chars().map(u32::from);
            codes.map(|code| (code, code)).collect()
        }
        _ => return None,
    };
    Some(Class::from_ranges(&ranges))
}

/// As an expression would write it; of a set with many ranges the first ones.
impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sign) = self.sign() {
            return out.write_str(sign);
        }
        let negated = self.negated();
        let is_shorter = negated.ranges.len() < self.ranges.len() || self.holds_all_beyond_ascii();
        let (start, mut rest) = match is_shorter {
            true => ("[^", negated),
            false => ("[", self.clone()),
        };
        out.write_str(start)?;
        for (class, sign) in [(Self::word(), "\\w"), (Self::space(), "\\s")] {
            if rest.intersection(&class) == class {
                out.write_str(sign)?;
                rest = rest.intersection(&class.negated());
            }
        }
        rest.write_ranges(out)?;
        out.write_str("]")
    }
}

impl Class {
    /// What stands for the set outside of brackets, if it is one of the usual ones.
    fn sign(&self) -> Option<&'static str> {
        let signs = [
            (Self::any(), "."),
            (Self::digit(), "\\d"),
            (Self::word(), "\\w"),
            (Self::space(), "\\s"),
            (Self::digit().negated(), "\\D"),
            (Self::word().negated(), "\\W"),
            (Self::space().negated(), "\\S"),
        ];
        let found = signs.into_iter().find(|(class, _)| class == self);
        found.map(|(_, sign)| sign)
    }

    fn write_ranges(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &(low, high) in self.ranges.iter().take(RANGES_SHOWN_MAX) {
            write_letter(low, out)?;
            if low + 1 < high {
                out.write_str("-")?;
            }
            if low < high {
                write_letter(high, out)?;
            }
        }
        match self.ranges.len() <= RANGES_SHOWN_MAX {
            true => Ok(()),
            false => out.write_str("..."),
        }
    }
}

/// A letter in brackets.
fn write_letter(code: u32, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match char::from_u32(code).unwrap_or('?') {
        letter @ ('[' | ']' | '^' | '-') => write!(out, "\\{letter}"),
        letter @ ('\'' | '"') => write!(out, "{letter}"),
        letter => write!(out, "{}", letter.escape_debug()),
    }
}

/// The characters beyond ASCII that `\b` takes for a part of a word.
fn unicode_word() -> &'static Class {
    static CELL: OnceLock<Class> = OnceLock::new();
    CELL.get_or_init(|| beyond_ascii(r"\w", b""))
}

/// Whether `\b` takes the character for a part of a word.
pub(super) fn is_word(code: u32) -> bool {
    match u8::try_from(code) {
        Ok(byte) if byte < 0x80 => byte == b'_' || byte.is_ascii_alphanumeric(),
        _ => unicode_word().contains(code),
    }
}

/// A set of Unicode's beyond ASCII, and within it the ranges that are written as `a-z0-9`.
fn beyond_ascii(expression: &str, ascii: &[u8]) -> Class {
    let whole =
        of_unicode(expression).expect("a constant of this file that its tests read as well");
    let ranges = ascii.chunks_exact(3).filter_map(|range| match range {
        [low, b'-', high] => Some((u32::from(*low), u32::from(*high))),
        _ => None,
    });
    let ascii = Class::from_ranges(&ranges.collect::<Vec<_>>());
    whole
        .intersection(&Class::from_ranges(&[(0x80, LAST)]))
        .union(&ascii)
}

/// All letters that have another case: to fold a set, only these need be looked at.
fn cased() -> &'static Class {
    static CELL: OnceLock<Class> = OnceLock::new();
    CELL.get_or_init(|| {
        of_unicode(r"[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]")
            .expect("a constant that a test reads as well")
    })
}

/// The character at a position: its code point and length in bytes; `None` at the end of the line.
pub(super) fn decode(line: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = *line.get(at)?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    Some(decode_beyond_ascii(line, at, first))
}

fn decode_beyond_ascii(line: &[u8], at: usize, first: u8) -> (u32, usize) {
    let length = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (REPLACEMENT, 1),
    };
    let text = line
        .get(at..at + length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    match text.and_then(|text| text.chars().next()) {
        Some(letter) => (letter.into(), length),
        None => (REPLACEMENT, 1),
    }
}

/// The character that ends before a position: its code point and length; `None` at the line's start.
pub(super) fn decode_back(line: &[u8], at: usize) -> Option<(u32, usize)> {
    let last = *line.get(at.checked_sub(1)?)?;
    if last < 0x80 {
        return Some((last.into(), 1));
    }
    // UTF-8 synchronises itself: a lead byte with all its followers is a character wherever one looks.
    let whole = (2..=at.min(4)).find_map(|length| {
        let (code, found) = decode(line, at - length)?;
        (found == length).then_some((code, length))
    });
    Some(whole.unwrap_or((REPLACEMENT, 1)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let class = Class::from_ranges(&[(5, 9), (1, 4), (20, 30)]);
        assert_eq!(class.ranges(), &[(1, 9), (20, 30)]);
    }

    #[test]
    fn a_negation_twice_is_the_set_itself() {
        let class = Class::word();
        assert_eq!(class.negated().negated(), class);
        assert!(class.negated().holds_all_beyond_ascii());
    }

    #[test]
    fn posix_classes_know_letters_beyond_ascii() {
        let alnum = Class::posix("alnum").unwrap();
        assert!(
            alnum.contains('ä'.into()) && alnum.contains('z'.into()) && !alnum.contains('-'.into())
        );
        for name in [
            "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
            "upper",
        ] {
            assert!(!Class::posix(name).unwrap().ranges().is_empty(), "{name}");
        }
        assert_eq!(Class::posix("letter"), None);
    }

    #[test]
    fn the_names_that_are_offered_are_known() {
        assert!(
            POSIX_NAMES
                .into_iter()
                .all(|name| Class::posix(name).is_some())
        );
        for name in PROPERTY_NAMES {
            assert!(Class::property(name).is_some(), "{name}");
        }
    }

    #[test]
    fn sets_are_those_of_the_automaton() {
        let all: Vec<char> = (0x80..=LAST).filter_map(char::from_u32).collect();
        for (name, expression) in [
            ("alnum", r"[\p{Alphabetic}\p{Nd}]"),
            ("print", r"[^\p{White_Space}\p{Cc}\p{Cn}]|\p{Zs}"),
        ] {
            let class = Class::posix(name).unwrap();
            let judge = regex::Regex::new(expression).unwrap();
            for letter in all.iter().step_by(97) {
                let is_of_it = judge.is_match(letter.encode_utf8(&mut [0; 4]));
                assert_eq!(class.contains((*letter).into()), is_of_it, "{letter}");
            }
        }
        assert_eq!(
            Class::posix("blank").unwrap().ranges()[..2],
            [(9, 9), (32, 32)]
        );
        assert_eq!(Class::posix("punct").unwrap().ranges()[0], (33, 47));
    }

    #[test]
    fn a_property_of_one_character_is_a_set_as_well() {
        assert_eq!(Class::property("Zl").unwrap(), Class::single(0x2028));
    }

    #[test]
    fn properties_have_unicodes_names() {
        let letter = Class::property("L").unwrap();
        assert!(
            letter.contains('a'.into())
                && letter.contains('ж'.into())
                && !letter.contains('1'.into())
        );
        assert_eq!(Class::property("Nonsense"), None);
        assert_eq!(Class::property("L}|.{1"), None);
    }

    #[test]
    fn a_stray_byte_is_one_replacement_character() {
        assert_eq!(decode(b"\xC3a", 0), Some((REPLACEMENT, 1)));
        assert_eq!(decode("ä".as_bytes(), 0), Some((0xE4, 2)));
        assert_eq!(decode_back("ä".as_bytes(), 2), Some((0xE4, 2)));
        assert_eq!(decode_back(b"a\xA4", 2), Some((REPLACEMENT, 1)));
        assert_eq!(decode_back(b"a", 0), None);
    }

    #[test]
    fn case_is_ignored_all_ways() {
        for forms in ["kK\u{212A}", "sS\u{17F}", "σΣς", "åÅ\u{212B}"] {
            for letter in forms.chars() {
                let class = Class::single(letter.into()).ignoring_case();
                assert!(forms.chars().all(|form| class.contains(form.into())));
                let count = |&(low, high): &(u32, u32)| (low..=high).count();
                assert_eq!(
                    class.ranges().iter().map(count).sum::<usize>(),
                    forms.chars().count()
                );
            }
        }
        let upper = Class::posix("upper").unwrap().ignoring_case();
        assert!(upper.contains('ж'.into()) && upper.contains('a'.into()));
        assert!(!upper.contains('1'.into()));
    }

    #[test]
    fn no_letter_of_another_case_is_passed_over() {
        let mut rest = ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)]);
        let others = cased().negated();
        rest.intersect(&ClassUnicode::new(others.ranges().iter().filter_map(
            |(low, high)| {
                let low = char::from_u32(*low)?;
                Some(ClassUnicodeRange::new(low, char::from_u32(*high)?))
            },
        )));
        let before = rest.clone();
        rest.case_fold_simple();
        assert_eq!(rest, before);
    }

    #[test]
    fn only_written_letters_go_beyond_ascii() {
        let none = Class::default();
        let no_word = Class::word().negated().ignoring_case_with(&none);
        assert!(!no_word.contains('k'.into()));
        assert!(!Class::word().ignoring_case_with(&none).contains(0x212A));
        let letter = Class::single('k'.into());
        assert!(Class::word().ignoring_case_with(&letter).contains(0x212A));
    }
}
