//! A disk that takes no more, and one that does again.
