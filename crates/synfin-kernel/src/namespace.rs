//! Network namespaces: containers have their own, and in each there is a 127.0.0.1.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace, by what leads to it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Namespace {
    /// That of this thread.
    #[default]
    Current,
    /// That of a process.
    Pid(u32),
    /// A file that stands for it: `/run/netns/NAME`, `/proc/PID/ns/net`.
    Path(PathBuf),
}

impl FromStr for Namespace {
    type Err = std::convert::Infallible;

    /// A process identifier, a path, or a name that `ip netns` knows.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(pid) => Self::Pid(pid),
            Err(_) if text.contains('/') => Self::Path(text.into()),
            Err(_) => Self::Path(Path::new("/run/netns").join(text)),
        })
    }
}

impl Namespace {
    /// Its number, which events carry too.
    ///
    /// # Errors
    /// Where it does not exist, or belongs to a process that this one may not look at.
    pub fn inode(&self) -> io::Result<u64> {
        let path = self.path();
        std::fs::metadata(&path).map(|file| file.ino()).map_err(|error| named(&path, &error))
    }

    /// All that processes are in, and that `ip netns` has named, by number. What may not be looked at is left out.
    #[must_use]
    pub fn all() -> BTreeMap<u64, Self> {
        let mut all = BTreeMap::new();
        let mut add = |namespace: Self| {
            if let Ok(inode) = namespace.inode() {
                all.entry(inode).or_insert(namespace);
            }
        };
        add(Self::Current);
        for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
            add(Self::Path(entry.path()));
        }
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                add(Self::Pid(pid));
            }
        }
        all
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Current => "/proc/thread-self/ns/net".into(),
            Self::Pid(pid) => format!("/proc/{pid}/ns/net").into(),
            Self::Path(path) => path.clone(),
        }
    }

    /// Runs something in it. Sockets that are opened there stay there.
    ///
    /// # Errors
    /// Where it cannot be entered: that takes root, or CAP_SYS_ADMIN.
    pub fn enter<T: Send>(&self, run: impl FnOnce() -> T + Send) -> io::Result<T> {
        if *self == Self::Current {
            return Ok(run());
        }
        let path = self.path();
        let file = File::open(&path).map_err(|error| named(&path, &error))?;
        // A thread of its own: it alone moves, and it ends there.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let moved = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
                moved.map_err(|error| named(&path, &error.into()))?;
                Ok(run())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// The same error, with what it is about.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_type() {
        let parse = |text: &str| text.parse::<Namespace>();
        assert_eq!(parse("811"), Ok(Namespace::Pid(811)));
        assert_eq!(parse("blue"), Ok(Namespace::Path("/run/netns/blue".into())));
        assert_eq!(parse("/proc/1/ns/net"), Ok(Namespace::Path("/proc/1/ns/net".into())));
    }

    #[test]
    fn this_process_is_in_one_of_them() {
        let inode = Namespace::Current.inode().unwrap();
        assert_eq!(Namespace::Pid(std::process::id()).inode().unwrap(), inode);
        assert!(Namespace::all().contains_key(&inode));
    }
}
