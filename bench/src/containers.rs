//! A folder as Docker keeps it: one container with its json-file log and its configuration beside it. What comes out is
//! the path of the log, which a peer reads directly and the agent finds by itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::lines::{self, Kind};

/// The container's id: 64 hexadecimal digits.
const ID: &str = "2f79cedcae0090d6f411ad248f908ecb890e004f5126208a26b997ce2b4665cc";

/// Writes `root`/containers/ID/ with `count` records.
pub fn write(root: &Path, count: u64) -> io::Result<PathBuf> {
    let folder = root.join("containers").join(ID);
    fs::create_dir_all(&folder)?;
    let log = folder.join(format!("{ID}-json.log"));
    fs::write(folder.join("config.v2.json"), configuration(&log))?;
    fs::write(folder.join("hostconfig.json"), HOST_CONFIGURATION)?;
    lines::write_file(&log, count, Kind::JsonFile)?;
    Ok(log)
}

const HOST_CONFIGURATION: &str = r#"{"LogConfig":{"Type":"json-file","Config":{}}}"#;

fn configuration(log: &Path) -> String {
    serde_json::json!({
        "ID": ID,
        "Name": "/web-nginx-1",
        "Created": "2015-09-14T16:30:00.000000000Z",
        "Image": "sha256:91ef0af61f39ece4d6710e465df5ed6ca12112358344fd51ae6a3b886634148b",
        "LogPath": log,
        "Config": {
            "Hostname": &ID[..12],
            "Image": "nginx:1.27",
            "Tty": false,
            "Env": ["NGINX_VERSION=1.27.0"],
            "Labels": {
                "com.docker.compose.project": "web",
                "com.docker.compose.service": "nginx",
                "maintainer": "NGINX Docker Maintainers"
            }
        },
        "State": {"Running": true, "Pid": 4242, "StartedAt": "2015-09-14T16:30:01.000000000Z"}
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn a_container_has_its_log_and_its_configuration() {
        let root = std::env::temp_dir().join(format!("sawlog-bench-{}", std::process::id()));
        let log = write(&root, 3).unwrap();
        let configuration = log.parent().unwrap().join("config.v2.json");
        let configuration: serde_json::Value =
            serde_json::from_slice(&std::fs::read(configuration).unwrap()).unwrap();
        assert_eq!(configuration["Name"], "/web-nginx-1");
        assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 3);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
