//! Kin: captures that by their names are of one ring, written by one tap.
//!
//! dumpcap and tcpdump tell the files of a ring apart by numbers and times, so names that differ in
//! digits only, in one folder, are kin. It is a hint: names lie.

use std::path::Path;

/// What the paths of kin have in common.
pub fn kin(path: &str) -> String {
    let path = Path::new(path);
    let folder = path.parent().map(Path::to_string_lossy);
    let name = path.file_name().map(|name| name.to_string_lossy());
    let mut kin = folder.unwrap_or_default().into_owned();
    kin.push('/');
    let mut was_digit = false;
    for letter in name.unwrap_or_default().chars() {
        let is_digit = letter.is_ascii_digit();
        if !is_digit {
            kin.push(letter);
        } else if !was_digit {
            kin.push('#');
        }
        was_digit = is_digit;
    }
    kin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_ring_are_kin_and_those_of_another_are_not() {
        let dumpcap = "tap/core_00001_20260921141320.pcapng";
        assert_eq!(kin(dumpcap), kin("tap/core_00012_20260921151320.pcapng"));
        assert_eq!(kin("sip.pcap9"), kin("sip.pcap10"));
        for other in [
            "tap/edge_00001_20260921141320.pcapng",
            "other/core_00001_20260921141320.pcapng",
        ] {
            assert_ne!(kin(dumpcap), kin(other));
        }
    }
}
