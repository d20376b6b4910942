//! carbon under fault. An event is a count of one in the series of its number's last digit, so what those add up to is what
//! was delivered; a loss and a double do not make up for each other unless both have the same digit. Where some may be missing
//! there is a series for each thousand events as well, so that what may be missing and is there does not stand for a loss elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::agent::{Agent, Start};
use super::killed;
use super::oracle::Account;
use super::stage::SOURCE;
use super::trial::Trial;
use super::writer::{BURST_MAX, Place, Writer};
use crate::services::carbon::Carbon;
use crate::services::{START_MAX, Scratch, free_port, poll, udp_is_bound, wait_until};

/// Lines before a fault, and while it lasts.
const APART: (u64, u64) = (1000, 6000);

/// How soon after a fault what was written before its end has to be in the series.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

/// What all series begin with; a digit follows.
const SERIES: &str = "faults.events";

/// Digits, and so series.
const DIGITS: u64 = 10;

/// The same of the series of a thousand events.
const BLOCKS: &str = "faults.blocks";

/// What a series adds up to.
fn sum(carbon: &Carbon, series: &str) -> u64 {
    let points = carbon.points(series);
    points.iter().map(|(_, value)| *value as u64).sum()
}

/// What the series of each digit adds up to.
fn sums(carbon: &Carbon) -> Vec<u64> {
    let series = (0..DIGITS).map(|digit| format!("{SERIES}.{digit}"));
    series.map(|series| sum(carbon, &series)).collect()
}

/// What the series of each thousand events has to add up to, by its name: the number without its last three digits, behind
/// three zeros. These events are not counted.
fn offered_blocks(offered: u64, without: &[Range<u64>]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for number in 0..offered {
        let mut block = format!("000{number}");
        block.truncate(block.len() - 3);
        let is_counted = !without.iter().any(|some| some.contains(&number));
        *sums.entry(block).or_default() += u64::from(is_counted);
    }
    sums
}

/// What they have to add up to when the first so many events were counted, but for these.
fn offered_sums(offered: u64, without: &[Range<u64>]) -> Vec<u64> {
    let mut sums = vec![0; DIGITS as usize];
    for number in (0..offered).filter(|number| !without.iter().any(|some| some.contains(number))) {
        sums[(number % DIGITS) as usize] += 1;
    }
    sums
}

/// Waits until the series add up to so many events.
fn reach(carbon: &Carbon, least: u64) -> Result<(), String> {
    poll(RECOVERY_MAX, || match sums(carbon).iter().sum::<u64>() {
        sum if least <= sum => Ok(()),
        sum => Err(format!("{sum} of {least} events in {SERIES}")),
    })
}

/// SIGKILL of carbon: what it had not written to its files is gone with it.
pub fn carbon_killed(trial: &mut Trial) -> Account {
    run(trial, |trial, carbon, _agent, writer| {
        carbon.kill();
        writer.wait_for(trial.random(APART.0, APART.1));
        carbon.start_again();
    })
}

/// SIGKILL of the agent: what it had counted since its last flush is read again.
pub fn agent_killed(trial: &mut Trial) -> Account {
    run(trial, |trial, _carbon, agent, writer| {
        killed::strike(trial, agent, writer);
    })
}

/// A pipeline that counts what an input reads, at the time when that was: by digit and, where a filter finds the block, by
/// block.
fn counting(input: &str, filter: &str, carbon: &Carbon) -> String {
    let number = "(?<number>[0-9]*(?<digit>[0-9]))";
    format!(
        "input {{ {input} }}\n\
         filter {{ grok {{ match => {{ \"message\" => \"^{SOURCE} {number} [0-9a-f]{{16}} \" }} }}\n{filter} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {} interval => 1 reconnect_interval => 1\n\
         timestamp_field => \"none\"\n\
         counters => {{ \"{SERIES}.%{{digit}}\" => 1 \"{BLOCKS}.%{{block}}\" => 1 }} }} }}\n",
        carbon.port()
    )
}

/// SIGKILL in the middle of datagrams that are counted. What the agent said just before that it had saved has to be in the
/// series, and so has all that the next life heard; what came in between may be missing, as unheard.
pub fn datagrams(trial: &mut Trial) -> Account {
    let carbon = Carbon::start();
    let port = free_port();
    let input = format!("syslog {{ host => \"127.0.0.1\" port => {port} }}");
    let mut agent = Agent::start(&counting(&input, IN_BLOCKS, &carbon));
    let listens = || wait_until(START_MAX, "the agent's socket", || udp_is_bound(port));
    listens();
    let mut writer = Writer::start(SOURCE, Place::Datagrams(port));
    // A life hears all datagrams in order from some number between these two on.
    let mut first_heard = 0..0;
    let mut unheard = Vec::new();
    let (mut saved, mut window) = (0, 0);
    for _ in 0..trial.faults {
        writer.wait_for(trial.random(APART.0, APART.1));
        let counters = agent.output_counters();
        agent.kill();
        saved += counters["events_out"];
        let longest = counters.get("sums_window_millis_max").copied();
        window = window.max(longest.unwrap_or_default());
        let safe = first_heard.start + counters["events_out"];
        let next = writer.written();
        agent.spawn();
        listens();
        let missing = first_heard.end.max(safe);
        first_heard = next..writer.written() + BURST_MAX;
        unheard.push(missing..first_heard.end);
        let end = Instant::now();
        writer.wait_for(BURST_MAX);
        let count = |numbers: &Range<u64>| numbers.end - numbers.start;
        let heard = writer.written() - unheard.iter().map(count).sum::<u64>();
        trial.note(end, reach(&carbon, heard), &agent);
    }
    assert!(0 < saved, "the agent told of what it had saved");
    let offered = writer.stop();
    let heard = offered_blocks(offered, &unheard);
    if let Err(state) = reach(&carbon, heard.values().sum()) {
        eprintln!("not everything arrived: {state}; {}", agent.told());
    }
    agent.stop();
    eprintln!("at most {window} ms went by before a count was saved");
    let found = |block| sum(&carbon, &format!("{BLOCKS}.{block}"));
    let found: Vec<u64> = heard.keys().map(found).collect();
    let values = |sums: BTreeMap<String, u64>| sums.into_values().collect::<Vec<u64>>();
    account(
        &values(offered_blocks(offered, &[])),
        &values(heard),
        &found,
    )
}

/// Finds the block of an event.
const IN_BLOCKS: &str = "mutate { add_field => { \"padded\" => \"000%{number}\" } }\n\
                         grok { match => { \"padded\" => \"^(?<block>[0-9]+)[0-9]{3}$\" } }";

/// Counts lines while something is struck again and again.
fn run(
    trial: &mut Trial,
    strike: impl FnMut(&mut Trial, &mut Carbon, &mut Agent, &Writer),
) -> Account {
    run_as(trial, Start::default(), strike)
}

/// The same with an agent that is started in another way.
pub fn run_as(
    trial: &mut Trial,
    start: Start,
    mut strike: impl FnMut(&mut Trial, &mut Carbon, &mut Agent, &Writer),
) -> Account {
    let mut carbon = Carbon::start();
    let logs = Scratch::new("faults-logs");
    let path = logs.0.join("app.log");
    let input = format!(
        "file {{ path => \"{}\" start_position => \"beginning\" }}",
        path.display()
    );
    let mut agent = Agent::start_as(&counting(&input, "", &carbon), start);
    let mut writer = Writer::start(SOURCE, Place::File(path));
    for _ in 0..trial.faults {
        writer.wait_for(trial.random(APART.0, APART.1));
        strike(trial, &mut carbon, &mut agent, &writer);
        let end = Instant::now();
        let written = writer.written();
        trial.note(end, reach(&carbon, written), &agent);
    }
    let offered = writer.stop();
    if let Err(state) = reach(&carbon, offered) {
        eprintln!(
            "not everything arrived: {state}; the agent's log:\n{}",
            agent.told()
        );
    }
    agent.stop();
    let all = offered_sums(offered, &[]);
    account(&all, &all, &sums(&carbon))
}

/// What became of events that are known by their digits alone: those offered, those that have to be there, and those that
/// are.
fn account(offered: &[u64], heard: &[u64], found: &[u64]) -> Account {
    let more = |one: &[u64], other: &[u64]| -> u64 {
        let pairs = one.iter().zip(other);
        pairs.map(|(one, other)| one.saturating_sub(*other)).sum()
    };
    let (missing, lost) = (more(offered, found), more(heard, found));
    let duplicate = more(found, offered);
    let all = offered.iter().sum::<u64>();
    let mut dropped = BTreeMap::new();
    if lost < missing {
        dropped.insert("unheard".to_owned(), missing - lost);
    }
    Account {
        offered: all,
        delivered: all - missing,
        duplicate,
        dead: 0,
        dropped,
        pending: 0,
        is_late: false,
        lost: lost as i64,
        wrong: match lost + duplicate {
            0 => Vec::new(),
            _ => vec![format!(
                "by series {found:?} counted of {offered:?}, at least {heard:?} of them heard"
            )],
        },
    }
}

#[test]
fn a_loss_and_a_double_do_not_make_up_for_each_other() {
    let offered = offered_sums(23, &[]);
    assert_eq!(offered, [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]);
    let mut found = offered.clone();
    assert!(account(&offered, &offered, &found).wrong.is_empty());
    (found[0], found[9]) = (2, 3);
    let told = account(&offered, &offered, &found);
    assert_eq!((told.delivered, told.duplicate, told.lost), (22, 1, 1));
    assert_eq!(told.wrong.len(), 1);
}

#[test]
fn what_may_be_missing_does_not_stand_for_a_loss_elsewhere() {
    let offered = offered_blocks(2100, &[]);
    let names: Vec<(&str, u64)> = offered.iter().map(|(name, sum)| (&**name, *sum)).collect();
    let want = [
        ("0", 10),
        ("00", 90),
        ("000", 900),
        ("0001", 1000),
        ("0002", 100),
    ];
    assert_eq!(names, want);
    let values = |sums: &BTreeMap<String, u64>| sums.values().copied().collect::<Vec<u64>>();
    let heard = values(&offered_blocks(2100, &[1990..2000, 2000..2010]));
    assert_eq!(heard, [10, 90, 900, 990, 90]);
    // All that was unheard is there, and ten others are not.
    let found = [10, 90, 890, 1000, 100];
    let told = account(&values(&offered), &heard, &found);
    assert_eq!((told.delivered, told.lost, told.wrong.len()), (2090, 10, 1));
}

#[test]
fn no_more_may_be_missing_than_was_unheard() {
    let offered = offered_sums(30, &[]);
    let heard = offered_sums(30, &[5..8, 20..21]);
    assert_eq!(heard, [2, 3, 3, 3, 3, 2, 2, 2, 3, 3]);
    let told = account(&offered, &heard, &heard);
    assert_eq!(
        (told.delivered, told.lost, &told.dropped["unheard"]),
        (26, 0, &4)
    );
    assert!(told.wrong.is_empty());
    let mut found = heard.clone();
    found[1] = 1;
    let told = account(&offered, &heard, &found);
    assert_eq!((told.delivered, told.lost, told.wrong.len()), (24, 2, 1));
}
