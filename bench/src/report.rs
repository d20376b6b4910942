//! Samples in, Markdown out: minimum and median of each agent on each row, and the ratio to the first agent within a round.

use std::fmt::Write;
use std::time::Duration;

use crate::compare::Agent;

/// A sink that takes more of the agent's CPU time than this may hold it up.
const SINK_SHARE_MAX: f64 = 0.25;

/// One run less its start-up.
pub struct Sample {
    pub events_per_cpu_second: f64,
    pub peak_bytes: u64,
    pub sink_share: f64,
    pub wall: Duration,
    pub extra_fields: String,
}

/// All runs of one row.
pub struct RowResult {
    name: &'static str,
    agents: Vec<(Agent, Vec<Result<Sample, String>>)>,
}

impl RowResult {
    pub fn new(name: &'static str, agents: &[Agent]) -> Self {
        Self {
            name,
            agents: agents.iter().map(|agent| (*agent, Vec::new())).collect(),
        }
    }

    /// Adds the sample of the agent at this place.
    pub fn push(&mut self, place: usize, sample: Result<Sample, String>) {
        self.agents[place].1.push(sample);
    }

    /// Each round's figure over that of the agent named first in the same round.
    fn ratios(&self, samples: &[Result<Sample, String>]) -> Vec<f64> {
        let Some((_, base)) = self.agents.first() else {
            return Vec::new();
        };
        let pairs = samples.iter().zip(base).filter_map(|pair| match pair {
            (Ok(sample), Ok(base)) => {
                Some(sample.events_per_cpu_second / base.events_per_cpu_second)
            }
            _ => None,
        });
        pairs.collect()
    }
}

/// The page of a comparison.
pub fn compare(results: &[RowResult], versions: &[String], lines: u64, rounds: u64) -> String {
    let mut page = String::from("# Results\n\n");
    let conditions = format!(
        "{}, {}. {lines} access log lines of 98 bytes (mean), `message` kept, no compression, {rounds} rounds in turn \
         from a clean state; each agent on one core, the sink on the other. CPU time is user and system time of the \
         process, less that of a run of 1000 lines. Every line arrived once, and every thousandth document had the \
         right values and types.\n\n",
        machine(),
        versions.join(", ")
    );
    page.push_str(&conditions);
    let base = results.first().and_then(|result| result.agents.first());
    let base = base.map_or("", |(agent, _)| agent.name());
    page.push_str(&format!(
        "| row | agent | events per CPU-second: median | minimum | times {base}: median | minimum \
         | peak memory, MB | sink's share of CPU |\n|---|---|---:|---:|---:|---:|---:|---:|\n",
    ));
    for result in results {
        for (agent, samples) in &result.agents {
            push_row(&mut page, result, *agent, samples);
        }
    }
    push_notes(&mut page, results);
    page
}

fn push_row(
    page: &mut String,
    result: &RowResult,
    agent: Agent,
    samples: &[Result<Sample, String>],
) {
    let good: Vec<&Sample> = samples
        .iter()
        .filter_map(|sample| sample.as_ref().ok())
        .collect();
    if good.is_empty() {
        push_line(
            page,
            &format!("| {} | {} | none | | | | | |", result.name, agent.name()),
        );
        return;
    }
    let rates: Vec<f64> = good
        .iter()
        .map(|sample| sample.events_per_cpu_second)
        .collect();
    let ratios = result.ratios(samples);
    // Two places for what a change cost, one for what lies far apart.
    let ratio = |value: f64| match value {
        _ if ratios.is_empty() => String::new(),
        0.0..2.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    };
    let peak = good
        .iter()
        .map(|sample| sample.peak_bytes)
        .max()
        .unwrap_or(0) as f64
        / 1e6;
    let shares: Vec<f64> = good.iter().map(|sample| sample.sink_share).collect();
    let line = format!(
        "| {} | {} | {} | {} | {} | {} | {peak:.1} | {:.0} % |",
        result.name,
        agent.name(),
        thousands(median(&rates)),
        thousands(minimum(&rates)),
        ratio(median(&ratios)),
        ratio(minimum(&ratios)),
        median(&shares) * 100.0
    );
    push_line(page, &line);
}

fn push_notes(page: &mut String, results: &[RowResult]) {
    for result in results {
        for (agent, samples) in &result.agents {
            let name = format!("\n{}, {}", result.name, agent.name());
            let faults: Vec<&String> = samples
                .iter()
                .filter_map(|sample| sample.as_ref().err())
                .collect();
            if let Some(fault) = faults.first() {
                push_line(
                    page,
                    &format!("{name}: {} runs gave no figure: {fault}", faults.len()),
                );
            }
            let good: Vec<&Sample> = samples
                .iter()
                .filter_map(|sample| sample.as_ref().ok())
                .collect();
            if let Some(sample) = good.iter().find(|sample| sample.extra_fields != "[]") {
                push_line(
                    page,
                    &format!("{name}: further fields {}.", sample.extra_fields),
                );
            }
            if good.iter().any(|sample| SINK_SHARE_MAX < sample.sink_share) {
                push_line(
                    page,
                    &format!("{name}: the sink took over a quarter of the agent's CPU time."),
                );
            }
        }
    }
}

/// What a UDP run brought.
pub struct UdpResult {
    pub agent: &'static str,
    pub rate: f64,
    pub sent: u64,
    pub received: u64,
    pub doubled: u64,
    pub cpu_share: f64,
    pub peak_bytes: u64,
    pub faults: u64,
    /// The longest time that a datagram was in memory alone, of an agent that tells it.
    pub window_millis: Option<f64>,
}

/// The part of the page about UDP.
pub fn udp(results: &[Result<UdpResult, String>], versions: &[String], seconds: u64) -> String {
    let mut page = format!(
        "## Syslog over UDP\n\n{}, {}. Datagrams for {seconds} s at the rate sent, each with one access log line, \
         through the pattern into the sink; loss is told by sequence numbers.\n\n\
         | agent | datagrams a second | sent | received | lost | doubled | wrong | CPU share | peak memory, MB \
         | in memory alone, at most |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        machine(),
        versions.join(", ")
    );
    for result in results {
        let line = match result {
            Ok(result) => format!(
                "| {} | {} | {} | {} | {} | {} | {} | {:.0} % | {:.1} | {} |",
                result.agent,
                thousands(result.rate),
                result.sent,
                result.received,
                result.sent.saturating_sub(result.received),
                result.doubled,
                result.faults,
                result.cpu_share * 100.0,
                result.peak_bytes as f64 / 1e6,
                millis(result.window_millis)
            ),
            Err(fault) => format!("\nno figure: {fault}"),
        };
        push_line(&mut page, &line);
    }
    page
}

/// What a run with a fault brought.
pub struct FaultResult {
    pub rate: u64,
    pub sent: u64,
    /// Sent while no agent listened.
    pub unheard: u64,
    /// Missing though they had been sent before a kill, and how long before it the first of them.
    pub in_window: u64,
    pub oldest: Duration,
    /// What is missing otherwise.
    pub lost: u64,
    pub doubled: u64,
    pub wrong: u64,
    pub peak_bytes: u64,
    pub window_millis: Option<f64>,
}

/// The part of the page about faults under load.
pub fn faults(
    results: &[(&str, Result<FaultResult, String>)],
    versions: &[String],
    seconds: u64,
) -> String {
    let mut page = format!(
        "## Faults under load\n\n{}, {}. Lines for {seconds} s at the rate (a kill: 10 s), through the pattern into the \
         sink, which takes a number twice without a word.\n\n\
         | fault | lines a second | sent | while no agent listened | sent before the kill and missing | oldest of them \
         | lost otherwise | doubled | wrong | in memory alone, at most | peak memory, MB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        machine(),
        versions.join(", ")
    );
    for (name, result) in results {
        let line = match result {
            Ok(it) => format!(
                "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} |",
                thousands(it.rate as f64),
                it.sent,
                it.unheard,
                it.in_window,
                millis(Some(it.oldest.as_secs_f64() * 1e3)),
                it.lost,
                it.doubled,
                it.wrong,
                millis(it.window_millis),
                it.peak_bytes as f64 / 1e6,
            ),
            Err(fault) => format!("\n{name}: no figure: {fault}"),
        };
        push_line(&mut page, &line);
    }
    page
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} ms"))
}

fn push_line(page: &mut String, line: &str) {
    writeln!(page, "{line}").expect("writing to a String cannot fail");
}

/// The processor, as far as it tells.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let values = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines
            .filter_map(|line| line.split_once(": "))
            .map(|(_, value)| value.to_owned())
            .collect()
    };
    let models: Vec<String> = values("model name");
    let model = models.first().map_or("unknown processor", String::as_str);
    format!("{model}, {} cores", models.len())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().reduce(f64::min).unwrap_or(0.0)
}

/// A whole number with a comma at every third digit.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{RowResult, Sample, compare, median, thousands};
    use crate::compare::Agent;

    fn sample(rate: f64) -> Result<Sample, String> {
        Ok(Sample {
            events_per_cpu_second: rate,
            peak_bytes: 20_000_000,
            sink_share: 0.1,
            wall: std::time::Duration::from_secs(1),
            extra_fields: "[]".to_owned(),
        })
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut result = RowResult::new("raw-pattern", &[Agent::Rsyslog, Agent::Sawlog]);
        for (peer, own) in [(100.0, 1500.0), (50.0, 600.0), (200.0, 4000.0)] {
            result.push(0, sample(peer));
            result.push(1, sample(own));
        }
        let page = compare(&[result], &["rsyslog 1".to_owned()], 10, 3);
        let line = "| raw-pattern | sawlog | 1,500 | 600 | 15.0 | 12.0 | 20.0 | 10 % |";
        assert!(page.contains(line), "{page}");
    }

    #[test]
    fn a_run_without_a_figure_is_told_and_leaves_its_round_out() {
        let mut result = RowResult::new("raw-pattern", &[Agent::Rsyslog, Agent::Sawlog]);
        result.push(0, sample(100.0));
        result.push(1, Err("lost 3".to_owned()));
        let page = compare(&[result], &[], 10, 1);
        assert!(page.contains("| raw-pattern | sawlog | none |"), "{page}");
        assert!(
            page.contains("raw-pattern, sawlog: 1 runs gave no figure: lost 3"),
            "{page}"
        );
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]).to_string(), "2.5");
        assert_eq!(median(&[3.0, 1.0, 2.0]).to_string(), "2");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(thousands(999.4), "999");
    }
}
