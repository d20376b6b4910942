//! Paths with fields in them. A template is cut into its fixed folder and the rest; a rendered rest is checked to stay
//! below that folder. Opening, which follows no link there, is `writer`'s.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::event::{Batch, EventId, Template};
use crate::limits;
use crate::pipeline::Building;
use crate::plugin::{Options, Word};

/// The file for events whose own was deleted, where the path has no fields.
pub const FAILURES: &str = "_filepath_failures";

/// Where events go.
#[derive(Clone, Debug)]
pub enum PathPlan {
    /// One file, which the configuration alone names.
    Fixed(PathBuf),
    /// Files below a folder.
    Below {
        folder: PathBuf,
        rest: Template,
        failure: String,
    },
}

pub fn check(options: &Options, building: &mut Building<'_>) -> Option<PathPlan> {
    let word = options.word("path")?;
    let template = building.template(&word)?;
    if template.as_literal().is_some() {
        return Some(PathPlan::Fixed(PathBuf::from(word.text)));
    }
    let fixed = word.text.find("%{").unwrap_or(word.text.len());
    let cut = word.text.get(..fixed).and_then(|fixed| fixed.rfind('/'));
    let (folder, rest) = match cut {
        Some(cut) if 0 < cut => word.text.split_at(cut + 1),
        _ => {
            let why = "a path with fields begins with a fixed folder, such as `/var/log/sawlog/%{host}.log`";
            building.refuse(word.span, why);
            return None;
        }
    };
    let failure = options
        .text("filename_failure")
        .unwrap_or("_filepath_failures");
    if !is_plain_part(failure.as_bytes()) {
        let why = "`filename_failure` is the name of a file, without a folder";
        building.refuse(options.span_of("filename_failure"), why);
        return None;
    }
    Some(PathPlan::Below {
        folder: Path::new(folder).to_path_buf(),
        rest: building.template(&Word {
            text: rest.to_owned(),
            span: word.span,
        })?,
        failure: failure.to_owned(),
    })
}

impl PathPlan {
    /// What is changed: the folder, since files are made in it, or a device itself.
    pub fn written(&self) -> Vec<PathBuf> {
        match self {
            Self::Below { folder, .. } => vec![folder.clone()],
            Self::Fixed(path) => {
                let is_device = path
                    .metadata()
                    .is_ok_and(|at| !at.is_file() && !at.is_dir());
                match path.parent() {
                    Some(folder) if !is_device => vec![folder.to_path_buf()],
                    _ => vec![path.clone()],
                }
            }
        }
    }

    /// The name of the file for what has none of its own.
    pub fn failures(&self) -> Vec<u8> {
        match self {
            Self::Below { failure, .. } => failure.clone().into_bytes(),
            Self::Fixed(path) => {
                let beside = path.with_file_name(FAILURES);
                beside.as_os_str().as_bytes().to_vec()
            }
        }
    }

    /// A path that an earlier configuration may have rendered.
    pub fn admitted<'a>(&'a self, path: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Fixed(_) => b"",
            Self::Below { .. } if is_below(path) => path,
            Self::Below { failure, .. } => failure.as_bytes(),
        }
    }

    /// Appends an event's path; false if it would have left its folder and the failures' file stands for it.
    pub fn render(&self, batch: &Batch, id: EventId, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Below { rest, failure, .. } => {
                rest.write(batch, id, out);
                let stays = is_below(out);
                if !stays {
                    out.clear();
                    out.extend_from_slice(failure.as_bytes());
                }
                stays
            }
        }
    }
}

/// Whether a relative path leads downwards only, to something that can be a file.
pub fn is_below(path: &[u8]) -> bool {
    path.len() < limits::FILE_PATH_BYTES_MAX && path.split(|&byte| byte == b'/').all(is_plain_part)
}

/// Whether a text is a name in a folder: not empty, not `.` or `..`, of a length that file systems take.
fn is_plain_part(part: &[u8]) -> bool {
    !matches!(part, b"" | b"." | b"..")
        && part.len() <= limits::FILE_NAME_BYTES_MAX
        && !part
            .iter()
            .any(|byte| byte.is_ascii_control() || *byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn paths_that_lead_downwards_pass() {
        for path in [
            "a",
            "a/b.log",
            "2026-11-20/web 1.log",
            "...",
            "%{missing}.log",
            "für",
        ] {
            assert!(is_below(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_do_not() {
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a/..",
            ".",
            "a//b",
            "a/",
            "a\nb",
            "a\0b",
        ] {
            assert!(!is_below(path.as_bytes()), "{path:?}");
        }
        assert!(!is_below(&[b'a'; 256]));
        assert!(!is_below(&b"a/".repeat(3000)));
    }
}
