//! Compiles Lua 5.1 for `mlua`, from the sources that the package `lua-src` brings along, with one expression changed.
//!
//! Lua 5.1 hashes of a long string only every n-th byte. Strings that differ in the others lie in one chain, and to make
//! many of them takes time that grows with the square of their count: a few thousand addresses of a web site stop the
//! server. Redis' Lua hashes every byte, and so does this one. There is no other way to have it: neither a setting nor
//! a macro reaches the expression. Everything else is as `lua-src` itself compiles it.
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCES: &str = "lua-5.1.5";
const CHANGED_FILE: &str = "lstring.c";
const EVERY_NTH_BYTE: &str = "size_t step = (l>>5)+1;";
const EVERY_BYTE: &str = "size_t step = 1;";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let sources = package("lua-src").join(SOURCES);
    let copies = PathBuf::from(variable("OUT_DIR")).join(SOURCES);
    fs::create_dir_all(&copies).expect("the build has a folder of its own");
    let mut build = cc::Build::new();
    for name in files(&sources) {
        let (from, to) = (sources.join(&name), copies.join(&name));
        let text = fs::read_to_string(&from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let text = if name == CHANGED_FILE { changed(&text) } else { text };
        fs::write(&to, text).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
        if name.ends_with(".c") {
            build.file(to);
        }
    }
    set_options(&mut build);
    // Who needs Lua is linked behind this package: nothing may be left out as not needed yet.
    build.link_lib_modifier("+whole-archive").include(&copies).compile("lua5.1");
}

fn changed(text: &str) -> String {
    let places = text.matches(EVERY_NTH_BYTE).count();
    assert_eq!(
        places, 1,
        "{CHANGED_FILE} of lua-src hashes strings in another way than this build script knows"
    );
    text.replace(EVERY_NTH_BYTE, EVERY_BYTE)
}

fn set_options(build: &mut cc::Build) {
    // A Lua that is not optimized makes tests slow; nobody debugs it.
    if matches!(&*variable("OPT_LEVEL"), "0" | "1") {
        build.opt_level(2);
    }
    if cfg!(debug_assertions) {
        build.define("LUA_USE_APICHECK", None);
    }
    let system = variable("CARGO_CFG_TARGET_OS");
    let has_linux_ways = ["linux", "freebsd", "netbsd", "openbsd", "dragonfly", "macos"].contains(&&*system);
    build.define(if has_linux_ways { "LUA_USE_LINUX" } else { "LUA_USE_POSIX" }, None);
    build.warnings(false).flag_if_supported("-fno-common");
}

/// The folder of a package that this one depends on.
fn package(name: &str) -> PathBuf {
    let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform", &variable("TARGET")];
    let output = Command::new(variable("CARGO")).args(arguments).output().expect("cargo runs this");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let package = packages.iter().find(|package| package["name"] == name).expect("it is in Cargo.toml");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a package has a manifest"));
    manifest.parent().expect("a manifest is in a folder").to_path_buf()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("a folder can be read").file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".c") || name.ends_with(".h"));
    names.sort();
    names
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
