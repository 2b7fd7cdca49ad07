//! What network namespaces are called where several are shown.

use std::collections::HashMap;

use synfin_kernel::Namespace;

/// The names that `ip netns` gave, by the namespaces' inode numbers.
#[derive(Debug, Default)]
pub(crate) struct Labels(HashMap<u64, String>);

impl Labels {
    /// The names that there are now.
    pub(crate) fn load() -> Self {
        let files = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
        let named = files.filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            // What a terminal might obey is no name.
            let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            Some((Namespace::Path(file.path()).inode().ok().filter(|_| is_plain)?, name))
        });
        Self(named.collect())
    }

    /// Its name, or else its number, or else what led to it.
    pub(crate) fn of_namespace(&self, namespace: &Namespace) -> String {
        namespace.inode().map_or_else(|_| format!("{namespace:?}"), |inode| self.of(inode))
    }

    /// Its name, or else its number.
    pub(crate) fn of(&self, namespace: u64) -> String {
        self.0.get(&namespace).cloned().unwrap_or_else(|| namespace.to_string())
    }
}
