//! (see the package description)
