//! The thread's end of a token: opened when it is needed, and once more when it was lost.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::Path};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::{Slot, TokenInfo},
    types::AuthPin,
};
use zeroize::Zeroizing;

use super::{
    TokenPlace, TokenSource, Work,
    pin::{mark_try, may_try, refused, unmark},
    words::{Trouble, is_lost, is_refused, may_be_the_text},
};
use crate::random::random_bytes;

const NONCE: usize = 12;
const TAG: usize = 16;

/// What is said to a token, and what was heard of it.
pub(super) struct Connection {
    source: TokenSource,
    module: Option<Pkcs11>,
    open: Option<Open>,
}

/// A session in which we are known.
struct Open {
    session: Session,
    keys: BTreeMap<String, ObjectHandle>,
}

impl Connection {
    pub(super) const fn new(source: TokenSource) -> Self {
        Self { source, module: None, open: None }
    }

    /// Seals or opens by the key of this label; nothing where what is to be opened was not sealed by it.
    pub(super) fn answer(
        &mut self,
        label: &str,
        bound: &[u8],
        work: &Work,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        match work {
            Work::Seal(key) => {
                self.done(label, |session, it| seal(session, it, bound, key)).map(Some)
            }
            Work::Open(sealed) => {
                self.done(label, |session, it| match open(session, it, bound, sealed) {
                    Err(error) if may_be_the_text(&error) => {
                        // The token may as well be in trouble: then it cannot do this, either.
                        let probe = seal(session, it, bound, &[0; 32])?;
                        open(session, it, bound, &probe).map(|_| None)
                    }
                    opened => opened.map(Some),
                })
            }
        }
    }

    /// Does something in the session, and once more in a new one where the old one was lost.
    fn done<T>(
        &mut self,
        label: &str,
        work: impl Fn(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, Trouble> {
        let was_open = self.open.is_some();
        let (session, key) = self.opened(label)?;
        let first = match work(session, key) {
            Err(error) if was_open && is_lost(&error) => {
                self.open = None;
                let (session, key) = self.opened(label)?;
                work(session, key)
            }
            first => first,
        };
        first.map_err(|error| {
            self.open = None;
            Trouble::while_(&format!("the token does not do it with its key `{label}`"), &error)
        })
    }

    /// Gives the session and the key, found again where either was not.
    fn opened(&mut self, label: &str) -> Result<(&Session, ObjectHandle), Trouble> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.enter()?,
        };
        let key = match open.keys.get(label) {
            Some(key) => *key,
            None => find(&open.session, label)?,
        };
        open.keys.insert(label.to_owned(), key);
        Ok((&self.open.insert(open).session, key))
    }

    fn enter(&mut self) -> Result<Open, Trouble> {
        let module = match self.module.take() {
            Some(module) => module,
            None => load(&self.source.module)?,
        };
        let module = self.module.insert(module).clone();
        initialize(&module)?;
        let (slot, about) = place(&module, &self.source.place)?;
        let session = module.open_ro_session(slot);
        let session = session.map_err(|it| Trouble::while_("the token opens no session", &it))?;
        if about.login_required() {
            self.log_in(&session, &about)?;
        }
        Ok(Open { session, keys: BTreeMap::new() })
    }

    /// Logs in, with one try: what the token says of tries before is heeded first.
    fn log_in(&self, session: &Session, about: &TokenInfo) -> Result<(), Trouble> {
        let serial = about.serial_number().to_owned();
        let Some(pin) = &self.source.pin else {
            return Err(Trouble::new(
                "the token wants a PIN: name `pin_file`, `pin_command` or `pin_env`",
            ));
        };
        if about.user_pin_locked() {
            let why = "the token is locked: its security officer can give it another PIN";
            return Err(Trouble::new(why));
        }
        let mark = &self.source.refused;
        may_try(mark, &serial)?;
        if about.user_pin_final_try() {
            let why = "one more wrong PIN locks the token, and that try is not ours to take: log in to it by other \
                       means, which gives back the tries, then start again";
            return Err(Trouble::new(why));
        }
        let pin = AuthPin::from(pin.fetch()?.expose());
        // Before, as nobody may be there to hear the answer.
        mark_try(mark, &serial)?;
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => unmark(mark, &serial),
            Err(error) if is_refused(&error) => Err(refused(mark)),
            Err(error) => {
                unmark(mark, &serial)?;
                Err(Trouble::while_("the token lets nobody in", &error))
            }
        }
    }
}

/// Loads a module: code that runs in our process, so nobody but root and us may be able to change it.
fn load(path: &Path) -> Result<Pkcs11, Trouble> {
    let shown = path.display();
    let found = fs::metadata(path).map_err(|error| {
        Trouble::new(format!("the module `{shown}` cannot be looked at: {error}"))
    })?;
    let ours = rustix::process::geteuid().as_raw();
    let trusted = found.uid() == 0 || found.uid() == ours;
    if !found.is_file() || !trusted || found.mode() & 0o022 != 0 {
        let why = format!(
            "the module `{shown}` is no file that root or this account alone can write: it is not loaded"
        );
        return Err(Trouble::new(why));
    }
    Pkcs11::new(path)
        .map_err(|it| Trouble::while_(&format!("the module `{shown}` cannot be loaded"), &it))
}

/// Initializes it. Another of ours in this process may have done so, which is as good.
fn initialize(module: &Pkcs11) -> Result<(), Trouble> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(Trouble::while_(
            "the module cannot be initialized: look at its own configuration",
            &error,
        )),
    }
}

/// Finds the token.
fn place(module: &Pkcs11, place: &TokenPlace) -> Result<(Slot, TokenInfo), Trouble> {
    let failed = |error: Error| Trouble::while_("the module tells of no tokens", &error);
    let slots = module.get_slots_with_token().map_err(failed)?;
    let known =
        slots.into_iter().filter_map(|slot| Some((slot, module.get_token_info(slot).ok()?)));
    let mut known: Vec<_> = known.filter(|(_, it)| it.token_initialized()).collect();
    let labels: Vec<String> = known.iter().map(|(_, it)| format!("`{}`", it.label())).collect();
    let there = if labels.is_empty() { "none is".to_owned() } else { labels.join(", ") };
    known.retain(|(slot, about)| match place {
        TokenPlace::Label(label) => about.label() == label,
        TokenPlace::Slot(number) => slot.id() == *number,
    });
    let wanted = match place {
        TokenPlace::Label(label) => format!("token `{label}`"),
        TokenPlace::Slot(number) => format!("token in slot {number}"),
    };
    match (known.pop(), known.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => {
            Err(Trouble::new(format!("there is more than one {wanted}: name its slot")))
        }
        (None, _) => Err(Trouble::new(format!("there is no {wanted}: put it in (there: {there})"))),
    }
}

/// Finds the key of this label, and looks at whether it may do what it is for.
fn find(session: &Session, label: &str) -> Result<ObjectHandle, Trouble> {
    let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.into())];
    let failed = |error: Error| Trouble::while_(&format!("the key `{label}` is not found"), &error);
    let found = session.find_objects(&wanted).map_err(failed)?;
    let [key] = found.as_slice() else {
        let why = if found.is_empty() {
            format!("the token has no secret key `{label}`: make it there, AES with 256 bits")
        } else {
            format!(
                "the token has more than one secret key `{label}`: give one of them another label"
            )
        };
        return Err(Trouble::new(why));
    };
    let asked = [AttributeType::KeyType, AttributeType::Sensitive, AttributeType::Extractable];
    let said = session.get_attributes(*key, &asked).map_err(failed)?;
    if !said.contains(&Attribute::KeyType(KeyType::AES)) {
        return Err(Trouble::new(format!("the key `{label}` is none of AES")));
    }
    let stays =
        said.contains(&Attribute::Sensitive(true)) && said.contains(&Attribute::Extractable(false));
    if !stays {
        let why = format!(
            "the key `{label}` can be taken out of the token: make one that is sensitive and not extractable"
        );
        return Err(Trouble::new(why));
    }
    Ok(*key)
}

fn seal(
    session: &Session,
    key: ObjectHandle,
    bound: &[u8],
    plain: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut nonce = random_bytes::<NONCE>().map_err(|_| Error::InvalidValue)?;
    let sealed = {
        let parameters = GcmParams::new(&mut nonce, bound, 128.into())?;
        session.encrypt(&Mechanism::AesGcm(parameters), key, plain)?
    };
    if sealed.len() != plain.len().saturating_add(TAG) {
        return Err(Error::InvalidValue);
    }
    // Some tokens put a nonce of their own in the place of ours: what is there now is what counted.
    Ok(Zeroizing::new([nonce.as_slice(), &sealed].concat()))
}

fn open(
    session: &Session,
    key: ObjectHandle,
    bound: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let too_short =
        Error::Pkcs11(RvError::EncryptedDataLenRange, cryptoki::context::Function::Decrypt);
    let Some((nonce, sealed)) = sealed.split_first_chunk::<NONCE>() else { return Err(too_short) };
    let mut nonce = *nonce;
    let parameters = GcmParams::new(&mut nonce, bound, 128.into())?;
    session.decrypt(&Mechanism::AesGcm(parameters), key, sealed).map(Zeroizing::new)
}
