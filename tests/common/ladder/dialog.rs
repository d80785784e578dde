//! One call of a ladder: what has been said so far, and from that the next message's defaults.
//!
//! In: who sends what to whom. Out: the message as a conforming element would send it, with this
//! ladder's simple names. What always holds: the same text gives the same bytes.
//!
//! # References
//! - RFC 3261 §8.1.1, §12.2.1.1, §13.2.2.4, §16.6, §16.7, §17.1.1.3, §18.2.1; RFC 3581 §4

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::message::{Message, Start, phrase};
use super::script::{Host, Step};

/// A message that was sent, seen by the tap or not.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Sender's index among the hosts.
    pub src: usize,
    /// Receiver's index among the hosts.
    pub dst: usize,
    /// The message.
    pub message: Message,
    /// Its name in the text.
    pub label: Option<String>,
}

/// A call.
pub struct Dialog<'a> {
    hosts: &'a [Host],
    /// Call-ID.
    pub call_id: String,
    caller: usize,
    from_user: String,
    to_user: String,
    callee: usize,
    /// Everything sent, in the order of the text.
    pub sent: Vec<Sent>,
    cseq: BTreeMap<usize, u32>,
    branches: usize,
}

impl<'a> Dialog<'a> {
    /// The call in which `caller` reaches the other.
    pub fn new(
        hosts: &'a [Host],
        name: &str,
        (caller, reached): (usize, usize),
        from: Option<&str>,
        to: Option<&str>,
    ) -> Self {
        Self {
            hosts,
            call_id: format!("{name}@ladder"),
            caller,
            from_user: from.unwrap_or(&hosts[caller].name).to_owned(),
            to_user: to.unwrap_or(&hosts[reached].name).to_owned(),
            callee: reached,
            sent: Vec::new(),
            cseq: BTreeMap::new(),
            branches: 0,
        }
    }

    /// The newest message for which `test` holds.
    fn newest(&self, test: impl Fn(&Sent) -> bool) -> Option<&Sent> {
        self.sent.iter().rev().find(|sent| test(sent))
    }

    /// The message the step's `for LABEL` names.
    fn named(&self, step: &Step) -> Result<Option<&Sent>, String> {
        let Some(label) = step.words.get("for") else {
            return Ok(None);
        };
        self.newest(|sent| sent.label.as_ref() == Some(label))
            .map(Some)
            .ok_or(format!("nothing of this call is called {label:?} yet"))
    }

    /// The request that the step makes `src` send to `dst`.
    pub fn request(
        &mut self,
        (src, dst): (usize, usize),
        method: &str,
        transport: &str,
        step: &Step,
    ) -> Result<Message, String> {
        if let Some(message) = self.hop_request((src, dst), method, step) {
            return Ok(message);
        }
        if self.hosts[src].proxy {
            let received = self.newest(|sent| {
                sent.dst == src && sent.src != dst && sent.message.method() == Some(method)
            });
            if let Some(received) = received {
                let message = received.message.clone();
                return Ok(self.forwarded(message, src, transport, step));
            }
        }
        self.originated((src, dst), method, transport, step)
    }

    /// CANCEL, and ACK of a final response that is no 2xx: made of the INVITE on this hop, with
    /// its branch (RFC 3261 §9.1, §17.1.1.3). None where the ACK is another's.
    fn hop_request(&self, hop: (usize, usize), method: &str, step: &Step) -> Option<Message> {
        let invite = &self
            .newest(|sent| (sent.src, sent.dst) == hop && sent.message.method() == Some("INVITE"))?
            .message;
        let refusal = self.newest(|sent| {
            (sent.dst, sent.src) == hop
                && sent.message.code().is_some_and(|code| code >= 200)
                && sent.message.cseq_method() == "INVITE"
                && sent.message.cseq() == invite.cseq()
        });
        let to = match method {
            "CANCEL" => invite.field("To"),
            "ACK" => refusal
                .filter(|sent| sent.message.code() >= Some(300))
                .and_then(|sent| sent.message.field("To")),
            _ => None,
        }?;
        let Start::Request(_, uri) = &invite.start else {
            return None;
        };
        let uri = step.words.get("uri").unwrap_or(uri);
        let mut message = Message::new(Start::Request(method.to_owned(), uri.clone()));
        message.push("Via", invite.field("Via").unwrap_or_default());
        message.push("Max-Forwards", "70");
        message.copy_from(invite, "Route");
        message.copy_from(invite, "From");
        message.push("To", to);
        message.copy_from(invite, "Call-ID");
        message.push("CSeq", format!("{} {method}", invite.cseq()));
        tweak(&mut message, step);
        Some(message)
    }

    /// A request as `proxy` sends it on (RFC 3261 §16.6).
    fn forwarded(
        &mut self,
        mut message: Message,
        proxy: usize,
        transport: &str,
        step: &Step,
    ) -> Message {
        let here = self.says(proxy);
        let came_from = self
            .newest(|sent| sent.dst == proxy && sent.message.method() == message.method())
            .map(|sent| sent.src);
        if let Some(from) = came_from {
            message.change("Via", |via| self.received(via, from));
        }
        if message
            .field("Route")
            .is_some_and(|route| route.contains(&format!("sip:{here};")))
        {
            let route = message.place("Route");
            message.fields.remove(route);
        }
        message.change("Max-Forwards", |hops| {
            hops.parse::<u8>()
                .map_or(hops.to_owned(), |hops| hops.saturating_sub(1).to_string())
        });
        if self.hosts[proxy].record_route
            && matches!(message.method(), Some("INVITE" | "SUBSCRIBE" | "REFER"))
        {
            let place = match message.place("Record-Route") {
                place if place < message.fields.len() => place,
                _ => message.place("From"),
            };
            message.fields.insert(
                place,
                ("Record-Route".to_owned(), format!("<sip:{here};lr>")),
            );
        }
        let via = self.via(proxy, transport);
        let place = message.place("Via");
        message.fields.insert(place, ("Via".to_owned(), via));
        if let (Some(uri), Start::Request(_, old)) = (step.words.get("uri"), &mut message.start) {
            old.clone_from(uri);
        }
        tweak(&mut message, step);
        message
    }

    /// A request that begins at `src`.
    fn originated(
        &mut self,
        (src, dst): (usize, usize),
        method: &str,
        transport: &str,
        step: &Step,
    ) -> Result<Message, String> {
        let by_caller = src == self.caller || src != self.callee && !self.is_party(src);
        let answer = match self.named(step)? {
            Some(sent) => Some(sent.message.clone()),
            None => self.dialog_answer((src, dst), method, by_caller),
        };
        let target = self.remote_target(src, answer.as_ref());
        let routes = self.route_set(src, by_caller, answer.as_ref());
        let tag = answer
            .as_ref()
            .and_then(|answer| answer.tag("To").map(str::to_owned));
        let in_dialog = answer.is_some();
        let default_uri = if method == "REGISTER" {
            format!("sip:{}", self.hosts[dst].addr)
        } else {
            format!("sip:{}@{}", self.to_user, self.says(self.callee))
        };
        let uri = step
            .words
            .get("uri")
            .cloned()
            .or(target.filter(|_| in_dialog));
        let start = Start::Request(method.to_owned(), uri.unwrap_or(default_uri));
        let mut message = Message::new(start);
        message.push("Via", self.via(src, transport));
        message.push("Max-Forwards", "70");
        for route in routes.into_iter().filter(|_| in_dialog) {
            message.push("Route", route);
        }
        let ours = format!(
            "<sip:{}@{}>;tag=from-{}",
            self.from_user,
            self.hosts[self.caller].addr.ip_text(),
            self.call_id
        );
        let theirs = if method == "REGISTER" {
            format!(
                "<sip:{}@{}>",
                self.from_user,
                self.hosts[self.caller].addr.ip_text()
            )
        } else {
            format!(
                "<sip:{}@{}>",
                self.to_user,
                self.hosts[self.callee].addr.ip_text()
            )
        };
        let theirs = tag.map_or(theirs.clone(), |tag| format!("{theirs};tag={tag}"));
        let (from, to) = if by_caller {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        message.push("From", from);
        message.push("To", to);
        message.push("Call-ID", self.call_id.clone());
        let number = match (&answer, method) {
            (Some(answer), "ACK") => answer.cseq(),
            (None, "ACK") => self.cseq.get(&src).copied().unwrap_or(1),
            _ => {
                let last = self.cseq.entry(src).or_insert(0);
                *last += 1;
                *last
            }
        };
        message.push("CSeq", format!("{number} {method}"));
        if method == "PRACK" {
            let rack = format!("1 {} INVITE", answer.as_ref().map_or(1, Message::cseq));
            message.push("RAck", rack);
        }
        if matches!(
            method,
            "INVITE" | "SUBSCRIBE" | "REFER" | "UPDATE" | "REGISTER" | "NOTIFY"
        ) {
            message.push("Contact", self.contact(src, transport));
        }
        if step.words.contains_key("identity") {
            message.push("Identity", self.identity(step));
        }
        if method == "INVITE" || step.words.contains_key("sdp") {
            self.add_sdp(&mut message, src, step);
        }
        tweak(&mut message, step);
        Ok(message)
    }

    /// Whether the host sent or answered something in this call without being a proxy.
    fn is_party(&self, host: usize) -> bool {
        !self.hosts[host].proxy
            && self
                .sent
                .iter()
                .any(|sent| sent.src == host && sent.message.code().is_some())
    }

    /// The response that makes a request from `src` one inside a dialog.
    fn dialog_answer(
        &self,
        (src, dst): (usize, usize),
        method: &str,
        by_caller: bool,
    ) -> Option<Message> {
        let makes_dialog = |sent: &&Sent| {
            let message = &sent.message;
            let tag = format!("from-{}", self.call_id);
            let refused = || {
                self.sent.iter().any(|other| {
                    other.message.code() >= Some(300)
                        && other.message.cseq() == message.cseq()
                        && other.message.cseq_method() == message.cseq_method()
                })
            };
            matches!(message.cseq_method(), "INVITE" | "SUBSCRIBE")
                && message
                    .code()
                    .is_some_and(|code| (101..300).contains(&code))
                && message.tag("To").is_some()
                && (message.tag("From") == Some(&tag) || method == "ACK")
                && (message.code() >= Some(200) || !refused())
        };
        let all = || self.sent.iter().rev().filter(makes_dialog);
        let is_2xx = |sent: &&Sent| sent.message.code() >= Some(200);
        let initial = all().find(|sent| is_2xx(sent) && sent.dst == src && sent.src == dst);
        let chosen = initial
            .or_else(|| all().find(|sent| is_2xx(sent) && (sent.dst == src || !by_caller)))
            .or_else(|| all().find(is_2xx))
            .or_else(|| all().find(|sent| sent.src == dst))
            .or_else(|| all().next())?;
        let mut answer = chosen.message.clone();
        // A re-INVITE of the callee is answered with the tags the other way round.
        if answer.tag("From") != Some(&format!("from-{}", self.call_id)) {
            let (from, to) = (answer.place("From"), answer.place("To"));
            let value = std::mem::take(&mut answer.fields[from].1);
            answer.fields[from].1 = std::mem::replace(&mut answer.fields[to].1, value);
        }
        Some(answer)
    }

    /// The Contact `src` last learnt of the other side (RFC 3261 §12.2.1.1).
    fn remote_target(&self, src: usize, answer: Option<&Message>) -> Option<String> {
        let of_fork = |sent: &Sent| match answer {
            Some(answer) if sent.message.code().is_some() => {
                sent.message.tag("To") == answer.tag("To")
                    || sent.message.tag("From") == answer.tag("To")
            }
            _ => true,
        };
        let tells = |sent: &Sent| {
            sent.message.cseq_method() == "INVITE"
                && sent.message.method() != Some("ACK")
                && sent.message.code().is_none_or(|code| code < 300)
                && sent.message.field("Contact").is_some()
        };
        let contact = self
            .newest(|sent| sent.dst == src && tells(sent) && of_fork(sent))
            .map(|sent| &sent.message)
            .or(answer)?
            .field("Contact")?;
        let uri = contact.split_once('<').map_or(contact, |(_, rest)| rest);
        Some(uri.split_once('>').map_or(uri, |(uri, _)| uri).to_owned())
    }

    /// The Record-Route values in the order `src` uses them (RFC 3261 §12.1.1, §12.1.2).
    fn route_set(&self, src: usize, by_caller: bool, answer: Option<&Message>) -> Vec<String> {
        if by_caller {
            let mut routes: Vec<String> = answer
                .map(|answer| answer.all("Record-Route").map(str::to_owned).collect())
                .unwrap_or_default();
            routes.reverse();
            return routes;
        }
        self.sent
            .iter()
            .find(|sent| sent.dst == src && sent.message.method() == Some("INVITE"))
            .map(|sent| {
                sent.message
                    .all("Record-Route")
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default()
    }

    /// The response that the step makes `src` send to `dst`.
    pub fn response(
        &mut self,
        (src, dst): (usize, usize),
        code: u16,
        method: Option<&str>,
        transport: &str,
        step: &Step,
    ) -> Result<Message, String> {
        let request = self.answered((src, dst), method, step)?.clone();
        if self.hosts[src].proxy && code != 100 && request.cseq_method() != "CANCEL" {
            let received = self.newest(|sent| {
                sent.dst == src
                    && sent.src != dst
                    && sent.message.code() == Some(code)
                    && sent.message.field("CSeq") == request.field("CSeq")
                    && step.words.get("for").is_none_or(|label| {
                        sent.label.as_ref() == Some(label) || request_is(&self.sent, label)
                    })
            });
            if let Some(received) = received {
                let mut message = received.message.clone();
                let via = message.place("Via");
                message.fields.remove(via);
                tweak(&mut message, step);
                return Ok(message);
            }
        }
        let reason = step
            .words
            .get("reason")
            .map_or(phrase(code), String::as_str);
        let mut message = Message::new(Start::Response(code, reason.to_owned()));
        let mut vias = request.all("Via");
        if let Some(top) = vias.next() {
            message.push("Via", self.received(top, dst));
        }
        for via in vias {
            message.push("Via", via);
        }
        let invite = request.method() == Some("INVITE");
        let subscribe = request.method() == Some("SUBSCRIBE");
        let dialog = (101..300).contains(&code);
        if dialog && (invite || subscribe) {
            message.copy_from(&request, "Record-Route");
        }
        message.copy_from(&request, "From");
        let to = request.field("To").unwrap_or_default();
        message.push(
            "To",
            if code == 100 || to.contains(";tag=") {
                to.to_owned()
            } else {
                format!("{to};tag=to-{}-{}", self.hosts[src].name, self.call_id)
            },
        );
        message.copy_from(&request, "Call-ID");
        message.copy_from(&request, "CSeq");
        if dialog && (invite || subscribe) || (300..400).contains(&code) {
            message.push("Contact", self.contact(src, transport));
        } else if code == 200 && request.method() == Some("REGISTER") {
            message.copy_from(&request, "Contact");
        }
        let challenge = "Digest realm=\"ladder\", nonce=\"4f2a\"";
        match code {
            401 => message.push("WWW-Authenticate", challenge),
            407 => message.push("Proxy-Authenticate", challenge),
            _ => {}
        }
        let answers_offer = invite && matches!(code, 183 | 200..=299) && !request.body.is_empty();
        if answers_offer || step.words.contains_key("sdp") {
            self.add_sdp(&mut message, src, step);
        }
        tweak(&mut message, step);
        Ok(message)
    }

    /// The request a response of this hop is for: named, or the newest without a final answer.
    fn answered(
        &self,
        (src, dst): (usize, usize),
        method: Option<&str>,
        step: &Step,
    ) -> Result<&Message, String> {
        let on_hop = |sent: &&Sent| {
            (sent.src, sent.dst) == (dst, src)
                && sent.message.method().is_some_and(|has| has != "ACK")
                && method.is_none_or(|method| sent.message.method() == Some(method))
        };
        if let Some(sent) = self.named(step)?
            && sent.message.method().is_some()
        {
            return Ok(&sent.message);
        }
        let final_answers: BTreeSet<&str> = self
            .sent
            .iter()
            .filter(|sent| (sent.src, sent.dst) == (src, dst))
            .filter(|sent| sent.message.code() >= Some(200))
            .filter_map(|sent| sent.message.field("CSeq"))
            .collect();
        let open = |sent: &&Sent| {
            sent.message
                .field("CSeq")
                .is_some_and(|cseq| !final_answers.contains(cseq))
        };
        let candidates = || self.sent.iter().rev().filter(on_hop);
        candidates()
            .find(open)
            .or_else(|| candidates().next())
            .map(|sent| &sent.message)
            .ok_or("a response to which request?".to_owned())
    }

    /// A new Via with a new branch.
    fn via(&mut self, host: usize, transport: &str) -> String {
        self.branches += 1;
        let name = &self.hosts[host].name;
        format!(
            "SIP/2.0/{transport} {};branch=z9hG4bK-{}-{name}-{};rport",
            self.says(host),
            self.call_id,
            self.branches
        )
    }

    /// `via` as its receiver completes it (RFC 3261 §18.2.1, RFC 3581 §4).
    fn received(&self, via: &str, sender: usize) -> String {
        let addr = self.hosts[sender].addr;
        match via.strip_suffix(";rport") {
            Some(rest) => format!("{rest};received={};rport={}", addr.ip(), addr.port()),
            None => via.to_owned(),
        }
    }

    /// What a host writes as its own address.
    fn says(&self, host: usize) -> String {
        let host = &self.hosts[host];
        host.says.clone().unwrap_or_else(|| host.addr.to_string())
    }

    fn contact(&self, host: usize, transport: &str) -> String {
        let user = if host == self.caller {
            &self.from_user
        } else if host == self.callee {
            &self.to_user
        } else {
            &self.hosts[host].name
        };
        let transport = if transport == "UDP" {
            ""
        } else {
            ";transport=tcp"
        };
        format!("<sip:{user}@{}{transport}>", self.says(host))
    }

    fn add_sdp(&self, message: &mut Message, host: usize, step: &Step) {
        if step.words.contains_key("no-sdp") {
            return;
        }
        let addr = self.hosts[host].addr.ip();
        let family = if addr.is_ipv6() { "IP6" } else { "IP4" };
        message.push("Content-Type", "application/sdp");
        message.body = format!(
            "v=0\r\no=- 1 1 IN {family} {addr}\r\ns=-\r\nc=IN {family} {addr}\r\nt=0 0\r\n\
             m=audio {} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
            media_port(host)
        )
        .into_bytes();
    }

    /// An Identity header of the right form whose signature is of nothing (RFC 8224 §4, RFC 8588
    /// §3): it decodes, and never verifies.
    fn identity(&self, step: &Step) -> String {
        let word = |key: &str, default: &str| {
            step.words
                .get(key)
                .map_or(default, String::as_str)
                .to_owned()
        };
        let digits = |user: &str| user.trim_start_matches('+').to_owned();
        let x5u = word("x5u", "https://certs.example.net/shaken.pem");
        let head = serde_json::json!({
            "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u,
        });
        let claims = serde_json::json!({
            "attest": word("attest", "A"),
            "dest": {"tn": [digits(&word("dest", &self.to_user))]},
            "iat": word("iat", "1767607200").parse::<i64>().unwrap_or(0),
            "orig": {"tn": digits(&word("orig", &self.from_user))},
            "origid": "00000000-0000-4000-8000-000000000000",
        });
        format!(
            "{}.{}.{};info=<{x5u}>;alg=ES256;ppt=shaken",
            URL_SAFE_NO_PAD.encode(head.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string()),
            URL_SAFE_NO_PAD.encode([0x5a; 64]),
        )
    }
}

/// Where a host's RTP comes from and goes to.
pub fn media_port(host: usize) -> u16 {
    40_000 + 2 * u16::try_from(host).expect("few hosts")
}

/// Whether the label is that of a request.
fn request_is(sent: &[Sent], label: &str) -> bool {
    sent.iter()
        .any(|sent| sent.label.as_deref() == Some(label) && sent.message.method().is_some())
}

/// The `key=value` words that change a message in one place, then its header lines.
fn tweak(message: &mut Message, step: &Step) {
    for (key, name) in [("from-tag", "From"), ("to-tag", "To")] {
        if let Some(tag) = step.words.get(key) {
            message.change(name, |value| {
                let bare = value.split_once(";tag=").map_or(value, |(bare, _)| bare);
                if tag == "none" {
                    bare.to_owned()
                } else {
                    format!("{bare};tag={tag}")
                }
            });
        }
    }
    if let Some(number) = step.words.get("cseq") {
        let method = message.cseq_method().to_owned();
        message.change("CSeq", |_| format!("{number} {method}"));
    }
    if let Some(branch) = step.words.get("branch") {
        message.change("Via", |via| {
            let (head, tail) = via.split_once(";branch=").unwrap_or((via, ""));
            let rest = tail
                .split_once(';')
                .map(|(_, rest)| format!(";{rest}"))
                .unwrap_or_default();
            format!("{head};branch={branch}{rest}")
        });
    }
    if let Some(bytes) = step.words.get("pad").and_then(|bytes| bytes.parse().ok()) {
        message.push("X-Padding", "x".repeat(bytes));
    }
    message.edit(&step.edits);
}

/// The address as it stands in a URI.
trait IpText {
    fn ip_text(&self) -> String;
}

impl IpText for std::net::SocketAddr {
    fn ip_text(&self) -> String {
        match self.ip() {
            std::net::IpAddr::V4(addr) => addr.to_string(),
            std::net::IpAddr::V6(addr) => format!("[{addr}]"),
        }
    }
}
