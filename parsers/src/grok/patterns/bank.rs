//! The pattern files that are compiled in.

/// The embedded files of a bank, each once.
macro_rules! bank {
    ($folder:literal: $($file:literal),* $(,)?) => {
        &[$((concat!($folder, "/", $file), include_str!(concat!("../../../patterns/", $folder, "/", $file)))),*]
    };
}

/// Logstash's old field names.
pub(super) const LEGACY: &[(&str, &str)] = bank!(
    "legacy":
    "grok-patterns",
    "aws",
    "bacula",
    "bind",
    "bro",
    "exim",
    "firewalls",
    "haproxy",
    "httpd",
    "java",
    "junos",
    "linux-syslog",
    "maven",
    "mcollective-patterns",
    "mongodb",
    "nagios",
    "postgresql",
    "rails",
    "redis",
    "ruby",
    "squid",
);

/// The field names of the Elastic Common Schema.
pub(super) const ECS_V1: &[(&str, &str)] = bank!(
    "ecs-v1":
    "grok-patterns",
    "aws",
    "bacula",
    "bind",
    "bro",
    "exim",
    "firewalls",
    "haproxy",
    "httpd",
    "java",
    "junos",
    "linux-syslog",
    "maven",
    "mcollective",
    "mongodb",
    "nagios",
    "postgresql",
    "rails",
    "redis",
    "ruby",
    "squid",
    "zeek",
);

/// What is stricter than in the ECS set, whose files are read first.
pub(super) const STRICT: &[(&str, &str)] = bank!(
    "strict":
    "grok-patterns",
    "bind",
    "firewalls",
    "haproxy",
    "httpd",
    "java",
    "linux-syslog",
    "mongodb",
    "nagios",
    "ruby",
);
