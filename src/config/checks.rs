//! What a row checks beyond its value's form, once the value is in the configuration.

use super::Config;

pub(super) fn dbfilename_is_a_name(config: &mut Config) -> Result<(), String> {
    no_path("dbfilename", "filename", &config.dbfilename)
}

pub(super) fn appendfilename_is_a_name(config: &mut Config) -> Result<(), String> {
    not_empty("appendfilename", &config.appendfilename)?;
    no_path("appendfilename", "filename", &config.appendfilename)
}

pub(super) fn appenddirname_is_a_name(config: &mut Config) -> Result<(), String> {
    not_empty("appenddirname", &config.appenddirname)?;
    no_path("appenddirname", "dirname", &config.appenddirname)
}

fn not_empty(parameter: &str, value: &str) -> Result<(), String> {
    if value.is_empty() { Err(format!("{parameter} can't be empty")) } else { Ok(()) }
}

fn no_path(parameter: &str, what: &str, value: &str) -> Result<(), String> {
    match value.contains(['/', '\\']) {
        true => Err(format!("{parameter} can't be a path, just a {what}")),
        false => Ok(()),
    }
}

/// A wish out of range is brought into it, as it is only a hint.
pub(super) fn hz_within_reason(config: &mut Config) -> Result<(), String> {
    config.hz = config.hz.clamp(1, 500);
    Ok(())
}

/// Longest name that a node may announce, in bytes.
const HOSTNAME_BYTES_MAX: usize = 255;

pub(super) fn hostname_is_valid(config: &mut Config) -> Result<(), String> {
    let name = config.cluster_announce_hostname.as_deref().unwrap_or_default();
    if name.len() > HOSTNAME_BYTES_MAX {
        return Err(format!("Hostnames must be less than {} characters", HOSTNAME_BYTES_MAX + 1));
    }
    match name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        true => Ok(()),
        false => Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into()),
    }
}

pub(super) fn nodename_is_valid(config: &mut Config) -> Result<(), String> {
    let name = config.cluster_announce_human_nodename.as_deref().unwrap_or_default();
    match name.contains(|c| "!#$%&()*+:;<>?@[]^{|}~".contains(c)) {
        true => Err("Announced human node name contained invalid character".into()),
        false => Ok(()),
    }
}

const TITLE_VARIABLES: [&str; 7] =
    ["title", "listen-addr", "server-mode", "config-file", "port", "tls-port", "unixsocket"];

/// The template is text with variables in braces; `{{` stands for a brace.
pub(super) fn proc_title_template_expands(config: &mut Config) -> Result<(), String> {
    let mut rest = config.proc_title_template.as_str();
    let mut known = !rest.trim().is_empty();
    while let Some((_, after)) = rest.split_once('{') {
        rest = match (after.strip_prefix('{'), after.split_once('}')) {
            (Some(literal), _) => literal,
            (None, Some((variable, tail))) => {
                known &= TITLE_VARIABLES.contains(&variable);
                tail
            }
            (None, None) => {
                known = false;
                ""
            }
        };
    }
    match known {
        true => Ok(()),
        false => Err("template format is invalid or contains unknown variables".into()),
    }
}

/// Least size of the replication backlog, bytes; a smaller wish is taken for it.
const REPLICATION_BACKLOG_BYTES_MIN: u64 = 16 * 1024;

pub(super) fn repl_backlog_within_reason(config: &mut Config) -> Result<(), String> {
    config.repl_backlog_size = config.repl_backlog_size.max(REPLICATION_BACKLOG_BYTES_MIN);
    Ok(())
}

/// Whether it looks like a locale's name, `language[_TERRITORY][.codeset][@modifier]`. As strings are compared by
/// their bytes, the system is not asked for it.
pub(super) fn locale_has_a_name(config: &mut Config) -> Result<(), String> {
    let name = config.locale_collate.as_str();
    let language = name.split(['_', '.', '@']).next().unwrap_or_default();
    let is_language =
        language == "C" || (language.len() >= 2 && language.bytes().all(|b| b.is_ascii_alphabetic()));
    match name.is_empty() || is_language {
        true => Ok(()),
        false => Err("Invalid locale name".into()),
    }
}

pub(super) fn defragmentation_is_off(config: &mut Config) -> Result<(), String> {
    match config.activedefrag {
        false => Ok(()),
        true => Err("Active defragmentation cannot be enabled: the allocator moves nothing".into()),
    }
}
