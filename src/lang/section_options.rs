//! The options that all plugins of a section have. A plugin's own option of the same name stands before them.

use crate::plugin::{Kind, Opt, Plugin, Section};

const ID: Opt = Opt::new(
    "id",
    Kind::Text,
    "A name for this plugin in logs and metrics; without it one is made from section, name and order.",
);

const ENABLE_METRIC: Opt = Opt::new(
    "enable_metric",
    Kind::Boolean,
    "Whether this plugin's own metrics are kept.",
)
.default("true");

const ECS_COMPATIBILITY: Opt = Opt::new(
    "ecs_compatibility",
    Kind::Text,
    "Which field names are used: `disabled` for Logstash's old ones, `v1` or `v8` for the Elastic Common Schema. \
     Without it the setting `pipeline.ecs_compatibility` holds.",
)
.allowed(&["disabled", "v1", "v8"]);

const CODEC: Opt = Opt::new(
    "codec",
    Kind::Codec,
    "How bytes become events or events bytes: a codec's name, or `name { option => value }`.",
)
.default("plain");

/// Every input has these.
pub const COMMON_INPUT: &[Opt] = &[
    ID,
    ENABLE_METRIC,
    Opt::new(
        "type",
        Kind::Text,
        "Put into the field `type` of events that have none.",
    ),
    Opt::new(
        "tags",
        Kind::List,
        "Tags that every event of this input gets.",
    ),
    Opt::new(
        "add_field",
        Kind::Hash,
        "Fields that every event of this input gets, by name.",
    ),
    CODEC,
    ECS_COMPATIBILITY,
];

/// Every filter has these. They act when the filter succeeded, in this order: `add_field`, `remove_field`, `add_tag`,
/// `remove_tag`.
pub const COMMON_FILTER: &[Opt] = &[
    ID,
    ENABLE_METRIC,
    Opt::new(
        "add_field",
        Kind::Hash,
        "Fields to add when the filter succeeded; `%{...}` in names and values is filled in. A field that is there \
         becomes a list.",
    ),
    Opt::new(
        "remove_field",
        Kind::List,
        "Fields to remove when the filter succeeded.",
    ),
    Opt::new(
        "add_tag",
        Kind::List,
        "Tags to add when the filter succeeded.",
    ),
    Opt::new(
        "remove_tag",
        Kind::List,
        "Tags to remove when the filter succeeded.",
    ),
    Opt::new(
        "periodic_flush",
        Kind::Boolean,
        "Whether the filter is asked at intervals for events that it holds back.",
    )
    .default("false"),
    ECS_COMPATIBILITY,
];

/// Every output has these.
pub const COMMON_OUTPUT: &[Opt] = &[ID, ENABLE_METRIC, CODEC, ECS_COMPATIBILITY];

/// Every codec has these.
pub const COMMON_CODEC: &[Opt] = &[ID, ENABLE_METRIC, ECS_COMPATIBILITY];

fn of_section(section: Section) -> &'static [Opt] {
    match section {
        Section::Input => COMMON_INPUT,
        Section::Codec => COMMON_CODEC,
        Section::Filter => COMMON_FILTER,
        Section::Output => COMMON_OUTPUT,
    }
}

/// All options of a plugin: its own, then the section's that it neither replaces nor refuses.
pub fn all(plugin: &Plugin) -> impl Iterator<Item = &'static Opt> {
    let own = plugin.options;
    let absent = plugin.absent;
    let shared = of_section(plugin.section).iter().filter(move |opt| {
        !own.iter().any(|own| own.name == opt.name) && !absent.contains(&opt.name)
    });
    own.iter().chain(shared)
}
