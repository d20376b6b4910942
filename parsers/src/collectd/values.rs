//! The numbers of a list of values: what the packet holds of them in, one typed value after the other out.
//!
//! Not here: their names, which types.db has, and the check that a packet's numbers are whole.

use super::parts;

/// The numbers of a list, still in the packet.
///
/// ```
/// use sawlog_parsers::collectd::{Item, Value, parse};
///
/// let packet = b"\0\x06\0\x18\0\x02\0\x03\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\x12";
/// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
/// assert_eq!((list.values.len(), list.values.is_empty()), (2, false));
/// assert_eq!(list.values.iter().collect::<Vec<_>>(), [Value::Counter(17), Value::Absolute(18)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a> {
    /// Each of them is one of the four that are known.
    pub(super) kinds: &'a [u8],
    pub(super) numbers: &'a [[u8; 8]],
}

impl<'a> Values<'a> {
    /// How many values there are.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Item, parse};
    ///
    /// let packet = b"\0\x06\0\x18\0\x02\0\x03\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\x12";
    /// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
    /// assert_eq!(list.values.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether the list has no values; collectd sends none such, but other senders might.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Item, parse};
    ///
    /// let packet = b"\0\x06\0\x06\0\0";
    /// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
    /// assert!(list.values.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The values in their order.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Item, Value, parse};
    ///
    /// let packet = b"\0\x06\0\x18\0\x02\0\x03\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\x12";
    /// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
    /// assert!(list.values.iter().eq([Value::Counter(17), Value::Absolute(18)]));
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value> + use<'a> {
        let pairs = self.kinds.iter().zip(self.numbers);
        pairs.map(|(kind, number)| parts::value(*kind, *number))
    }
}

/// A measured value. What it counts, and in which unit, is for the plugin to tell; the packet does not.
///
/// ```
/// use sawlog_parsers::collectd::{Item, Kind, Value, parse};
///
/// // A gauge alone has its lowest byte first; this one is not a number.
/// let packet = b"\0\x06\0\x0F\0\x01\x01\0\0\0\0\0\0\xF8\x7F";
/// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
/// let value = list.values.iter().next().expect("one value");
/// assert!(matches!(value, Value::Gauge(number) if number.is_nan()));
/// assert_eq!(value.kind(), Kind::Gauge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count that only grows, until it wraps or its program starts anew; 0 in the packet.
    Counter(u64),
    /// What is the case at the moment; may be not a number, when it could not be measured. 1 in the packet.
    Gauge(f64),
    /// A count whose change is of interest; it may shrink. 2 in the packet.
    Derive(i64),
    /// A count that begins anew with every reading; 3 in the packet.
    Absolute(u64),
}

impl Value {
    /// The kind alone.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Kind, Value};
    ///
    /// assert_eq!(Value::Counter(99).kind(), Kind::Counter);
    /// ```
    pub fn kind(self) -> Kind {
        match self {
            Value::Counter(_) => Kind::Counter,
            Value::Gauge(_) => Kind::Gauge,
            Value::Derive(_) => Kind::Derive,
            Value::Absolute(_) => Kind::Absolute,
        }
    }
}

/// The kinds of values, those of types.db(5).
///
/// ```
/// use sawlog_parsers::collectd::{Kind, Value};
///
/// assert_eq!(Value::Derive(-3).kind(), Kind::Derive);
/// assert_eq!(Kind::Derive.as_str(), "DERIVE");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// See [`Value::Counter`].
    Counter,
    /// See [`Value::Gauge`].
    Gauge,
    /// See [`Value::Derive`].
    Derive,
    /// See [`Value::Absolute`].
    Absolute,
}

impl Kind {
    /// `COUNTER`, `GAUGE`, `DERIVE` or `ABSOLUTE`, as types.db has it.
    ///
    /// ```
    /// assert_eq!(sawlog_parsers::collectd::Kind::Gauge.as_str(), "GAUGE");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "COUNTER",
            Kind::Gauge => "GAUGE",
            Kind::Derive => "DERIVE",
            Kind::Absolute => "ABSOLUTE",
        }
    }
}
