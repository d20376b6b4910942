//! Placeholder.
use crate::event::value::Chain;
use crate::event::{Batch, EventId};
pub fn adopt(_batch: &mut Batch, _id: EventId, _members: Chain) {}
