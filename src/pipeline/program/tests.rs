//! Filters that make events, in whole filter sections: what they make, in which order, how it is counted, and by what
//! identifiers it is known.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::run;
use crate::event::{Batch, EventId, Provenance, Value};
use crate::lang::source::{Source, Sources};
use crate::limits;
use crate::metrics::Metrics;
use crate::pipeline::building::{Ecs, Surroundings};
use crate::pipeline::compile;
use crate::queue::ack::Ack;

const FILE: Provenance = Provenance {
    stream: 0x1234_5678_9abc_def0,
    since: 1_790_000_000_000,
};

/// What went through a filter section.
struct Ran {
    /// Without `@timestamp` and `@version`.
    events: Vec<String>,
    identifiers: Vec<String>,
    /// By plugin's id and figure.
    counts: BTreeMap<(String, &'static str), u64>,
}

impl Ran {
    fn count(&self, plugin: &str, figure: &'static str) -> u64 {
        let count = self.counts.get(&(plugin.to_owned(), figure));
        *count.unwrap_or_else(|| panic!("no {figure} of {plugin}"))
    }

    /// What goes into a filter and is made there goes on, or went into others, or held nothing.
    fn check_sums(&self, plugin: &str) {
        let of = |figure| self.counts.get(&(plugin.to_owned(), figure)).unwrap_or(&0);
        assert_eq!(
            of("events_in") + of("events_created"),
            of("events_out") + of("events_split") + of("events_without_parts"),
            "{plugin}"
        );
    }
}

/// Runs a filter section over these lines, each a JSON object; the first `before` of them are read but not in this batch.
fn run_batch(filters: &str, ecs: Ecs, lines: &[&str], before: usize) -> Ran {
    let source = Source {
        name: "test".to_owned(),
        text: format!("input {{ stdin {{ }} }} filter {{ {filters} }} output {{ null {{ }} }}"),
    };
    let surroundings = Surroundings {
        ecs,
        support_escapes: false,
        path_data: std::env::temp_dir(),
        dead_letters: None,
        pipeline: "main".to_owned(),
        host_name: "test".to_owned(),
    };
    let metrics = Arc::new(Metrics::default());
    let sources = Sources { all: vec![source] };
    let mut found = Vec::new();
    let compiled = compile::compile(&sources, &surroundings, &metrics, &mut found);
    let mut compiled = compiled.unwrap_or_else(|| panic!("{found:?}"));
    let mut batch = Batch::new(Vec::new(), Arc::clone(&compiled.names), 0, Ack::none());
    batch.come_from(FILE, 0);
    let mut offset = 0;
    for (number, line) in lines.iter().enumerate() {
        batch.go_to(Some(offset));
        offset += line.len() as u64 + 1;
        if number < before {
            continue;
        }
        let record = batch.append(line.as_bytes());
        batch.note_record(record);
        let Ok(Value::Map(object)) = batch.parse_json_bytes(line.as_bytes()) else {
            panic!("{line} is no object");
        };
        batch.push_adopted(object);
    }
    batch.end_of_input();
    let mut selected: Vec<EventId> = batch.live_events().collect();
    run(&mut compiled.filters, &mut batch, &mut selected);
    let live: HashSet<u32> = batch.live_events().map(|id| id.0).collect();
    let went_on: HashSet<u32> = selected.iter().map(|id| id.0).collect();
    assert_eq!(live, went_on, "what is not dropped goes on");
    let mut counts = BTreeMap::new();
    for plugin in metrics.plugins() {
        counts.insert((plugin.id.clone(), "events_in"), plugin.events_in.value());
        counts.insert((plugin.id.clone(), "events_out"), plugin.events_out.value());
        counts.insert((plugin.id.clone(), "failed"), plugin.failed.value());
        for (name, value) in plugin.counters() {
            counts.insert((plugin.id.clone(), name), value);
        }
    }
    let identifier = |&id: &EventId| {
        let identifier = batch.identifier(id).expect("its place is known");
        String::from_utf8_lossy(&identifier).into_owned()
    };
    Ran {
        events: selected.iter().map(|&id| written(&batch, id)).collect(),
        identifiers: selected.iter().map(identifier).collect(),
        counts,
    }
}

fn written(batch: &Batch, id: EventId) -> String {
    let mut out = Vec::new();
    let wanted = |name| !batch.name_text(name).starts_with(b"@");
    batch.write_json_fields(id, &mut out, wanted);
    String::from_utf8(out).expect("JSON is text")
}

fn filtered(filters: &str, lines: &[&str]) -> Ran {
    run_batch(filters, Ecs::Disabled, lines, 0)
}

#[track_caller]
fn check(filters: &str, lines: &[&str], want: &[&str]) {
    let ran = filtered(filters, lines);
    assert_eq!(ran.events, want);
}

#[test]
fn the_event_goes_on_unchanged_and_its_clones_behind_it() {
    check(
        "clone { clones => [aa, bb] add_field => { of => '%{n}' } add_tag => [copy] remove_field => ['m'] }",
        &[r#"{"n":1,"m":{"x":[1]}}"#, r#"{"n":2,"type":"old"}"#],
        &[
            r#"{"n":1,"m":{"x":[1]}}"#,
            r#"{"n":1,"type":"aa","of":"1","tags":["copy"]}"#,
            r#"{"n":1,"type":"bb","of":"1","tags":["copy"]}"#,
            r#"{"n":2,"type":"old"}"#,
            r#"{"n":2,"type":"aa","of":"2","tags":["copy"]}"#,
            r#"{"n":2,"type":"bb","of":"2","tags":["copy"]}"#,
        ],
    );
}

#[test]
fn with_ecs_a_clone_has_its_name_as_a_tag() {
    let lines = [r#"{"tags":["t"],"type":"x"}"#, r#"{"tags":"a"}"#, "{}"];
    let want = [
        r#"{"tags":["t"],"type":"x"}"#,
        r#"{"tags":["t","aa"],"type":"x"}"#,
        r#"{"tags":"a"}"#,
        r#"{"tags":["a","aa"]}"#,
        "{}",
        r#"{"tags":["aa"]}"#,
    ];
    let by_pipeline = run_batch("clone { clones => aa }", Ecs::Enabled, &lines, 0);
    assert_eq!(by_pipeline.events, want);
    let own = "clone { clones => aa ecs_compatibility => v8 }";
    check(own, &lines, &want);
}

#[test]
fn a_clone_is_a_deep_copy() {
    check(
        "clone { clones => [cc] } if [type] == 'cc' { mutate { replace => { '[m][x][0]' => new } add_field => { '[m][y]' => 1 } } }",
        &[r#"{"m":{"x":["old"]}}"#],
        &[
            r#"{"m":{"x":["old"]}}"#,
            r#"{"m":{"x":["new"],"y":"1"},"type":"cc"}"#,
        ],
    );
}

#[test]
fn no_names_make_no_clones() {
    let ran = filtered("clone { clones => [] }", &["{}"]);
    assert_eq!(ran.events, ["{}"]);
    assert_eq!(ran.count("filter_clone_1", "events_created"), 0);
}

#[test]
fn a_text_is_split_at_its_line_ends_and_empty_parts_are_left_out() {
    check(
        "split { add_tag => [part] }",
        &[
            r#"{"message":"a\n\nb\n","n":[1]}"#,
            r#"{"message":"one"}"#,
            r#"{"message":"last\n"}"#,
        ],
        &[
            r#"{"message":"a","n":[1],"tags":["part"]}"#,
            r#"{"message":"b","n":[1],"tags":["part"]}"#,
            r#"{"message":"one"}"#,
            r#"{"message":"last","tags":["part"]}"#,
        ],
    );
}

#[test]
fn a_terminator_may_be_any_text() {
    check(
        "split { field => '[a][b]' terminator => '<>' target => part }",
        &[r#"{"a":{"b":"x<>y>"}}"#],
        &[
            r#"{"a":{"b":"x<>y>"},"part":"x"}"#,
            r#"{"a":{"b":"x<>y>"},"part":"y>"}"#,
        ],
    );
}

#[test]
fn a_blank_stands_for_all_blanks_as_in_ruby() {
    let words = |text: &str| {
        let line = format!(r#"{{"message":"{text}"}}"#);
        let ran = filtered("split { terminator => ' ' }", &[&line]);
        ran.events
            .join("")
            .replace(r#"{"message":"#, "")
            .replace('}', " ")
    };
    assert_eq!(words(r" a \t b\nc"), r#""a" "b" "c" "#);
    assert_eq!(words("a "), r#""a" "#);
    assert_eq!(words(" a"), r#"" a" "#);
    assert_eq!(words("  "), r#""  " "#);
    assert_eq!(words(""), "");
}

#[test]
fn a_list_gives_an_event_for_each_item_that_holds_something() {
    check(
        "split { field => 'l' }",
        &[
            r#"{"l":["a",null,"",{"k":[1,{"z":2}]},[3],7,false],"n":1}"#,
            r#"{"l":["only"]}"#,
        ],
        &[
            r#"{"l":"a","n":1}"#,
            r#"{"l":{"k":[1,{"z":2}]},"n":1}"#,
            r#"{"l":[3],"n":1}"#,
            r#"{"l":7,"n":1}"#,
            r#"{"l":false,"n":1}"#,
            r#"{"l":"only"}"#,
        ],
    );
}

#[test]
fn parts_and_the_whole_are_copies() {
    let change = "mutate { replace => { '[p][k]' => new } add_field => { '[l]' => more } }";
    check(
        &format!("split {{ field => 'l' target => 'p' }} if [p][k] == 1 {{ {change} }}"),
        &[r#"{"l":[{"k":1},{"k":2}]}"#],
        &[
            r#"{"l":[{"k":1},{"k":2},"more"],"p":{"k":"new"}}"#,
            r#"{"l":[{"k":1},{"k":2}],"p":{"k":2}}"#,
        ],
    );
}

#[test]
fn what_cannot_be_split_stays_whole_under_a_tag() {
    for line in [
        r#"{"message":7}"#,
        r#"{"message":null}"#,
        r#"{"message":{"a":1}}"#,
        "{}",
    ] {
        let ran = filtered("split { add_tag => [part] }", &[line]);
        let [event] = ran.events.as_slice() else {
            panic!("{:?}", ran.events);
        };
        assert!(
            event.contains(r#""tags":["_split_type_failure"]"#),
            "{event}"
        );
        assert_eq!(ran.count("filter_split_1", "failed"), 1);
        ran.check_sums("filter_split_1");
    }
    // The target lies in a text.
    check(
        "split { target => '[n][x]' } split { field => 'l' target => '[n][x]' }",
        &[r#"{"message":"a\nb","l":[1,2],"n":"text"}"#],
        &[r#"{"message":"a\nb","l":[1,2],"n":"text","tags":["_split_type_failure"]}"#],
    );
}

#[test]
fn events_that_hold_nothing_end_and_are_counted() {
    let lines = [
        r#"{"message":"\n\n"}"#,
        r#"{"message":""}"#,
        r#"{"message":[]}"#,
    ];
    let ran = filtered("split { }", &lines);
    assert_eq!(ran.events.len(), 0);
    assert_eq!(ran.count("filter_split_1", "events_without_parts"), 3);
    ran.check_sums("filter_split_1");
}

#[test]
fn an_event_that_would_become_too_many_stays_whole() {
    let line = |parts: usize| format!(r#"{{"message":"{}"}}"#, "a,".repeat(parts));
    let (most, more) = (
        line(limits::SPLIT_PARTS_MAX),
        line(limits::SPLIT_PARTS_MAX + 1),
    );
    let ran = filtered("split { terminator => ',' }", &[&most, &more]);
    assert_eq!(ran.events.len(), limits::SPLIT_PARTS_MAX + 1);
    assert!(ran.events[limits::SPLIT_PARTS_MAX].ends_with(r#","tags":["_split_too_many"]}"#));
    assert_eq!(ran.count("filter_split_1", "copies_refused"), 1);
    ran.check_sums("filter_split_1");
}

#[test]
fn a_batch_does_not_multiply_without_end_and_loses_nothing() {
    // A copy has ten thousand nodes; there is room for some four hundred.
    let list = "7,".repeat(9980);
    let list = list.trim_end_matches(',');
    let line = format!(r#"{{"message":"{}","l":[{list}]}}"#, "a\\n".repeat(150));
    let filters = "split { } clone { clones => [aa] }";
    let ran = filtered(filters, &[&line, &line, &line, r#"{"message":"a\nb"}"#]);
    let (split, clone) = ("filter_split_1", "filter_clone_1");
    assert_eq!(ran.count(split, "events_created"), 150 + 150 + 2);
    assert_eq!(ran.count(split, "copies_refused"), 1);
    let cloned = ran.count(clone, "events_created");
    assert_eq!(cloned + ran.count(clone, "copies_refused"), 303);
    assert!(2 < cloned && cloned < 150, "{cloned}");
    let tagged = |tag: &str| {
        ran.events
            .iter()
            .filter(|event| event.contains(tag))
            .count()
    };
    assert_eq!(tagged("_split_too_many"), 1);
    assert_eq!(tagged("_clone_too_many") as u64, 303 - cloned);
    ran.check_sums(split);
    ran.check_sums(clone);
}

#[test]
fn made_events_go_on_within_branches_and_in_order() {
    check(
        "if [n] != 2 { clone { clones => [cc] } if [type] == 'cc' { mutate { add_tag => [in] } } } \
         else { split { } } \
         clone { clones => [dd] } if [type] == 'dd' { mutate { add_tag => [late] } } else { mutate { add_field => { 'o' => 1 } } }",
        &[r#"{"n":1}"#, r#"{"n":2,"message":"a\nb"}"#, r#"{"n":3}"#],
        &[
            r#"{"n":1,"o":"1"}"#,
            r#"{"n":1,"type":"dd","tags":["late"]}"#,
            r#"{"n":1,"type":"cc","tags":["in"],"o":"1"}"#,
            r#"{"n":1,"type":"dd","tags":["in","late"]}"#,
            r#"{"n":2,"message":"a","o":"1"}"#,
            r#"{"n":2,"message":"a","type":"dd","tags":["late"]}"#,
            r#"{"n":2,"message":"b","o":"1"}"#,
            r#"{"n":2,"message":"b","type":"dd","tags":["late"]}"#,
            r#"{"n":3,"o":"1"}"#,
            r#"{"n":3,"type":"dd","tags":["late"]}"#,
            r#"{"n":3,"type":"cc","tags":["in"],"o":"1"}"#,
            r#"{"n":3,"type":"dd","tags":["in","late"]}"#,
        ],
    );
}

#[test]
fn each_filter_counts_what_it_makes_and_what_goes_into_it() {
    let lines = [r#"{"message":"a\nb\nc"}"#, r#"{"message":"d"}"#];
    let ran = filtered(
        "clone { id => twice clones => [xx] } split { id => lines }",
        &lines,
    );
    assert_eq!(ran.count("twice", "events_created"), 2);
    assert_eq!(ran.count("lines", "events_in"), 4);
    assert_eq!(ran.count("lines", "events_created"), 6);
    assert_eq!(ran.count("lines", "events_split"), 2);
    assert_eq!(ran.count("lines", "events_out"), 8);
    ran.check_sums("twice");
    ran.check_sums("lines");
}

/// Clones of clones, parts of clones, clones of parts, in a row and in branches.
const CHAINED: &str = "clone { clones => [aa, aa] } clone { clones => [bb] } split { } split { terminator => ',' } \
                       if [n] == 1 { clone { clones => [aa] } } else { clone { clones => [aa] } } clone { id => 'x' clones => [aa] }";

const CHAINED_LINES: [&str; 4] = [
    r#"{"n":1,"message":"1,1\n1,1"}"#,
    r#"{"n":2,"message":"1,1\n1,1"}"#,
    r#"{"n":1,"message":"1,1\n1,1"}"#,
    r#"{"n":3,"message":"one"}"#,
];

#[test]
fn no_two_events_have_the_same_identifier() {
    let ran = filtered(CHAINED, &CHAINED_LINES);
    // Six of the first two filters, four parts of each, and four of each part; the last line has no parts.
    assert_eq!(ran.events.len(), 3 * 6 * 4 * 4 + 6 * 4);
    let distinct: HashSet<&String> = ran.identifiers.iter().collect();
    assert_eq!(distinct.len(), ran.identifiers.len());
}

#[test]
fn identifiers_are_the_same_however_often_lines_are_read_and_in_whatever_batches() {
    let all = filtered(CHAINED, &CHAINED_LINES);
    let again = filtered(CHAINED, &CHAINED_LINES);
    assert_eq!(all.identifiers, again.identifiers);
    let rest = run_batch(CHAINED, Ecs::Disabled, &CHAINED_LINES, 2);
    assert!(all.identifiers.ends_with(&rest.identifiers));
}

#[test]
fn other_filters_around_do_not_change_identifiers_and_originals_keep_theirs() {
    let alone = filtered("", &CHAINED_LINES);
    let cloned = filtered("clone { clones => [aa] }", &CHAINED_LINES);
    let of_originals = cloned.identifiers.iter().step_by(2);
    assert!(of_originals.eq(&alone.identifiers));
    let among = "mutate { add_tag => [xx] } clone { clones => [aa] add_field => { 'b' => 'c' } } grok { match => { message => 'x' } }";
    assert_eq!(
        filtered(among, &CHAINED_LINES).identifiers,
        cloned.identifiers
    );
}

/// Identifiers are kept in indices: another version of the agent has to make the same.
#[test]
fn identifiers_of_made_events_never_change() {
    let line = [r#"{"message":"a\nb"}"#];
    let ran = filtered("clone { clones => [xx] } split { id => lines }", &line);
    assert_eq!(
        ran.identifiers,
        [
            "AaDEUGwALN6lj2JaFkOc",
            "AaDEUGwAZUCwiZ0hWv-2",
            "AaDEUGwA-J9aQeoyX4p_",
            "AaDEUGwAtDNWI4Kz1-oN"
        ],
    );
}
