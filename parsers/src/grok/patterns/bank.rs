//! The pattern files that are compiled in.

/// Logstash's old field names.
pub(super) const LEGACY: &[&str] = &[include_str!("../../../patterns/legacy/grok-patterns")];

/// The field names of the Elastic Common Schema.
pub(super) const ECS_V1: &[&str] = &[include_str!("../../../patterns/ecs-v1/grok-patterns")];
