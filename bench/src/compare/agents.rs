//! The agents that are compared: how each is told what to read, how to cut it and where to send it. What comes out is a
//! command line; its configuration lies in the run's folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rows::{Inputs, Row, Source};
use crate::arguments::Arguments;
use crate::sink::Wanted;

/// rsyslog's queue as its manual advises for throughput: in memory, allocated as needed, taken off in large batches.
/// Found best of some twenty settings tried with version 8.2302: its default takes half as many at a time, is as good
/// within the noise, and batches above 512 cost up to a fifth.
const QUEUE_TUNED: &str = r#"queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="512" queue.workerThreads="1""#;

const RSYSLOG_RAW: &str = include_str!("../../rsyslog/raw.conf");
const RSYSLOG_DOCKER: &str = include_str!("../../rsyslog/docker.conf");
const RSYSLOG_UDP: &str = include_str!("../../rsyslog/udp.conf");
const RULES: &str = include_str!("../../rsyslog/nginx.rb");
const RULES_AFTER_SPACE: &str = include_str!("../../rsyslog/nginx-after-space.rb");

const SAWLOG_RAW: &str = include_str!("../../pipelines/raw.conf");
const SAWLOG_DOCKER: &str = include_str!("../../pipelines/docker.conf");
const SAWLOG_UDP: &str = include_str!("../../pipelines/udp.conf");
const FILTER_PATTERN: &str = include_str!("../../pipelines/filter-pattern.conf");
const FILTER_NGINXACCESS: &str = include_str!("../../pipelines/filter-nginxaccess.conf");
const PATTERNS: &str = include_str!("../../pipelines/patterns/nginx");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agent {
    /// rsyslog, tuned by its own manual.
    Rsyslog,
    /// rsyslog with the queue that it has when nothing is said.
    RsyslogDefault,
    Sawlog,
    /// A build of sawlog from before a change, for what the change cost.
    SawlogFormer,
}

/// Where the programs are.
pub struct Installed {
    sawlog: String,
    former: String,
    rsyslogd: String,
    /// The queue parameters of the tuned rsyslog.
    queue: String,
}

impl Installed {
    pub fn from(arguments: &Arguments) -> Self {
        let text = |name, default: &str| arguments.text(name).unwrap_or(default).to_owned();
        Self {
            sawlog: text("sawlog", "target/release/sawlog"),
            former: text("former", "target/former/sawlog"),
            rsyslogd: text("rsyslogd", "/usr/sbin/rsyslogd"),
            queue: text("queue", QUEUE_TUNED),
        }
    }

    /// The versions of those that take part, one a line.
    pub fn versions(&self, agents: &[Agent]) -> Vec<String> {
        let mut programs = Vec::new();
        if agents.iter().any(|agent| agent.is_rsyslog()) {
            programs.push(("rsyslog", &self.rsyslogd, "-v"));
        }
        if agents.contains(&Agent::Sawlog) {
            programs.push(("sawlog", &self.sawlog, "--version"));
        }
        if agents.contains(&Agent::SawlogFormer) {
            programs.push(("sawlog-former", &self.former, "--version"));
        }
        programs
            .into_iter()
            .map(|(name, program, option)| version(name, program, option))
            .collect()
    }
}

fn version(name: &str, program: &str, option: &str) -> String {
    let output = Command::new(program)
        .arg(option)
        .output()
        .map(|output| output.stdout);
    let text = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
    let word = text
        .split_whitespace()
        .nth(1)
        .unwrap_or("of unknown version");
    format!("{name} {word}")
}

impl Agent {
    pub fn named(name: &str) -> Result<Self, String> {
        [
            Self::Rsyslog,
            Self::RsyslogDefault,
            Self::Sawlog,
            Self::SawlogFormer,
        ]
        .into_iter()
        .find(|agent| agent.name() == name)
        .ok_or_else(|| format!("no agent {name}"))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Rsyslog => "rsyslog",
            Self::RsyslogDefault => "rsyslog-default",
            Self::Sawlog => "sawlog",
            Self::SawlogFormer => "sawlog-former",
        }
    }

    fn is_rsyslog(self) -> bool {
        matches!(self, Self::Rsyslog | Self::RsyslogDefault)
    }

    /// Writes the configuration for a row; gives the command that runs it.
    pub fn prepare(
        self,
        installed: &Installed,
        row: &Row,
        inputs: &Inputs,
        port: u16,
        state: &Path,
    ) -> Result<Vec<String>, String> {
        let (sawlog, rsyslog) = match row.source {
            Source::Raw => (SAWLOG_RAW, RSYSLOG_RAW),
            Source::JsonFile => (SAWLOG_DOCKER, RSYSLOG_DOCKER),
        };
        let (template, docker) = if self.is_rsyslog() {
            (rsyslog, &inputs.docker_log)
        } else {
            (sawlog, &inputs.docker_root)
        };
        let input = match row.source {
            Source::Raw => &inputs.raw,
            Source::JsonFile => docker,
        };
        let template = template.replace("@INPUT@", &input.display().to_string());
        self.write(installed, &template, row.wanted, port, state)
    }

    /// Writes sawlog's configuration that reads one plain file; gives the command that runs it.
    pub fn prepare_file(
        self,
        installed: &Installed,
        file: &Path,
        port: u16,
        state: &Path,
    ) -> Result<Vec<String>, String> {
        let template = SAWLOG_RAW.replace("@INPUT@", &file.display().to_string());
        self.write(installed, &template, Wanted::Pattern, port, state)
    }

    /// Writes the configuration that listens for syslog on a UDP port; gives the command that runs it.
    pub fn prepare_udp(
        self,
        installed: &Installed,
        udp: u16,
        port: u16,
        state: &Path,
    ) -> Result<Vec<String>, String> {
        let template = match self {
            Self::Sawlog | Self::SawlogFormer => SAWLOG_UDP.to_owned(),
            Self::RsyslogDefault => RSYSLOG_UDP
                .replace("@UDP_MODULE@", "")
                .replace("@UDP_INPUT@", ""),
            Self::Rsyslog => RSYSLOG_UDP
                .replace("@UDP_MODULE@", "timeRequery=\"8\" batchSize=\"128\"")
                .replace("@UDP_INPUT@", "rcvbufSize=\"64m\""),
        };
        let template = template.replace("@UDP@", &udp.to_string());
        self.write(installed, &template, Wanted::Pattern, port, state)
    }

    fn write(
        self,
        installed: &Installed,
        template: &str,
        wanted: Wanted,
        port: u16,
        state: &Path,
    ) -> Result<Vec<String>, String> {
        let files = Files {
            state,
            port,
            wanted,
        };
        let written = match self {
            Self::Sawlog => files.sawlog(&installed.sawlog, template),
            Self::SawlogFormer => files.sawlog(&installed.former, template),
            Self::Rsyslog => files.rsyslog(installed, template, &installed.queue),
            Self::RsyslogDefault => files.rsyslog(installed, template, ""),
        };
        written.map_err(|fault| format!("{}: {fault}", state.display()))
    }
}

/// The files of one run.
struct Files<'a> {
    state: &'a Path,
    port: u16,
    wanted: Wanted,
}

impl Files<'_> {
    fn sawlog(&self, program: &str, template: &str) -> std::io::Result<Vec<String>> {
        let patterns = self.state.join("patterns");
        fs::create_dir_all(&patterns)?;
        fs::write(patterns.join("nginx"), PATTERNS)?;
        let filter = match self.wanted {
            Wanted::Pattern => FILTER_PATTERN,
            Wanted::NginxAccess => FILTER_NGINXACCESS,
        };
        let pipeline = template
            .replace("@FILTER@", filter.trim_end())
            .replace("@PATTERNS@", &patterns.display().to_string())
            .replace("@PORT@", &self.port.to_string());
        let file = self.place("pipeline.conf", &pipeline)?;
        let data = self.data()?;
        let words = [program, "run", "-f", &file, "--path.data", &data, "-w", "1"];
        Ok(words.map(str::to_owned).to_vec())
    }

    fn rsyslog(
        &self,
        installed: &Installed,
        template: &str,
        queue: &str,
    ) -> std::io::Result<Vec<String>> {
        self.data()?;
        self.place("nginx.rb", &self.with_captures(RULES))?;
        self.place(
            "nginx-after-space.rb",
            &self.with_captures(RULES_AFTER_SPACE),
        )?;
        let configuration = self
            .with_captures(template)
            .replace("@DIR@", &self.state.display().to_string())
            .replace("@PORT@", &self.port.to_string())
            .replace("@QUEUE@", queue);
        let file = self.place("rsyslog.conf", &configuration)?;
        let pid = self.state.join("rsyslogd.pid").display().to_string();
        Ok([&installed.rsyslogd, "-n", "-f", &file, "-i", &pid]
            .map(str::to_owned)
            .to_vec())
    }

    /// Rules and templates name the path; where the pattern does not capture it, rsyslog must not pay for it either.
    fn with_captures(&self, text: &str) -> String {
        match self.wanted {
            Wanted::Pattern => text.to_owned(),
            Wanted::NginxAccess => {
                let kept = text
                    .lines()
                    .filter(|line| !line.contains("outname=\"path\""));
                let kept: String = kept.map(|line| format!("{line}\n")).collect();
                kept.replace("%path:word%", "%-:word%")
            }
        }
    }

    fn data(&self) -> std::io::Result<String> {
        let data = self.state.join("data");
        fs::create_dir_all(&data)?;
        Ok(data.display().to_string())
    }

    fn place(&self, name: &str, text: &str) -> std::io::Result<String> {
        let file: PathBuf = self.state.join(name);
        fs::write(&file, text)?;
        Ok(file.display().to_string())
    }
}
