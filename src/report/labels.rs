//! Labels: the report's own words, in English and Chinese.
//!
//! In: a [`Lang`]. Out: [`Labels`], one field a heading or label. What the catalogue and the rules
//! say is not here, and neither is anything a program reads.

pub use crate::catalogue::Lang;

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident: $en:literal, $zh:literal;)*) => {
        /// Headings and labels of the reports for people.
        #[derive(Clone, Copy, Debug)]
        pub struct Labels {
            $($(#[$doc])* pub $name: &'static str,)*
        }

        const EN: Labels = Labels { $($name: $en,)* };
        const ZH: Labels = Labels { $($name: $zh,)* };

        #[cfg(test)]
        const PAIRS: &[(&str, &str)] = &[$(($en, $zh),)*];
    };
}

labels! {
    /// Section 1.
    capture: "Capture", "抓包";
    /// Section 2.
    findings: "Findings", "发现";
    /// Section 3.
    codes: "Responses by code", "按状态码统计";
    /// Section 4.
    responses: "Responses", "响应";
    /// An input.
    file: "File", "文件";
    /// First to last packet.
    span: "Span", "时间";
    /// Packet count.
    packets: "Packets", "数据包";
    /// Word.
    packets_word: "packets", "个数据包";
    /// SIP message counts.
    sip: "SIP", "SIP";
    /// Call counts.
    calls: "Calls", "呼叫";
    /// Ratios and delays.
    metrics: "Metrics", "指标";
    /// Who signed calls.
    signers: "Signers", "签名方";
    /// Of a signer: calls refused for their identity.
    rejected: "rejected", "被拒";
    /// Of a signer: how old its tokens were.
    token_age: "iat age (5/50/95 %)", "iat 时延（5/50/95%）";
    /// Of a signer: tokens that have no age.
    iat_no_time: "with an iat that is no time", "个 iat 不是有效时间";
    /// Of a signer: its clock against the capture's.
    clock_off: "clock behind by", "时钟滞后";
    /// Of a signer: calls at which its certificate was not valid.
    not_valid: "calls outside its certificate's validity:", "证书有效期之外的呼叫：";
    /// Of a signer: its signatures.
    signatures_good: "signatures good:", "签名有效：";
    /// What was not analysed.
    trust: "Trust", "可信度";
    /// Nothing was left out.
    all_analysed: "nothing was left out: every packet was read and understood", "无遗漏：所有数据包均已读取并解析";
    /// A file that ends early.
    cut_short: "cut short", "文件不完整";
    /// Word.
    messages: "messages", "条消息";
    /// Word.
    requests: "requests", "请求";
    /// Word.
    responses_word: "responses", "响应";
    /// Word.
    retransmitted: "retransmitted", "重传";
    /// Word.
    tap_copies: "tap copies left out", "镜像副本（未计入）";
    /// Word.
    malformed: "malformed", "格式错误";
    /// Word.
    attempts: "INVITE attempts", "次 INVITE 尝试";
    /// One attempt.
    attempt: "INVITE attempt", "次 INVITE 尝试";
    /// Legs of calls.
    onward: "sent on by an element under a new Call-ID", "个由网元以新 Call-ID 转发";
    /// What a burst is counted in.
    invites: "INVITEs", "个 INVITE";
    /// A finding, in a comment.
    finding: "Finding", "发现";
    /// No finding.
    no_findings: "None.", "无。";
    /// No finding, and there could be none.
    nothing_to_judge: "None, as there was no SIP to judge.", "无：没有可供判断的 SIP。";
    /// No response.
    no_responses: "None.", "无。";
    /// Findings not shown.
    more_findings: "more findings, less severe; -f json has them all", "条较轻的发现未显示；-f json 可查看全部";
    /// Which responses are shown, where some are not.
    chosen_responses:
        "{shown} of {all}, in the order of the capture: {findings} of the findings above, {refusals} other refusals, {rest} of the others; --all shows every one",
        "{all} 条中的 {shown} 条，按抓包顺序：{findings} 条属于上述发现，{refusals} 条其他拒绝，{rest} 条其余响应；--all 可显示全部";
    /// Narrowed by an option.
    narrowed: "narrowed by the options given; the sections above are of the whole capture", "已按选项筛选；以上各节针对整个抓包";
    /// Reference to section 3.
    see_codes: "What each code means and what to do: see section 3.", "各状态码的含义与处置见第 3 节。";
    /// Finding: what happened.
    what: "What", "情况";
    /// Finding: start and end.
    window: "When", "时间";
    /// Finding: how many.
    count: "Count", "数量";
    /// Finding: cause.
    cause: "Cause", "原因";
    /// Finding: evidence.
    evidence: "Evidence", "依据";
    /// What to do.
    to_do: "To do", "处置";
    /// What would settle it.
    raise: "To be sure", "如需确认";
    /// Pairs.
    peers: "Peers", "对端";
    /// What sets the refused apart.
    apart: "Differs by", "区别特征";
    /// Example calls.
    examples: "Calls", "呼叫";
    /// Display filter.
    filter: "Filter", "过滤器";
    /// Rule and verdict.
    rule: "Rule", "规则";
    /// Column.
    severity: "Severity", "级别";
    /// Word: and so many more.
    more: "more", "更多";
    /// Column.
    code: "Code", "状态码";
    /// Column.
    share: "Share", "占比";
    /// Below the table of codes.
    share_of: "Share is of all responses; repeats are not counted.", "占比以全部响应为基数，不含重传。";
    /// Column.
    meaning: "Meaning", "含义";
    /// Column.
    frame: "Frame", "帧";
    /// Before several numbers.
    frames: "frames", "帧";
    /// Column.
    time: "Time", "时间";
    /// Column.
    from_to: "From → to", "源 → 目的";
    /// Column.
    call: "Call", "呼叫";
    /// Column.
    request: "Request", "请求";
    /// Column.
    response: "Response", "响应";
    /// Column.
    context: "Context", "上下文";
    /// Flag of a response.
    retransmission: "retransmission", "重传";
    /// Flag of a response.
    duplicate: "copy made by the tap", "镜像副本";
    /// Retransmissions beside a count.
    resent: "resent", "重传";
    /// Severity.
    critical: "CRITICAL", "紧急";
    /// Severity.
    error: "ERROR", "错误";
    /// Severity.
    warning: "WARNING", "警告";
    /// Severity.
    info: "INFO", "提示";
    /// A capture without SIP.
    no_sip: "No SIP was found in this capture.", "抓包中没有 SIP。";
    /// What was there instead.
    instead: "What was there instead:", "实际内容：";
    /// Neither SIP nor a remark.
    instead_nothing: "packets that carry nothing like SIP", "个与 SIP 无关的数据包";
    /// An empty file.
    no_packets: "no packet at all: the file is empty", "没有数据包：文件为空";
    /// What to do when no remark says so.
    no_sip_hint: "Check that the capture was taken where the signalling passes, on the right interface and without a filter that keeps port 5060 out.", "请确认抓包点位于信令路径、网卡正确，且过滤条件未排除 5060 端口。";
    /// Burst facts.
    peak: "peak", "峰值";
    /// Burst facts.
    a_minute: "a minute", "/分钟";
    /// Burst facts.
    usual: "usual", "平时";
    /// Burst facts.
    no_baseline: "too short a capture to say what is usual", "抓包太短，无法得知平时水平";
    /// Burst facts.
    still_open: "not over when the capture ends", "抓包结束时仍在持续";
    /// Burst facts: `{length}`, `{calls}` and `{refused}` are put in.
    ends_after: "the capture ends {length} after the last; {refused} of the {calls} after it", "抓包在最后一次之后 {length} 结束；其后 {calls}中有 {refused} 个如此";
    /// The same, where none is refused any more.
    ends_after_none: "the capture ends {length} after the last; none of the {calls} after it", "抓包在最后一次之后 {length} 结束；其后 {calls}均未如此";
    /// Burst facts: `{length}` is put in.
    none_before: "none in the {length} before", "此前 {length} 内没有";
    /// Several calls behind a number.
    calls_counted: "calls", "个呼叫";
    /// Burst facts.
    of_the_refused: "of the refused", "的被拒呼叫";
    /// Burst facts.
    of_the_accepted: "of the accepted", "的成功呼叫";
    /// Burst facts.
    distinct: "different calls", "个不同呼叫";
    /// One of them.
    one_call: "call", "个呼叫";
    /// Word between number and whole.
    of: "of", "/";
    /// Diff: title.
    before_and_after: "Before and after", "前后对比";
    /// Diff: side.
    before: "Before", "之前";
    /// Diff: side.
    after: "After", "之后";
    /// Diff: column.
    change: "Change", "变化";
    /// Diff: column.
    difference: "Difference", "差值";
    /// Diff: section.
    final_answers: "Final answers by request and code", "按请求和状态码统计的最终响应";
    /// Diff: a change.
    less: "less", "减少";
    /// Diff: a change.
    more_than_before: "more", "增加";
    /// Diff: no change.
    none_shown: "no change shown", "未见变化";
    /// Diff: nothing to compare by.
    not_judged: "not judged", "无法判断";
    /// Diff: a finding's state.
    gone: "gone", "已消失";
    /// Diff: a finding's state.
    not_seen_again: "not seen again, which may be chance", "未再出现（可能是偶然）";
    /// Diff: a finding's state.
    new: "new", "新出现";
    /// Diff: a finding's state.
    not_seen_before: "not seen before, which may be chance", "此前未见（可能是偶然）";
    /// Diff: a finding's state where a side has no SIP.
    no_sip_beside: "not judged: no SIP on the other side", "无法判断：另一侧没有 SIP";
    /// Diff: a finding's state.
    still_there: "still there", "仍然存在";
    /// Diff: unit of a difference of ratios.
    points: "points", "个百分点";
    /// Diff: between the ends of an interval.
    to: "to", "至";
    /// Diff: a measure.
    callee_bye: "Callee hung up 30-35 s after its 2xx", "被叫在 2xx 后 30-35 秒挂断";
    /// Diff: a measure's calls.
    of_answered: "answered", "已应答";
    /// Diff: a measure's calls.
    of_failed: "failed", "失败";
    /// Diff: what a change is.
    how_compared: "A change is called only where the 99 % interval of the difference, in brackets, excludes zero; no change shown is not the same as no change. Calls of one minute share their fate, so intervals widen where minutes differ; delays are compared by minutes and need six of them on each side.", "只有当差值的 99% 置信区间（括号内）不包含零时才判定为变化；未见变化并不等于没有变化。同一分钟内的呼叫相互关联，因此各分钟差异较大时区间会变宽；时延按分钟比较，前后各需至少六分钟。";
    /// Diff: section.
    peers_compared: "Peers", "对端";
    /// Diff: column.
    peer: "Peer", "对端";
    /// Diff: how many were compared.
    peers_enough: "Peers with 30 call attempts or more on each side", "前后两侧均有至少 30 次呼叫尝试的对端数";
    /// Diff: behind the number.
    peers_judged: "Those that changed most stand first; the intervals are wider than above, so that all of them together hold at 99 %.", "变化最大的排在最前；其区间比上文更宽，以使全部区间合起来仍保持 99% 的置信度。";
    /// Diff: what the star means.
    few_marked: "* fewer than 30 on one side: only a large change would show", "* 某一侧少于 30 次：只有较大的变化才能显现";
    /// Of a ticket without a finding.
    nothing_found: "No incident in this capture", "该抓包中未发现事件";
    /// Of a ticket: the table at its beginning.
    at_a_glance: "At a glance", "概要";
    /// A call of a finding, drawn.
    example: "Example call", "示例呼叫";
    /// The call was drawn under an earlier finding.
    example_above: "The example call is that of finding", "示例呼叫见发现";
    /// Of a bundle: what its folders hold.
    in_folders: "Each folder holds ticket.md, ladder.txt with up to five of the calls, a capture of just the calls, and manifest.json with SHA-256 of these files. Where a finding names no call, there is no capture and no ladder.", "每个文件夹包含 ticket.md、ladder.txt（最多五个呼叫）、仅含相关呼叫的抓包，以及记录各文件 SHA-256 的 manifest.json。未涉及具体呼叫的发现没有抓包和流程图。";
    /// Of a bundle: column.
    folder: "Folder", "文件夹";
    /// Of a bundle: what frame numbers count.
    frames_of_whole: "Frame numbers are those of the whole capture; beside this ticket, ladder.txt has these calls and a capture just their packets, each with a comment that says which frame it was.", "帧号均为完整抓包中的编号；同一文件夹中的 ladder.txt 含这些呼叫，抓包仅含其数据包，每个数据包的注释注明原帧号。";
    /// A message of the call.
    message: "Message as it was sent", "原始消息";
    /// The request of the example call.
    request_sent: "Request as it was sent", "原始请求";
    /// What answered it.
    answer_sent: "Answer as it was sent", "原始响应";
    /// A token, readable.
    decoded: "decoded", "解码";
    /// What was not analysed.
    not_analysed: "What was not analysed", "未分析的内容";
    /// Tool, files, command.
    how_made: "How this was made", "生成方式";
    /// The command line.
    command: "Command", "命令";
    /// More rows of a diagram.
    more_messages: "more messages", "条消息未画出";
    /// Of a file that is gone.
    no_digest: "could not be read again", "无法再次读取";
    /// Column of a ladder: since the message before.
    since: "After", "间隔";
    /// Word.
    bytes: "bytes", "字节";
    /// Of a message of which not all was kept.
    bytes_more: "more bytes, for which there was no room", "字节未保留";
    /// A leg of a call.
    leg: "Leg", "另一腿";
    /// Between its Call-ID and an address.
    sent_on_by: "sent on by", "转发者";
    /// Before a frame's number.
    in_frame: "in frame", "于帧";
    /// How legs are known to be one call.
    same_session_id: "same Session-ID", "Session-ID 相同";
    /// The same.
    same_icid: "same icid-value", "icid-value 相同";
    /// The same.
    same_numbers: "same numbers: a guess", "号码相同（推测）";
    /// Messages that have none.
    no_call_id: "without Call-ID", "（无 Call-ID）";
    /// Messages of a long call that are not shown.
    earlier_left_out: "earlier messages of this call are not shown; --frame shows what is around a frame", "条更早的消息未显示；--frame 可显示某帧前后的消息";
    /// The same.
    later_left_out: "later messages of this call are not shown; --frame shows what is around a frame", "条更晚的消息未显示；--frame 可显示某帧前后的消息";
}

impl Labels {
    /// The labels of `lang`.
    pub const fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Zh => &ZH,
        }
    }

    /// What stands in place of findings.
    pub const fn none_found(&self, sip_messages: u64) -> &'static str {
        if sip_messages == 0 {
            self.nothing_to_judge
        } else {
            self.no_findings
        }
    }

    /// What stands behind a count of INVITE attempts.
    pub const fn attempts_of(&self, count: u64) -> &'static str {
        if count == 1 {
            self.attempt
        } else {
            self.attempts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_both_languages() {
        for (en, zh) in PAIRS {
            assert!(en.is_ascii() || en.contains('→'), "{en}");
            assert!(*zh == "SIP" || *zh == "/" || !zh.is_ascii(), "{zh}");
        }
        assert_eq!(Labels::of(Lang::Zh).capture, "抓包");
    }
}
