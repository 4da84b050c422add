//! `bailiwick enrol`, and what became of it: `identity keys`, `identity withdraw`.

use bailiwick_model::{CredentialId, IdentityId, parse_span};

use crate::{
    admin::wire::{EnrolWish, Enrolment, EnrolmentsShown},
    client::Client,
    command::word,
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// Makes a code, and says what to do with it. It is shown this once.
pub(crate) async fn offer(
    place: &Place,
    output: Output,
    (identity, span): (&str, Option<&str>),
) -> Outcome {
    let identity: IdentityId = word(identity)?;
    let span = span.map(|it| {
        parse_span(it).map_err(|error| CommandError::Words(format!("`--for {it}`: {error}")))
    });
    let seconds = span.transpose()?.map(|it| it.as_secs());
    let client = Client::need(&place.state).await?;
    let wish = EnrolWish { identity, seconds };
    let made: Enrolment = client.post("/api/v1/enrolments", &wish).await?;
    output.show(&made, |it| {
        format!(
            "On the machine that is to be `{}`, once, before {}:\n\n  bailiwick join {} {}\n",
            it.identity, it.expires, it.issuer, it.code,
        )
    })?;
    Ok(Exit::Done)
}

/// Lists the keys that were brought in, and the codes that wait.
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let all: EnrolmentsShown = client.get("/api/v1/enrolments").await?;
    output.show(&all, drawn)?;
    Ok(Exit::Done)
}

/// Takes a key away.
pub(crate) async fn withdraw(place: &Place, output: Output, key: &str) -> Outcome {
    let key: CredentialId = word(key.strip_prefix("credential:").unwrap_or(key))?;
    let client = Client::need(&place.state).await?;
    let path = format!("/api/v1/enrolments/{key}/withdraw");
    let left: EnrolmentsShown = client.post(&path, &serde_json::json!({})).await?;
    output.show(&left, drawn)?;
    Ok(Exit::Done)
}

fn drawn(all: &EnrolmentsShown) -> String {
    let keys = all.keys.iter().map(|it| {
        let (identity, key) = (it.identity.to_string(), format!("credential:{}", it.key));
        vec![identity, key, format!("since {}", it.since), it.by.clone()]
    });
    let waiting = all.waiting.iter().map(|it| {
        let (identity, until) = (it.identity.to_string(), format!("until {}", it.expires));
        vec![identity, "a code waits".to_owned(), until, it.by.clone()]
    });
    table(&["identity", "key", "", "code made by"], keys.chain(waiting).collect())
}
