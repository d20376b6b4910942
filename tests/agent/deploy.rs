//! What an installation takes: the image holds the program and an empty folder; whatever starts the agent starts it as
//! nobody in particular, with a root that it cannot write to; systemd and AppArmor understand their files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use super::running::Start;
use crate::services::Scratch;
use crate::services::process::output_of;

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

/// What `systemd-analyze security` says of the unit with these drop-ins: a table, and the level at its end.
fn analysis(drop_ins: &[&str]) -> String {
    let folder = Scratch::new("unit");
    let unit = folder.write("sawlog.service", &read("sawlog.service"));
    for name in drop_ins {
        let text = read(&format!("drop-ins/{name}"));
        folder.write(&format!("sawlog.service.d/{name}"), &text);
    }
    let mut analyze = Command::new("systemd-analyze");
    let output = analyze
        .args(["security", "--offline=true"])
        .arg(unit)
        .output();
    let output = output.expect("systemd-analyze is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn exposure(drop_ins: &[&str]) -> f64 {
    let table = analysis(drop_ins);
    let level = table
        .split_once("exposure level for sawlog.service: ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    level.unwrap_or_else(|| panic!("{table}"))
}

#[test]
fn the_unit_is_exposed_by_at_most_one_point_six() {
    let unit = deploy().join("sawlog.service");
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--threshold=16"]);
    output_of(analyze.arg(unit));
    assert!(exposure(&[]) <= 1.6);
}

#[test]
fn drop_ins_change_what_they_say_they_do() {
    assert!(exposure(&["10-socket.conf"]) <= 1.3);
    assert!(exposure(&["20-docker-socket.conf"]) <= 1.6);
    assert!(exposure(&["20-docker-files.conf"]) <= 1.8);
}

#[test]
fn the_socket_leaves_the_capability_to_read_containers_in_place() {
    let files = "20-docker-files.conf";
    for drop_ins in [&[files][..], &["10-socket.conf", files]] {
        let table = analysis(drop_ins);
        let row = |name: &str| table.lines().find(|line| line.contains(name));
        // A cross: the service has it.
        for name in ["CAP_(DAC_*", "PrivateUsers="] {
            let row = row(name).unwrap_or_else(|| panic!("{name} in {table}"));
            assert!(row.starts_with('✗'), "{drop_ins:?}: {row}");
        }
    }
    assert!(exposure(&["10-socket.conf", files]) < exposure(&[files]));
}

#[test]
fn systemd_understands_the_socket_unit() {
    let mut verify = Command::new("systemd-analyze");
    let output = verify
        .arg("verify")
        .arg(deploy().join("sawlog.socket"))
        .output();
    let output = output.expect("systemd-analyze is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("sawlog.socket"), "{said}");
    let text = read("sawlog.socket");
    assert!(text.contains("ListenDatagram=514\n") && text.contains("ListenStream=514\n"));
}

#[test]
fn the_unit_waits_for_the_agent_to_be_ready_and_lets_it_confine_itself() {
    let text = read("sawlog.service");
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}");
    }
}

#[test]
fn apparmor_understands_its_profile() {
    let mut parse = Command::new("apparmor_parser");
    parse.args(["--skip-kernel-load", "--skip-cache"]);
    output_of(parse.arg(deploy().join("apparmor/sawlog")));
    let text = read("apparmor/sawlog");
    let rules = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    for rule in rules {
        assert!(
            !rule.contains("sys_admin") && !rule.contains("unconfined"),
            "{rule}"
        );
        assert!(
            !rule.starts_with("/** ") && !rule.starts_with("capability,"),
            "{rule}"
        );
    }
    // Others are for those who need them to add, as the drop-ins do for systemd.
    let capabilities = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("capability "));
    assert_eq!(
        capabilities.collect::<Vec<_>>(),
        ["net_bind_service,"],
        "in apparmor/sawlog"
    );
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.path().is_dir() {
            true => all.extend(
                files(&entry.path())
                    .iter()
                    .map(|file| format!("{name}/{file}")),
            ),
            false => all.push(name),
        }
    }
    all
}

#[test]
fn whatever_starts_the_agent_starts_it_without_root_and_with_a_root_that_is_read_only() {
    let mut starts = 0;
    for name in files(&deploy()) {
        let text = read(&name);
        let ending = name.rsplit(['.', '/']).next().unwrap_or_default();
        match (name.as_str(), ending) {
            // The user is another test's.
            ("Dockerfile", _) => {
                starts += check_commands(&text);
            }
            ("compose.yaml", _) => starts += check_compose(&text),
            (_, "yaml") => starts += check_kubernetes(&text),
            (_, "service") => {
                let has = |line: &str| text.lines().any(|there| there == line);
                assert!(
                    has("DynamicUser=yes") && has("ProtectSystem=strict"),
                    "{name}"
                );
                assert!(!text.contains("\nUser="), "{name}");
                starts += 1;
            }
            (_, "conf") => {
                for weaker in [
                    "User=",
                    "DynamicUser=",
                    "ProtectSystem=",
                    "NoNewPrivileges=",
                ] {
                    let line = text.lines().find(|line| line.starts_with(weaker));
                    assert_eq!(line, None, "{name}");
                }
            }
            ("sawlog.socket" | "apparmor/sawlog" | "data/README", _) => {}
            _ => panic!("deploy/{name} is not known: say here how it starts the agent"),
        }
    }
    assert_eq!(starts, 4);
}

/// The commands in the comments that start a container of the image: an image itself cannot ask for a root that is read-only.
fn check_commands(text: &str) -> usize {
    let comments = text.lines().filter_map(|line| line.strip_prefix('#'));
    let joined = comments.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let commands = joined
        .lines()
        .filter(|line| line.trim().starts_with("docker run "));
    let mut count = 0;
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words.last(), Some(&"sawlog"), "{command}");
        let has = |flag: &[&str]| words.windows(flag.len()).any(|words| words == flag);
        for flag in [
            &["--read-only"][..],
            &["--cap-drop", "ALL"],
            &["--security-opt", "no-new-privileges"],
        ] {
            assert!(has(flag), "{flag:?} in {command}");
        }
        for flag in ["--read-only=", "--privileged", "--user", "-u", "--cap-add"] {
            let there = words.iter().find(|word| word.starts_with(flag));
            assert_eq!(there, None, "{command}");
        }
        count += 1;
    }
    assert_eq!(count, 1, "commands that start a container");
    count
}

fn documents(text: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(text).expect("it is YAML")
}

fn check_compose(text: &str) -> usize {
    let document = documents(text).remove(0);
    let services = document["services"].as_hash().expect("there are services");
    for (name, service) in services {
        let user = service["user"].as_str().unwrap_or_default();
        let number = user
            .split(':')
            .next()
            .and_then(|user| user.parse::<u32>().ok());
        assert!(number.is_some_and(|number| 0 < number), "{name:?}: {user}");
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name:?}");
        assert_eq!(service["cap_drop"][0].as_str(), Some("ALL"), "{name:?}");
        assert_eq!(
            service["security_opt"][0].as_str(),
            Some("no-new-privileges:true")
        );
        assert!(service["privileged"].is_badvalue() && service["cap_add"].is_badvalue());
        let groups: Vec<_> = service["group_add"]
            .as_vec()
            .into_iter()
            .flatten()
            .collect();
        let of_socket = "${DOCKER_GROUP:?the group of the socket}";
        assert_eq!(groups, [&Yaml::String(of_socket.to_owned())], "{name:?}");
    }
    services.len()
}

fn check_kubernetes(text: &str) -> usize {
    let mut count = 0;
    for document in documents(text) {
        let pod = &document["spec"]["template"]["spec"];
        if pod.is_badvalue() {
            continue;
        }
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"].as_bool(), Some(true));
        for number in ["runAsUser", "runAsGroup"] {
            let number = security[number].as_i64();
            assert!(number.is_some_and(|number| 0 < number), "{number:?}");
        }
        // The group of root, since the logs of pods are its own; no other, and none more.
        let groups = security["supplementalGroups"].as_vec();
        assert_eq!(groups, Some(&vec![Yaml::Integer(0)]));
        assert!(security["fsGroup"].is_badvalue());
        assert_eq!(
            security["seccompProfile"]["type"].as_str(),
            Some("RuntimeDefault")
        );
        for kind in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod[kind].is_badvalue(), "{kind}");
        }
        let none = Vec::new();
        let containers = ["containers", "initContainers"];
        let all = containers.map(|kind| pod[kind].as_vec().unwrap_or(&none));
        for container in all.into_iter().flatten() {
            let security = &container["securityContext"];
            assert_eq!(security["readOnlyRootFilesystem"].as_bool(), Some(true));
            assert_eq!(security["allowPrivilegeEscalation"].as_bool(), Some(false));
            assert_eq!(security["capabilities"]["drop"][0].as_str(), Some("ALL"));
            assert!(security["runAsUser"].is_badvalue() && security["privileged"].is_badvalue());
            count += 1;
        }
    }
    count
}

#[test]
fn the_pipeline_for_kubernetes_is_accepted() {
    let text = read("kubernetes.yaml");
    let all = documents(&text);
    let pipeline = all
        .iter()
        .find_map(|document| document["data"]["pipeline.conf"].as_str());
    let pipeline = pipeline.expect("there is a pipeline");
    let here = pipeline.replace("/etc/sawlog/secrets/", "");
    assert_ne!(here, pipeline);
    let ended = Start::new(&["check", "-f", "pipeline.conf"])
        .file("pipeline.conf", &here)
        .file("api_key", "id:key")
        .env("ELASTICSEARCH_HOSTS", "https://elasticsearch:9200")
        .run(b"");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

#[test]
fn the_pipeline_for_kubernetes_takes_the_runtime_s_header_off() {
    let text = read("kubernetes.yaml");
    let all = documents(&text);
    let pipeline = all
        .iter()
        .find_map(|document| document["data"]["pipeline.conf"].as_str());
    let filter =
        pipeline.and_then(|text| Some(&text[text.find("filter {")?..text.find("output {")?]));
    let filter = filter.expect("there is a filter");
    let whole =
        format!("input {{ stdin {{ }} }} {filter} output {{ stdout {{ codec => json_lines }} }}");
    let line = b"2016-10-06T00:17:09.669794202Z stdout F hello, world\n";
    let events = Start::new(&["-e", &whole]).run(line).events();
    assert_eq!(events[0]["message"], "hello, world");
    assert_eq!(events[0]["stream"], "stdout");
    let time = events[0]["@timestamp"].as_str().unwrap_or_default();
    assert!(time.starts_with("2016-10-06T00:17:09.669"), "{time}");
}
