//! Values of settings before they are merged: texts by key, from arguments or the environment, and how they are read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lang::{nearest, units};
use crate::settings::table;

/// Texts by key; a key may have several, as `-f` has.
#[derive(Clone, Debug, Default)]
pub struct Values {
    by_key: BTreeMap<&'static str, Vec<String>>,
}

/// The keys by which a pipeline is given.
const PIPELINE: [&str; 2] = ["path.config", "config.string"];

impl Values {
    /// Sets a key; an unknown one is an error that names the nearest.
    pub fn set(&mut self, key: &str, texts: Vec<String>) -> Result<(), String> {
        let Some(spec) = table::find(table::present_name(key)) else {
            let keys = table::ALL.iter().map(|spec| spec.key);
            return Err(match nearest::nearest(key, keys) {
                Some(near) => format!("unknown setting `{key}`; did you mean `{near}`?"),
                None => format!("unknown setting `{key}`"),
            });
        };
        self.by_key.insert(spec.key, texts);
        Ok(())
    }

    /// The environment's `SAWLOG_...` variables. One that is no setting may be a pipeline's own.
    pub fn from_environment() -> Result<Self, String> {
        let mut values = Self::default();
        for spec in table::ALL {
            if let Ok(text) = std::env::var(table::variable(spec.key)) {
                values.set(spec.key, vec![text])?;
            }
        }
        Ok(values)
    }

    /// Takes over what is not set yet. Whoever names a pipeline by one of its two keys leaves nothing of the other.
    pub fn merge_weaker(&mut self, weaker: Self) {
        let has_pipeline = PIPELINE.iter().any(|key| self.by_key.contains_key(key));
        for (key, texts) in weaker.by_key {
            if !(has_pipeline && PIPELINE.contains(&key)) {
                self.by_key.entry(key).or_insert(texts);
            }
        }
    }

    /// The keys that are set.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.by_key.keys().copied()
    }

    /// The text of a key, or its default if that is not empty.
    pub fn get(&self, key: &'static str) -> Option<&str> {
        let set = self
            .by_key
            .get(key)
            .and_then(|texts| texts.last())
            .map(String::as_str);
        set.or_else(|| table::find(key).map(|spec| spec.default))
            .filter(|text| !text.is_empty())
    }

    pub fn all(&self, key: &'static str) -> Vec<String> {
        self.by_key.get(key).cloned().unwrap_or_default()
    }

    pub fn boolean(&self, key: &'static str) -> Result<bool, String> {
        match self.get(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("{key}: `{other}` is neither `true` nor `false`")),
        }
    }

    pub fn integer(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, String> {
        let text = self.get(key).unwrap_or_default();
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!(
                "{key}: `{text}` is not a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    /// A size of at least so many bytes; `why` tells why no less will do.
    pub fn bytes(&self, key: &'static str, at_least: u64, why: &str) -> Result<u64, String> {
        let text = self.get(key).unwrap_or_default();
        let bytes = units::parse_settings_bytes(text)
            .ok_or_else(|| format!("{key}: `{text}` is not a size such as `64mb` or `1gb`"))?;
        if bytes < at_least {
            let least = at_least >> 10;
            return Err(format!(
                "{key}: `{text}` is too little; at least {least}kb: {why}"
            ));
        }
        Ok(bytes)
    }

    pub fn duration(&self, key: &'static str) -> Result<Duration, String> {
        let text = self.get(key).unwrap_or_default();
        units::parse_duration(text).ok_or_else(|| {
            format!("{key}: `{text}` is not a span of time such as `3s`, `500ms` or `2m`")
        })
    }

    /// One line for each setting that is accepted and does nothing.
    pub fn notices(&self) -> Vec<String> {
        let moot = |key: &&'static str| Some((*key, table::find(key)?.without_effect?));
        let line = |(key, why)| format!("setting `{key}` has no effect here: {why}");
        self.by_key.keys().filter_map(moot).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Values;

    #[test]
    fn durations_have_units() {
        let mut values = Values::default();
        for (text, want) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("2", Some(Duration::from_secs(2))),
            ("1.5m", Some(Duration::from_secs(90))),
            ("100ns", Some(Duration::from_nanos(100))),
            ("soon", None),
        ] {
            values
                .set("shutdown.grace", vec![text.into()])
                .expect("the key is known");
            assert_eq!(values.duration("shutdown.grace").ok(), want, "{text}");
        }
    }

    #[test]
    fn the_stronger_source_stays() {
        let mut arguments = Values::default();
        arguments
            .set("pipeline.workers", vec!["3".into()])
            .expect("the key is known");
        let mut file = Values::default();
        file.set("pipeline.workers", vec!["9".into()])
            .expect("the key is known");
        file.set("log.level", vec!["debug".into()])
            .expect("the key is known");
        arguments.merge_weaker(file);
        assert_eq!(arguments.get("pipeline.workers"), Some("3"));
        assert_eq!(arguments.get("log.level"), Some("debug"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = Values::default()
            .set("pipeline.worker", vec![])
            .expect_err("it is unknown");
        assert!(error.contains("did you mean `pipeline.workers`"), "{error}");
    }
}
