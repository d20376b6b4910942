//! `docker`: name, image and labels of the container that an event came from, for events whose program names it, as those
//! of Docker's syslog driver do. Descriptions come from the Engine or from Docker's files.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::docker::containers::{Containers, Source};
use crate::docker::engine::{self, Engine};
use crate::docker::fields::{CUT_TAG, Fields};
use crate::event::{Batch, EventId, Reference, Value};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "docker",
    summary: "Finds the container that an event came from and adds `[container][id]`, `[container][name]`, \
              `[container][image][name]` and `[container][labels]`. For events that came through Docker's syslog driver.",
    options: &[
        Opt::new(
            "source",
            Kind::Field,
            "The field that names the container: a 12 or 64 digit id, or a name, alone or behind the last slash as in \
             `docker/web`. Without this option `[program]`, or `[process][name]` where fields have the Elastic Common \
             Schema's names.",
        ),
        Opt::new(
            "mode",
            Kind::Text,
            "Where descriptions come from: `api` asks the Engine through `socket`, `files` reads those below \
             `data_root`; `auto` takes what there is.",
        )
        .default("auto")
        .allowed(&["auto", "files", "api"]),
        Opt::new(
            "socket",
            Kind::Path,
            "The Engine's unix socket; without it `DOCKER_HOST`, then /var/run/docker.sock. Only GET is sent.",
        ),
        Opt::new("data_root", Kind::Path, "Docker's folder.").default("/var/lib/docker"),
        Opt::new(
            "timeout",
            Kind::Duration,
            "How long an event may wait for a container that is not known yet.",
        )
        .default("0.25"),
        Opt::new("tag_on_failure", Kind::List, "Tags for events whose container is not found."),
    ],
    absent: &[],
};

#[derive(Clone)]
struct Docker {
    source: Reference,
    containers: Containers,
    fields: Fields,
    tags: Vec<String>,
    /// What this batch has asked for already.
    found: HashMap<Vec<u8>, Option<Found>>,
}

/// A container's fields, kept in the present batch.
#[derive(Clone)]
struct Found {
    values: Vec<(Reference, Value)>,
    cut: bool,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let source = match options.word("source") {
        Some(word) => building.reference(&word)?,
        None => building.known(building.ecs(options).pick("program", "[process][name]")),
    };
    let mode = options.text("mode").unwrap_or("auto");
    let docker_host = std::env::var("DOCKER_HOST").ok();
    let engine = match engine::socket_path(options.text("socket"), docker_host.as_deref()) {
        _ if mode == "files" => None,
        Ok(socket) => Some(Engine::new(socket)),
        Err(error) if options.text("socket").is_some() || mode == "api" => {
            building.refuse(options.span_of("socket"), error);
            return None;
        }
        // DOCKER_HOST may well be meant for other programs.
        Err(_) => None,
    };
    let data_root = options
        .text("data_root")
        .filter(|_| mode != "api")
        .map(PathBuf::from);
    let wait = options.duration("timeout").unwrap_or_default();
    Some(Box::new(Docker {
        source,
        containers: Containers::new(
            Source {
                engine,
                data_roots: data_root.into_iter().collect(),
            },
            wait,
        ),
        fields: Fields::intern(building.names),
        tags: options
            .list("tag_on_failure")
            .iter()
            .map(|word| word.text.clone())
            .collect(),
        found: HashMap::new(),
    }))
}

impl Docker {
    fn find(&mut self, batch: &mut Batch, event: EventId) -> Option<Found> {
        let program = batch.text_in(event, &self.source)?;
        if let Some(found) = self.found.get(program) {
            return found.clone();
        }
        let program = program.to_vec();
        let container = std::str::from_utf8(&program)
            .ok()
            .and_then(|program| self.containers.find(program));
        let found = container.map(|container| Found {
            values: self.fields.values(batch, &container),
            cut: container.cut,
        });
        self.found.insert(program, found.clone());
        found
    }
}

impl Filter for Docker {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        self.found.clear();
        for &event in selected {
            let Some(found) = self.find(batch, event) else {
                for tag in &self.tags {
                    batch.tag(event, tag.as_bytes());
                }
                outcome.failed += 1;
                continue;
            };
            let set = found
                .values
                .iter()
                .all(|(field, value)| batch.set(event, field, *value).is_ok());
            if !set {
                // The event has something of its own in the place of `[container]`.
                outcome.failed += 1;
                batch.tag(event, b"_docker_field_in_the_way");
                continue;
            }
            if found.cut {
                batch.tag(event, CUT_TAG);
            }
            outcome.matched.push(event);
        }
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::docker::container::{Container, Label};
    use crate::event::Names;
    use crate::event::json::Counted;
    use crate::queue::ack::Ack;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn container() -> Container {
        Container {
            id: ID.to_owned(),
            name: "web".to_owned(),
            image: "nginx:1.25".to_owned(),
            labels: vec![Label {
                key: "a.b".into(),
                field: "a_b".into(),
                value: "1".into(),
            }],
            ..Container::default()
        }
    }

    /// The event as JSON after the filter, and whether it matched.
    fn run(container: Container, event: &str) -> (String, bool) {
        let mut names = Names::default();
        let mut filter = Docker {
            source: Reference::compile("program", &mut names).expect("it is one"),
            containers: Containers::fixed(vec![container]),
            fields: Fields::intern(&mut names),
            tags: vec!["unknown".to_owned()],
            found: HashMap::new(),
        };
        let mut batch = Batch::new(event.as_bytes().to_vec(), Arc::new(names), 0, Ack::none());
        let text = batch.text_at(0..event.len());
        let Ok(Value::Map(fields)) = batch.parse_json(text, Counted::Whole, &mut Vec::new()) else {
            panic!("the event is an object");
        };
        let members: Vec<_> = batch.members(fields).collect();
        let id = batch.push_bare_event();
        members
            .into_iter()
            .for_each(|(name, value)| batch.append_field(id, name, value));
        let mut outcome = Outcome::default();
        filter.run(&mut batch, &[id], &mut outcome);
        assert_eq!(outcome.failed, u64::from(outcome.matched.is_empty()));
        let mut out = Vec::new();
        batch.write_json(id, &mut out);
        (
            String::from_utf8(out).expect("JSON is text"),
            !outcome.matched.is_empty(),
        )
    }

    #[track_caller]
    fn check(program: &str, found: bool) {
        let (event, matched) = run(container(), &format!(r#"{{"program":"{program}"}}"#));
        assert_eq!(matched, found, "{event}");
        assert_eq!(event.contains(r#""tags":["unknown"]"#), !found, "{event}");
    }

    #[test]
    fn a_container_is_found_by_the_forms_of_dockers_tags() {
        check("0123456789ab", true);
        check(ID, true);
        check("docker/0123456789ab", true);
        check("web", true);
        check("docker/web", true);
        check("nginx/web/0123456789ab", true);
        check("other", false);
        check("docker/", false);
        check("0123456789", false);
    }

    #[test]
    fn the_event_gets_the_containers_fields() {
        let (event, _) = run(
            container(),
            r#"{"program":"web","container":{"id":"x","more":1}}"#,
        );
        let want = format!(
            r#"{{"program":"web","container":{{"id":"{ID}","more":1,"name":"web","image":{{"name":"nginx:1.25"}},"labels":{{"a_b":"1"}}}}}}"#
        );
        assert_eq!(event, want);
    }

    #[test]
    fn a_field_in_the_way_is_kept_and_tagged() {
        let (event, matched) = run(container(), r#"{"program":"web","container":"mine"}"#);
        assert!(!matched);
        assert_eq!(
            event,
            r#"{"program":"web","container":"mine","tags":["_docker_field_in_the_way"]}"#
        );
    }

    #[test]
    fn cut_metadata_is_tagged_and_a_source_that_is_no_text_is_no_match() {
        let (event, _) = run(
            Container {
                cut: true,
                ..container()
            },
            r#"{"program":"web"}"#,
        );
        assert!(event.contains("_docker_metadata_cut"), "{event}");
        assert!(!run(container(), r#"{"program":7}"#).1);
        assert!(!run(container(), r#"{}"#).1);
    }
}
