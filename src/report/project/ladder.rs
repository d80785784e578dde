//! The ladder of a call, with what the report knows put beside its messages.
//!
//! In: a gathered [`Ladder`], the responses of the same run ([`Annotations`]) and its findings. Out: a
//! [`view::Ladder`].

use std::borrow::Cow;
use std::collections::HashMap;

use crate::calls::Onward;
use crate::ladder::{Choice, Host, Ladder, Sent, Start};
use crate::limits::Limits;
use crate::report::view;
use crate::sip::{Indexer, Name};
use crate::stir::passport::Part;
use crate::stir::{Identity, Passport, identity::Form};
use crate::units::{FrameRef, Timestamp};

/// What the report says of the responses of chosen calls, kept until their ladders are made.
#[derive(Debug)]
pub struct Annotations {
    choice: Choice,
    limits: Limits,
    capture_start: Option<Timestamp>,
    /// By file and frame, in order.
    by_frame: HashMap<(u16, u64), Vec<Annotation>, foldhash::quality::RandomState>,
    count: usize,
}

#[derive(Debug)]
struct Annotation {
    call_id: Vec<u8>,
    code: u16,
    meaning: String,
    remediation: String,
    context: Option<String>,
    diagnosis: Vec<view::Diagnosis<'static>>,
}

impl Annotations {
    /// Keeps those of `choice`.
    pub fn new(choice: Choice, limits: &Limits) -> Self {
        Self {
            choice,
            limits: *limits,
            capture_start: None,
            by_frame: HashMap::default(),
            count: 0,
        }
    }

    /// Takes a response.
    pub fn push(&mut self, response: &view::Response<'_>) {
        self.capture_start = self.capture_start.or(response.capture_start);
        let call_id = response.call_id.map(|id| id.0).unwrap_or_default();
        let is_of_frame = match &self.choice {
            Choice::Frame(at) => (at.file.0, at.no.0) == (response.file, response.frame),
            Choice::Calls(_) | Choice::Legs(..) | Choice::Like(_) => true,
        };
        let room = self
            .limits
            .ladder_calls
            .saturating_mul(self.limits.ladder_messages);
        if !is_of_frame || self.count >= room || !self.choice.wants_call(call_id, &self.limits) {
            return;
        }
        self.count += 1;
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let cause = |one: &view::Diagnosis<'_>| view::Diagnosis {
            cause: one.cause.to_string().into(),
            grade: one.grade,
            header: one.header,
            hop: owned(&one.hop).map(Cow::Owned),
            evidence: owned(&one.evidence).map(Cow::Owned),
            remediation: owned(&one.remediation).map(Cow::Owned),
        };
        self.by_frame
            .entry((response.file, response.frame))
            .or_default()
            .push(Annotation {
                call_id: call_id.to_vec(),
                code: response.code,
                meaning: response.meaning.to_string(),
                remediation: response.remediation.to_string(),
                context: owned(&response.context),
                diagnosis: response.diagnosis.iter().map(cause).collect(),
            });
    }

    /// The annotation of a response; each is given once, in the order of its frame.
    fn take(&mut self, sent: &Sent, call_id: &[u8]) -> Option<Annotation> {
        let code = sent.code()?.get();
        let frame = (sent.at.file.0, sent.at.no.0);
        let of_frame = self.by_frame.get_mut(&frame)?;
        let at = of_frame
            .iter()
            .position(|one| one.code == code && one.call_id == call_id)?;
        Some(of_frame.remove(at))
    }
}

/// A ladder with everything beside its messages; those of the frame `selected` are marked.
pub fn ladder(
    gathered: Ladder,
    annotations: &mut Annotations,
    findings: &[view::Finding],
    selected: Option<FrameRef>,
    limits: &Limits,
) -> view::Ladder {
    let ids: Vec<&[u8]> = std::iter::once(gathered.call_id.as_slice())
        .chain(gathered.legs.iter().map(|leg| &*leg.call_id))
        .collect();
    let findings = findings_of(&ids, findings, limits);
    let mut indexer = Indexer::new(limits.header_fields);
    let mut messages = Vec::with_capacity(gathered.messages.len());
    for sent in gathered.messages {
        let call_id = ids.get(sent.leg).copied().unwrap_or_default();
        let annotation = annotations.take(&sent, call_id);
        let leg = (ids.len() > 1).then_some(sent.leg);
        let mut message = message(sent, &mut indexer);
        message.leg = leg;
        message.findings = findings
            .iter()
            .enumerate()
            .filter(|(_, finding)| {
                let shows = |frame: &u64| *frame == message.frame || message.frames.contains(frame);
                finding.file == message.file && finding.frames.iter().any(shows)
            })
            .map(|(index, _)| index)
            .collect();
        message.selected = selected.is_some_and(|at| {
            at.file.0 == message.file
                && (at.no.0 == message.frame || message.frames.contains(&at.no.0))
        });
        if let Some(annotation) = annotation {
            message.meaning = Some(Cow::Owned(annotation.meaning));
            message.remediation = Some(Cow::Owned(annotation.remediation));
            message.context = annotation.context;
            message.diagnosis = annotation.diagnosis;
        }
        messages.push(message);
    }
    view::Ladder {
        legs: gathered.legs.iter().map(leg).collect(),
        call_id: view::Text(gathered.call_id),
        hosts: gathered.hosts.iter().map(host).collect(),
        messages,
        findings,
        left_out: gathered.left_out,
        capture_start: annotations.capture_start,
    }
}

fn leg(leg: &Onward) -> view::LadderLeg {
    view::LadderLeg {
        call_id: view::Text(leg.call_id.to_vec()),
        of: leg.of.as_ref().map(|of| view::Text(of.to_vec())),
        by: leg.by.to_string(),
        link: leg.link.name(),
        after_s: leg.after.as_secs_f64(),
        file: leg.invite.at.file.0,
        frame: leg.invite.at.no.0,
    }
}

fn host(host: &Host) -> view::LadderHost {
    let port = host.ports.first().filter(|_| host.shares_address);
    view::LadderHost {
        name: match (host.addr, port) {
            (addr, None) => addr.to_string(),
            (addr, Some(port)) => crate::units::Endpoint::new(addr, *port).to_string(),
        },
        ports: host.ports.clone(),
    }
}

/// The findings that name a call by one of `ids`; they know long Call-IDs by their beginning.
fn findings_of(
    ids: &[&[u8]],
    findings: &[view::Finding],
    limits: &Limits,
) -> Vec<view::LadderFinding> {
    let cut = |id: &[u8]| id.get(..limits.call_id_bytes).unwrap_or(id).to_vec();
    let ids: Vec<Vec<u8>> = ids.iter().map(|id| cut(id)).collect();
    let mut of_call = Vec::new();
    for (index, finding) in findings.iter().enumerate() {
        let named = finding
            .calls
            .iter()
            .filter(|call| ids.contains(&call.call_id.0));
        for call in named {
            of_call.push(view::LadderFinding {
                finding: index,
                rule: finding.rule.clone(),
                verdict: finding.verdict.clone(),
                qualifier: finding.qualifier.clone(),
                severity: finding.severity,
                title: finding.title.clone(),
                cause: finding.cause.clone(),
                evidence: finding.evidence.clone(),
                remediation: finding.remediation.clone(),
                file: call.file,
                frames: call.frames.clone(),
                time: call.time,
            });
        }
    }
    of_call
}

fn message(sent: Sent, indexer: &mut Indexer) -> view::LadderMessage {
    let identity = if sent.signed {
        identities(&sent, indexer)
    } else {
        Vec::new()
    };
    let (method, uri, code, reason) = match sent.start {
        Start::Request { method, uri } => (method, Some(view::Text(uri)), None, None),
        Start::Response {
            code,
            phrase,
            method,
            ..
        } => {
            let code = code.map_or(0, crate::units::StatusCode::get);
            (method, None, Some(code), Some(view::Text(phrase)))
        }
    };
    let mut frames: Vec<u64> = sent.earlier.iter().map(|frame| frame.no.0).collect();
    frames.push(sent.at.no.0);
    view::LadderMessage {
        leg: None,
        file: sent.at.file.0,
        frame: sent.at.no.0,
        frames,
        time: sent.time,
        src: sent.flow.src,
        dst: sent.flow.dst,
        transport: sent.flow.transport,
        from: sent.from,
        to: sent.to,
        method: view::Text(method),
        uri,
        code,
        reason,
        cseq: sent.cseq,
        branch: sent.branch.map(view::Text),
        from_tag: sent.from_tag.map(view::Text),
        to_tag: sent.to_tag.map(view::Text),
        media: sent.media,
        holds: sent.holds,
        retransmission: sent.retransmission,
        duplicate: sent.duplicate,
        repeats: sent.repeats,
        meaning: None,
        remediation: None,
        context: None,
        diagnosis: Vec::new(),
        findings: Vec::new(),
        identity,
        bytes: sent.bytes,
        length: sent.len,
        snapped: sent.snapped,
        selected: false,
    }
}

/// Every Identity value of a message, decoded as far as it can be.
fn identities(sent: &Sent, indexer: &mut Indexer) -> Vec<view::LadderIdentity> {
    let Some(message) = indexer.index(&sent.bytes, sent.head_len) else {
        return Vec::new();
    };
    let has_info = message.header(Name::IdentityInfo).is_some();
    message
        .items(Name::Identity)
        .map(|value| identity(&Identity::parse(value, has_info)))
        .collect()
}

fn identity(value: &Identity<'_>) -> view::LadderIdentity {
    let passport = Passport::of(value);
    let parts = passport
        .as_ref()
        .map(|passport| [passport.header.as_ref(), passport.payload.as_ref()]);
    let [header, payload] = parts.unwrap_or_default();
    let problem = match value.form {
        Form::Full { .. } => [("header", header), ("claims", payload)]
            .into_iter()
            .find_map(|(name, part)| problem(part?).map(|why| format!("{name}: {why}"))),
        Form::Compact { .. } => {
            Some("a signature alone: the verifier makes header and claims from the message".into())
        }
        Form::Legacy => Some("the form of RFC 4474, which has no claims".into()),
        Form::Malformed { .. } => Some("no token: it has not three parts".into()),
    };
    view::LadderIdentity {
        form: value.form.name(),
        header: header.and_then(Part::object).cloned(),
        payload: payload.and_then(Part::object).cloned(),
        info: value
            .info
            .map(|info| String::from_utf8_lossy(info).into_owned()),
        problem,
    }
}

/// Why a part cannot be shown.
fn problem(part: &Part) -> Option<String> {
    Some(match part {
        Part::Object(_) => return None,
        Part::Undecodable(_) => "not base64url".to_owned(),
        Part::NotJson { column } => format!("no JSON, at byte {column} of what it encodes"),
        Part::NotAnObject => "JSON, but no object".to_owned(),
        Part::TooLarge => "too large to be read".to_owned(),
    })
}
