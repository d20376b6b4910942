//! What is known of a container that is read through the Engine: from events at once, from its description when that comes.

use std::sync::Arc;

use tokio::sync::watch;

use crate::docker::container::Container;
use crate::docker::engine::{Engine, Fault};
use crate::inputs::docker::api::Scope;
use crate::inputs::docker::reading::Reading;

/// What is known of a container that is followed. Whoever learns more says it here.
#[derive(Clone, Debug)]
pub struct Known {
    pub container: Arc<Container>,
    /// The Engine has described it; before that there is what an event said.
    pub described: bool,
    /// How often it was heard to start, or found started.
    pub starts: u64,
    /// It was heard to end, and not to start since.
    pub ended: bool,
    /// It is removed, or will be.
    pub gone: bool,
    /// The options let it be read, through the Engine.
    pub wanted: bool,
}

impl Known {
    /// A container that an event or a list told of.
    pub fn heard_of(container: Container, wanted: bool) -> Self {
        Self {
            container: Arc::new(container),
            described: false,
            starts: 0,
            ended: false,
            gone: false,
            wanted,
        }
    }

    /// Takes the Engine's description.
    pub fn describe(&mut self, container: Container, wanted: bool) {
        let runs_again = container.running && !self.container.running;
        if container.started && (self.starts == 0 || (self.described && runs_again)) {
            self.starts += 1;
        }
        self.container = Arc::new(container);
        self.described = true;
        self.wanted = wanted;
    }
}

/// Asks the Engine for a container's description and says it.
pub async fn describe(
    engine: &Engine,
    reading: &Reading,
    scope: Scope,
    known: &watch::Sender<Known>,
) -> Result<(), Fault> {
    let id = known.borrow().container.id.clone();
    let container = engine.inspect(&id).await?;
    let wanted = scope.takes(reading, &container);
    known.send_modify(|known| known.describe(container, wanted));
    Ok(())
}
