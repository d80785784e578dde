//! The words of headings and labels, in the languages reports can be printed in.
//!
//! The body text of the catalogue is English; only what stands here is translated.

/// A language of headings and labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

/// A heading or label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// "Description".
    Description,
    /// "When it occurs".
    WhenItOccurs,
    /// "How to fix".
    HowToFix,
    /// "Key differences".
    KeyDifferences,
    /// "When to use which".
    WhenToUseWhich,
    /// "Read on".
    ReadOn,
    /// "In the older standard".
    Legacy,
    /// "With another phrase".
    Phrases,
    /// "Class".
    Class,
    /// "Methods".
    Methods,
    /// "Retry".
    Retry,
    /// "Look at".
    LookAt,
    /// "Sent by".
    SentBy,
    /// "Dialog".
    DialogEffect,
    /// "Defined in".
    DefinedIn,
    /// "Status".
    Status,
    /// "Code".
    Code,
    /// "Phrase".
    Phrase,
    /// "Meaning".
    Meaning,
    /// "What to do".
    WhatToDo,
    /// "Common mapping".
    MapsTo,
    /// "Group".
    Group,
    /// "any".
    AnyMethod,
    /// "current".
    Current,
    /// "obsolete".
    Obsolete,
    /// "not registered".
    Unregistered,
    /// "Provisional".
    Provisional,
    /// "Success".
    Success,
    /// "Redirection".
    Redirection,
    /// "Request failure".
    RequestFailure,
    /// "Server failure".
    ServerFailure,
    /// "Global failure".
    GlobalFailure,
    /// "pointless".
    RetryNo,
    /// "after changing the request".
    RetryChanged,
    /// "the client corrects itself".
    RetryAuto,
    /// "later".
    RetryLater,
    /// "elsewhere".
    RetryElsewhere,
    /// "not applicable".
    RetryNotApplicable,
    /// "Treated as".
    TreatedAs,
    /// "SIP response code".
    ResponseCode,
    /// "Q.850 release cause".
    ReleaseCause,
    /// "SIP Warning code".
    WarningCode,
    /// "Comparison".
    Comparison,
    /// "What it sees", of a rule.
    WhatItSees,
    /// "Why it matters", of a rule.
    WhyItMatters,
    /// "What it adds", of a rule.
    WhatItAdds,
    /// "rule".
    Rule,
    /// "verdict".
    Verdict,
    /// "cause".
    Cause,
    /// "qualifier".
    Qualifier,
}

impl Label {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Description,
        Self::WhenItOccurs,
        Self::HowToFix,
        Self::KeyDifferences,
        Self::WhenToUseWhich,
        Self::ReadOn,
        Self::Legacy,
        Self::Phrases,
        Self::Class,
        Self::Methods,
        Self::Retry,
        Self::LookAt,
        Self::SentBy,
        Self::DialogEffect,
        Self::DefinedIn,
        Self::Status,
        Self::Code,
        Self::Phrase,
        Self::Meaning,
        Self::WhatToDo,
        Self::MapsTo,
        Self::Group,
        Self::AnyMethod,
        Self::Current,
        Self::Obsolete,
        Self::Unregistered,
        Self::Provisional,
        Self::Success,
        Self::Redirection,
        Self::RequestFailure,
        Self::ServerFailure,
        Self::GlobalFailure,
        Self::RetryNo,
        Self::RetryChanged,
        Self::RetryAuto,
        Self::RetryLater,
        Self::RetryElsewhere,
        Self::RetryNotApplicable,
        Self::TreatedAs,
        Self::ResponseCode,
        Self::ReleaseCause,
        Self::WarningCode,
        Self::Comparison,
        Self::WhatItSees,
        Self::WhyItMatters,
        Self::WhatItAdds,
        Self::Rule,
        Self::Verdict,
        Self::Cause,
        Self::Qualifier,
    ];

    /// The words in a language.
    pub const fn text(self, lang: Lang) -> &'static str {
        let (en, zh) = self.words();
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Description => ("Description", "描述"),
            Self::WhenItOccurs => ("When it occurs", "何时出现"),
            Self::HowToFix => ("How to fix", "如何修复"),
            Self::KeyDifferences => ("Key differences", "主要区别"),
            Self::WhenToUseWhich => ("When to use which", "何时使用哪个"),
            Self::ReadOn => ("Read on", "了解更多"),
            Self::Legacy => ("In the older standard", "旧标准中的含义"),
            Self::Phrases => ("With another phrase", "其他原因短语"),
            Self::Class => ("Class", "类别"),
            Self::Methods => ("Methods", "方法"),
            Self::Retry => ("Retry", "重试"),
            Self::LookAt => ("Look at", "查看"),
            Self::SentBy => ("Sent by", "发送方"),
            Self::DialogEffect => ("Dialog", "对话"),
            Self::DefinedIn => ("Defined in", "定义于"),
            Self::Status => ("Status", "状态"),
            Self::Code => ("Code", "代码"),
            Self::Phrase => ("Phrase", "原因短语"),
            Self::Meaning => ("Meaning", "含义"),
            Self::WhatToDo => ("What to do", "处理方法"),
            Self::MapsTo => ("Common mapping", "常见映射"),
            Self::Group => ("Group", "分组"),
            Self::AnyMethod => ("any", "任意"),
            Self::Current => ("current", "现行"),
            Self::Obsolete => ("obsolete", "已废弃"),
            Self::Unregistered => ("not registered", "未注册"),
            Self::Provisional => ("Provisional", "临时响应"),
            Self::Success => ("Success", "成功"),
            Self::Redirection => ("Redirection", "重定向"),
            Self::RequestFailure => ("Request failure", "请求失败"),
            Self::ServerFailure => ("Server failure", "服务器失败"),
            Self::GlobalFailure => ("Global failure", "全局失败"),
            Self::RetryNo => ("pointless", "无意义"),
            Self::RetryChanged => ("after changing the request", "修改请求后"),
            Self::RetryAuto => ("the client corrects itself", "客户端自动更正"),
            Self::RetryLater => ("later", "稍后"),
            Self::RetryElsewhere => ("elsewhere", "改用其他目标"),
            Self::RetryNotApplicable => ("not applicable", "不适用"),
            Self::TreatedAs => ("Treated as", "按此处理"),
            Self::ResponseCode => ("SIP response code", "SIP 响应码"),
            Self::ReleaseCause => ("Q.850 release cause", "Q.850 释放原因"),
            Self::WarningCode => ("SIP Warning code", "SIP 警告码"),
            Self::Comparison => ("Comparison", "对比"),
            Self::WhatItSees => ("What it sees", "检查内容"),
            Self::WhyItMatters => ("Why it matters", "为何重要"),
            Self::WhatItAdds => ("What it adds", "补充内容"),
            Self::Rule => ("rule", "规则"),
            Self::Verdict => ("verdict", "结论"),
            Self::Cause => ("cause", "原因"),
            Self::Qualifier => ("qualifier", "限定词"),
        }
    }
}
