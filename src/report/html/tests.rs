//! Pages of fixtures: what stands in them, and what cannot get into them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::report::view::{
    Ladder, LadderFinding, LadderHost, LadderIdentity, LadderMessage, Text, View,
};
use crate::report::{Digest, Provenance, fixture};
use crate::units::{FrameRef, Span, Transport};

/// Another reading that gives a ladder.
struct Fixed(Ladder);

impl Again for Fixed {
    fn calls(&mut self, _: BTreeMap<Vec<u8>, Option<FrameRef>>) -> io::Result<Vec<Ladder>> {
        Ok(vec![self.0.clone()])
    }

    fn provenance(&mut self) -> io::Result<Provenance> {
        Ok(Provenance {
            command: String::from_utf8_lossy(&self.0.call_id.0).into_owned(),
            files: vec![Digest {
                path: self.0.call_id.clone(),
                bytes: 24,
                sha256: Some("00".repeat(32)),
            }],
        })
    }
}

fn page(rows: &[fixture::Row], view: &View, ladder: Ladder, options: Options) -> String {
    let sink = fixture::Sink::default();
    let mut html = Box::new(Html::new(sink.clone(), options, Box::new(Fixed(ladder))));
    for row in rows {
        html.passed(&row.response());
        html.response(&row.response()).unwrap();
    }
    html.finish(view).unwrap();
    sink.text()
}

/// A call of two messages in which a stranger chose every text.
fn ladder(said: &str) -> Ladder {
    let text = || Text::from(said);
    let message = |index: u64, code: Option<u16>| LadderMessage {
        file: 0,
        frame: 5 + 2 * index,
        frames: vec![5 + 2 * index],
        time: fixture::START.plus(Span::from_millis(40 * i64::try_from(index).unwrap())),
        src: fixture::endpoint("10.1.0.9"),
        dst: fixture::endpoint("10.2.0.1"),
        transport: Transport::Udp,
        leg: None,
        from: usize::from(code.is_some()),
        to: usize::from(code.is_none()),
        method: text(),
        uri: code.is_none().then(text),
        code,
        reason: code.is_some().then(text),
        cseq: Some(1),
        branch: Some(text()),
        from_tag: Some(text()),
        to_tag: None,
        media: Some(said.to_owned()),
        holds: false,
        retransmission: false,
        duplicate: false,
        repeats: None,
        meaning: code.map(|_| said.to_owned().into()),
        remediation: code.map(|_| said.to_owned().into()),
        context: code.map(|_| said.to_owned()),
        diagnosis: Vec::new(),
        findings: vec![0],
        identity: vec![LadderIdentity {
            form: "full",
            header: Some([(said.to_owned(), said.into())].into_iter().collect()),
            payload: Some(
                [("dest".to_owned(), serde_json::json!({"tn": [said]}))]
                    .into_iter()
                    .collect(),
            ),
            info: Some(said.to_owned()),
            problem: Some(said.to_owned()),
        }],
        bytes: said.as_bytes().into(),
        length: said.len(),
        snapped: false,
        selected: false,
    };
    Ladder {
        call_id: text(),
        legs: Vec::new(),
        hosts: ["10.1.0.9", "10.2.0.1"]
            .map(|name| LadderHost {
                name: name.to_owned(),
                ports: vec![5060],
            })
            .into(),
        messages: vec![message(0, None), message(1, Some(438))],
        findings: vec![LadderFinding {
            finding: 0,
            rule: "identity-burst".into(),
            verdict: None,
            qualifier: None,
            severity: view::Severity::Error,
            title: said.to_owned(),
            cause: None,
            evidence: None,
            remediation: None,
            file: 0,
            frames: vec![5, 7],
            time: None,
        }],
        left_out: (0, 0),
        capture_start: Some(fixture::START),
    }
}

/// A page in which a stranger chose every text that one can choose.
fn page_of(said: &str) -> String {
    let mut rows = fixture::responses(3);
    for row in &mut rows {
        row.call_id = said.as_bytes().to_vec();
        row.from = said.as_bytes().to_vec();
        row.reason = said.as_bytes().to_vec();
        row.context = Some(said.to_owned());
    }
    let mut view = fixture::view(2);
    view.captures[0].path = said.into();
    view.signers[0].x5u = said.into();
    view.trust[0].detail = said.to_owned();
    for finding in &mut view.findings {
        finding.title = said.to_owned();
        finding.detail = Some(said.to_owned());
        finding.cause = Some(said.to_owned());
        finding.evidence = Some(said.to_owned());
        finding.remediation = Some(said.to_owned());
        finding.filter = Some(said.to_owned());
        for call in &mut finding.calls {
            call.call_id = said.into();
        }
        if let Some(burst) = &mut finding.burst {
            burst.contributors[0].value = said.into();
        }
    }
    page(&rows, &view, ladder(said), Options::default())
}

/// The tags of a page with the names of their attributes, as a browser would find them: what is in a
/// `style` or `script` element is text up to its end tag.
fn tags(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, tail)) = rest.split_once('<') {
        let mut tag = String::new();
        let mut quote = None;
        let mut chars = tail.chars();
        for c in chars.by_ref() {
            match quote {
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if c == '"' || c == '\'' => quote = Some(c),
                None if c == '>' => break,
                None => tag.push(c),
            }
        }
        rest = chars.as_str();
        let name = tag.split(' ').next().unwrap_or_default();
        if name == "style" || name == "script" {
            let (_, behind) = rest.split_once(&format!("</{name}")).unwrap_or_default();
            rest = behind;
        }
        tags.push(tag);
    }
    tags
}

/// The page without style, script, policy and words, which are reviewed where they are written.
fn bare(page: &str) -> String {
    let without = |page: &str, open: &str, close: &str| {
        let (head, rest) = page.split_once(open).unwrap();
        let (_, tail) = rest.split_once(close).unwrap();
        format!("{head}{open}…{close}{tail}")
    };
    let page = without(page, "<style>", "</style>");
    let page = without(&page, "<script>", "</script>");
    let page = without(&page, "Policy\" content=\"", "\"");
    without(&page, "{\"words\":{", "},\"said\"")
}

#[test]
fn an_incident() {
    let mut call = ladder("INVITE");
    call.call_id = "call-00000000@sbc-east-1.carrier.example.net".into();
    let page = page(
        &fixture::responses(5),
        &fixture::view(2),
        call,
        Options::default(),
    );
    insta::assert_snapshot!(bare(&page));
}

#[test]
fn a_capture_without_sip_has_its_page() {
    let page = page(
        &[],
        &fixture::empty_view(),
        Ladder::default(),
        Options::default(),
    );
    assert!(page.contains("No SIP was found in this capture."));
    assert!(!page.contains("<svg class=\"chart\"") && !page.contains("id=\"ladders\""));
}

#[test]
fn style_and_script_are_those_that_the_policy_allows() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = page_of("x");
    let content = |open: &str, close: &str| {
        let (_, rest) = page.split_once(open).unwrap();
        rest.split_once(close).unwrap().0
    };
    for text in [
        content("<style>", "</style>"),
        content("<script>", "</script>"),
    ] {
        let hash = sha2::Sha256::digest(text.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(hash);
        assert!(page.contains(&format!("'sha256-{hash}'")));
    }
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe"));
}

#[test]
fn nothing_in_the_files_of_the_page_loads_or_makes_markup() {
    for text in [
        include_str!("page.html"),
        include_str!("finding.html"),
        include_str!("ladder.html"),
        include_str!("chart.html"),
        include_str!("report.css"),
        include_str!("report.js"),
    ] {
        for forbidden in [
            "http:",
            "https:",
            "url(",
            "@import",
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "fetch(",
            "XMLHttp",
            "style=",
            "onclick",
            "|safe",
            "| safe",
            "localStorage",
            "cookie",
        ] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn long_lists_are_cut_and_said() {
    let mut view = fixture::view(60);
    view.findings[0].title = "first".to_owned();
    let options = Options {
        narrowed: true,
        ..Options::default()
    };
    let page = page(&fixture::responses(5003), &view, ladder("x"), options);
    assert!(page.contains("+ 10 less severe findings are not shown"));
    assert!(page.contains("+ 3 further responses are not in this file"));
    assert!(page.contains("narrowed by the options given"));
    assert_eq!(page.matches("<article class=\"finding ").count(), 50);
    let all = Options {
        all: true,
        ..Options::default()
    };
    let page = self::page(&fixture::responses(5003), &view, ladder("x"), all);
    assert!(!page.contains("<p class=\"note strong\">"));
    assert!(page.contains("call-00005002@"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_of_a_stranger_changes_the_markup(
        said in "(</?script>?|<!--|-->|[\"'`<>&/=\\\\{}%#!\u{202e}\u{0}\u{1b}\r\n\t \u{2028}]|javascript:|onload|[a-z\u{5d0}é]){1,24}"
    ) {
        let said = format!("x{said}x");
        let page = page_of(&said);
        prop_assert_eq!(tags(&page), tags(&page_of("benign")));
        let steers = |c: char| crate::wire_text::is_unsafe_in_terminal(c) && c != '\n' && c != '\t';
        prop_assert!(!page.contains(steers));
        for id in ["facts", "responses-data"] {
            let open = format!("<script id=\"{id}\" type=\"application/json\">");
            let (_, data) = page.split_once(&open).unwrap();
            let (data, _) = data.split_once("</script>").unwrap();
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            prop_assert!(!data.is_null());
        }
    }
}
