//! Facts about the process and its host, asked of the kernel each time: INFO is rare, and a stale figure misleads.
use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        sysinfo::sysinfo,
        time::TimeVal,
        utsname::uname,
    },
    unistd::{SysconfVar, sysconf},
};

/// Physical memory of the process, in bytes.
pub fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page_bytes as usize)
}
/// Physical memory of the host, in bytes.
pub fn total_memory_bytes() -> Option<u64> {
    sysinfo().ok().map(|info| info.ram_total())
}
/// System, release and machine, as `uname` says.
pub fn system() -> Option<String> {
    let name = uname().ok()?;
    let part = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    Some(format!("{} {} {}", part(name.sysname()), part(name.release()), part(name.machine())))
}

/// CPU time used, by whom: `(system, user)`, in seconds with six decimals.
pub fn cpu_seconds(who: UsageWho) -> Option<(String, String)> {
    let usage = getrusage(who).ok()?;
    let shown = |time: TimeVal| format!("{}.{:06}", time.tv_sec(), time.tv_usec());
    Some((shown(usage.system_time()), shown(usage.user_time())))
}

/// A number of bytes for people: `512B`, `1.50M`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let unit = (1..=UNITS.len()).rev().find(|&power| bytes >= 1 << (10 * power));
    match unit {
        None => format!("{bytes}B"),
        Some(power) => format!("{:.2}{}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_the_unit_that_fits() {
        for (bytes, shown) in
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_572_864, "1.50M"), (1 << 40, "1.00T")]
        {
            assert_eq!(human_bytes(bytes), shown);
        }
    }

    #[test]
    fn the_kernel_answers() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(total_memory_bytes().unwrap() > resident_bytes().unwrap() as u64);
        assert!(system().unwrap().starts_with("Linux "));
        assert!(cpu_seconds(UsageWho::RUSAGE_SELF).is_some());
    }
}
