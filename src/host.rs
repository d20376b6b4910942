//! What this host says: its time zone and the present time.

use sawlog_parsers::timestamp::Zone;

/// The zone of this host, by TZ or /etc/localtime; UTC if it has no name.
pub fn zone() -> Zone {
    let zone = jiff::tz::TimeZone::system();
    zone.iana_name()
        .and_then(|name| Zone::named(name).ok())
        .unwrap_or_else(Zone::utc)
}

/// The present, in nanoseconds since 1970.
pub fn now_nanos() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    });
    #[cfg(test)]
    let now = clock::shown(now);
    now
}

/// The clock of a simulated host, whose threads are all one.
#[cfg(test)]
pub mod clock {
    use std::cell::Cell;

    thread_local! {
        static SHIFT: Cell<i64> = const { Cell::new(0) };
    }

    /// Sets the clock, by so many nanoseconds from the true time.
    pub fn set(shift: i64) {
        SHIFT.set(shift);
    }

    /// What the clock shows; within a simulation the true time is that of the simulation.
    pub fn shown(now: i64) -> i64 {
        let simulated = turmoil::since_epoch().map(|since| since.as_nanos() as i64);
        let now = simulated.unwrap_or(now);
        now.saturating_add(SHIFT.get()).max(0)
    }
}
