//! Small files that options name, of certificates, keys and secrets: a path comes in, all that is in the file goes out. What has
//! no end, or waits for somebody who writes, is refused.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The content of a file of at most so many bytes.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // A pipe would wait for its other end.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    match bytes_max < bytes.len() as u64 {
        true => Err(io::Error::other(format!(
            "it has more than {bytes_max} bytes"
        ))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::read;

    #[track_caller]
    fn check(path: &Path, want: Result<&[u8], &str>) {
        let got = read(path, 4).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want);
    }

    #[test]
    fn a_small_file_is_read_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("sawlog-small-{}", std::process::id()));
        fs::create_dir(&folder).expect("it is ours");
        let path = |name: &str| folder.join(name);
        fs::write(path("small"), "1234").expect("it is ours");
        fs::write(path("large"), "12345").expect("it is ours");
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, path("pipe"), FileType::Fifo, mode, 0).expect("it is ours");
        check(&path("small"), Ok(b"1234"));
        check(&path("large"), Err("it has more than 4 bytes"));
        for other in [&path("pipe"), &folder, Path::new("/dev/zero")] {
            check(other, Err("it is no regular file"));
        }
        fs::remove_dir_all(folder).expect("it is ours");
    }
}
