//! Files that were packed with gzip, as rotation leaves them. Packed bytes come in, unpacked ones go out; offsets count
//! unpacked bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::inputs::rotated::{self, Packing};
use crate::limits;

/// A file being unpacked.
pub struct Archive {
    decoder: MultiGzDecoder<BufReader<File>>,
    /// Unpacked bytes that may still come.
    left: u64,
    /// Comes behind the bytes that were unpacked before it.
    fault: Option<io::Error>,
}

/// Whether a path looks like an archive.
pub fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    rotated::unpacked(name.as_bytes()).1 == Packing::Gzip
}

/// Whether a file that begins like this can be an archive; what is empty may become one.
pub fn begins_as_archive(head: &[u8]) -> bool {
    const MAGIC: [u8; 2] = [0x1f, 0x8b];
    head.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic)
}

/// The first unpacked bytes, at most so many; the place of reading stays. Of a file that is cut short it is what there is.
pub fn head(file: &File, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let read = MultiGzDecoder::new(BufReader::new(FromStart { file, offset: 0 }))
        .take(bytes_max as u64)
        .read_to_end(&mut head);
    match read {
        Err(error) if head.is_empty() => Err(error),
        Ok(_) | Err(_) => Ok(head),
    }
}

/// Whether so many bytes are all that it unpacks to, as its last four bytes tell. They tell of the last part only, so that an
/// archive of several says no.
pub fn ends_at(file: &File, offset: u64) -> io::Result<bool> {
    let mut size = [0; 4];
    let Some(place) = file.metadata()?.len().checked_sub(size.len() as u64) else {
        return Ok(false);
    };
    file.read_exact_at(&mut size, place)?;
    Ok(u64::from(u32::from_le_bytes(size)) == offset % (1 << 32))
}

/// The unpacked bytes before an offset, at most so many; fewer, if it ends before that.
pub fn before(file: &File, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let begin = offset.saturating_sub(bytes_max as u64);
    let mut decoder = MultiGzDecoder::new(BufReader::new(FromStart { file, offset: 0 }));
    io::copy(&mut decoder.by_ref().take(begin), &mut io::sink())?;
    let mut before = Vec::new();
    decoder.take(offset - begin).read_to_end(&mut before)?;
    Ok(before)
}

/// Reads a file without moving its place.
struct FromStart<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Archive {
    /// Unpacks from the beginning of the file, and leaves out so many bytes.
    pub fn open(file: File, offset: u64) -> io::Result<Self> {
        Self::open_within(file, offset, limits::ARCHIVE_BYTES_MAX)
    }

    /// The same with another limit than `limits::ARCHIVE_BYTES_MAX`.
    fn open_within(mut file: File, offset: u64, bytes_max: u64) -> io::Result<Self> {
        file.rewind()?;
        let mut decoder = MultiGzDecoder::new(BufReader::new(file));
        let skipped = io::copy(&mut decoder.by_ref().take(offset), &mut io::sink())?;
        let left = bytes_max.saturating_sub(skipped);
        Ok(Self {
            decoder,
            left,
            fault: None,
        })
    }

    /// Fills the buffer as far as there are bytes. An archive that goes on beyond the limit is an error.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let wanted = rest
                .len()
                .min(usize::try_from(self.left).unwrap_or(usize::MAX));
            if wanted == 0 {
                match filled {
                    0 => return self.at_limit(),
                    _ => break,
                }
            }
            match self
                .decoder
                .read(rest.get_mut(..wanted).unwrap_or_default())
            {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    self.left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came before the fault is given first. The decoder tells of a wrong checksum once, and then of an end.
                Err(error) if 0 < filled => {
                    self.fault = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// The limit is reached: the end must be here too.
    fn at_limit(&mut self) -> io::Result<usize> {
        match self.decoder.read(&mut [0])? {
            0 => Ok(0),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it unpacks to more than ARCHIVE_BYTES_MAX; what is behind that is not read",
            )),
        }
    }

    /// Whether the whole file can be unpacked.
    pub fn check(file: File) -> io::Result<()> {
        let mut archive = Self::open(file, 0)?;
        let mut buffer = vec![0; limits::READ_BYTES];
        while 0 < archive.read(&mut buffer)? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::Archive;

    /// What is read of a megabyte of zeros, packed, with a limit; or the fault.
    fn read(limit: u64) -> Result<usize, String> {
        let path = std::env::temp_dir().join(format!("sawlog-bomb-{limit}-{}", std::process::id()));
        let file = File::create(&path).expect("the folder is writable");
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        packed.write_all(&[0; 1 << 20]).expect("it takes it");
        packed.finish().expect("it takes it");
        let file = File::open(&path).expect("it was written");
        std::fs::remove_file(&path).expect("it is ours");
        let mut archive =
            Archive::open_within(file, 0, limit).map_err(|error| error.to_string())?;
        let (mut total, mut buffer) = (0, [0; 5000]);
        loop {
            match archive.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(count) => total += count,
                Err(error) => return Err(format!("{error} after {total}")),
            }
        }
    }

    #[test]
    fn an_archive_is_read_up_to_the_limit_and_what_goes_beyond_is_told() {
        assert_eq!(read(1 << 20), Ok(1 << 20));
        let fault = read((1 << 20) - 1).expect_err("a byte too many");
        assert!(fault.ends_with("after 1048575"), "{fault}");
        assert!(fault.contains("ARCHIVE_BYTES_MAX"), "{fault}");
    }

    #[test]
    fn what_differs_from_its_checksum_or_its_length_is_told_after_what_came_before() {
        let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        whole.write_all(&[b'a'; 5000]).expect("it takes it");
        let whole = whole.finish().expect("it takes it");
        let end = whole.len();
        for (name, place) in [
            ("data", end / 2),
            ("checksum", end - 6),
            ("length", end - 2),
        ] {
            let path = std::env::temp_dir().join(format!("sawlog-{name}-{}", std::process::id()));
            let mut spoilt = whole.clone();
            spoilt[place] ^= 2;
            std::fs::write(&path, spoilt).expect("the folder is writable");
            let open = || File::open(&path).expect("it was written");
            assert!(Archive::check(open()).is_err(), "{name}");
            let mut archive = Archive::open(open(), 0).expect("it begins well");
            let mut buffer = [0; 100_000];
            let read = archive.read(&mut buffer);
            assert_eq!(read.expect("it comes first"), 5000, "{name}");
            assert!(archive.read(&mut buffer).is_err(), "{name}");
            // Also for whoever comes back to the place behind the last byte.
            let mut archive = Archive::open(open(), 5000).expect("so much is there");
            assert!(archive.read(&mut buffer).is_err(), "{name}");
            std::fs::remove_file(&path).expect("it is ours");
        }
    }
}
