//! `bailiwick join` and `bailiwick token`: what a machine does that no governor runs on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bailiwick_connect::{
    FetchPlace, FetchPlaceError, IdentityKey, Secret, ServerTrust, create_private,
};
use bailiwick_model::IdentityId;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    cli::{Join, TokenWish},
    command::{sign, word},
    exit::{CommandError, Exit, Outcome},
    output::Output,
};

const ASSERTED: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest answer.
const ANSWER_MAX: usize = 256 << 10;
/// The longest file of a key.
const KEY_MAX: u64 = 64 << 10;

/// What came of a code.
#[derive(Debug, Serialize, Deserialize)]
struct Joined {
    identity: IdentityId,
    /// The key's name.
    key: String,
    issuer: String,
    /// Where the private half lies.
    #[serde(default)]
    file: String,
}

/// Makes a key here, and brings it in. The private half goes nowhere.
pub(crate) async fn join(output: Output, words: &Join) -> Outcome {
    let (name, _) = words.code.split_once('.').unwrap_or_default();
    let wrong = || CommandError::Words("this is no code: it is `IDENTITY.LETTERS`".to_owned());
    let identity: IdentityId = name.parse().map_err(|_| wrong())?;
    let place = place(&words.governor, "/oauth2/enrol", words.ca.as_deref())?;
    let file = words.key.clone().unwrap_or_else(|| PathBuf::from(format!("{identity}.pem")));
    let key = IdentityKey::generate().context("the key cannot be made")?;
    let issuer = words.governor.trim_end_matches('/');
    let assertion = key.assertion(&identity, issuer, sign::now()).context("nothing was signed")?;
    // On disk first: a code that is used up for a key that is lost helps nobody.
    create_private(&file, key.private_pem().expose().as_bytes())
        .with_context(|| format!("the key cannot be written to `{}`", file.display()))?;
    let public = key.public_pem();
    let form =
        [("code", words.code.as_str()), ("key", &public), ("client_assertion", assertion.expose())];
    let joined = match asked(&place, &form).await {
        Ok(answer) => serde_json::from_value::<Joined>(answer).context("it answered otherwise"),
        Err(error) => {
            // Nobody knows a key that was refused. One whose answer was lost, or came from something in
            // between, may have been taken.
            if matches!(error, CommandError::No(_)) {
                let _left = std::fs::remove_file(&file);
            }
            return Err(error);
        }
    };
    let joined = Joined { file: file.display().to_string(), ..joined? };
    output.show(&joined, |it| {
        format!(
            "this machine is `{}` now: its key is in `{}` (credential:{})\na token: bailiwick token {} --as {} --key {}\n",
            it.identity, it.file, it.key, it.issuer, it.identity, it.file,
        )
    })?;
    Ok(Exit::Done)
}

/// Opens a task with a key that lies here, or goes on with one, and prints its token.
pub(crate) async fn token(output: Output, words: &TokenWish) -> Outcome {
    let identity: IdentityId = word(&words.identity)?;
    let place = place(&words.governor, "/oauth2/token", words.ca.as_deref())?;
    let key = read_key(&words.key)?;
    let issuer = words.governor.trim_end_matches('/');
    let assertion = key.assertion(&identity, issuer, sign::now()).context("nothing was signed")?;
    let details = details(words)?;
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTED),
        ("client_assertion", assertion.expose()),
    ];
    form.extend(details.as_deref().map(|it| ("authorization_details", it)));
    form.extend(words.resource.as_deref().map(|it| ("resource", it)));
    let answer = asked(&place, &form).await?;
    output.show(&answer, |it| {
        format!("{}\n", it.get("access_token").and_then(Value::as_str).unwrap_or_default())
    })?;
    Ok(Exit::Done)
}

/// Says which task is meant; nothing where the one template of the charter is.
fn details(words: &TokenWish) -> Result<Option<String>, CommandError> {
    let kind = "bailiwick/task/v1";
    if let Some(task) = &words.task {
        return Ok(Some(json!([{"type": kind, "task": task}]).to_string()));
    }
    let Some(template) = &words.template else { return Ok(None) };
    let mut params = serde_json::Map::new();
    for param in &words.params {
        let wrong = || CommandError::Words(format!("`--param {param}` is not `NAME=VALUE`"));
        let (name, value) = param.split_once('=').ok_or_else(wrong)?;
        params.insert(name.to_owned(), json!(value));
    }
    let mut wish = json!({"type": kind, "template": template, "params": params});
    if let (Some(wish), Some(purpose)) = (wish.as_object_mut(), &words.purpose) {
        wish.insert("purpose".to_owned(), json!(purpose));
    }
    Ok(Some(json!([wish]).to_string()))
}

fn read_key(path: &Path) -> Result<IdentityKey, CommandError> {
    let unusable = |why: String| CommandError::Words(format!("`{}`: {why}", path.display()));
    bailiwick_connect::check_private(path).map_err(|error| unusable(error.to_string()))?;
    let length = std::fs::metadata(path).map_err(|error| unusable(error.to_string()))?.len();
    if KEY_MAX < length {
        return Err(unusable("it is too long for a key".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    IdentityKey::from_pem(&Secret::new(text)).map_err(|error| unusable(error.to_string()))
}

fn place(governor: &str, path: &str, ca: Option<&Path>) -> Result<FetchPlace, CommandError> {
    let address = format!("{}{path}", governor.trim_end_matches('/'));
    let place = FetchPlace::new(&address, || match ca {
        Some(path) => ServerTrust::of_file(path),
        None => ServerTrust::system(),
    });
    place.map_err(|error: FetchPlaceError| CommandError::Words(error.to_string()))
}

async fn asked(place: &FetchPlace, form: &[(&str, &str)]) -> Result<Value, CommandError> {
    let answered = place.post(form, ANSWER_MAX).await;
    let (status, body) = answered.map_err(|error| CommandError::Unreachable(error.to_string()))?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let said = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let printable: String = said.chars().filter(|it| !it.is_control()).take(500).collect();
    if !status.is_client_error() {
        return Err(CommandError::Unreachable(format!("it answers {status}: {printable}")));
    }
    Err(CommandError::No(format!("the governor refused ({status}): {printable}")))
}
