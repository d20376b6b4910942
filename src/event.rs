//! Events in batches: values, field references, templates, JSON in and out.

pub mod reference;
