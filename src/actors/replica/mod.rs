//! Replica: one for each replica that is attached to us. It owns the socket, and how far its peer is.
