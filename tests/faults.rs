//! The real binary, real servers, and faults that strike under load; nothing may be lost.
//!
//! Each kind of fault is a function that gives an account of every event, and a line of the table below, which makes it a
//! test. `tests/faults/run` runs them and prints the table; with `--full` each strikes many times. What is asserted is the
//! same for all (`oracle`). Not here: single cases of an outage, which `live` has.

mod agent;
mod away;
mod containers;
mod crash;
mod disk;
mod graphite;
mod killed;
mod oracle;
mod proxy;
mod pushed;
mod queue;
mod record;
mod refused;
mod stage;
mod subject;
mod trial;
mod writer;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::namespace;
use crate::services::{START_MAX, Scratch, wait_until};
use agent::Agent;
use stage::{Plan, Stage, TIMEOUT_SHORT};
use subject::Subject;
use trial::{Kind, check};

/// A test for each line: the test's name, the kind's place and name in the table of results, how many faults strike in the
/// test and in the campaign, and the function.
macro_rules! kinds {
    ($($test:ident: $place:literal $name:literal, $in_test:literal, $in_campaign:literal, $run:path;)*) => {
        $(
            #[test]
            fn $test() {
                check(&Kind {
                    place: $place,
                    name: $name,
                    in_test: $in_test,
                    in_campaign: $in_campaign,
                    run: $run,
                });
            }
        )*
    };
}

kinds! {
    an_agent_killed_at_random_loses_no_line: 1 "`kill -9`, file", 4, 200, killed::file;
    an_agent_killed_at_random_loses_no_line_of_a_container: 2 "`kill -9`, containers", 2, 50, containers::agent_killed;
    an_agent_ended_and_started_under_load_loses_and_doubles_nothing: 3 "SIGTERM and start", 3, 50, killed::ended;
    reloads_under_load_lose_and_double_nothing: 4 "SIGHUP", 10, 100, killed::reloaded;
    elasticsearch_killed_under_load_loses_no_line: 5 "Elasticsearch: `kill -9`", 1, 20, away::killed;
    reloads_while_elasticsearch_is_dead_lose_and_double_nothing: 29 "SIGHUP, Elasticsearch away, a file beside", 2, 20, away::reloaded;
    elasticsearch_standing_still_loses_no_line: 6 "Elasticsearch: SIGSTOP", 1, 20, away::stopped;
    a_storm_of_bad_answers_loses_no_line: 7 "429, 503, cut, garbled, late", 2, 20, refused::storm;
    a_read_only_index_is_waited_for: 8 "read-only index", 2, 20, refused::read_only;
    documents_that_do_not_fit_are_given_up_by_name: 9 "mapping conflict", 5, 100, refused::mapping;
    requests_that_are_too_long_are_divided: 10 "413", 2, 20, refused::too_large;
    a_full_disk_is_told_and_loses_no_line: 12 "disk full", 2, 20, disk::full;
    carbon_killed_under_load_loses_no_count: 13 "carbon: `kill -9`", 1, 20, graphite::carbon_killed;
    an_agent_killed_at_random_loses_and_doubles_no_count: 21 "`kill -9`, counts", 2, 50, graphite::agent_killed;
    an_agent_killed_at_random_loses_no_count_of_a_datagram_that_was_saved: 26 "`kill -9`, counts of datagrams", 3, 50, graphite::datagrams;
    the_engine_killed_with_its_containers_loses_no_line: 14 "Docker Engine: `kill -9`", 1, 20, containers::engine_killed;
    the_engine_killed_loses_no_line_that_is_read_by_its_api: 24 "Docker Engine: `kill -9`, API", 1, 20, containers::engine_killed_under_api;
    an_agent_that_dies_at_any_point_of_the_queues_way_to_disk_loses_no_line: 19 "crash points of queue and positions", 14, 200, crash::queue;
    an_agent_that_dies_while_it_keeps_dead_letters_loses_no_line: 25 "crash points of dead letters", 4, 20, crash::letters;
    an_agent_that_dies_while_it_saves_positions_loses_no_line: 27 "crash points of positions", 6, 30, crash::positions;
    an_agent_that_dies_while_it_saves_sums_loses_and_doubles_no_count: 28 "crash points of counts", 6, 30, crash::sums;
    an_agent_killed_at_random_loses_no_datagram_that_was_committed: 20 "`kill -9`, datagrams", 3, 50, queue::datagrams;
    reloads_lose_no_datagram: 17 "SIGHUP, datagrams", 5, 100, pushed::reloaded;
    elasticsearch_killed_loses_no_datagram: 18 "Elasticsearch: `kill -9`, datagrams", 1, 20, pushed::server_killed;
    reloads_while_elasticsearch_is_dead_lose_no_datagram: 22 "SIGHUP, datagrams, Elasticsearch away", 1, 20, pushed::reloaded_away;
    a_full_disk_under_the_queue_loses_no_line: 23 "disk full, queue", 2, 20, disk::full_under_queue;
    files_renamed_faster_than_they_are_read_lose_no_line: 15 "rotation, file", 2, 20, killed::rotated;
    container_logs_rotated_faster_than_they_are_read_lose_no_line: 16 "rotation, containers", 2, 20, containers::rotated;
}

/// The network cut, which needs a network of the test's own.
const CUT: Kind = Kind {
    place: 11,
    name: "network cut",
    in_test: 2,
    in_campaign: 20,
    run: away::cut,
};

#[test]
fn a_network_that_is_cut_loses_no_line() {
    namespace::inside(None, || check(&CUT));
}

/// The length that Elasticsearch's own default of 100 MB is lowered to, so that a test meets it.
const CONTENT_MAX: &str = "http.max_content_length: 512kb\n";

/// A node for the tests that stop it, one at a time. It ends with the process.
fn breakable() -> MutexGuard<'static, Elasticsearch> {
    static NODE: OnceLock<Mutex<Elasticsearch>> = OnceLock::new();
    let node = NODE.get_or_init(|| Mutex::new(Elasticsearch::start_with(CONTENT_MAX)));
    let mut node = node.lock().unwrap_or_else(PoisonError::into_inner);
    node.start_if_killed();
    node
}

/// What the agent may use at most while an output stands still, and twice as much to read.
const MEMORY_MAX: u64 = 64 << 20;

#[test]
fn memory_stays_flat_while_elasticsearch_stands_still() {
    const LINE_BYTES: u64 = 1000;
    let server = breakable();
    let logs = Scratch::new("faults-memory");
    let lines = 0..2 * MEMORY_MAX / LINE_BYTES;
    let text: String = lines
        .map(|number| record::long_line("app", number, LINE_BYTES as usize) + "\n")
        .collect();
    let path = logs.write("app.log", &text);
    let mut plan = Plan::new("memory", server.url());
    plan.timeout = TIMEOUT_SHORT;
    server.signal("STOP");
    let agent = Agent::start(&Subject::Sawlog.configuration(&plan, &path, "faults-memory"));
    let mut seen = (0, Instant::now());
    let taken = wait_until(START_MAX, "the agent to take no more", || {
        let taken = agent
            .counters()
            .get("events_in")
            .copied()
            .unwrap_or_default();
        if taken != seen.0 || taken == 0 {
            seen = (taken, Instant::now());
        }
        match MEMORY_REST < seen.1.elapsed() {
            true => Ok(taken),
            false => Err(format!("{taken} taken")),
        }
    });
    let peak = agent.counters()["sawlog_memory_peak_bytes"];
    server.signal("CONT");
    assert!(peak < MEMORY_MAX, "{peak} bytes after {taken} events");
}

/// So long the figures must stand still, and retries begin.
const MEMORY_REST: Duration = Duration::from_secs(5);

#[test]
fn a_line_that_is_missing_and_one_that_was_altered_are_found_out() {
    let server = elasticsearch::shared();
    let mut plan = Plan::new("found-out", server.url());
    plan.make = |source, number| record::line(source, if number == 7 { 6 } else { number });
    plan.filter = "filter { if [message] =~ /^app 9 / { mutate { uppercase => [\"message\"] } } }";
    plan.drain = Duration::from_secs(2);
    let stage = Stage::start(&plan, server);
    stage.writer.wait_for(100);
    let account = stage.finish(server);
    assert_eq!(
        (account.lost, account.duplicate),
        (2, 1),
        "{:?}",
        account.wrong
    );
    let told = account.wrong.join("\n");
    assert!(
        told.contains("(\"app\", 7), (\"app\", 9)") && told.contains("altered: \"APP 9"),
        "{told}"
    );
}
