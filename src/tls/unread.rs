//! `Unread`: the servers to which TLS was not decrypted, and why.
//!
//! In: connections that ended without a byte of their data read. Out: one line a server, name and
//! reason. Capped: [`crate::limits::Limits::tls_servers`]; beyond it connections are only counted.

use std::net::IpAddr;

use crate::units::{Endpoint, FrameRef, is_sip_port};

/// Servers named on ports that are not SIP's.
const ELSEWHERE: usize = 5;

/// Why a connection was not decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The key log has no secret for it.
    NoSecret,
    /// A version or suite that is not decrypted here.
    Unsupported,
    /// Its handshake is not, or not wholly, in the capture.
    NoHandshake,
    /// Bytes of it were not captured before its data began.
    Gap,
    /// There are secrets, but they do not open its records.
    WrongSecret,
    /// More waited for secrets than memory is set aside for.
    GivenUp,
}

impl Why {
    /// What it means and what the user can do.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoSecret => "no secrets for them; give --keylog, or capture behind the TLS end",
            Self::Unsupported => {
                "their TLS version or cipher suite is not decrypted here (TLS 1.0 to 1.3 with AES or ChaCha20 are); capture behind the TLS end"
            }
            Self::NoHandshake => {
                "they began before the capture, and without the handshake no secrets help; start the capture before the connections"
            }
            Self::Gap => {
                "bytes of them are not in the capture; capture whole packets (tcpdump -s 0) with a larger buffer (-B)"
            }
            Self::WrongSecret => {
                "the secrets given for them do not open their records; check that the key log is of this capture"
            }
            Self::GivenUp => "too many of them at once waited for secrets",
        }
    }
}

/// Connections to one server that were not decrypted for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where the server listens.
    pub server: Endpoint,
    /// The name the clients asked for; letters, digits, `-`, `_` and `.` only.
    pub name: Option<String>,
    /// The first client.
    pub client: IpAddr,
    /// There were other clients.
    pub other_clients: bool,
    /// Why.
    pub why: Why,
    /// How many.
    pub count: u64,
    /// Where first.
    pub first: FrameRef,
}

impl Line {
    /// The line as the trust section has it.
    pub fn text(&self) -> String {
        let server = match &self.name {
            Some(name) => format!("{name} ({})", self.server),
            None => self.server.to_string(),
        };
        let connections = if self.count == 1 {
            "1 connection"
        } else {
            &format!("{} connections", self.count)
        };
        let others = if self.other_clients {
            " and others"
        } else {
            ""
        };
        format!(
            "TLS to {server} from {}{others}: {connections} not decrypted: {}",
            self.client,
            self.why.text()
        )
    }
}

/// All servers.
#[derive(Debug)]
pub struct Unread {
    lines: Vec<Line>,
    cap: usize,
    beyond: u64,
}

impl Unread {
    /// None yet; at most `cap`.
    pub(super) const fn new(cap: usize) -> Self {
        Self {
            lines: Vec::new(),
            cap,
            beyond: 0,
        }
    }

    /// Counts a connection.
    pub(super) fn add(&mut self, line: Line) {
        let same = |known: &&mut Line| {
            (known.server, known.why) == (line.server, line.why) && known.name == line.name
        };
        if let Some(known) = self.lines.iter_mut().find(same) {
            known.count += line.count;
            known.other_clients |= known.client != line.client;
            known.first = known.first.min(line.first);
        } else if self.lines.len() < self.cap {
            self.lines.push(line);
        } else {
            self.beyond += line.count;
        }
    }

    /// The lines: servers on SIP's ports, then of the others, of which most are the web's, the five
    /// with the most connections.
    pub fn lines(&self) -> Vec<&Line> {
        let (mut lines, elsewhere) = self.sorted();
        lines.extend(elsewhere.into_iter().take(ELSEWHERE));
        lines
    }

    /// Connections to servers without a line.
    pub fn further(&self) -> u64 {
        let (_, elsewhere) = self.sorted();
        let rest = elsewhere.iter().skip(ELSEWHERE);
        self.beyond + rest.map(|line| line.count).sum::<u64>()
    }

    /// Servers on SIP's ports, and others.
    fn sorted(&self) -> (Vec<&Line>, Vec<&Line>) {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| (std::cmp::Reverse(line.count), line.first));
        lines
            .into_iter()
            .partition(|line| is_sip_port(line.server.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn line(port: u16, client: u8) -> Line {
        Line {
            server: Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            name: Some("sip.example.net".to_owned()),
            client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, client)),
            other_clients: false,
            why: Why::NoSecret,
            count: 1,
            first: FrameRef::default(),
        }
    }

    #[test]
    fn a_server_is_one_line_and_sips_ports_come_first() {
        let mut unread = Unread::new(2);
        for (port, client) in [(443, 1), (443, 1), (5061, 1), (5061, 2), (8443, 1)] {
            unread.add(line(port, client));
        }
        let texts: Vec<String> = unread.lines().into_iter().map(Line::text).collect();
        let what = "no secrets for them; give --keylog, or capture behind the TLS end";
        assert_eq!(
            texts,
            [
                format!(
                    "TLS to sip.example.net (127.0.0.1:5061) from 10.0.0.1 and others: 2 connections not decrypted: {what}"
                ),
                format!(
                    "TLS to sip.example.net (127.0.0.1:443) from 10.0.0.1: 2 connections not decrypted: {what}"
                ),
            ]
        );
        assert_eq!(unread.further(), 1);
    }

    #[test]
    fn of_the_webs_servers_only_the_busiest_are_named() {
        let mut unread = Unread::new(99);
        for port in [443, 444, 445, 446, 447, 448, 449, 450, 5061, 449] {
            unread.add(line(port, 1));
        }
        let ports: Vec<u16> = unread.lines().iter().map(|line| line.server.port).collect();
        assert_eq!(ports[..2], [5061, 449]);
        assert_eq!((ports.len(), unread.further()), (6, 3));
    }
}
