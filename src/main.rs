//! `callboard [redis.conf] [--port 6379 …]`: reads the configuration and runs the server.
use callboard::{
    cli,
    config::{Config, Invocation},
    server,
};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: callboard [/path/to/redis.conf] [options] [-]
       callboard - (read the configuration from standard input)
       callboard check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>
       callboard check-rdb <file.rdb>
       callboard -v or --version
       callboard -h or --help

Every parameter of redis.conf can be given as an option:
       callboard --port 7777
       callboard --port 7777 --bind 127.0.0.1 ::1
       callboard /etc/redis/redis.conf --loglevel verbose
";

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let arguments: Vec<_> = words.collect();
    if let Some(code) = cli::run(&program, &arguments) {
        return code;
    }
    match Invocation::of(arguments.first().map(|first| first.as_os_str())) {
        Invocation::Version => {
            println!("Callboard server v={} (speaks as Redis 7.4.1)", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Invocation::Help => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Invocation::Serve => {}
    }
    let loaded = match Config::load(arguments.into_iter(), &mut std::io::stdin()) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match server::run(loaded) {
        Ok(code) => code,
        Err(fatal) => {
            server::complain(&fatal);
            ExitCode::FAILURE
        }
    }
}
