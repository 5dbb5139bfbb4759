//! Files that were cut off, and files in which something else stands than was written.
