//! Events in batches: values, field references, templates, JSON in and out. Bytes of an input become a `Batch` here, and
//! leave it as JSON or text. No map and no string is made per event: see `batch`.

pub mod adopt;
pub mod batch;
pub mod copies;
pub mod encode;
pub mod fields;
pub mod json;
pub mod mould;
pub mod names;
pub mod provenance;
pub mod reference;
pub mod template;
pub mod value;

pub use batch::{Batch, EventId};
pub use names::{Name, Names};
pub use provenance::{Home, Maker, Provenance};
pub use reference::Reference;
pub use template::Template;
pub use value::{Text, Value};
