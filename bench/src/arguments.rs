//! `--name value` pairs in, looked up by name; an unknown or repeated name is refused. No flags without a value.

/// The options of one subcommand, in the order given.
pub struct Arguments {
    options: Vec<(String, String)>,
}

impl Arguments {
    /// Pairs up the words after the subcommand.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut options: Vec<(String, String)> = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("unexpected {word}"))?;
            let value = words
                .next()
                .ok_or_else(|| format!("--{name} needs a value"))?;
            if options.iter().any(|(given, _)| given == name) {
                return Err(format!("--{name} is given twice"));
            }
            options.push((name.to_owned(), value.clone()));
        }
        Ok(Self { options })
    }

    /// Refuses every option that is not in `known`.
    pub fn allow(&self, known: &[&str]) -> Result<(), String> {
        match self
            .options
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((name, _)) => Err(format!(
                "unknown option --{name}; known: {}",
                known.join(", ")
            )),
            None => Ok(()),
        }
    }

    /// The text of an option, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The text of an option that must be there.
    pub fn required(&self, name: &str) -> Result<&str, String> {
        self.text(name).ok_or_else(|| format!("--{name} is needed"))
    }

    /// A whole number, or the default where the option is absent.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        self.text(name).map_or(Ok(default), |value| {
            value
                .parse()
                .map_err(|_| format!("--{name}: {value} is not a whole number"))
        })
    }

    /// A list separated by commas, or the default where the option is absent.
    pub fn list<'a>(&'a self, name: &str, default: &'a str) -> Vec<&'a str> {
        self.text(name)
            .unwrap_or(default)
            .split(',')
            .filter(|word| !word.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_number_is_read_and_a_default_is_kept() {
        let arguments = parse(&["--lines", "7"]).unwrap();
        assert_eq!(arguments.number("lines", 1), Ok(7));
        assert_eq!(arguments.number("rounds", 5), Ok(5));
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(parse(&["--line", "7"]).unwrap().allow(&["lines"]).is_err());
    }

    #[test]
    fn a_name_without_a_value_or_given_twice_is_refused() {
        assert!(parse(&["--lines"]).is_err());
        assert!(parse(&["--lines", "1", "--lines", "2"]).is_err());
    }
}
