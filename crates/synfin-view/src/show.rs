//! What is to be shown.

use std::str::FromStr;

/// One thing that can be shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum View {
    /// A line for each connection.
    Connections,
    /// A drawing of each connection.
    Ladder,
    /// A line for each packet.
    Packets,
    /// A line for each message.
    Messages,
    /// A line for each change of a state.
    States,
    /// A line for each thing that a person should know.
    Findings,
    /// A line for each event of a TCP of our own, with all its variables after that.
    Variables,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Connections,
        Self::Ladder,
        Self::Packets,
        Self::Messages,
        Self::States,
        Self::Findings,
        Self::Variables,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Ladder => "ladder",
            Self::Packets => "packets",
            Self::Messages => "messages",
            Self::States => "states",
            Self::Findings => "findings",
            Self::Variables => "variables",
        }
    }
}

/// A set of [`View`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Show(u8);

impl Show {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn insert(&mut self, view: View) {
        self.0 |= 1 << view as u8;
    }

    /// Whether it is to be shown.
    #[must_use]
    pub const fn contains(self, view: View) -> bool {
        self.0 & (1 << view as u8) != 0
    }

    /// Whether nothing is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = View> {
        View::ALL.into_iter().filter(move |view| self.contains(*view))
    }

    /// Whether connections must keep their packets until they are handed out.
    #[must_use]
    pub const fn needs_packets(self) -> bool {
        self.contains(View::Ladder)
    }

    /// Whether messages must be read at all.
    #[must_use]
    pub const fn needs_messages(self) -> bool {
        !self.is_empty()
    }

    /// Whether connections must keep their messages until they are handed out. Where only the table is shown, the
    /// first request and its response are enough.
    #[must_use]
    pub const fn needs_kept_messages(self) -> bool {
        self.contains(View::Ladder) || self.contains(View::Connections)
    }
}

impl From<View> for Show {
    fn from(view: View) -> Self {
        Self::from_iter([view])
    }
}

impl FromIterator<View> for Show {
    fn from_iter<T: IntoIterator<Item = View>>(views: T) -> Self {
        let mut show = Self::NONE;
        views.into_iter().for_each(|view| show.insert(view));
        show
    }
}

/// There is nothing of that name to show.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nothing is called {0:?}: connections, ladder, packets, messages, states, findings, variables")]
pub struct UnknownShow(String);

/// Names with commas between them.
impl FromStr for Show {
    type Err = UnknownShow;

    fn from_str(names: &str) -> Result<Self, UnknownShow> {
        names
            .split(',')
            .map(|name| {
                View::ALL
                    .into_iter()
                    .find(|view| view.name() == name.trim())
                    .ok_or_else(|| UnknownShow(name.to_owned()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_a_set() {
        let show: Show = "ladder, packets".parse().unwrap();
        assert_eq!(show.iter().collect::<Vec<_>>(), [View::Ladder, View::Packets]);
        assert!(show.needs_packets());
        assert!(!Show::from(View::Packets).needs_packets());
        assert_eq!("ladder,lader".parse::<Show>(), Err(UnknownShow("lader".into())));
    }
}
