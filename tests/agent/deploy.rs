//! What an installation takes: the image holds the program and an empty folder and runs as nobody in particular; the unit's
//! lines can be read.

use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// The instructions of an image, without comments.
fn instructions(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).collect()
}

#[test]
fn the_image_is_empty_but_for_the_program_and_runs_without_rights() {
    let text = read("Dockerfile");
    let all = instructions(&text);
    assert_eq!(all.first(), Some(&("FROM", "scratch")));
    let makes = ["FROM", "COPY", "ADD", "RUN"];
    let made: Vec<_> = all
        .iter()
        .filter(|(word, _)| makes.contains(word))
        .collect();
    assert!(
        made.iter().skip(1).all(|(word, _)| *word == "COPY"),
        "{made:?}"
    );
    let user = all
        .iter()
        .rfind(|(word, _)| *word == "USER")
        .map(|(_, user)| *user);
    let number = user.and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    assert!(number.is_some_and(|number| 0 < number), "{user:?}");
    assert!(all.contains(&("ENTRYPOINT", "[\"/sawlog\"]")));
}

#[test]
fn everything_that_the_image_copies_is_in_the_tree_or_built() {
    let text = read("Dockerfile");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (_, arguments) in instructions(&text)
        .iter()
        .filter(|(word, _)| *word == "COPY")
    {
        let source = arguments
            .split(' ')
            .find(|word| !word.starts_with("--"))
            .unwrap_or_default();
        let built = source.starts_with("target/");
        assert!(built || root.join(source).exists(), "{source}");
    }
}

#[test]
fn the_units_lines_are_sections_settings_or_comments() {
    let mut sections = Vec::new();
    let text = read("sawlog.service");
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            sections.push(section);
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        assert!(
            name.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{line}"
        );
        assert!(!name.is_empty() && !value.is_empty(), "{line}");
    }
    assert_eq!(sections, ["Unit", "Service", "Install"]);
}

#[test]
fn the_unit_checks_the_configuration_that_it_runs() {
    let text = read("sawlog.service");
    let value = |name: &str| {
        let prefix = format!("{name}=");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name}")).to_string()
    };
    let file = |command: &str| {
        let mut words = command.split(' ').map(str::to_string);
        words.find(|word| word == "-f").and_then(|_| words.next())
    };
    let run = value("ExecStart");
    assert!(run.starts_with("/usr/bin/sawlog run "), "{run}");
    assert!(file(&run).is_some());
    assert_eq!(file(&run), file(&value("ExecStartPre")));
    assert_eq!(file(&run), file(&value("ExecReload")));
    assert_eq!(value("DynamicUser"), "yes");
    assert_eq!(value("NoNewPrivileges"), "yes");
}
