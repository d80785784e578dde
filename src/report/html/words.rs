//! Words: what the page says beside the labels that all reports share.
//!
//! In: a language. Out: [`Words`], by name for the templates and the script.

use std::collections::BTreeMap;

use crate::report::labels::{Labels, Lang};

/// Name, English, Chinese.
const WORDS: &[(&str, &str, &str)] = &[
    ("timeline", "Timeline", "时间线"),
    (
        "timeline_note",
        "Responses as captured, hop by hop; repeats and tap copies are left out.",
        "按抓到的每一跳统计响应；不含重传与镜像副本。",
    ),
    ("a_bar", "One bar is", "每柱"),
    ("times_in", "times are in", "时间为"),
    ("failures", "Refused and failed", "拒绝与失败"),
    (
        "others",
        "Progress, success, redirection",
        "进展、成功与重定向",
    ),
    ("band", "Shaded: see finding", "阴影：见发现"),
    ("since", "since", "自"),
    (
        "still_going",
        "and not over when the capture ends",
        "至抓包结束仍在持续",
    ),
    ("nothing_wrong", "Nothing wrong was found", "未发现问题"),
    ("more_findings", "more findings", "条其他发现"),
    ("one_more", "1 more finding", "另有 1 条发现"),
    ("remarks", "remarks", "条提示"),
    ("in", "in", "，共"),
    ("none", "None.", "无。"),
    (
        "not_shown",
        "less severe findings are not shown; -f json has them all",
        "条较轻的发现未显示；-f json 可查看全部",
    ),
    ("copy", "Copy", "复制"),
    ("copied", "Copied", "已复制"),
    ("ladders", "Example calls", "示例呼叫"),
    ("ladder", "Ladder", "信令图"),
    ("show_ladder", "Show as a ladder", "查看信令图"),
    (
        "ladder_hint",
        "Choose an arrow to read its message.",
        "点击箭头查看消息。",
    ),
    (
        "left_out",
        "messages of this call are not shown",
        "条本呼叫的消息未显示",
    ),
    (
        "no_ladders",
        "No finding names a call.",
        "没有发现涉及具体呼叫。",
    ),
    ("part_of", "Part of finding", "属于发现"),
    ("message", "Message", "消息"),
    ("repeats", "Repeats frame", "重复帧"),
    (
        "copy_of",
        "Copy, made by the tap, of frame",
        "镜像副本，原帧",
    ),
    ("passport", "Identity, decoded", "Identity 解码"),
    ("pass_header", "header", "头部"),
    ("pass_claims", "claims", "声明"),
    ("bytes_more", "further bytes are not shown", "字节未显示"),
    (
        "snapped",
        "The capture's snap length cut this message.",
        "该消息被抓包长度截断。",
    ),
    ("peers", "Peers", "对端"),
    ("peer", "Peer", "对端"),
    ("signers", "Signers", "签名者"),
    ("signer", "Certificate (x5u)", "证书 (x5u)"),
    ("attest", "Attestation", "认证级别"),
    ("invites", "INVITEs", "INVITE 数"),
    ("rejected", "Refused", "被拒"),
    ("signatures", "Signatures good / checked", "签名有效/已验"),
    ("captures", "Captures", "抓包文件"),
    ("format", "Format", "格式"),
    ("size", "Size", "大小"),
    ("rfc", "Defined in", "定义于"),
    ("resent", "Resent", "重传"),
    ("methods", "Methods", "方法"),
    ("when_occurs", "When it occurs", "何时出现"),
    ("search", "Search", "搜索"),
    (
        "search_hint",
        "any text; several words must all be there",
        "任意文字；多个词须同时出现",
    ),
    ("class", "Class", "类别"),
    ("any", "any", "任意"),
    ("host", "Host", "主机"),
    ("clear", "Clear", "清除"),
    ("shown", "shown", "条已显示"),
    ("no_match", "No response matches.", "没有匹配的响应。"),
    ("previous", "Previous", "上一页"),
    ("next", "Next", "下一页"),
    ("page", "Page", "第几页"),
    ("details", "Details", "详情"),
    ("transport", "Transport", "传输"),
    ("from", "From", "主叫"),
    ("to", "To", "被叫"),
    (
        "further",
        "further responses are not in this file; --all puts every one into it",
        "条响应不在此文件中；--all 可全部写入",
    ),
    (
        "needs_script",
        "The list of responses needs a browser that runs the scripts of this file. Everything else is here without them.",
        "响应列表需要浏览器运行本文件内的脚本；其余内容无需脚本。",
    ),
    ("contents", "Contents", "目录"),
    ("made_by", "Made by", "生成工具"),
    (
        "alone",
        "This file stands alone: it loads nothing and sends nothing.",
        "本文件独立完整：不加载也不发送任何内容。",
    ),
    ("calls_of", "of", "/"),
    ("confidence", "confidence", "置信度"),
    ("keys", "Bursts inside", "内含突发"),
    ("all_calls", "All", "全部"),
    ("measured", "of", "样本"),
];

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    /// What all reports share.
    pub(super) labels: &'static Labels,
    lang: Lang,
}

impl Words {
    /// Those of `lang`.
    pub(super) const fn of(lang: Lang) -> Self {
        Self {
            labels: Labels::of(lang),
            lang,
        }
    }

    /// One of the page's own; empty for a name that is none, which a test forbids.
    pub(super) fn own(&self, name: &str) -> &'static str {
        let found = WORDS.iter().find(|(known, _, _)| *known == name);
        found.map_or("", |(_, en, zh)| match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        })
    }

    /// The language of the page's `lang`.
    pub(super) const fn code(&self) -> &'static str {
        match self.lang {
            Lang::En => "en",
            Lang::Zh => "zh",
        }
    }

    /// All of them by name, for templates and script.
    pub(super) fn by_name(&self) -> BTreeMap<&'static str, &'static str> {
        let labels = self.labels;
        let shared = [
            ("capture", labels.capture),
            ("findings", labels.findings),
            ("codes", labels.codes),
            ("responses", labels.responses),
            ("file", labels.file),
            ("span", labels.span),
            ("packets", labels.packets),
            ("sip", labels.sip),
            ("calls", labels.calls),
            ("metrics", labels.metrics),
            ("trust", labels.trust),
            ("cut_short", labels.cut_short),
            ("narrowed", labels.narrowed),
            ("what", labels.what),
            ("window", labels.window),
            ("count", labels.count),
            ("cause", labels.cause),
            ("evidence", labels.evidence),
            ("to_do", labels.to_do),
            ("raise", labels.raise),
            ("apart", labels.apart),
            ("examples", labels.examples),
            ("filter", labels.filter),
            ("rule", labels.rule),
            ("more", labels.more),
            ("code", labels.code),
            ("share", labels.share),
            ("share_of", labels.share_of),
            ("meaning", labels.meaning),
            ("frame", labels.frame),
            ("frames", labels.frames),
            ("time", labels.time),
            ("from_to", labels.from_to),
            ("call", labels.call),
            ("request", labels.request),
            ("response", labels.response),
            ("context", labels.context),
            ("no_sip", labels.no_sip),
            ("nothing_to_judge", labels.nothing_to_judge),
            ("no_sip_hint", labels.no_sip_hint),
        ];
        let own = WORDS.iter().map(|(name, _, _)| (*name, self.own(name)));
        own.chain(shared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_both_languages_and_one_name() {
        for (name, en, zh) in WORDS {
            assert!(!en.is_empty() && !zh.is_empty(), "{name}");
            let named = WORDS.iter().filter(|(other, _, _)| other == name).count();
            assert_eq!(named, 1, "{name}");
        }
    }
}
