//! The end of a pipe that is written to, or of what else has a reader.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limits;

/// Waits a moment for the reader; whether there is room now.
pub fn has_room(end: &impl AsFd) -> io::Result<bool> {
    let wait = Timespec::try_from(limits::PIPE_LOOK_INTERVAL).map_err(io::Error::other)?;
    let mut ends = [PollFd::new(end, PollFlags::OUT)];
    Ok(poll(&mut ends, Some(&wait))? != 0)
}
