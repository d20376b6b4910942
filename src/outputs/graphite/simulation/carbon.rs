//! A simulated carbon: it reads lines, keeps the last value of each path and time, first in memory and then on disk, and does to
//! connections whatever a server that is not well does to them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::MutexGuard;
use tokio::time::timeout;
use turmoil::net::{TcpListener, TcpStream};

use super::World;
use super::agent::READABLE;

pub const PORT: u16 = 2003;

/// How long a value may stay in memory.
const CACHED: Duration = Duration::from_secs(5);

type Key = (String, i64);

/// What carbon holds.
#[derive(Default)]
pub struct Carbon {
    disk: BTreeMap<Key, f64>,
    /// Values that are not on disk, and when they came.
    memory: BTreeMap<Key, (f64, Duration)>,
    /// Whether it keeps nothing of the first interval of a path that can be read again.
    pub forgets: bool,
    forgotten: Option<Key>,
    /// It does nothing before this time: one thread serves all connections.
    busy_until: Duration,
}

impl Carbon {
    fn store(&mut self, line: &str, now: Duration) {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("a line has three words");
        let path = word().to_owned();
        let value: f64 = word().parse().expect("a value is a number");
        let time: i64 = word().parse().expect("a time is a number");
        let key = (path, time);
        if self.forgets && self.forgotten.is_none() && key.0.starts_with(READABLE) {
            self.forgotten = Some(key.clone());
        }
        if self.forgotten.as_ref() != Some(&key) {
            self.memory.insert(key, (value, now));
        }
    }

    /// It dies: what came lately is lost, each value or none.
    pub fn crash(&mut self, now: Duration, mut is_kept: impl FnMut() -> bool) {
        self.busy_until = now;
        for (key, (value, came)) in std::mem::take(&mut self.memory) {
            if came + CACHED < now || is_kept() {
                self.disk.insert(key, value);
            }
        }
    }

    /// The sum of all points whose path begins so.
    pub fn sum(&self, stream: &str) -> u64 {
        let mut all: BTreeMap<&Key, f64> =
            self.disk.iter().map(|(key, value)| (key, *value)).collect();
        all.extend(self.memory.iter().map(|(key, (value, _))| (key, *value)));
        let of_stream = all.iter().filter(|((path, _), _)| path.starts_with(stream));
        of_stream.map(|(_, value)| *value).sum::<f64>() as u64
    }
}

pub async fn run(world: Arc<World>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            // A connection that breaks is the agent's business.
            serve(stream, &world).await.ok();
        });
    }
}

async fn serve(mut stream: TcpStream, world: &World) -> io::Result<()> {
    if world.strikes("late reading", 20) {
        stall(world, 8_000);
    }
    drop(ready(world).await);
    let resets = world.strikes("reset amid a flush", 15);
    let mut bytes = Vec::new();
    loop {
        if resets {
            // What is not read makes it a reset.
            let mut few = [0; 9];
            let read = stream.read(&mut few).await?;
            return (read == 0)
                .then_some(())
                .ok_or(io::ErrorKind::ConnectionReset.into());
        }
        let mut is_ended = stream.read_buf(&mut bytes).await? == 0;
        if world.strikes("stall amid a flush", 40) {
            stall(world, 15_000);
        }
        let _turn = ready(world).await;
        // What the network holds of this connection is read before another one goes on.
        while !is_ended && let Ok(read) = timeout(Duration::ZERO, stream.read_buf(&mut bytes)).await
        {
            is_ended = read? == 0;
        }
        let end = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let lines: Vec<u8> = bytes.drain(..end).collect();
        let now = turmoil::sim_elapsed().expect("this runs in a simulation");
        let mut carbon = world.carbon.lock().unwrap();
        let text = String::from_utf8(lines).expect("lines are text");
        text.lines().for_each(|line| carbon.store(line, now));
        if is_ended {
            break;
        }
    }
    if world.strikes("late end", 20) {
        tokio::time::sleep(Duration::from_millis(world.roll(12_000) as u64)).await;
    }
    Ok(())
}

/// Carbon does nothing for a while.
fn stall(world: &World, longest: usize) {
    let now = turmoil::sim_elapsed().expect("this runs in a simulation");
    let until = now + Duration::from_millis(world.roll(longest) as u64);
    let mut carbon = world.carbon.lock().unwrap();
    carbon.busy_until = carbon.busy_until.max(until);
}

/// Waits until carbon does something; connections then go on in the order in which they came to wait, as that of an agent
/// that was killed before that of the next.
async fn ready(world: &World) -> MutexGuard<'_, ()> {
    let turn = world.turn.lock().await;
    loop {
        let now = turmoil::sim_elapsed().expect("this runs in a simulation");
        let busy = world.carbon.lock().unwrap().busy_until;
        match busy.checked_sub(now).filter(|rest| !rest.is_zero()) {
            Some(rest) => tokio::time::sleep(rest).await,
            None => return turn,
        }
    }
}
