//! The HTML report in a real browser: Debian's Chromium, without a window.
//!
//! In: reports of samples, and of a capture that tries to harm whoever reads it. What must hold: the
//! page says nothing wrong, asks for nothing, can be searched, sorted, read by mouse and keyboard, in
//! light and dark, without scripts, and on paper. Where Chromium is not installed a test says so.
//!
//! `UPDATE_SCREENSHOTS=1 cargo test --test browser` makes the pictures in `docs/images` anew.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a wrong page is a failed test; what is skipped is said"
)]

#[path = "../common/mod.rs"]
mod common;
mod devtools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::pcap::{self, Link, Options, Order, Record};
use devtools::Browser;
use serde_json::{Value, json};

/// Pictures are for a page of documentation, not for a wall.
const PICTURE_BYTES: u64 = 200_000;

/// Pictures that the documentation shows.
const PICTURES: [&str; 3] = ["report-light.png", "report-dark.png", "ladder.png"];

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A report of `capture`, which is gone with the folder.
fn report(capture: &Path, more: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args(["-f", "html", "--certs", "samples/certs", "-o"])
        .arg(&page)
        .args(more)
        .arg(capture)
        .current_dir(crate_dir())
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    (folder, page)
}

/// The report of a sample, opened.
fn opened(sample: &str, more: &[&str]) -> Option<(tempfile::TempDir, Browser)> {
    let mut browser = Browser::start()?;
    let (folder, page) = report(&Path::new("samples").join(sample), more);
    browser.open(&page);
    Some((folder, browser))
}

/// What the page asked for, and what it complained about.
fn asked_and_complained(browser: &Browser) -> (Vec<String>, Vec<String>) {
    let asked = browser
        .told("Network.requestWillBeSent")
        .map(|request| request["request"]["url"].as_str().unwrap_or("").to_owned())
        .filter(|url| !url.starts_with("data:"))
        .collect();
    let said = [
        "Runtime.exceptionThrown",
        "Runtime.consoleAPICalled",
        "Log.entryAdded",
    ];
    let complained = said
        .into_iter()
        .flat_map(|method| browser.told(method))
        .map(Value::to_string)
        .collect();
    (asked, complained)
}

#[track_caller]
fn assert_quiet(browser: &Browser) {
    let (asked, complained) = asked_and_complained(browser);
    assert!(complained.is_empty(), "{complained:#?}");
    assert!(
        asked.len() == 1 && asked[0].starts_with("file://") && asked[0].ends_with("report.html"),
        "{asked:?}"
    );
}

#[test]
fn a_page_asks_for_nothing_but_itself_and_complains_of_nothing() {
    let Some((_folder, mut browser)) = opened("incident-438.pcap", &[]) else {
        return;
    };
    for id in [
        "timeline",
        "findings",
        "ladders",
        "codes",
        "metrics",
        "signers",
        "responses",
    ] {
        assert!(browser.number(&format!("document.getElementById('{id}').offsetHeight")) > 50);
    }
    assert!(
        browser
            .text("document.querySelector('h1').textContent")
            .contains("46 of 66")
    );
    assert_eq!(
        browser.number("document.querySelectorAll('.chart .band').length"),
        1
    );
    browser.size(390, 800);
    let wide = browser.number("document.documentElement.scrollWidth");
    assert!(wide <= 390, "the page is {wide} wide on a phone");
    assert_quiet(&browser);
    // The policy holds: what a script would load is refused before it leaves.
    let refused = browser.eval(
        "new Promise((done) => { document.addEventListener('securitypolicyviolation', (e) => done(e.blockedURI)); \
         new Image().src = 'http://127.0.0.1:9/picture'; })",
    );
    assert_eq!(refused, "http://127.0.0.1:9/picture");
}

#[test]
fn responses_can_be_searched_filtered_sorted_and_opened() {
    let Some((_folder, mut browser)) = opened("incident-438.pcap", &[]) else {
        return;
    };
    let rows = "document.querySelectorAll('#rows tbody tr.row').length";
    let shown = "document.getElementById('shown').textContent";
    assert_eq!(browser.number(rows), 100);
    assert!(browser.text(shown).starts_with("771 of 771"));
    browser.fill("#search", "ORIG-mismatch 438");
    assert!(browser.text(shown).starts_with("1 of 771"));
    browser.fill("#search", "");
    browser.fill("#by-code", "438");
    assert!(browser.text(shown).starts_with("47 of 771"));
    browser.fill("#by-host", "198.51.100.11");
    assert!(browser.text(shown).starts_with("1 of 771"));
    browser.fill("#by-call", "nobody");
    assert_eq!(browser.text(shown), "No response matches.");
    browser.click("#clear");
    browser.eval("new Promise((done) => setTimeout(done, 50))");
    assert!(browser.text(shown).starts_with("771 of 771"));
    browser.fill("#by-class", "4xx");
    assert!(browser.text(shown).starts_with("68 of 771"));
    browser.fill("#by-class", "");
    // By code, down: the highest first.
    let heads = "#rows thead th:nth-child(6) button";
    let codes = "[...document.querySelectorAll('#rows .code')].map((e) => Number(e.textContent))";
    browser.click(heads);
    let up = browser.eval(codes);
    assert_eq!(up[0], 100);
    browser.click(heads);
    let down: Vec<u64> = serde_json::from_value(browser.eval(codes)).expect("numbers");
    assert!(
        down.is_sorted_by(|a, b| a >= b) && down[0] == 486,
        "{down:?}"
    );
    assert_eq!(
        browser.text("document.querySelector('#rows th[aria-sort]').getAttribute('aria-sort')"),
        "descending"
    );
    browser.click("#next");
    assert!(
        browser
            .text("document.getElementById('page').textContent")
            .contains("2 / 8")
    );
    // A row opens, and leads to its ladder.
    browser.fill("#search", "1-15610@198.51.100.12 438 815");
    browser.click("#rows tbody tr.row .open");
    let details = browser.text("document.querySelector('#rows .more').textContent");
    assert!(
        details.contains("dest-mismatch") && details.contains("Show as a ladder"),
        "{details}"
    );
    assert_quiet(&browser);
}

#[test]
fn an_arrow_shows_its_message_by_mouse_and_by_keyboard() {
    let Some((_folder, mut browser)) = opened("incident-438.pcap", &[]) else {
        return;
    };
    let shown = "[...document.querySelectorAll('#call1 .message')].filter((e) => e.offsetHeight > 0).map((e) => e.textContent).join('~')";
    let before = browser.text(shown);
    assert!(
        before.contains("SIP/2.0 438") && !before.contains('~'),
        "{before}"
    );
    browser.click("#call1 .arrow.request");
    let invite = browser.text(shown);
    assert!(
        invite.contains("INVITE sip:") && !invite.contains('~'),
        "{invite}"
    );
    // The token is decoded beside the message.
    for part in [
        "\"attest\"",
        "\"dest\"",
        "18005550198",
        "\"alg\": \"ES256\"",
    ] {
        assert!(invite.contains(part), "{part}: {invite}");
    }
    browser.eval("document.querySelector('#call1 .arrow.request').focus()");
    browser.key("ArrowDown", 40, "");
    let next = browser.text(shown);
    assert!(next != invite && next.contains("SIP/2.0"), "{next}");
    browser.key("Enter", 13, "\r");
    assert_eq!(browser.text(shown), next);
    assert_eq!(
        browser.number("document.querySelectorAll('#call1 .arrow[aria-current=true]').length"),
        1
    );
    assert_quiet(&browser);
}

#[test]
fn it_is_read_in_the_dark_without_scripts_and_on_paper() {
    let Some((_folder, mut browser)) = opened("missing-ack.pcap", &[]) else {
        return;
    };
    let colours = "(() => { const s = getComputedStyle(document.querySelector('section')); return [s.backgroundColor, s.color]; })()";
    browser.prefer("light");
    let light = browser.eval(colours);
    browser.prefer("dark");
    let dark = browser.eval(colours);
    assert_eq!(light[0], "rgb(255, 255, 255)");
    assert!(light[0] != dark[0] && light[1] != dark[1], "{light} {dark}");
    assert_quiet(&browser);

    let pdf = browser.call("Page.printToPDF", json!({"printBackground": true}));
    let pdf = STANDARD
        .decode(pdf["data"].as_str().expect("base64"))
        .expect("base64");
    assert!(
        pdf.starts_with(b"%PDF-") && pdf.len() > 50_000,
        "{} bytes",
        pdf.len()
    );
    // On paper each ladder has the messages that show the finding beside it.
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let on_paper = "[...document.querySelectorAll('.call')].map((e) => [...e.querySelectorAll('.message')].filter((m) => m.offsetHeight > 0).length)";
    let on_paper: Vec<u64> = serde_json::from_value(browser.eval(on_paper)).expect("numbers");
    assert!(
        !on_paper.is_empty() && on_paper.iter().all(|count| *count >= 1),
        "{on_paper:?}"
    );
    browser.call("Emulation.setEmulatedMedia", json!({"media": ""}));

    // Without scripts every message stands beside its ladder.
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    );
    browser.reload();
    let document = browser.call("DOM.getDocument", json!({}));
    let found = browser.call(
        "DOM.querySelectorAll",
        json!({"nodeId": document["root"]["nodeId"], "selector": "#call1 .message"}),
    );
    let messages = found["nodeIds"].as_array().expect("nodes").clone();
    assert!(messages.len() > 5, "{messages:?}");
    for node in messages {
        let shape = browser.call("DOM.getBoxModel", json!({"nodeId": node}));
        assert!(shape["model"]["height"].as_u64().expect("a height") > 20);
    }
}

/// A capture in which every text that a stranger chooses is an attack.
fn hostile() -> Vec<u8> {
    const ATTACKS: [&str; 8] = [
        "</script><script>pwned=1</script>",
        "<img/src=x onerror=pwned=1>",
        "\"><svg/onload=pwned=1>",
        "'-pwned=1-'",
        "<!--<script>",
        "{{7*7}}{% raw %}",
        "\u{202e}gpj\u{2066}\u{1b}[2J",
        "javascript:pwned=1",
    ];
    let (caller, callee) = ("198.51.100.7:5060", "192.0.2.7:5060");
    let socket = |text: &str| text.parse().expect("a socket");
    let mut records = Vec::new();
    for (index, second) in (0..24).zip(1_790_000_000_u64..) {
        let attack = ATTACKS[index % ATTACKS.len()];
        let head = format!(
            "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{index}{attack}\r\nFrom: \"{attack}\" <sip:{attack}@x>;tag=a{index}\r\n\
             To: <sip:{attack}@y>\r\nCall-ID: {index}{attack}\r\nCSeq: 1 INVITE\r\nX-{attack}: {attack}\r\n"
        );
        let identity = format!(
            "Identity: {}.{}.c2ln;info=<https://x/{attack}>;alg=ES256\r\n",
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(
                json!({"alg": "ES256", "typ": "passport", "ppt": "shaken", "x5u": attack}).to_string()
            ),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(
                json!({"attest": attack, "orig": {"tn": attack}, "dest": {"tn": [attack]}, "iat": second}).to_string()
            ),
        );
        let request = format!(
            "INVITE sip:{attack} SIP/2.0\r\n{head}{identity}User-Agent: {attack}\r\nContent-Length: 0\r\n\r\n"
        );
        let response = format!(
            "SIP/2.0 438 {attack}\r\n{head}Reason: SIP;cause=438;text=\"{attack}\"\r\nWarning: 399 x \"{attack}\"\r\nContent-Length: 0\r\n\r\n"
        );
        for (from, to, text, later) in [
            (caller, callee, request, 0),
            (callee, caller, response, 1_000_000),
        ] {
            let packet = pcap::udp_packet(
                socket(from),
                socket(to),
                pcap::IpFields {
                    id: 1 + u16::try_from(records.len()).expect("few"),
                    ttl: 64,
                },
                text.as_bytes(),
            );
            records.push(Record {
                time_ns: second * 1_000_000_000 + later,
                bytes: pcap::frame(&packet, Link::Ethernet, &[], Order::Little),
            });
        }
    }
    pcap::write(&records, &Options::default())
}

#[test]
fn nothing_a_capture_holds_becomes_markup_or_script() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("hostile.pcap");
    fs::write(&capture, hostile()).expect("written");
    let (_page_folder, page) = report(&capture, &[]);
    browser.open(&page);
    assert_eq!(browser.text("typeof pwned"), "undefined");
    // Those of the template, whatever the capture holds.
    assert_eq!(
        browser.number("document.querySelectorAll('script').length"),
        3
    );
    assert_eq!(
        browser.number(
            "document.querySelectorAll('img, iframe, object, embed, [onerror], [onload]').length"
        ),
        0
    );
    assert_eq!(browser.number("[...document.querySelectorAll('a')].filter((a) => a.getAttribute('href')[0] !== '#').length"), 0);
    assert!(browser.number("document.querySelectorAll('#ladders .call').length") > 1);
    browser.fill("#search", "</script><script>pwned=1</script>");
    assert!(browser.number("document.querySelectorAll('#rows tbody tr.row').length") >= 3);
    for _ in 0..3 {
        browser.eval("document.querySelectorAll('#rows .open').forEach((e) => e.click())");
    }
    browser.eval("document.querySelectorAll('.arrow').forEach((e) => e.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true})))");
    assert_eq!(browser.text("typeof pwned"), "undefined");
    // What steers is shown, and steers nothing.
    let text = browser.text("document.body.textContent");
    assert!(text.contains("\\u{202e}gpj\\u{2066}\\u{1b}[2J"));
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{1b}']));
    assert_quiet(&browser);
}

#[test]
fn a_page_speaks_chinese_and_holds_no_more_responses_than_it_says() {
    let Some((_folder, mut browser)) = opened("cooked.pcapng", &["--lang", "zh", "--code", "4xx"])
    else {
        return;
    };
    assert_eq!(browser.text("document.documentElement.lang"), "zh");
    let heading = browser.text("document.querySelector('#responses h2').textContent");
    assert_eq!(heading, "响应");
    let codes: Vec<u64> =
        serde_json::from_value(browser.eval(
            "[...document.querySelectorAll('#rows .code')].map((e) => Number(e.textContent))",
        ))
        .expect("numbers");
    assert!(!codes.is_empty() && codes.iter().all(|code| (400..500).contains(code)));
    // The chart is of the whole capture.
    assert!(browser.number("document.querySelectorAll('.chart .c2').length") > 0);
    assert_quiet(&browser);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the person who renews the pictures says so in the environment, as no argument gets here"
)]
fn updating() -> bool {
    std::env::var("UPDATE_SCREENSHOTS").is_ok_and(|value| value == "1")
}

#[test]
fn the_documentation_has_its_pictures() {
    let folder = crate_dir().join("docs/images");
    if updating() {
        let (_folder, mut browser) =
            opened("incident-438.pcap", &[]).expect("Chromium is installed");
        fs::create_dir_all(&folder).expect("a folder");
        for (name, scheme, clip) in [
            ("report-light.png", "light", None),
            ("report-dark.png", "dark", None),
            ("ladder.png", "light", Some("#call1")),
        ] {
            browser.prefer(scheme);
            browser.size(1280, if clip.is_some() { 900 } else { 1010 });
            let mut how = json!({"format": "png", "captureBeyondViewport": clip.is_some()});
            if let Some(selector) = clip {
                browser.click("#call1 .arrow.request");
                let clip = browser.eval(&format!(
                    "(() => {{ const r = document.querySelector('{selector}').getBoundingClientRect(); \
                     return {{x: r.x + scrollX - 16, y: r.y + scrollY - 8, width: r.width + 32, height: Math.min(r.height + 16, 780), scale: 1}}; }})()"
                ));
                how["clip"] = clip;
            }
            let shot = browser.call("Page.captureScreenshot", how);
            let png = STANDARD
                .decode(shot["data"].as_str().expect("base64"))
                .expect("base64");
            fs::write(folder.join(name), png).expect("written");
        }
    }
    for name in PICTURES {
        let bytes = fs::metadata(folder.join(name)).map_or(0, |found| found.len());
        assert!(
            (1..PICTURE_BYTES).contains(&bytes),
            "docs/images/{name}: {bytes} bytes"
        );
    }
}
