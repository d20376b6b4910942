//! A container's description: Docker's own file or the Engine's answer comes in, what events carry of it goes out, cut to
//! size. Nothing in it is trusted: whoever starts a container chooses its name and labels.

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::limits;

/// What is known of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// As it was written when the container was made.
    pub image: String,
    /// In the order of their keys.
    pub labels: Vec<Label>,
    /// It has a terminal: one stream, whose lines end with a carriage return too.
    pub terminal: bool,
    /// The log driver, such as `json-file`; empty if unknown.
    pub driver: String,
    pub running: bool,
    /// It has run at least once.
    pub started: bool,
    /// It is removed when it ends.
    pub removes_itself: bool,
    /// Something was too long and has been cut.
    pub cut: bool,
}

/// A label of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub key: String,
    /// The key as a field's name: a dot would make Elasticsearch look for an object.
    pub field: String,
    pub value: String,
}

/// Whether a text is a full container id.
pub fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Container {
    /// A container of which only the id is known.
    pub fn unknown(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            running: true,
            started: true,
            ..Self::default()
        }
    }

    /// Reads Docker's own description, `config.v2.json` and `hostconfig.json`, in the folder of the container.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let config = read_json(&folder.join("config.v2.json"))?;
        let host = read_json(&folder.join("hostconfig.json")).unwrap_or_default();
        Self::from_json(&config, &host).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "config.v2.json has no id of a container",
            )
        })
    }

    /// Reads the Engine's answer to `GET /containers/{id}/json`.
    pub fn from_inspect(answer: &Value) -> Option<Self> {
        Self::from_json(answer, answer.get("HostConfig").unwrap_or(&Value::Null))
    }

    /// Reads what an event says of the container that it is about: name, image and labels among each other.
    pub fn from_event(actor: &Value) -> Option<Self> {
        let id = actor
            .get("ID")
            .and_then(Value::as_str)
            .filter(|id| is_id(id))?;
        let mut container = Self {
            id: id.to_owned(),
            started: true,
            ..Self::default()
        };
        if let Some(Value::Object(attributes)) = actor.get("Attributes") {
            let text = |name| {
                attributes
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            container.name = container.kept(text("name"), limits::CONTAINER_NAME_BYTES_MAX);
            container.image = container.kept(text("image"), limits::CONTAINER_IMAGE_BYTES_MAX);
            let mut labels = attributes.clone();
            labels.retain(|name, _| name != "name" && name != "image");
            container.keep_labels(&labels);
        }
        Some(container)
    }

    fn from_json(config: &Value, host: &Value) -> Option<Self> {
        let id = config
            .get("ID")
            .or_else(|| config.get("Id"))
            .and_then(Value::as_str)?;
        if !is_id(id) {
            return None;
        }
        let text = |pointer| {
            config
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let truth = |pointer| {
            config
                .pointer(pointer)
                .and_then(Value::as_bool)
                .unwrap_or_default()
        };
        let mut container = Self {
            id: id.to_owned(),
            terminal: truth("/Config/Tty"),
            running: truth("/State/Running"),
            removes_itself: host
                .get("AutoRemove")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            // Go writes a time that was never set as the year 1.
            started: !text("/State/StartedAt").starts_with("0001-"),
            driver: host
                .pointer("/LogConfig/Type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            ..Self::default()
        };
        let name = text("/Name");
        let name = name.strip_prefix('/').unwrap_or(name);
        container.name = container.kept(name, limits::CONTAINER_NAME_BYTES_MAX);
        container.image = container.kept(text("/Config/Image"), limits::CONTAINER_IMAGE_BYTES_MAX);
        if let Some(Value::Object(labels)) = config.pointer("/Config/Labels") {
            container.keep_labels(labels);
        }
        Some(container)
    }

    fn keep_labels(&mut self, labels: &serde_json::Map<String, Value>) {
        let mut room = limits::LABELS_BYTES_MAX;
        for (key, value) in labels {
            let Some(value) = value.as_str() else {
                continue;
            };
            if key.is_empty() {
                continue;
            }
            let key = self.kept(key, limits::LABEL_NAME_BYTES_MAX);
            let value = self.kept(value, limits::LABEL_VALUE_BYTES_MAX);
            if limits::LABELS_MAX <= self.labels.len() || room < key.len() + value.len() {
                self.cut = true;
                return;
            }
            let field = key.replace('.', "_");
            if self.labels.iter().any(|label| label.field == field) {
                continue;
            }
            room -= key.len() + value.len();
            self.labels.push(Label { key, field, value });
        }
    }

    /// The head of a text, at most so long; notes whether something was cut.
    fn kept(&mut self, text: &str, bytes_max: usize) -> String {
        let end = (0..=bytes_max.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end));
        let head = text.get(..end.unwrap_or_default()).unwrap_or_default();
        self.cut |= head.len() < text.len();
        head.to_owned()
    }
}

fn read_json(path: &Path) -> io::Result<Value> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(limits::DOCKER_ANSWER_BYTES_MAX as u64)
        .read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Container;
    use crate::limits;

    fn described(config: Value) -> Container {
        let mut answer = json!({"ID": "ab".repeat(32)});
        if let (Some(answer), Value::Object(config)) = (answer.as_object_mut(), config) {
            answer.extend(config);
        }
        Container::from_json(&answer, &Value::Null).expect("the id is one")
    }

    #[test]
    fn the_name_loses_its_slash() {
        assert_eq!(described(json!({"Name": "/web"})).name, "web");
    }

    #[test]
    fn labels_keep_their_key_and_get_a_field_without_dots() {
        let container = described(json!({"Config": {"Labels": {"com.x": "1", "a": "2"}}}));
        let labels: Vec<_> = container
            .labels
            .iter()
            .map(|label| (&*label.key, &*label.field))
            .collect();
        assert_eq!(labels, [("a", "a"), ("com.x", "com_x")]);
    }

    #[test]
    fn of_two_labels_with_one_field_the_first_is_kept() {
        let container = described(json!({"Config": {"Labels": {"a.b": "1", "a_b": "2"}}}));
        assert_eq!(container.labels.len(), 1);
        assert_eq!(container.labels[0].value, "1");
    }

    #[test]
    fn a_hostile_label_is_cut_and_the_cut_is_noted() {
        let long = "é".repeat(limits::LABEL_VALUE_BYTES_MAX);
        let container = described(json!({"Config": {"Labels": {"a": long}}}));
        assert!(container.cut);
        assert!(container.labels[0].value.len() <= limits::LABEL_VALUE_BYTES_MAX);
        assert!(!described(json!({"Config": {"Labels": {"a": "short"}}})).cut);
    }

    #[test]
    fn there_are_only_so_many_labels() {
        let labels: serde_json::Map<_, _> = (0..10_000)
            .map(|number| (format!("l{number}"), json!("v")))
            .collect();
        let container = described(json!({"Config": {"Labels": labels}}));
        assert_eq!(container.labels.len(), limits::LABELS_MAX);
        assert!(container.cut);
    }

    #[test]
    fn wrong_types_are_no_panic() {
        let config = json!({"Name": 7, "Config": {"Labels": [1], "Image": {}}, "State": "up"});
        let container = described(config);
        assert_eq!((&*container.name, &*container.image), ("", ""));
        assert_eq!(Container::from_inspect(&json!({"Id": "../../etc"})), None);
        assert_eq!(Container::from_inspect(&json!([])), None);
    }
}
