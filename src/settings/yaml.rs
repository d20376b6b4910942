//! `sawlog.yml`, `logstash.yml` and `pipelines.yml`: flat or nested keys, read into `Values`.

use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use crate::settings::read::Values;
use crate::settings::table;

/// Every file that is looked for in the folder of settings.
pub const FILES: [&str; 3] = ["sawlog.yml", "logstash.yml", PIPELINES];

const PIPELINES: &str = "pipelines.yml";

/// The folder of settings: the one that was named, which must be there, or /etc/sawlog if it is.
pub fn settings_folder(named: Option<PathBuf>) -> Result<Option<PathBuf>, String> {
    match named {
        Some(folder) if folder.is_dir() => Ok(Some(folder)),
        Some(folder) => Err(format!("path.settings: {} is no folder", folder.display())),
        None => Ok(Some(PathBuf::from("/etc/sawlog")).filter(|folder| folder.is_dir())),
    }
}

/// The agent's own file or, where there is none, Logstash's.
pub fn settings_file(folder: &Path) -> Result<Option<Values>, String> {
    for name in ["sawlog.yml", "logstash.yml"] {
        if let Some(documents) = load(&folder.join(name))? {
            let mut values = Values::default();
            for document in &documents {
                if !matches!(document, Yaml::Hash(_) | Yaml::Null) {
                    let path = folder.join(name);
                    return Err(format!("{}: keys and values are expected", path.display()));
                }
                flatten(document, "", &mut values)
                    .map_err(|error| format!("{}: {error}", folder.join(name).display()))?;
            }
            return Ok(Some(values));
        }
    }
    Ok(None)
}

/// The pipelines of `pipelines.yml`, if it is there.
pub fn pipelines_file(folder: &Path) -> Result<Option<Vec<Values>>, String> {
    let path = folder.join(PIPELINES);
    let wrong = |error: String| format!("{}: {error}", path.display());
    let mut pipelines = Vec::new();
    let Some(documents) = load(&path)? else {
        return Ok(None);
    };
    for document in documents {
        let Yaml::Array(items) = document else {
            return Err(wrong(
                "a list of pipelines is expected, `- pipeline.id: ...`".to_owned(),
            ));
        };
        for item in &items {
            let mut values = Values::default();
            flatten(item, "", &mut values).map_err(wrong)?;
            if let Some(key) = values.keys().find(|key| table::is_of_agent(key)) {
                return Err(wrong(format!(
                    "`{key}` holds for the whole agent; write it into sawlog.yml"
                )));
            }
            pipelines.push(values);
        }
    }
    Ok(Some(pipelines))
}

fn load(path: &Path) -> Result<Option<Vec<Yaml>>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let documents =
        YamlLoader::load_from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(documents))
}

/// `pipeline: {workers: 2}` and `pipeline.workers: 2` are the same.
fn flatten(value: &Yaml, prefix: &str, values: &mut Values) -> Result<(), String> {
    match value {
        Yaml::Hash(entries) => {
            for (name, inner) in entries {
                let name = scalar(name).ok_or("a key must be a text")?;
                let key = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(inner, &key, values)?;
            }
            Ok(())
        }
        Yaml::Null | Yaml::BadValue => Ok(()),
        Yaml::Array(items) if prefix == "path.config" => {
            let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
            values.set(
                prefix,
                texts.ok_or_else(|| format!("{prefix}: a list of texts is expected"))?,
            )
        }
        // Whatever is in a list that nobody reads.
        Yaml::Array(_) if table::find(prefix).is_some_and(|spec| spec.without_effect.is_some()) => {
            values.set(prefix, Vec::new())
        }
        flat => {
            let text = scalar(flat).ok_or_else(|| format!("{prefix}: a text is expected"))?;
            values.set(prefix, vec![substitute(&text)?])
        }
    }
}

fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

/// Puts `${VAR}` and `${VAR:default}` in, as Logstash does in its settings.
fn substitute(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let Some((inner, after)) = from.split_once('}') else {
            break;
        };
        let (name, default) = match inner.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let value = std::env::var(name).ok().or(default.map(str::to_owned));
        out.push_str(before);
        out.push_str(&value.ok_or_else(|| format!("the environment has no `{name}`"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{flatten, load, substitute};
    use crate::settings::read::Values;

    #[test]
    fn nested_and_flat_keys_are_the_same() {
        for text in ["pipeline.workers: 3\n", "pipeline:\n  workers: 3\n"] {
            let documents = yaml_rust2::YamlLoader::load_from_str(text).expect("this is YAML");
            let mut values = Values::default();
            flatten(&documents[0], "", &mut values).expect("the key is known");
            assert_eq!(values.get("pipeline.workers"), Some("3"));
        }
    }

    #[test]
    fn variables_have_defaults() {
        assert_eq!(
            substitute("a ${SAWLOG_NOT_SET:b} c"),
            Ok("a b c".to_owned())
        );
        assert!(substitute("${SAWLOG_NOT_SET}").is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_no_error() {
        assert_eq!(
            load(std::path::Path::new("/nonexistent/sawlog.yml")),
            Ok(None)
        );
    }
}
