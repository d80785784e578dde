//! The CSV report: the responses as rows, for spreadsheets and for scripts that speak tshark.
//!
//! In: responses. Out: a line of headings, then a row a response. What tshark shows has tshark's
//! field name and form, so that rows can be joined with its output; what is ours comes behind, by
//! the names of the JSON. An address stands in `ip.*` or `ipv6.*`, a port in the columns of what
//! carried it. With several captures the first column is `file`, the capture's name.
//!
//! What always holds: UTF-8, RFC 4180's quotes with a line feed at the end of a row; no control
//! character; and no cell that a spreadsheet would compute ([`crate::wire_text::spreadsheet`]): a
//! leading apostrophe stands before such text. Every row is flushed. Nothing is kept.
//!
//! # References
//! - RFC 4180 §2

use std::io::{self, Write};

use ::csv::{Writer, WriterBuilder};

use crate::report::{Report, clock, view};
use crate::units::Transport;
use crate::wire_text::{WireText, spreadsheet};

/// The headings behind `file`, in the order of the columns.
const COLUMNS: [&str; 28] = [
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "tcp.srcport",
    "tcp.dstport",
    "sctp.srcport",
    "sctp.dstport",
    "sip.Call-ID",
    "sip.CSeq.seq",
    "sip.CSeq.method",
    "sip.from.addr",
    "sip.to.addr",
    "sip.Status-Code",
    "meaning",
    "remediation",
    "context",
    "time",
    "transport",
    "reason",
    "retransmission",
    "duplicate",
    "cause",
    "grade",
];

/// Writes the CSV report.
pub struct Csv<W: Write> {
    out: Writer<W>,
    /// There is a column for the capture.
    many_files: bool,
    /// The headings were written.
    begun: bool,
}

impl<W: Write> Csv<W> {
    /// A report on `out`; nothing is written yet.
    pub fn new(out: W, many_files: bool) -> Self {
        // Headings are written by hand, and the first row has as many fields as all others.
        let out = WriterBuilder::new().has_headers(false).from_writer(out);
        Self {
            out,
            many_files,
            begun: false,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let file = self.many_files.then_some("file");
        self.out.write_record(file.into_iter().chain(COLUMNS))?;
        self.out.flush()
    }
}

/// The two values of a pair of columns that is for others.
const ABSENT: [String; 2] = [String::new(), String::new()];

fn row(response: &view::Response<'_>) -> [String; COLUMNS.len()] {
    let text = |text: Option<WireText<'_>>| {
        text.map_or_else(String::new, |text| text.spreadsheet().into_owned())
    };
    let prose = |text: &str| spreadsheet(text.into()).into_owned();
    let ends = [response.src, response.dst];
    let addresses = ends.map(|end| end.addr.to_string());
    let is_v6 = ends.iter().any(|end| end.addr.is_ipv6());
    let (v4, v6) = if is_v6 {
        (ABSENT, addresses)
    } else {
        (addresses, ABSENT)
    };
    let ports = ends.map(|end| end.port.to_string());
    let (udp, tcp, sctp) = match response.transport {
        Transport::Udp => (ports, ABSENT, ABSENT),
        Transport::Sctp => (ABSENT, ABSENT, ports),
        _ => (ABSENT, ports, ABSENT),
    };
    let cause = response.diagnosis.first();
    let [ip_src, ip_dst] = v4;
    let [ipv6_src, ipv6_dst] = v6;
    let [udp_src, udp_dst] = udp;
    let [tcp_src, tcp_dst] = tcp;
    let [sctp_src, sctp_dst] = sctp;
    [
        response.frame.to_string(),
        clock::epoch(response.time),
        ip_src,
        ip_dst,
        ipv6_src,
        ipv6_dst,
        udp_src,
        udp_dst,
        tcp_src,
        tcp_dst,
        sctp_src,
        sctp_dst,
        text(response.call_id),
        response
            .cseq
            .map_or_else(String::new, |cseq| cseq.to_string()),
        text(response.method),
        text(response.from),
        text(response.to),
        response.code.to_string(),
        prose(&response.meaning),
        prose(&response.remediation),
        response.context.as_deref().map_or_else(String::new, prose),
        clock::rfc3339(response.time),
        response.transport.name().to_owned(),
        text(Some(response.reason)),
        response.retransmission.to_string(),
        response.duplicate.to_string(),
        cause.map_or_else(String::new, |cause| prose(&cause.cause)),
        cause
            .and_then(|cause| cause.grade)
            .map_or_else(String::new, |grade| grade.name().to_owned()),
    ]
}

impl<W: Write> Report for Csv<W> {
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        self.begin()?;
        if self.many_files {
            let path = spreadsheet(response.path.into());
            self.out.write_field(path.as_bytes())?;
        }
        self.out.write_record(row(response))?;
        self.out.flush()
    }

    fn finish(mut self: Box<Self>, _view: &view::View) -> io::Result<()> {
        self.begin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, Sink};

    /// The rows as a program reads them, headings first.
    fn read(rows: &[fixture::Row], many_files: bool) -> Vec<Vec<String>> {
        let sink = Sink::default();
        let mut report = Box::new(Csv::new(sink.clone(), many_files));
        for row in rows {
            report.response(&row.response()).unwrap();
        }
        report.finish(&fixture::view(1)).unwrap();
        let text = sink.text();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let records = reader.records().map(Result::unwrap);
        records
            .map(|record| record.iter().map(str::to_owned).collect())
            .collect()
    }

    fn cell<'a>(rows: &'a [Vec<String>], row: usize, column: &str) -> &'a str {
        let at = rows[0].iter().position(|head| head == column).unwrap();
        &rows[row][at]
    }

    #[test]
    fn a_response_is_a_row_under_tsharks_names() {
        let rows = read(&fixture::responses(1), false);
        assert_eq!(rows.len(), 2);
        for (column, expected) in [
            ("frame.number", "7"),
            ("frame.time_epoch", "1790000001.000000000"),
            ("ip.src", "10.2.0.1"),
            ("ipv6.src", ""),
            ("udp.srcport", "5060"),
            ("tcp.srcport", ""),
            ("sip.CSeq.method", "INVITE"),
            ("sip.Status-Code", "438"),
            ("time", "2026-09-21T14:13:21.000000000Z"),
            ("cause", "dest-mismatch"),
            ("grade", "proven"),
        ] {
            assert_eq!(cell(&rows, 1, column), expected, "{column}");
        }
    }

    #[test]
    fn ipv6_has_columns_of_its_own_as_in_tshark() {
        let rows = read(&fixture::hostile_responses(), false);
        assert_eq!(cell(&rows, 6, "ip.src"), "");
        assert_eq!(
            cell(&rows, 6, "ipv6.src"),
            "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
        );
    }

    #[test]
    fn several_captures_have_a_column_with_their_name() {
        let rows = read(&fixture::responses(1), true);
        assert_eq!(cell(&rows, 1, "file"), "incident-2026-09-21.pcapng.gz");
        assert_eq!(rows[0].len(), COLUMNS.len() + 1);
        assert_eq!(read(&[], false), [COLUMNS.map(str::to_owned).to_vec()]);
    }

    #[test]
    fn no_cell_is_a_formula_whatever_the_wire_said() {
        let mut rows = fixture::responses(3);
        rows[0].call_id = b"=cmd|'/c calc'!A1".to_vec();
        rows[1].from = b"\" @SUM(1)".to_vec();
        rows[2].reason = b"-1+2,\"x\"\r\n=3".to_vec();
        rows[2].context = Some("+1".to_owned());
        let rows = read(&rows, false);
        assert_eq!(cell(&rows, 1, "sip.Call-ID"), "'=cmd|'/c calc'!A1");
        assert_eq!(cell(&rows, 2, "sip.from.addr"), "'\" @SUM(1)");
        assert_eq!(cell(&rows, 3, "reason"), "'-1+2,\"x\"\\u{d}\\u{a}=3");
        assert_eq!(cell(&rows, 3, "context"), "'+1");
        let is_number = |text: &str| text.parse::<f64>().is_ok();
        for text in rows.iter().flatten().filter(|text| !is_number(text)) {
            assert!(
                !text.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{text}"
            );
        }
    }

    #[test]
    fn a_row_is_out_before_the_next_response_comes() {
        let sink = Sink::default();
        let mut report = Csv::new(io::BufWriter::new(sink.clone()), false);
        report
            .response(&fixture::responses(1)[0].response())
            .unwrap();
        assert_eq!(sink.text().lines().count(), 2);
    }
}
