//! Points as carbon reads them: lines of text, or pickles in frames. A point that carbon could not read, or that would poison
//! a series, is left out and counted: so the end of a connection proves that all of it was read.

use bytes::Bytes;

use crate::event::encode;
use crate::limits;

/// How points are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `path value time`, a line each.
    Plaintext,
    /// Pickles of Python, protocol 2: `[(path, (time, value)), ...]`, each behind its length.
    Pickle,
}

/// Points of one flush.
pub struct Points {
    protocol: Protocol,
    out: Vec<u8>,
    /// Where the open frame begins, and the points in it.
    frame: usize,
    in_frame: usize,
    refused: u64,
}

impl Points {
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            out: Vec::new(),
            frame: 0,
            in_frame: 0,
            refused: 0,
        }
    }

    /// Appends a point, if carbon can take it: infinity would poison the series, a time before 1970 means now, and a path
    /// with a blank or in another encoding ends the connection.
    pub fn push(&mut self, path: &[u8], suffix: &str, value: f64, time: i64) {
        let time = u32::try_from(time)
            .ok()
            .filter(|&time| time <= i32::MAX as u32);
        match time {
            Some(time) if value.is_finite() && is_path(path) => match self.protocol {
                Protocol::Plaintext => self.line(path, suffix, value, time),
                Protocol::Pickle => self.pickle(path, suffix, value, time),
            },
            Some(_) | None => self.refused += 1,
        }
    }

    /// Points that were left out.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The bytes to send.
    pub fn finish(mut self) -> Bytes {
        self.end_frame();
        self.out.into()
    }

    fn line(&mut self, path: &[u8], suffix: &str, value: f64, time: u32) {
        /// Whole numbers up to here are exact in a float.
        const WHOLE_MAX: f64 = 9e15;
        let out = &mut self.out;
        out.extend_from_slice(path);
        out.extend_from_slice(suffix.as_bytes());
        out.push(b' ');
        if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
            encode::write_integer(value as i64, out);
        } else {
            encode::write_float(value, out);
        }
        out.push(b' ');
        encode::write_integer(i64::from(time), out);
        out.push(b'\n');
    }

    fn pickle(&mut self, path: &[u8], suffix: &str, value: f64, time: u32) {
        /// Its length, then: protocol 2, an empty list, a mark.
        const FRAME_START: &[u8] = b"\0\0\0\0\x80\x02](";
        if self.in_frame == 0 {
            self.frame = self.out.len();
            self.out.extend_from_slice(FRAME_START);
        }
        let out = &mut self.out;
        // Unicode text, a 32-bit integer, a float, a pair of the last two, a pair of the text and that.
        out.push(b'X');
        out.extend_from_slice(&((path.len() + suffix.len()) as u32).to_le_bytes());
        out.extend_from_slice(path);
        out.extend_from_slice(suffix.as_bytes());
        out.push(b'J');
        out.extend_from_slice(&time.to_le_bytes());
        out.push(b'G');
        out.extend_from_slice(&value.to_be_bytes());
        out.extend_from_slice(b"\x86\x86");
        self.in_frame += 1;
        if limits::PICKLE_POINTS_MAX <= self.in_frame {
            self.end_frame();
        }
    }

    fn end_frame(&mut self) {
        if std::mem::take(&mut self.in_frame) == 0 {
            return;
        }
        // All since the mark is appended to the list; the end.
        self.out.extend_from_slice(b"e.");
        let length = (self.out.len() - self.frame - size_of::<u32>()) as u32;
        if let Some(place) = self.out.get_mut(self.frame..self.frame + size_of::<u32>()) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// Whether carbon reads this as one word.
fn is_path(path: &[u8]) -> bool {
    let is_word = |text: &str| {
        let breaks = |letter: char| letter.is_whitespace() || letter.is_control();
        !text.is_empty() && !text.contains(breaks)
    };
    path.len() <= limits::METRIC_LINE_BYTES_MAX && std::str::from_utf8(path).is_ok_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::{Points, Protocol};

    fn plain(points: &[(&[u8], f64, i64)]) -> (String, u64) {
        let mut out = Points::new(Protocol::Plaintext);
        for (path, value, time) in points {
            out.push(path, "", *value, *time);
        }
        let refused = out.refused();
        let text = String::from_utf8(out.finish().to_vec()).expect("lines are text");
        (text, refused)
    }

    #[test]
    fn a_point_is_a_line() {
        let points: &[(&[u8], f64, i64)] =
            &[(b"a", 1.0, 10), (b"b.c", -0.25, 20), (b"d", 1e300, 30)];
        assert_eq!(
            plain(points),
            ("a 1 10\nb.c -0.25 20\nd 1e300 30\n".to_owned(), 0)
        );
    }

    #[test]
    fn what_carbon_could_not_read_is_left_out_and_counted() {
        let long = vec![b'a'; 20_000];
        let points: &[(&[u8], f64, i64)] = &[
            (b"a", f64::INFINITY, 10),
            (b"a", f64::NAN, 10),
            (b"a", 1.0, -1),
            (b"a", 1.0, 1 << 31),
            (b"a b", 1.0, 10),
            (b"a\n", 1.0, 10),
            (b"\xff", 1.0, 10),
            (b"", 1.0, 10),
            (&long, 1.0, 10),
        ];
        assert_eq!(plain(points), (String::new(), 9));
    }

    #[test]
    fn pickles_are_those_of_python() {
        let mut out = Points::new(Protocol::Pickle);
        out.push(b"a", ".b", 1.5, 1_447_200_000);
        let want = b"\x00\x00\x00\x1e\x80\x02](X\x03\x00\x00\x00a.bJ\x00\x85BVG?\xf8\x00\x00\x00\x00\x00\x00\x86\x86e.";
        assert_eq!(out.finish().as_ref(), want);
    }

    #[test]
    fn pickles_go_in_frames_that_carbon_takes() {
        let mut out = Points::new(Protocol::Pickle);
        for number in 0..1001 {
            out.push(format!("path{number}").as_bytes(), "", 1.0, 10);
        }
        let bytes = out.finish();
        let (mut rest, mut frames) = (bytes.as_ref(), 0);
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let (frame, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
            assert!(frame.starts_with(b"\x80\x02](X") && frame.ends_with(b"\x86\x86e."));
            (rest, frames) = (behind, frames + 1);
        }
        assert_eq!(frames, 3);
    }

    #[test]
    fn nothing_is_no_frame() {
        assert!(Points::new(Protocol::Pickle).finish().is_empty());
    }
}
