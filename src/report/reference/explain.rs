//! `explain`: one page a subject.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::page::Page;
use super::{Layout, SCHEMA_VERSION, Subject, Topic};
use crate::catalogue::{
    Cause, CauseKind, Class, Explained, Label, Lang, Retry, Status, catalogue, method_list,
    q850_group, reference,
};
use crate::units::StatusCode;

/// The pages of all subjects, an empty line between.
pub fn write_subjects(
    subjects: &[Subject<'_>],
    layout: &Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::new(layout, out);
    for (at, subject) in subjects.iter().enumerate() {
        if at > 0 {
            page.blank()?;
        }
        match subject {
            Subject::Response(explained) => response(&mut page, explained, layout.lang)?,
            Subject::Class(class) => class_page(&mut page, *class, layout.lang)?,
            Subject::Cause(kind, cause) => cause_page(&mut page, *kind, cause, layout.lang)?,
            Subject::Topic(topic) => topic_page(&mut page, topic, layout.lang)?,
        }
    }
    Ok(())
}

/// `438 Invalid Identity Header`, `699 (not registered)`.
pub(super) fn name(explained: &Explained<'_>, lang: Lang) -> String {
    match explained.phrase() {
        Some(phrase) => format!("{} {phrase}", explained.code),
        None => format!("{} ({})", explained.code, Label::Unregistered.text(lang)),
    }
}

/// Lines of "Read on": the RFC, its title and where to read it.
pub(super) fn reading(explained: &Explained<'_>) -> Vec<String> {
    let entry = explained.entry;
    let first = explained.rfc().map(|rfc| (rfc, entry.section.as_deref()));
    let more = match explained.fallback {
        Some(_) => vec![("RFC 3261", Some("§8.1.3.2"))],
        None => entry
            .read_on
            .iter()
            .map(|rfc| (rfc.as_str(), None))
            .collect(),
    };
    first
        .into_iter()
        .chain(more)
        .map(|(rfc, section)| {
            let title = catalogue().rfc_title(rfc).unwrap_or_default();
            let place = section.map(|s| format!(" {s}")).unwrap_or_default();
            format!("{rfc}{place}: {title}. {}", url(rfc, section))
        })
        .collect()
}

fn url(rfc: &str, section: Option<&str>) -> String {
    let number = rfc.strip_prefix("RFC ").unwrap_or(rfc);
    let anchor = section.map(|s| format!("#section-{}", s.trim_start_matches('§')));
    format!(
        "https://datatracker.ietf.org/doc/html/rfc{number}{}",
        anchor.unwrap_or_default()
    )
}

fn response(page: &mut Page<'_>, explained: &Explained<'_>, lang: Lang) -> io::Result<()> {
    let (entry, class) = (explained.entry, explained.class());
    page.title(&name(explained, lang), Some(class))?;
    let mut facts = vec![
        (
            Label::Class,
            format!("{} {}", class.pattern(), class.name(lang)),
        ),
        (Label::Status, explained.status().word(lang).to_owned()),
    ];
    if explained.fallback.is_some() {
        facts.push((Label::TreatedAs, format!("{} {}", entry.code, entry.phrase)));
    } else {
        facts.push((Label::SentBy, entry.sent_by.clone()));
        facts.push((Label::Methods, method_list(&entry.methods, lang)));
        facts.push((Label::Retry, entry.retry.words(lang).to_owned()));
        facts.push((Label::DialogEffect, entry.dialog_effect().to_owned()));
        if !entry.headers.is_empty() {
            facts.push((Label::LookAt, entry.headers.join(", ")));
        }
        if let Some(reference) = reference(explained) {
            facts.push((Label::DefinedIn, reference));
        }
    }
    let facts: Vec<_> = facts.into_iter().map(|(l, v)| (l.text(lang), v)).collect();
    page.facts(&facts)?;

    page.heading(Label::Description.text(lang))?;
    page.paragraph(explained.meaning())?;
    page.heading(Label::WhenItOccurs.text(lang))?;
    page.bullets(explained.causes())?;
    page.heading(Label::HowToFix.text(lang))?;
    page.steps(explained.steps())?;
    if explained.fallback.is_none() && explained.variant.is_none() {
        if let Some(legacy) = &entry.legacy {
            page.heading(Label::Legacy.text(lang))?;
            page.paragraph(legacy)?;
        }
        let variants = catalogue().variants(explained.code);
        if !variants.is_empty() {
            page.heading(Label::Phrases.text(lang))?;
            for variant in variants {
                let text = format!(
                    "{} ({}): {}",
                    variant.phrase, variant.source, variant.meaning
                );
                page.hanging("• ", &text)?;
            }
        }
    }
    let reading = reading(explained);
    if !reading.is_empty() {
        page.heading(Label::ReadOn.text(lang))?;
        page.bullets(&reading)?;
    }
    Ok(())
}

fn class_page(page: &mut Page<'_>, class: Class, lang: Lang) -> io::Result<()> {
    page.title(
        &format!("{} {}", class.pattern(), class.name(lang)),
        Some(class),
    )?;
    let entries = || {
        catalogue()
            .iter()
            .filter(move |e| Class::of(e.code) == class)
    };
    for entry in entries() {
        let text = format!("{}. {}", entry.phrase, entry.short_fix);
        page.hanging(&format!("{}  ", entry.code), &text)?;
    }
    Ok(())
}

fn cause_page(page: &mut Page<'_>, kind: CauseKind, cause: &Cause, lang: Lang) -> io::Result<()> {
    let label = match kind {
        CauseKind::Q850 => Label::ReleaseCause,
        CauseKind::Warning => Label::WarningCode,
    };
    page.title(
        &format!("{} {}: {}", label.text(lang), cause.number, cause.name),
        None,
    )?;
    if kind == CauseKind::Q850 {
        let mut facts = vec![(Label::Group.text(lang), q850_group(cause.number).to_owned())];
        if let Some(sip) = mapped(cause) {
            facts.push((Label::MapsTo.text(lang), sip));
        }
        page.facts(&facts)?;
    }
    page.heading(Label::HowToFix.text(lang))?;
    page.paragraph(&cause.fix)?;
    page.heading(Label::ReadOn.text(lang))?;
    let (rfc, section) = match kind {
        CauseKind::Q850 => ("RFC 3398", None),
        CauseKind::Warning => ("RFC 3261", Some("§20.43")),
    };
    let title = catalogue().rfc_title(rfc).unwrap_or_default();
    page.hanging("• ", &format!("{rfc}: {title}. {}", url(rfc, section)))
}

fn mapped(cause: &Cause) -> Option<String> {
    let code = StatusCode::new(cause.sip?)?;
    let phrase = catalogue().known(code).map_or("", |entry| &entry.phrase);
    Some(format!("{code} {phrase}"))
}

/// A heading or kind of another room's in a language; as it is where there is no label for it.
pub(super) fn translated(word: &str, lang: Lang) -> &str {
    let labels = [
        Label::WhatItSees,
        Label::WhyItMatters,
        Label::WhatItAdds,
        Label::WhatToDo,
        Label::Rule,
        Label::Verdict,
        Label::Cause,
        Label::Qualifier,
    ];
    let mut named = labels.iter().filter(|label| label.text(Lang::En) == word);
    named.next().map_or(word, |label| label.text(lang))
}

fn topic_page(page: &mut Page<'_>, topic: &Topic<'_>, lang: Lang) -> io::Result<()> {
    let kind = translated(topic.kind, lang);
    page.title(&format!("{} ({kind})", topic.name), None)?;
    page.paragraph(topic.summary)?;
    for (heading, body) in topic.sections {
        page.heading(translated(heading, lang))?;
        page.paragraph(body)?;
    }
    Ok(())
}

/// The page of `sipannotate explain -f json`: what the words asked for mean.
#[derive(JsonSchema, Serialize)]
struct Pages<'a> {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    topics: Vec<View<'a>>,
}

/// One subject in JSON.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum View<'a> {
    Response(Box<ResponseView<'a>>),
    Class {
        class: &'static str,
        name: &'static str,
        codes: Vec<u16>,
    },
    Q850(CauseView<'a>),
    Warning(CauseView<'a>),
    Topic {
        name: &'a str,
        topic: &'a str,
        summary: &'a str,
        sections: Vec<SectionView<'a>>,
    },
}

#[derive(JsonSchema, Serialize)]
struct SectionView<'a> {
    heading: &'a str,
    body: &'a str,
}

#[derive(JsonSchema, Serialize)]
struct CauseView<'a> {
    number: u16,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip: Option<u16>,
    remediation: &'a str,
}

/// A response code in JSON, with the names of the report's `codes[]`.
#[derive(JsonSchema, Serialize)]
pub(super) struct ResponseView<'a> {
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<&'a str>,
    class: &'static str,
    #[schemars(with = "String", extend("enum" = ["current", "obsolete", "unregistered"]))]
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    treated_as: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rfc: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialog: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["no", "changed", "auto", "later", "elsewhere", "n/a"]))]
    retry: Option<Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a [String]>,
    meaning: &'a str,
    when: &'a str,
    remediation: &'a str,
    causes: &'a [String],
    steps: &'a [String],
    short_fix: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    legacy: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phrases: Vec<PhraseView<'a>>,
}

#[derive(JsonSchema, Serialize)]
struct PhraseView<'a> {
    phrase: &'a str,
    source: &'a str,
    meaning: &'a str,
    remediation: String,
}

impl<'a> ResponseView<'a> {
    pub(super) fn new(explained: &Explained<'a>) -> Self {
        let entry = explained.entry;
        let rfc = explained.rfc();
        let section = rfc.and(entry.section.as_deref());
        // Of an unknown code the entry is that of another code.
        let known = explained.fallback.is_none();
        Self {
            code: explained.code.get(),
            phrase: explained.phrase(),
            class: explained.class().pattern(),
            status: explained.status(),
            treated_as: explained.fallback.map(|f| f.treat_as.get()),
            rfc,
            section,
            url: rfc.map(|rfc| url(rfc, section)),
            methods: known.then_some(&entry.methods),
            sent_by: known.then_some(&entry.sent_by),
            dialog: known.then_some(entry.dialog_effect()),
            retry: known.then_some(entry.retry),
            headers: known.then_some(&entry.headers),
            meaning: explained.meaning(),
            when: explained.when(),
            remediation: explained.remediation(),
            causes: explained.causes(),
            steps: explained.steps(),
            short_fix: explained.short_fix(),
            legacy: match explained.fallback {
                Some(_) => None,
                None => entry.legacy.as_deref(),
            },
            phrases: catalogue()
                .variants(explained.code)
                .iter()
                .map(|variant| PhraseView {
                    phrase: &variant.phrase,
                    source: &variant.source,
                    meaning: &variant.meaning,
                    remediation: variant.fix.join(" "),
                })
                .collect(),
        }
    }
}

/// All subjects as one JSON object: `{"schema_version": 1, "topics": [...]}`.
pub fn write_subjects_json(subjects: &[Subject<'_>], out: &mut dyn Write) -> io::Result<()> {
    let topics = subjects.iter().map(view).collect();
    json(
        &Pages {
            schema_version: SCHEMA_VERSION,
            topics,
        },
        out,
    )
}

/// Pretty JSON and a line end.
pub(super) fn json<T: Serialize>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn view<'a>(subject: &'a Subject<'a>) -> View<'a> {
    match subject {
        Subject::Response(explained) => View::Response(Box::new(ResponseView::new(explained))),
        Subject::Class(class) => View::Class {
            class: class.pattern(),
            name: class.name(Lang::En),
            codes: catalogue()
                .iter()
                .filter(|entry| Class::of(entry.code) == *class)
                .map(|entry| entry.code.get())
                .collect(),
        },
        Subject::Cause(kind, cause) => {
            let view = CauseView {
                number: cause.number,
                name: &cause.name,
                sip: cause.sip,
                remediation: &cause.fix,
            };
            match kind {
                CauseKind::Q850 => View::Q850(view),
                CauseKind::Warning => View::Warning(view),
            }
        }
        Subject::Topic(topic) => View::Topic {
            name: topic.name,
            topic: topic.kind,
            summary: topic.summary,
            sections: topic
                .sections
                .iter()
                .map(|(heading, body)| SectionView { heading, body })
                .collect(),
        },
    }
}

/// The schema of the JSON.
pub(in crate::report) fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<Pages<'_>>()
}
