//! What pipelines need from outside: folders that they write to, queues on disk, addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::inputs::Source;
use crate::metrics::PluginMetrics;
use crate::outputs::Queue;
use crate::pipeline::compile::Compiled;
use crate::pipeline::program::Step;
use crate::queue::policy::Policy;
use crate::queue::queues::waiting_in;
use crate::settings::Settings;

/// Everything that these pipelines change on disk, or may with the next reload.
pub fn written(settings: &Settings, compiled: &[Compiled]) -> Vec<PathBuf> {
    let mut all = kept_in(settings, compiled);
    for (one, pipeline) in compiled.iter().zip(&settings.pipelines) {
        let dead_letters = pipeline.dead_letters(&settings.path_data);
        // What is pushed today may be joined by what keeps positions with the next reload.
        if one.has(Source::Pushed) {
            all.push(settings.path_data.clone());
        }
        all.extend(one.inputs.iter().flat_map(|input| input.written()));
        Step::each(&one.outputs, &mut |planned| {
            all.extend(planned.output.written());
            if planned.output.keeps_dead_letters() {
                all.extend(dead_letters.iter().map(|queue| queue.folder.clone()));
            }
        });
    }
    all
}

/// The folders of positions, of sums and of queues on disk.
pub fn kept_in(settings: &Settings, compiled: &[Compiled]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for (one, pipeline) in compiled.iter().zip(&settings.pipelines) {
        if one.has(Source::Rereadable) || !one.sums().is_empty() {
            all.push(settings.path_data.clone());
        }
        let policy = pipeline.queue_policy(&settings.path_queue);
        if !queues_of(one, &policy).is_empty() {
            all.extend([settings.path_data.clone(), policy.folder]);
        }
    }
    all
}

/// The outputs of a pipeline that need a queue on disk, by their metrics, and why.
pub fn queues_of(one: &Compiled, policy: &Policy) -> Vec<(Arc<PluginMetrics>, Need)> {
    let inputs = one.input_kinds();
    let mut queues = Vec::new();
    Step::each(&one.outputs, &mut |planned| {
        let (queue, metrics) = (planned.output.queue(), &planned.metrics);
        let is_wanted = queue.under(policy.kind, inputs) != Queue::None;
        let waits = || 0 < waiting_in(&policy.folder_of(&metrics.id));
        let need = match queue {
            Queue::None => None,
            _ if is_wanted => Some(Need::Settings),
            _ => (inputs.outlive && waits()).then_some(Need::Rest),
        };
        queues.extend(need.map(|need| (Arc::clone(metrics), need)));
    });
    queues
}

/// Where inputs want to listen for connections.
pub fn listened_at(compiled: &[Compiled]) -> Vec<SocketAddr> {
    let inputs = compiled.iter().flat_map(|one| &one.inputs);
    inputs.flat_map(|input| input.listens_at()).collect()
}

/// Where they want to receive datagrams.
pub fn received_at(compiled: &[Compiled]) -> Vec<SocketAddr> {
    let inputs = compiled.iter().flat_map(|one| &one.inputs);
    inputs.flat_map(|input| input.receives_at()).collect()
}

/// Why an output has a queue on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The settings want it.
    Settings,
    /// They do not any more, but something still waits there.
    Rest,
}
