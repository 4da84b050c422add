//! What a module answers, in words that say what to do.

use cryptoki::error::{Error, RvError};

/// Why a token does not do what it is asked.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }

    /// Says what went wrong while something was done.
    pub(super) fn while_(doing: &str, error: &Error) -> Self {
        Self::new(format!("{doing}: {}", said(error)))
    }
}

/// Says whether the session is gone, or what it knew: another may do better.
pub(super) fn is_lost(error: &Error) -> bool {
    use RvError::{
        CryptokiNotInitialized, DeviceError, DeviceRemoved, KeyHandleInvalid, ObjectHandleInvalid,
        OperationActive, SessionClosed, SessionHandleInvalid, SlotIdInvalid, TokenNotPresent,
        TokenNotRecognized, UserNotLoggedIn,
    };
    matches!(
        error,
        Error::Pkcs11(
            CryptokiNotInitialized
                | DeviceError
                | DeviceRemoved
                | KeyHandleInvalid
                | ObjectHandleInvalid
                | OperationActive
                | SessionClosed
                | SessionHandleInvalid
                | SlotIdInvalid
                | TokenNotPresent
                | TokenNotRecognized
                | UserNotLoggedIn,
            _
        )
    )
}

/// Says whether the PIN is what is wrong: such a try counts at the token.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)
    )
}

/// Says whether what was to be opened may be what is wrong. Some tokens have no word for that.
pub(super) fn may_be_the_text(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::EncryptedDataInvalid
                | RvError::EncryptedDataLenRange
                | RvError::DataInvalid
                | RvError::FunctionFailed
                | RvError::GeneralError,
            _
        )
    )
}

/// Gives an error by its name in the standard, with what helps where we know it. The long sentences of
/// the standard help nobody.
fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(value, function) => {
            let help = help(*value).map(|it| format!(": {it}")).unwrap_or_default();
            format!("{function:?} gives {value:?}{help}")
        }
        Error::LibraryLoading(error) => error.to_string(),
        Error::MissingSymbol(name) => format!("it has no `{name}`, and so is no module of PKCS#11"),
        Error::NullFunctionPointer | Error::NotSupported => "it lacks what is needed".to_owned(),
        Error::TryFromInt(_)
        | Error::TryFromSlice(_)
        | Error::ParseInt(_)
        | Error::Utf8(_)
        | Error::NulError(_)
        | Error::InvalidValue
        | Error::PinNotSet => "it answers with what PKCS#11 does not know".to_owned(),
    }
}

fn help(value: RvError) -> Option<&'static str> {
    let locked = matches!(value, RvError::PinLocked);
    let away = matches!(value, RvError::DeviceRemoved | RvError::TokenNotPresent);
    let mechanism = matches!(value, RvError::MechanismInvalid | RvError::MechanismParamInvalid);
    let forbidden = matches!(value, RvError::KeyFunctionNotPermitted);
    let full = matches!(value, RvError::SessionCount);
    [
        (locked, "its security officer can give it another PIN"),
        (away, "put it back"),
        (mechanism, "the token cannot do AES-GCM with 256 bits"),
        (forbidden, "the key must be allowed to encrypt and to decrypt"),
        (full, "others have all its sessions"),
    ]
    .into_iter()
    .find_map(|(is, help)| is.then_some(help))
}
