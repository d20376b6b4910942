//! Packets written by an encoder after the protocol's description, and packets that collectd sent.

use std::ops::Range;

use super::*;

/// collectd 5.12, values put in through its unix socket; the second of the last list was unknown.
const FOUR_KINDS: &str = concat!(
    "0000000b7765622d3137000008000c1ac0310e600000000009000c000000028000000000020008617070000003000973",
    "686f70000004000e69665f6f63746574730000050009657468300000060018000202020000000000000011ffffffffff",
    "ffffee0008000c1ac0310e4000000000030005000004000d6162736f6c757465000005000678000006000f0001030000",
    "0000000010920004000c636f756e746572000005000679000006000f00010000000000000000630008000c1ac0310e90",
    "0000000009000c0000000f00000000000200096c6f616400000400096c6f616400000500050000060021000301010100",
    "0000000000e03f000000000000f87f000000000000f43f",
);

/// collectd 5.12, a notification put in through its unix socket.
const NOTIFICATION: &str = concat!(
    "0008000c1ac0310e400000000101000c00000000000000020000000b7765622d313700000200096c6f61640000040009",
    "6c6f616400010000116c6f6164206973206869676800",
);

/// The same notification from a collectd that signs.
const SIGNED: &str = concat!(
    "02000029e479fcda9622e5c7c3ea4cbd580121a212d0843a854d225cfbd0bae946b46523616c6963650008000c1ac031",
    "0e400000000101000c00000000000000020000000b7765622d313700000200096c6f616400000400096c6f6164000100",
    "00116c6f6164206973206869676800",
);

/// The same notification from a collectd that encrypts.
const ENCRYPTED: &str = concat!(
    "021000730003626f6200bf95683b396524b21067650abd6ac1f16124969dd9f824ce21d1eb5b198e3b5d3842cf681b33",
    "e4a0a99b0e51fe33930d334aff81398045eb98b895800885386f6882424e7260ef9fa8ce577035c3165ee095da463084",
    "8c97eb344db0bb3743cbb0ac178aa6e5988b2a",
);

/// collectd 5.12, a part of what its plugin cpu measures.
const CPU: &str = concat!(
    "0000000b7765622d3137000008000c1ac030e2396d26010009000c000000004000000000020008637075000004000c70",
    "657263656e74000005000977616974000006000f00010100000000000000000008000c1ac030e239706b3d000500096e",
    "696365000006000f00010100000000004048400008000c1ac030e23970891d0005000e696e7465727275707400000600",
    "0f00010100000000000000000008000c1ac030e23970a2280005000c736f6674697271000006000f0001010000000000",
    "0000000008000c1ac030e23970b7ed0005000a737465616c000006000f00010100000000000000000008000c1ac030e2",
    "3970ca8d0005000969646c65000006000f0001010000000000000000",
);

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    let (pairs, _) = hex.as_bytes().as_chunks();
    pairs
        .iter()
        .map(|[high, low]| digit(*high) * 16 + digit(*low))
        .collect()
}

fn part(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).expect("a body that fits");
    [&kind.to_be_bytes(), &length.to_be_bytes(), body].concat()
}

fn text(kind: u16, text: &str) -> Vec<u8> {
    part(kind, &[text.as_bytes(), b"\0"].concat())
}

fn number(kind: u16, number: u64) -> Vec<u8> {
    part(kind, &number.to_be_bytes())
}

fn values(values: &[Value]) -> Vec<u8> {
    let mut kinds = Vec::new();
    let mut numbers = Vec::new();
    for value in values {
        let (kind, number) = match value {
            Value::Counter(number) => (0, number.to_be_bytes()),
            Value::Gauge(number) => (1, number.to_le_bytes()),
            Value::Derive(number) => (2, number.to_be_bytes()),
            Value::Absolute(number) => (3, number.to_be_bytes()),
        };
        kinds.push(kind);
        numbers.extend(number);
    }
    let count = u16::try_from(values.len()).expect("few values");
    part(6, &[&count.to_be_bytes()[..], &kinds, &numbers].concat())
}

#[track_caller]
fn lists(packet: &[u8]) -> Vec<ValueList<'_>> {
    let list = |item| match item {
        Item::Values(list) => list,
        other => panic!("not a list: {other:?}"),
    };
    parse(packet).map(list).collect()
}

#[track_caller]
fn only(packet: &[u8]) -> Item<'_> {
    let items: Vec<_> = parse(packet).collect();
    assert_eq!(items.len(), 1, "{items:?}");
    items[0]
}

#[track_caller]
fn check_time(parts: &[u8], want: Option<i64>) {
    let packet = [parts, &values(&[])].concat();
    assert_eq!(lists(&packet)[0].time, want);
}

#[track_caller]
fn check_interval(parts: &[u8], want: Option<Duration>) {
    let packet = [parts, &values(&[])].concat();
    assert_eq!(lists(&packet)[0].interval, want);
}

/// A faulty part behind a good list: the list is kept, and the rest with its reason.
#[track_caller]
fn check_kept(faulty: &[u8], want: Reason) {
    let before = [text(0, "h"), values(&[Value::Counter(1)])].concat();
    let packet = [&before, faulty].concat();
    let items: Vec<_> = parse(&packet).collect();
    assert!(matches!(items[0], Item::Values(_)));
    let rest = KeptWhole {
        offset: before.len(),
        bytes: faulty,
        reason: want,
    };
    assert_eq!(items[1..], [Item::KeptWhole(rest)]);
}

#[test]
fn an_empty_packet_has_nothing() {
    assert_eq!(parse(b"").next(), None);
}

#[test]
fn parts_without_values_give_nothing() {
    let packet = [text(0, "h"), number(1, 7), text(2, "cpu")].concat();
    assert_eq!(parse(&packet).count(), 0);
}

#[test]
fn a_list_has_all_that_was_said_before() {
    let packet = [
        text(0, "web"),
        number(1, 1_795_212_345),
        number(7, 10),
        text(2, "cpu"),
        text(3, "0"),
        text(4, "percent"),
        text(5, "idle"),
        values(&[Value::Gauge(99.5)]),
    ]
    .concat();
    let list = lists(&packet)[0];
    let identifier = Identifier {
        host: b"web",
        plugin: b"cpu",
        plugin_instance: b"0",
        type_name: b"percent",
        type_instance: b"idle",
    };
    assert_eq!(list.identifier, identifier);
    assert_eq!(list.time, Some(1_795_212_345_000_000_000));
    assert_eq!(list.interval, Some(Duration::from_secs(10)));
    assert!(list.values.iter().eq([Value::Gauge(99.5)]));
}

#[test]
fn what_is_said_lasts_until_something_else_is_said() {
    let one = values(&[Value::Counter(1)]);
    let packet = [text(0, "a"), text(5, "x"), one.clone(), text(5, ""), one].concat();
    let lists = lists(&packet);
    let seen: Vec<_> = lists
        .iter()
        .map(|list| (list.identifier.host, list.identifier.type_instance))
        .collect();
    assert_eq!(seen, [(&b"a"[..], &b"x"[..]), (b"a", b"")]);
}

#[test]
fn nothing_lasts_beyond_its_packet() {
    let first = text(0, "a");
    assert_eq!(parse(&first).count(), 0);
    let list = values(&[]);
    assert_eq!(lists(&list)[0].identifier, Identifier::default());
    assert_eq!(
        (lists(&list)[0].time, lists(&list)[0].interval),
        (None, None)
    );
}

#[test]
fn the_four_kinds_come_back_at_their_bounds() {
    let all = [
        Value::Counter(u64::MAX),
        Value::Gauge(-0.1),
        Value::Gauge(f64::INFINITY),
        Value::Derive(i64::MIN),
        Value::Derive(-1),
        Value::Absolute(0),
    ];
    let packet = values(&all);
    let list = lists(&packet)[0];
    assert!(list.values.iter().eq(all));
    assert_eq!((list.values.len(), list.values.is_empty()), (6, false));
}

#[test]
fn a_gauge_that_is_not_a_number_is_handed_out() {
    let packet = values(&[Value::Gauge(f64::NAN), Value::Gauge(1.0)]);
    let seen: Vec<_> = lists(&packet)[0].values.iter().collect();
    assert!(matches!(seen[0], Value::Gauge(number) if number.is_nan()));
    assert_eq!(seen[1], Value::Gauge(1.0));
}

#[test]
fn a_list_without_values_is_a_list() {
    let packet = values(&[]);
    assert!(lists(&packet)[0].values.is_empty());
}

#[test]
fn seconds_become_nanoseconds() {
    check_time(&number(1, 0), Some(0));
    check_time(&number(1, 9_223_372_036), Some(9_223_372_036_000_000_000));
    check_time(b"", None);
}

#[test]
fn binary_fractions_of_a_second_become_the_nearest_nanosecond() {
    check_time(&number(8, 1 << 30), Some(1_000_000_000));
    check_time(&number(8, 1 << 29), Some(500_000_000));
    check_time(&number(8, 1), Some(1));
    check_time(&number(8, 7), Some(7));
    check_time(&number(8, 8), Some(7));
    check_time(
        &number(8, (1_795_212_345 << 30) + 1),
        Some(1_795_212_345_000_000_001),
    );
}

#[test]
fn a_sender_s_nanoseconds_come_out_as_they_went_in() {
    for nanos in [
        0_u64,
        1,
        999_999_999,
        1_795_212_345_123_456_789,
        1_795_212_345_999_999_999,
    ] {
        let units = ((u128::from(nanos) << 30) + 500_000_000) / 1_000_000_000;
        let packet = number(8, u64::try_from(units).expect("this century"));
        check_time(&packet, Some(nanos as i64));
    }
}

#[test]
fn the_last_time_that_64_bits_hold_is_taken() {
    let last = (u128::from(i64::MAX as u64) << 30) / 1_000_000_000;
    let packet = number(8, last as u64);
    check_time(&packet, Some(i64::MAX));
    check_kept(&number(8, last as u64 + 1), Reason::TimeOutOfRange);
    check_kept(&number(8, u64::MAX), Reason::TimeOutOfRange);
    check_kept(&number(1, 9_223_372_037), Reason::TimeOutOfRange);
    check_kept(&number(1, u64::MAX), Reason::TimeOutOfRange);
}

#[test]
fn intervals_have_no_bound() {
    check_interval(&number(9, 10 << 30), Some(Duration::from_secs(10)));
    check_interval(&number(9, 1 << 29), Some(Duration::from_millis(500)));
    check_interval(
        &number(9, u64::MAX),
        Some(Duration::new((1 << 34) - 1, 999_999_999)),
    );
    check_interval(&number(7, u64::MAX), Some(Duration::from_secs(u64::MAX)));
    check_interval(b"", None);
}

#[test]
fn a_text_ends_with_its_first_nul() {
    let packet = [part(0, b"a\0bc\0"), values(&[])].concat();
    assert_eq!(lists(&packet)[0].identifier.host, b"a");
}

#[test]
fn a_text_may_be_no_utf_8() {
    let packet = [part(0, b"\xFFa\0"), values(&[])].concat();
    assert_eq!(lists(&packet)[0].identifier.host, b"\xFFa");
}

#[test]
fn unknown_parts_are_skipped_and_counted() {
    let packet = [
        part(0x0300, b"new"),
        text(0, "h"),
        part(0xFFFF, b""),
        values(&[]),
    ]
    .concat();
    let mut items = parse(&packet);
    assert_eq!(items.unknown_parts(), 0);
    assert!(matches!(items.next(), Some(Item::Values(list)) if list.identifier.host == b"h"));
    assert_eq!((items.next(), items.unknown_parts()), (None, 2));
}

#[test]
fn severities_have_names() {
    for (code, want) in [
        (1, Severity::Failure),
        (2, Severity::Warning),
        (4, Severity::Okay),
        (3, Severity::Other(3)),
    ] {
        let packet = [number(0x101, code), text(0x100, "m")].concat();
        let Item::Notification(notification) = only(&packet) else {
            panic!("a message is a notification");
        };
        assert_eq!(
            (notification.severity, notification.message),
            (Some(want), &b"m"[..])
        );
        assert_eq!(want.code(), code);
    }
}

#[test]
fn a_message_alone_has_no_severity() {
    let packet = text(0x100, "");
    let want = Notification {
        identifier: Identifier::default(),
        time: None,
        severity: None,
        message: b"",
    };
    assert_eq!(only(&packet), Item::Notification(want));
}

#[test]
fn a_header_cut_short_is_kept() {
    check_kept(b"\0", Reason::HeaderCut);
    check_kept(b"\0\0\0", Reason::HeaderCut);
}

#[test]
fn a_length_below_the_header_is_kept() {
    check_kept(b"\0\0\0\0abc", Reason::LengthTooSmall);
    check_kept(b"\0\0\0\x03abc", Reason::LengthTooSmall);
    check_kept(b"\x77\x77\0\x03abc", Reason::LengthTooSmall);
}

#[test]
fn a_length_beyond_the_packet_is_kept() {
    check_kept(b"\0\0\0\x06a", Reason::PartCut);
    check_kept(b"\x77\x77\xFF\xFFa", Reason::PartCut);
}

#[test]
fn a_text_without_nul_is_kept() {
    check_kept(&part(0, b""), Reason::TextWithoutEnd);
    check_kept(&part(2, b"cpu"), Reason::TextWithoutEnd);
    check_kept(&part(0x100, b"a\0b"), Reason::TextWithoutEnd);
}

#[test]
fn a_number_of_another_length_is_kept() {
    for kind in [1, 7, 8, 9, 0x101] {
        check_kept(&part(kind, b"1234567"), Reason::NumberLength);
        check_kept(&part(kind, b"123456789"), Reason::NumberLength);
    }
}

#[test]
fn values_of_another_length_are_kept() {
    check_kept(&part(6, b""), Reason::ValuesLength);
    check_kept(&part(6, b"\0\x01"), Reason::ValuesLength);
    check_kept(&part(6, b"\0\x01\0\0\0\0\0\0\0\0"), Reason::ValuesLength);
    check_kept(
        &part(6, b"\0\x01\0\0\0\0\0\0\0\0\0\0"),
        Reason::ValuesLength,
    );
    check_kept(
        &part(6, b"\xFF\xFF\0\0\0\0\0\0\0\0\0"),
        Reason::ValuesLength,
    );
}

#[test]
fn a_fifth_kind_is_kept() {
    check_kept(&part(6, b"\0\x01\x04\0\0\0\0\0\0\0\0"), Reason::UnknownKind);
}

#[test]
fn nothing_comes_after_what_is_kept() {
    let packet = [part(0, b"no end"), text(2, "cpu"), values(&[])].concat();
    let want = KeptWhole {
        offset: 0,
        bytes: &packet,
        reason: Reason::TextWithoutEnd,
    };
    assert_eq!(only(&packet), Item::KeptWhole(want));
}

#[test]
fn a_signature_covers_its_user_and_the_rest() {
    let packet = [
        part(0x200, &[&[7; 32][..], b"alice"].concat()),
        text(2, "cpu"),
    ]
    .concat();
    let want = Signature {
        user: b"alice",
        mac: &[7; 32],
        covered: b"alice\0\x02\0\x08cpu\0",
    };
    assert_eq!(only(&packet), Item::Signature(want));
}

#[test]
fn a_signature_without_a_user_is_kept() {
    check_kept(&part(0x200, &[7; 32]), Reason::SignatureCut);
    check_kept(&part(0x200, &[7; 31]), Reason::SignatureCut);
}

#[test]
fn an_encrypted_part_needs_its_vector_and_a_checksum() {
    let body = [&b"\0\x03bob"[..], &[1; 16], &[2; 20]].concat();
    let packet = part(0x210, &body);
    let want = Encrypted {
        user: b"bob",
        initialization_vector: &[1; 16],
        payload: &[2; 20],
    };
    assert_eq!(only(&packet), Item::Encrypted(want));
    check_kept(&part(0x210, &body[..body.len() - 1]), Reason::EncryptedCut);
    check_kept(&part(0x210, &body[..10]), Reason::EncryptedCut);
    check_kept(&part(0x210, b"\xFF\xFFbob"), Reason::EncryptedCut);
    check_kept(&part(0x210, b"\0"), Reason::EncryptedCut);
}

#[test]
fn parts_behind_an_encrypted_one_are_read() {
    let body = [&b"\0\x01b"[..], &[0; 36]].concat();
    let packet = [part(0x210, &body), values(&[])].concat();
    assert!(matches!(parse(&packet).nth(1), Some(Item::Values(_))));
}

/// Where in the packet a text lies.
fn place(packet: &[u8], part: &[u8]) -> Range<usize> {
    let begin = part.as_ptr() as usize - packet.as_ptr() as usize;
    begin..begin + part.len()
}

#[test]
fn nothing_is_copied() {
    let packet = [text(0, "web"), text(0x100, "m")].concat();
    let Item::Notification(notification) = only(&packet) else {
        panic!("a message is a notification");
    };
    assert_eq!(place(&packet, notification.identifier.host), 4..7);
    assert_eq!(place(&packet, notification.message), 12..13);
}

fn types() -> TypesDb {
    let mut types = TypesDb::new();
    let text =
        b"load a:GAUGE:0:U b:GAUGE:0:U c:GAUGE:0:U\nsingle other:GAUGE:0:U\nshort a:GAUGE:0:U";
    types.add_file("types.db", text).expect("a good file");
    types
}

#[track_caller]
fn check_names(type_name: &str, count: usize, want: &[Option<&str>]) {
    let packet = [text(4, type_name), values(&vec![Value::Counter(0); count])].concat();
    let types = types();
    let names: Vec<_> = lists(&packet)[0]
        .named(&types)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, want);
}

#[test]
fn several_values_have_the_names_of_types_db() {
    check_names("load", 3, &[Some("a"), Some("b"), Some("c")]);
}

#[test]
fn a_single_value_is_called_value() {
    check_names("single", 1, &[Some("value")]);
    check_names("unheard of", 1, &[Some("value")]);
}

#[test]
fn values_that_types_db_does_not_know_have_no_name() {
    check_names("unheard of", 2, &[None, None]);
    check_names("short", 2, &[Some("a"), None]);
}

#[test]
fn what_collectd_sends_has_all_kinds() {
    let packet = bytes_of(FOUR_KINDS);
    let lists = lists(&packet);
    let seen: Vec<_> = lists
        .iter()
        .map(|list| (list.identifier.type_name, list.time))
        .collect();
    let want = [
        (&b"if_octets"[..], Some(1_795_212_345_500_000_000)),
        (b"absolute", Some(1_795_212_345_000_000_000)),
        (b"counter", Some(1_795_212_345_000_000_000)),
        (b"load", Some(1_795_212_346_250_000_000)),
    ];
    assert_eq!(seen, want);
    assert!(lists.iter().all(|list| list.identifier.host == b"web-17"));
    assert_eq!(lists[0].identifier.plugin_instance, b"shop");
    assert_eq!(lists[1].identifier.plugin_instance, b"");
    assert!(
        lists[0]
            .values
            .iter()
            .eq([Value::Derive(17), Value::Derive(-18)])
    );
    assert!(lists[1].values.iter().eq([Value::Absolute(4242)]));
    assert!(lists[2].values.iter().eq([Value::Counter(99)]));
    let load: Vec<_> = lists[3].values.iter().collect();
    assert_eq!((load[0], load[2]), (Value::Gauge(0.5), Value::Gauge(1.25)));
    assert!(matches!(load[1], Value::Gauge(number) if number.is_nan()));
    assert_eq!(lists[2].interval, Some(Duration::from_secs(10)));
    assert_eq!(lists[3].interval, Some(Duration::from_secs(60)));
}

#[test]
fn what_collectd_measures_of_processors_is_read() {
    let packet = bytes_of(CPU);
    let lists = lists(&packet);
    let instances: Vec<_> = lists
        .iter()
        .map(|list| list.identifier.type_instance)
        .collect();
    let want: [&[u8]; 6] = [
        b"wait",
        b"nice",
        b"interrupt",
        b"softirq",
        b"steal",
        b"idle",
    ];
    assert_eq!(instances, want);
    assert!(lists[1].values.iter().eq([Value::Gauge(48.5)]));
    assert_eq!(lists[0].interval, Some(Duration::from_secs(1)));
    assert!(lists.windows(2).all(|pair| pair[0].time < pair[1].time));
}

#[track_caller]
fn check_notification(item: Option<Item<'_>>) {
    let want = Notification {
        identifier: Identifier {
            host: b"web-17",
            plugin: b"load",
            type_name: b"load",
            ..Identifier::default()
        },
        time: Some(1_795_212_345_000_000_000),
        severity: Some(Severity::Warning),
        message: b"load is high",
    };
    assert_eq!(item, Some(Item::Notification(want)));
}

#[test]
fn what_collectd_notifies_of_is_read() {
    check_notification(parse(&bytes_of(NOTIFICATION)).next());
}

#[test]
fn what_collectd_signs_is_read() {
    let packet = bytes_of(SIGNED);
    let mut items = parse(&packet);
    let Some(Item::Signature(signature)) = items.next() else {
        panic!("the signature comes first");
    };
    assert_eq!(signature.user, b"alice");
    // With the password 12345678, the HMAC-SHA256 of these bytes is the one in the packet.
    assert_eq!(place(&packet, signature.covered), 36..111);
    assert_eq!(place(&packet, signature.mac), 4..36);
    check_notification(items.next());
}

#[test]
fn what_collectd_encrypts_is_handed_out_whole() {
    let packet = bytes_of(ENCRYPTED);
    let Item::Encrypted(encrypted) = only(&packet) else {
        panic!("one encrypted part");
    };
    assert_eq!(encrypted.user, b"bob");
    // With the password 87654321, this decrypts to a checksum and the bytes of the notification.
    assert_eq!(encrypted.payload.len(), 20 + bytes_of(NOTIFICATION).len());
    assert_eq!(
        encrypted.initialization_vector[..4],
        [0x00, 0xBF, 0x95, 0x68]
    );
}

#[test]
fn every_beginning_of_a_packet_gives_what_was_whole() {
    let packet = bytes_of(FOUR_KINDS);
    let all = lists(&packet);
    for end in 0..packet.len() {
        let items: Vec<_> = parse(&packet[..end]).collect();
        let whole = items
            .iter()
            .filter(|item| matches!(item, Item::Values(_)))
            .count();
        assert!(items.len() <= whole + 1);
        for (item, list) in items.iter().zip(&all).take(whole) {
            assert_eq!(item, &Item::Values(*list));
        }
    }
}
