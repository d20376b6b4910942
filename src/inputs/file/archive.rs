//! Files that were packed with gzip, as rotation leaves them. Packed bytes come in, unpacked ones go out; offsets count
//! unpacked bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// A file being unpacked.
pub struct Archive {
    decoder: MultiGzDecoder<BufReader<File>>,
}

/// Whether a path looks like an archive.
pub fn is_archive(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "gz" || extension == "gzip")
}

impl Archive {
    /// Unpacks from the beginning of the file, and leaves out so many bytes.
    pub fn open(mut file: File, offset: u64) -> io::Result<Self> {
        file.rewind()?;
        let mut decoder = MultiGzDecoder::new(BufReader::new(file));
        io::copy(&mut decoder.by_ref().take(offset), &mut io::sink())?;
        Ok(Self { decoder })
    }

    /// Fills the buffer as far as there are bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.decoder.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came before the fault is given first; the fault comes again.
                Err(_) if 0 < filled => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Whether the whole file can be unpacked.
    pub fn check(file: File) -> io::Result<()> {
        let mut archive = Self::open(file, 0)?;
        io::copy(&mut archive.decoder, &mut io::sink()).map(drop)
    }
}
