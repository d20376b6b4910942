//! Placeholder until the format lands.
/// Which pattern letters.
pub enum Dialect {
    /// Joda.
    Joda,
    /// Java.
    Java,
}
/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern;
impl Pattern {
    /// Compiles.
    pub fn compile(_text: &str, _dialect: Dialect) -> Result<Self, String> {
        Ok(Self)
    }
    /// Writes.
    pub fn write(&self, _nanos: i64, _out: &mut Vec<u8>) {}
}
/// Writes.
pub fn write_iso8601(_nanos: i64, _out: &mut Vec<u8>) {}
