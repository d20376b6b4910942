//! Outputs of one name over reloads: what an old one still has is sent the way that the newest one sends. So a wrong address or
//! path is mended for what waits as well.

use std::collections::HashMap;
use std::future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

/// The newest way of each output, by the output's name.
pub struct Ways<W>(Mutex<HashMap<PathBuf, watch::Sender<Arc<W>>>>);

impl<W> Default for Ways<W> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<W> Ways<W> {
    /// An output starts: those of this name before it go its way from now on. Gives it an ear for those after it.
    pub fn succeed(&self, name: PathBuf, way: impl FnOnce(Option<&W>) -> W) -> Newer<W> {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let before = all.get(&name);
        let way = Arc::new(way(before
            .map(|before| Arc::clone(&before.borrow()))
            .as_deref()));
        let told = match before {
            Some(before) => {
                before.send_replace(way);
                before.subscribe()
            }
            None => {
                let (newest, told) = watch::channel(way);
                all.insert(name, newest);
                told
            }
        };
        Newer(Some(told))
    }

    /// Outputs have other names from now on, or none.
    pub fn rename(&self, names: &[(PathBuf, Option<PathBuf>)]) {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        // All of them first: they may take each other's.
        let ways: Vec<_> = names.iter().map(|(from, _)| all.remove(from)).collect();
        for (way, (_, to)) in ways.into_iter().zip(names) {
            if let (Some(way), Some(to)) = (way, to) {
                all.insert(to.clone(), way);
            }
        }
    }
}

/// Hears of newer ways.
pub struct Newer<W>(Option<watch::Receiver<Arc<W>>>);

impl<W> Default for Newer<W> {
    /// There will be none.
    fn default() -> Self {
        Self(None)
    }
}

impl<W> Newer<W> {
    /// The newest way, if it is another than the last time.
    pub fn take(&mut self) -> Option<Arc<W>> {
        let told = self.0.as_mut()?;
        let is_new = told.has_changed().unwrap_or(false);
        is_new.then(|| Arc::clone(&told.borrow_and_update()))
    }

    /// Returns once there is one to take.
    pub async fn wait(&mut self) {
        if let Some(told) = &mut self.0
            && told.changed().await.is_ok()
        {
            return told.mark_changed();
        }
        // There never will be one.
        self.0 = None;
        future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Newer, Ways};

    fn start(ways: &Ways<&'static str>, name: &str, way: &'static str) -> Newer<&'static str> {
        ways.succeed(PathBuf::from(name), |_| way)
    }

    #[test]
    fn those_of_a_name_go_the_way_of_the_newest() {
        let ways = Ways::default();
        let take = |newer: &mut Newer<&'static str>| newer.take().map(|way| *way);
        let mut first = start(&ways, "a", "one");
        assert_eq!(take(&mut first), None);
        let mut second = start(&ways, "a", "two");
        let mut other = start(&ways, "b", "three");
        assert_eq!((take(&mut first), take(&mut first)), (Some("two"), None));
        let rename = |from: &str, to: Option<&str>| (from.into(), to.map(PathBuf::from));
        ways.rename(&[rename("a", Some("b")), rename("b", Some("a"))]);
        start(&ways, "a", "four");
        start(&ways, "b", "five");
        let news = [&mut first, &mut second, &mut other].map(take);
        assert_eq!(news, [Some("five"), Some("five"), Some("four")]);
        ways.rename(&[rename("a", None)]);
        start(&ways, "a", "six");
        assert_eq!(take(&mut other), None);
    }
}
