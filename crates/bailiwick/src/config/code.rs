//! The codes of mistakes in configuration files; each has its page in `docs/errors`.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Says which sort of mistake it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// All of them, for the test that pairs them with their pages.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Gives the text that people look up.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    Unreadable = "CFG-001",
    /// A file is not TOML.
    Syntax = "CFG-002",
    /// A key that nothing reads.
    UnknownKey = "CFG-003",
    /// A key that must be there is not.
    MissingKey = "CFG-004",
    /// Text where a number belongs, and the like.
    WrongType = "CFG-005",
    /// Not one of the few words that fit.
    UnknownWord = "CFG-006",
    /// The right type, and yet not a value that fits.
    WrongValue = "CFG-007",
    /// The same name twice.
    Twice = "CFG-008",
    /// Understood, but nothing enforces it yet.
    NotYet = "CFG-009",
    /// Tokens would cross a network in the clear.
    OpenListener = "CFG-010",
    /// State and checkpoints lie inside each other.
    Overlap = "CFG-011",
    /// A server without a way to reach it, or with two.
    Transport = "CFG-012",
    /// A decided method that a server's list would wave through.
    DecidedMethod = "CFG-013",
    /// A certificate or its key that TLS cannot be spoken with.
    Certificate = "CFG-014",
    /// A key of the listener that others may read.
    OpenKey = "CFG-015",
    /// A constraint that asks for nothing.
    EmptyConstraint = "CFG-016",
    /// A constraint that asks for something else under a version that is in force.
    SameVersion = "CFG-017",
    /// Two that ask show the same token.
    SameToken = "CFG-018",
    /// Keys of somebody who vouches that prove nobody.
    KeySet = "CFG-019",
    /// A kind of target that there is not, or a target without what its kind needs.
    TargetKind = "CFG-021",
    /// Signals of somebody who is nobody here.
    SignalSubject = "CFG-031",
    /// Checkpoints lie on the same disk as the state.
    SameDisk = "CFG-101",
    /// Evidence is kept for a very short time.
    ShortRetain = "CFG-102",
    /// Signed heads are copied nowhere.
    NoCheckpoints = "CFG-103",
    /// A server that no charter reaches.
    UnusedServer = "CFG-104",
    /// A file that nothing reads.
    StrayFile = "CFG-105",
    /// The public address is not encrypted.
    PlainPublic = "CFG-106",
    /// A certificate that ends soon.
    CertificateEnds = "CFG-107",
    /// A certificate for another name.
    CertificateName = "CFG-108",
    /// A constraint in a file of another name.
    ConstraintFile = "CFG-109",
    /// A constraint that no permit asks for.
    UnusedConstraint = "CFG-110",
    /// A constraint that no gateway can meet yet.
    UnmetConstraint = "CFG-111",
    /// Policies could not be held against the accepted tools.
    NoSchema = "CFG-112",
    /// A policy that applies to no call.
    NeverApplies = "CFG-113",
    /// A policy that another one makes needless.
    Shadowed = "CFG-114",
    /// A constraint that a call can get round.
    LooseConstraint = "CFG-115",
    /// An operation of an `OpenAPI` document that is left out.
    LeftOut = "CFG-116",
    /// Tokens that are bound to nothing are enough, where they come over a network.
    WaivedTokens = "CFG-117",
    /// A target that no charter reaches.
    UnusedTarget = "CFG-120",
    /// A parameter's pattern is no regular expression.
    Pattern = "TPL-001",
    /// A line that allows nothing.
    EmptyLine = "TPL-002",
    /// `mode` and `[observe]` do not agree.
    Observe = "TPL-003",
    /// A line for a server that is not configured.
    LineServer = "TPL-004",
    /// A star that is not at the end.
    Star = "TPL-005",
    /// Two templates with one name.
    TemplateTwice = "TPL-006",
    /// A window that no call fits into.
    Window = "TPL-007",
    /// A day in which no call could be made.
    EmptyDay = "TPL-008",
    /// A lease of a target that is not configured.
    LineTarget = "TPL-009",
    /// A break-glass template that lasts too long, or stops nothing.
    BreakGlass = "TPL-010",
    /// A lease beside lines that limit the arguments of the same system.
    LeaseBeside = "TPL-011",
    /// A lease of a target whose credentials never leave the gateway.
    LeaseStays = "TPL-012",
    /// A lease of something that its target does not have.
    LeaseStranger = "TPL-013",
    /// A template in a file of another name.
    TemplateFile = "TPL-101",
    /// A template that no charter may open.
    UnusedTemplate = "TPL-102",
    /// A template without a line.
    NoLines = "TPL-103",
    /// A day that is smaller than one task's own budget.
    SmallDay = "TPL-104",
    /// A proof that is not exactly one of the known kinds.
    Proof = "CHR-001",
    /// A key file that cannot be read.
    KeyFile = "CHR-002",
    /// A key file that holds no public key.
    NotPublicKey = "CHR-003",
    /// A template that does not exist.
    UnknownTemplate = "CHR-004",
    /// A server that is not configured.
    CharterServer = "CHR-005",
    /// Two charters for one identity.
    CharterTwice = "CHR-006",
    /// Two charters with one key.
    SharedKey = "CHR-007",
    /// A proof of which nobody may vouch.
    UnknownVoucher = "CHR-008",
    /// Two charters with one proof that others vouch for.
    SharedProof = "CHR-009",
    /// A target that is not configured.
    CharterTarget = "CHR-010",
    /// A charter in a file of another name.
    CharterFile = "CHR-101",
    /// An identity that nothing proves.
    NoProof = "CHR-102",
    /// Delegation to an identity without a charter.
    UnknownDelegate = "CHR-103",
    /// A template whose servers the charter does not reach.
    OutOfReach = "CHR-104",
    /// A case with a template that does not exist.
    CaseTemplate = "TST-001",
    /// A case with an identity that has no charter.
    CaseIdentity = "TST-002",
    /// A case that calls a server that is not configured.
    CaseServer = "TST-003",
    /// A case that calls a tool whose name looks like a slip.
    CaseTool = "TST-004",
    /// A case with a parameter that its template does not have.
    CaseParam = "TST-005",
    /// A case that expects a reason that nothing ever gives.
    CaseReason = "TST-006",
    /// A case whose call is no call.
    CaseCall = "TST-007",
    /// A case with a fact that looks like a slip.
    CaseFact = "TST-008",
    /// A case with an argument whose name looks like a slip.
    CaseArgument = "TST-009",
}

impl From<Code> for &'static str {
    fn from(code: Code) -> Self {
        code.as_str()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::Code;

    fn pages() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .filter(|name| ["CFG-", "TPL-", "CHR-", "TST-"].iter().any(|it| name.starts_with(it)))
            .collect()
    }

    #[test]
    fn every_code_has_its_page_and_every_page_its_code() {
        let codes: BTreeSet<String> = Code::ALL.iter().map(|it| it.as_str().to_owned()).collect();
        assert_eq!(codes, pages());
        assert_eq!(codes.len(), Code::ALL.len(), "no code is used twice");
    }

    #[test]
    fn every_page_opens_with_its_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        for page in pages() {
            let text = fs::read_to_string(folder.join(format!("{page}.md"))).unwrap();
            assert!(text.starts_with(&format!("# {page}: ")), "{page} opens with its code");
        }
    }
}
