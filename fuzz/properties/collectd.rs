//! What holds for every packet of collectd, and for every text as a types.db.

use sawlog_parsers::collectd::{Identifier, Item, TypesDb, Value, ValueList, parse};

/// Checks the bytes as a packet and as a types.db.
pub fn check(data: &[u8]) {
    let items = items_lie_inside(data);
    a_packet_can_go_on(data, &items);
    for item in &items {
        items_come_back(item);
    }
    faults_of_types_have_a_place(data);
}

fn items_lie_inside(packet: &[u8]) -> Vec<Item<'_>> {
    let mut walk = parse(packet);
    let items: Vec<_> = walk.by_ref().collect();
    assert!(items.len() + walk.unknown_parts() <= packet.len().div_ceil(4));
    assert_eq!(walk.next(), None);
    let parts = items.iter().flat_map(|item| match item {
        Item::Values(list) => names(&list.identifier).to_vec(),
        Item::Notification(notification) => vec![notification.message],
        Item::Signature(signature) => {
            assert!(packet.ends_with(signature.covered));
            assert!(signature.covered.starts_with(signature.user));
            vec![signature.user, signature.mac, signature.covered]
        }
        Item::Encrypted(encrypted) => {
            assert!(20 <= encrypted.payload.len());
            vec![
                encrypted.user,
                encrypted.initialization_vector,
                encrypted.payload,
            ]
        }
        Item::KeptWhole(rest) => {
            assert_eq!(rest.bytes, &packet[rest.offset..]);
            assert!(!rest.bytes.is_empty());
            vec![rest.bytes]
        }
    });
    for part in parts {
        let inside = packet.as_ptr_range().start <= part.as_ptr_range().start
            && part.as_ptr_range().end <= packet.as_ptr_range().end;
        assert!(inside || part.is_empty());
    }
    let kept = items
        .iter()
        .position(|item| matches!(item, Item::KeptWhole(_)));
    assert!(kept.is_none_or(|index| index + 1 == items.len()));
    items
}

fn names<'a>(identifier: &Identifier<'a>) -> [&'a [u8]; 5] {
    [
        identifier.host,
        identifier.plugin,
        identifier.plugin_instance,
        identifier.type_name,
        identifier.type_instance,
    ]
}

/// A message behind a packet without fault is one item more; behind a fault it is kept with the rest.
fn a_packet_can_go_on(packet: &[u8], items: &[Item<'_>]) {
    let longer = [packet, &text(0x100, b"more")].concat();
    let more: Vec<_> = parse(&longer).collect();
    let Some(whole) = items.len().checked_sub(1) else {
        assert!(matches!(more[..], [Item::Notification(_)]));
        return;
    };
    match (&items[whole], more.last()) {
        // A part that was cut may become whole.
        (Item::KeptWhole(before), Some(Item::KeptWhole(after))) => {
            assert!(before.offset <= after.offset);
        }
        (Item::KeptWhole(_), _) => {}
        (_, Some(Item::Notification(last))) => {
            assert_eq!(last.message, b"more");
            assert_eq!(more.len(), items.len() + 1);
        }
        (_, other) => panic!("the message got lost: {other:?}"),
    }
    for (item, again) in items.iter().zip(&more).take(whole) {
        match (item, again) {
            (Item::Signature(item), Item::Signature(again)) => {
                assert!(again.covered.starts_with(item.covered));
            }
            _ => assert_eq!(item, again),
        }
    }
}

/// What was read, written as a packet of its own, is read again as the same.
fn items_come_back(item: &Item<'_>) {
    match item {
        Item::Values(list) => {
            let mut packet = said(&list.identifier, list.time);
            if let Some(interval) = list.interval {
                packet.extend(match u64::try_from(interval.as_nanos()) {
                    Ok(nanos) if nanos <= 17_179_869_183_999_999_999 => number(9, units(nanos)),
                    _ => number(7, interval.as_secs()),
                });
            }
            packet.extend(values(list));
            let mut again = parse(&packet);
            assert_eq!(again.next().as_ref(), Some(item));
            assert_eq!(again.next(), None);
        }
        Item::Notification(notification) => {
            let mut packet = said(&notification.identifier, notification.time);
            if let Some(severity) = notification.severity {
                packet.extend(number(0x101, severity.code()));
            }
            packet.extend(text(0x100, notification.message));
            assert_eq!(parse(&packet).next().as_ref(), Some(item));
        }
        Item::KeptWhole(rest) => {
            // A fault does not depend on what stands before it.
            let Some(Item::KeptWhole(again)) = parse(rest.bytes).next() else {
                panic!("the fault is gone");
            };
            assert_eq!((again.reason, again.bytes), (rest.reason, rest.bytes));
        }
        Item::Signature(_) | Item::Encrypted(_) => {}
    }
}

fn part(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).expect("it was in a part");
    [&kind.to_be_bytes(), &length.to_be_bytes(), body].concat()
}

fn text(kind: u16, text: &[u8]) -> Vec<u8> {
    part(kind, &[text, b"\0"].concat())
}

fn number(kind: u16, number: u64) -> Vec<u8> {
    part(kind, &number.to_be_bytes())
}

fn units(nanos: u64) -> u64 {
    (((u128::from(nanos) << 30) + 500_000_000) / 1_000_000_000) as u64
}

fn said(identifier: &Identifier<'_>, time: Option<i64>) -> Vec<u8> {
    let kinds = [0, 2, 3, 4, 5];
    let texts = kinds.into_iter().zip(names(identifier));
    let mut packet: Vec<u8> = texts.flat_map(|(kind, name)| text(kind, name)).collect();
    if let Some(time) = time {
        packet.extend(number(
            8,
            units(time.try_into().expect("no time is before 1970")),
        ));
    }
    packet
}

fn values(list: &ValueList<'_>) -> Vec<u8> {
    let mut body = (list.values.len() as u16).to_be_bytes().to_vec();
    body.extend(list.values.iter().map(|value| value.kind() as u8));
    for value in list.values.iter() {
        body.extend(match value {
            Value::Counter(number) | Value::Absolute(number) => number.to_be_bytes(),
            Value::Gauge(number) => number.to_le_bytes(),
            Value::Derive(number) => number.to_be_bytes(),
        });
    }
    part(6, &body)
}

fn faults_of_types_have_a_place(text: &[u8]) {
    let mut types = TypesDb::new();
    let Err(error) = types.add_file("types.db", text) else {
        names_are_in_the_file(&types, text);
        return;
    };
    assert!(types.is_empty());
    let number = error.line().expect("each fault is in a line");
    let line = text
        .split(|byte| *byte == b'\n')
        .nth(number - 1)
        .expect("the line exists");
    match (std::str::from_utf8(line), error.column()) {
        (Ok(line), Some(column)) => assert!(column <= line.chars().count() + 1),
        (Ok(_), None) => panic!("no column: {error}"),
        (Err(_), column) => assert_eq!(column, None),
    }
    // The lines before the faulty one are good.
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').take(number - 1).collect();
    assert_eq!(types.add_file("types.db", &lines.join(&b'\n')), Ok(()));
}

fn names_are_in_the_file(types: &TypesDb, text: &[u8]) {
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| byte.is_ascii_whitespace() || *byte == b',');
        let Some(name) = words.find(|word| !word.is_empty()) else {
            continue;
        };
        if name.starts_with(b"#") {
            continue;
        }
        let sources = types.sources(name).expect("the line defines it");
        assert!(!sources.is_empty());
        assert!(
            sources
                .iter()
                .all(|source| !source.name.contains([':', ',', ' ']))
        );
    }
}
