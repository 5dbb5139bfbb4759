//! Lists as a client meets them: replies, encodings, events and effects.
