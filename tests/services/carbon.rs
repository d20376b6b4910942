//! carbon-cache, the receiver of Graphite: start it, read back from its whisper files what it was sent.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process::{Kept, Service, output_of};
use super::{ARRIVAL_MAX, START_MAX, folder, free_port, wait_until, write};

/// One point a second, so that no two points that a test sends in turn share a slot.
const SCHEMAS: &str = "[default]\npattern = .*\nretentions = 1s:1h\n";
const AGGREGATION: &str =
    "[default]\npattern = .*\nxFilesFactor = 0\naggregationMethod = average\n";

/// A running carbon-cache.
pub struct Carbon {
    lines: SocketAddr,
    pickles: SocketAddr,
    /// Settings and series, which outlive the server.
    folder: PathBuf,
    /// Nothing while it is killed.
    service: Option<Service>,
    _kept: Kept,
}

/// How fast carbon writes what it has read.
#[derive(Clone, Copy)]
pub enum Writing {
    AtOnce,
    /// Some series a second: a kill loses what it keeps in memory.
    Slowly,
}

impl Carbon {
    pub fn start() -> Carbon {
        Carbon::start_on(free_port())
    }

    /// Starts it with its plaintext receiver on a port of the caller's choice.
    pub fn start_on(lines: u16) -> Carbon {
        Carbon::launch(lines, Writing::AtOnce)
    }

    /// The same, and a kill loses some of what it has read.
    pub fn start_slow() -> Carbon {
        Carbon::launch(free_port(), Writing::Slowly)
    }

    fn launch(lines: u16, writing: Writing) -> Carbon {
        let folder = folder("carbon");
        let pickles = free_port();
        for name in ["whisper", "log", "run"] {
            fs::create_dir_all(folder.join(name)).expect("a fresh folder can be written to");
        }
        let settings = settings(&folder, lines, pickles, writing);
        write(&folder, "conf/carbon.conf", &settings);
        write(&folder, "conf/storage-schemas.conf", SCHEMAS);
        write(&folder, "conf/storage-aggregation.conf", AGGREGATION);
        let [lines, pickles] =
            [lines, pickles].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut carbon = Carbon {
            lines,
            pickles,
            _kept: Kept::new(&folder),
            folder,
            service: None,
        };
        carbon.start_again();
        carbon
    }

    /// Starts it after `kill`, with the series that it had.
    pub fn start_again(&mut self) {
        let run = super::folder("carbon-log");
        let settings = self.folder.join("conf/carbon.conf");
        let mut command = Command::new("carbon-cache");
        command.arg(format!("--config={}", settings.display()));
        command.arg(format!("--pidfile={}", run.join("pid").display()));
        command.arg(format!("--logdir={}", run.display()));
        command.args(["--nodaemon", "start"]);
        let mut service = Service::spawn("carbon-cache", &run, &command);
        service.wait_until_ready(START_MAX, || {
            // It binds its receivers in turn; a failed bind ends it, which the wait tells.
            for receiver in [self.lines, self.pickles] {
                TcpStream::connect(receiver).map_err(|fault| format!("{receiver}: {fault}"))?;
            }
            Ok(())
        });
        self.service = Some(service);
    }

    /// Ends it with SIGKILL. What it had in memory is gone.
    pub fn kill(&mut self) {
        drop(self.service.take());
    }

    /// The port of the plaintext receiver.
    pub fn port(&self) -> u16 {
        self.lines.port()
    }

    /// The port of the receiver of pickles.
    pub fn pickle_port(&self) -> u16 {
        self.pickles.port()
    }

    /// The names of all series that carbon has written.
    pub fn series(&self) -> Vec<String> {
        let root = self.folder.join("whisper");
        let mut names = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "wsp") {
                    let name = path
                        .strip_prefix(&root)
                        .expect("it was found below the root");
                    names.push(name.with_extension("").to_string_lossy().replace('/', "."));
                }
            }
        }
        names.retain(|name| !name.starts_with("carbon."));
        names.sort();
        names
    }

    /// The points of a series within the last hour: seconds since 1970 and value.
    #[track_caller]
    pub fn points(&self, series: &str) -> Vec<(u64, f64)> {
        let path = self
            .folder
            .join("whisper")
            .join(series.replace('.', "/") + ".wsp");
        if !path.exists() {
            return Vec::new();
        }
        let output = output_of(
            Command::new("whisper-fetch")
                .args(["--json", "--from=0"])
                .arg(path),
        );
        let fetched: Value = serde_json::from_str(&output)
            .unwrap_or_else(|fault| panic!("whisper-fetch wrote {output:?}: {fault}"));
        let number = |key: &str| {
            fetched[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {output}"))
        };
        let values = fetched["values"].as_array().into_iter().flatten();
        let times = (0..).map(|slot| number("start") + slot * number("step"));
        times
            .zip(values)
            .filter_map(|(time, value)| Some((time, value.as_f64()?)))
            .collect()
    }

    /// Waits until the values of a series, in the order of their times, satisfy `wanted`.
    #[track_caller]
    pub fn wait_for(&self, series: &str, wanted: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        wait_until(ARRIVAL_MAX, &format!("the series {series}"), || {
            let values: Vec<f64> = self
                .points(series)
                .into_iter()
                .map(|(_, value)| value)
                .collect();
            if wanted(&values) {
                return Ok(values);
            }
            Err(format!("{values:?}; all series: {:?}", self.series()))
        })
    }
}

fn settings(folder: &Path, lines: u16, pickles: u16, writing: Writing) -> String {
    let updates = match writing {
        Writing::AtOnce => "inf",
        Writing::Slowly => "5",
    };
    let folder = folder.display();
    format!(
        "[cache]\nSTORAGE_DIR = {folder}/\nLOCAL_DATA_DIR = {folder}/whisper/\n\
         CONF_DIR = {folder}/conf/\nLOG_DIR = {folder}/log/\nPID_DIR = {folder}/run/\n\
         ENABLE_LOGROTATION = False\nUSER =\nMAX_CACHE_SIZE = inf\n\
         MAX_UPDATES_PER_SECOND = {updates}\nMAX_CREATES_PER_MINUTE = inf\n\
         LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = {lines}\n\
         PICKLE_RECEIVER_INTERFACE = 127.0.0.1\nPICKLE_RECEIVER_PORT = {pickles}\n\
         CACHE_QUERY_INTERFACE = 127.0.0.1\nCACHE_QUERY_PORT = {}\n\
         LOG_CREATES = True\nENABLE_TAGS = False\n",
        free_port()
    )
}

#[test]
fn points_are_read_back_as_they_were_sent() {
    let carbon = Carbon::start();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_secs();
    let mut stream = TcpStream::connect(carbon.lines).expect("carbon was ready");
    let text = format!(
        "selftest.a.count 5 {}\nselftest.a.count 7.5 {}\n",
        now - 10,
        now - 8
    );
    stream.write_all(text.as_bytes()).expect("carbon reads");
    assert_eq!(
        carbon.wait_for("selftest.a.count", |values| values.len() == 2),
        [5.0, 7.5]
    );
    assert_eq!(
        carbon.points("selftest.a.count"),
        [(now - 10, 5.0), (now - 8, 7.5)]
    );
    assert_eq!(carbon.series(), ["selftest.a.count"]);
    assert_eq!(carbon.points("selftest.b"), []);
}
