//! Files that do what files do.
