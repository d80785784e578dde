//! `Limits`: every cap of the program in one struct, each with its unit and its reason.
//!
//! A table that reaches its cap gives up its oldest entry and says so with a
//! [`crate::defect::DefectKind::Evicted`] defect; nothing grows without a line here.
//!
//! Caps of hash tables are seven eighths of a power of two: one entry more would double them.

use crate::units::Span;

/// The caps. [`Limits::default`] is what the program runs with; tests make them small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes: the largest block or packet record the capture reader's buffer grows to.
    /// A jumbo packet is 64 KiB, a pcapng decryption secrets block can be some megabytes.
    pub capture_block_bytes: usize,
    /// Bytes: the window (xz: dictionary) a compressed capture may ask for. What `zstd -19 --long`
    /// and `xz -9` write needs up to 128 MiB, and zstd refuses more unless told otherwise, too.
    pub unpack_window_bytes: usize,
    /// Captures read at once because their times overlap; each has a ring buffer, and a window if
    /// it is compressed. Systems allow 256 (macOS) or 1024 (Linux) open files.
    pub open_captures: usize,
    /// Names of addresses (pcapng name resolution) remembered of one capture.
    pub capture_names: usize,
    /// Messages remembered to meet their copies in a capture of the same minutes.
    pub tap_sightings: usize,
    /// Packets of all captures remembered to the end, to find those that stand in two of them hours
    /// apart; 100 bytes each.
    pub tap_echoes: usize,
    /// Bytes of all captures together that are read beforehand to find clocks that are wrong; shared
    /// out among them. A second's work.
    pub survey_bytes: u64,
    /// Pairs of captures whose clocks are compared.
    pub tap_pairs: usize,
    /// Interfaces remembered of one capture; each costs its name. Merged captures have hundreds.
    pub capture_interfaces: usize,
    /// IP datagrams being put together at once.
    pub ip_reassemblies: usize,
    /// How long a datagram waits for its other fragments (Linux waits 30 s, RFC 8200 §4.5 60 s).
    pub ip_reassembly_wait: Span,
    /// Bytes of unfinished HEP packets of all agents' connections together.
    pub hep_bytes: usize,
    /// Frames remembered behind one datagram or message.
    pub frames_per_message: usize,
    /// TCP connections followed at once (a table slot each, buffers only for SIP).
    pub tcp_streams: usize,
    /// Bytes waiting out of order in one direction of one TCP connection.
    pub tcp_pending_bytes_per_direction: usize,
    /// Bytes waiting out of order in all TCP connections together.
    pub tcp_pending_bytes: usize,
    /// Connections whose TLS secrets are kept; some 500 bytes each.
    pub tls_secrets: usize,
    /// TLS connections followed at once, and those given up that are remembered as such.
    pub tls_connections: usize,
    /// Bytes waiting in one direction of a TLS connection for a secret, for the other side's
    /// hello, or for the rest of a record. A handshake with long certificate chains is 16 KiB.
    pub tls_waiting_bytes_per_direction: usize,
    /// Bytes waiting in all TLS connections together.
    pub tls_waiting_bytes: usize,
    /// Servers named in the trust section because TLS to them was not decrypted.
    pub tls_servers: usize,
    /// Bytes kept for unfinished WebSocket messages and for what compression refers back to.
    pub websocket_bytes: usize,
    /// SCTP associations' directions followed at once.
    pub sctp_associations: usize,
    /// Bytes of unfinished SCTP messages in one direction of an association.
    pub sctp_waiting_bytes_per_direction: usize,
    /// Bytes of unfinished SCTP messages of all associations together.
    pub sctp_waiting_bytes: usize,
    /// Bytes: the largest SIP message (DOMAIN F.2: 64 KiB; UDP cannot carry more).
    pub message_bytes: usize,
    /// Bytes of unfinished messages of all streams together.
    pub unfinished_bytes: usize,
    /// Flows remembered as having carried SIP, so that a start line alone is proof on them.
    pub sip_flows: usize,
    /// Header fields indexed in one message; what comes after is a defect.
    pub header_fields: usize,
    /// Call-IDs followed at once.
    pub calls: usize,
    /// Call-IDs remembered as counted; 16 bytes each. One that comes back after more others than
    /// this is counted again.
    pub counted_calls: usize,
    /// INVITEs remembered because an element may send them on under another Call-ID; some 250 bytes each.
    pub onward_invites: usize,
    /// Transactions remembered of one Call-ID.
    pub transactions_per_call: usize,
    /// Answered dialogs remembered of one Call-ID (forks, re-INVITEs, hops).
    pub dialogs_per_call: usize,
    /// Copies of a response remembered one by one in a dialog (RFC 3261 §13.3.1.4 sends 11).
    pub copies_per_dialog: usize,
    /// Media sockets announced in calls in progress, some 128 bytes each.
    pub media_sockets: usize,
    /// Media sockets remembered of one Call-ID: parties, hops, media, candidates of ICE.
    pub media_sockets_per_call: usize,
    /// Responses held back until their context is settled (CONTRACT: 50,000).
    pub pending_responses: usize,
    /// Bytes of text held back with them: strangers choose how long a Call-ID is.
    pub pending_text_bytes: usize,
    /// Bytes of state kept for all calls together, about 1 KiB for an ordinary one.
    pub calls_bytes: usize,
    /// Bytes of a Call-ID, and of a To tag, that a finding keeps; longer ones are cut.
    pub call_id_bytes: usize,
    /// Example calls named in a finding (CONTRACT: 10,000; the count stays exact).
    pub calls_per_finding: usize,
    /// Refusals remembered by all burst detectors of a rule together, 16 bytes each.
    pub burst_events: usize,
    /// Attempts whose rounds are folded into one measure, on all hops; some 100 bytes each.
    pub measured_attempts: usize,
    /// Verifiers, and pairs of verifier and signer, whose custom is remembered.
    pub stir_verifiers: usize,
    /// Tokens remembered to tell a replay; some 150 bytes each.
    pub stir_tokens: usize,
    /// Refused calls remembered to tell a retry.
    pub stir_retries: usize,
    /// Signers told apart by the URL of their certificate; some 2 KiB each.
    pub stir_signers: usize,
    /// Codes that have a burst detector each; what is registered are some eighty.
    pub burst_series: usize,
    /// Directions between hosts in which a rule knows that SIP was seen, and pairs it compares.
    pub host_pairs: usize,
    /// Pairs of hosts whose answers a rule remembers one by one, up to 5 KiB each.
    pub watched_pairs: usize,
    /// Things a rule holds back until what is earlier has come, or its counterpart, some 300 bytes
    /// each.
    pub waiting_events: usize,
    /// Addresses of record whose registrations a rule watches, some 300 bytes each.
    pub registrations: usize,
    /// Files of `--certs` that are looked at; the SHAKEN networks have some thousand signers.
    pub certificate_files: usize,
    /// Bytes of certificates and revocation lists that are read in all.
    pub certificate_bytes: usize,
    /// Signers told apart, and pairs of signer and verifier; some 1.5 KiB each.
    pub signers: usize,
    /// Signed tokens remembered to know them again, some 120 bytes each.
    pub signed_tokens: usize,
    /// Calls remembered because their identity was refused, to know retries.
    pub refused_calls: usize,
    /// Calls of which ladders are drawn in one reading.
    pub ladder_calls: usize,
    /// Messages kept of one such call; a thousand bytes each, or what they have.
    pub ladder_messages: usize,
    /// Bytes of messages kept for all ladders together.
    pub ladder_bytes: usize,
    /// Frames of findings' calls remembered for the captures that are taken out of another; 16 bytes
    /// each.
    pub extracted_frames: usize,
    /// Distinct groups of defects told apart in the trust section.
    pub defect_groups: usize,
    /// Values of a capture remembered to be redacted: digests, pseudonyms and texts; up to 200 bytes
    /// each in all.
    pub redact_values: usize,
    /// Bytes of frames held back while redacting, until the message or datagram they are part of is
    /// whole.
    pub redact_held_bytes: usize,
    /// TCP directions whose messages are put together while redacting.
    pub redact_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            capture_block_bytes: 16 << 20,
            unpack_window_bytes: 128 << 20,
            open_captures: 128,
            capture_names: 16_384,
            tap_sightings: 32_768,
            tap_echoes: 16_384,
            survey_bytes: 512 << 20,
            tap_pairs: 1024,
            capture_interfaces: 4096,
            ip_reassemblies: 1024,
            ip_reassembly_wait: Span::from_secs(60),
            hep_bytes: 8 << 20,
            frames_per_message: 64,
            tcp_streams: 65_536,
            tcp_pending_bytes_per_direction: 256 << 10,
            tcp_pending_bytes: 16 << 20,
            tls_secrets: 65_536,
            tls_connections: 16_384,
            tls_waiting_bytes_per_direction: 64 << 10,
            tls_waiting_bytes: 32 << 20,
            tls_servers: 64,
            websocket_bytes: 16 << 20,
            sctp_associations: 8192,
            sctp_waiting_bytes_per_direction: 256 << 10,
            sctp_waiting_bytes: 16 << 20,
            message_bytes: 64 << 10,
            unfinished_bytes: 16 << 20,
            sip_flows: 65_536,
            header_fields: 256,
            calls: 50_000,
            counted_calls: 229_376,
            onward_invites: 8192,
            transactions_per_call: 64,
            dialogs_per_call: 32,
            copies_per_dialog: 32,
            media_sockets: 57_344,
            media_sockets_per_call: 32,
            pending_responses: 50_000,
            pending_text_bytes: 6 << 20,
            calls_bytes: 24 << 20,
            call_id_bytes: 256,
            calls_per_finding: 10_000,
            burst_events: 131_072,
            measured_attempts: 14_336,
            stir_verifiers: 4096,
            stir_tokens: 32_768,
            stir_retries: 16_384,
            stir_signers: 2048,
            burst_series: 96,
            host_pairs: 14_336,
            watched_pairs: 1792,
            waiting_events: 14_336,
            registrations: 28_672,
            certificate_files: 16_384,
            certificate_bytes: 64 << 20,
            signers: 4096,
            signed_tokens: 65_536,
            refused_calls: 65_536,
            ladder_calls: 64,
            ladder_messages: 2000,
            ladder_bytes: 32 << 20,
            extracted_frames: 2 << 20,
            defect_groups: 256,
            redact_values: 524_288,
            redact_held_bytes: 32 << 20,
            redact_streams: 65_536,
        }
    }
}
