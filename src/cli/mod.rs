//! Tools beside the server, each a word behind the program's name: `callboard check-aof FILE`.
