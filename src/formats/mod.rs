//! What stands on disk: how data becomes files, and files data again. Nothing here opens a file: bytes come in and go
//! out, so that whoever owns the disk decides when it is read and written.
pub mod aof;
