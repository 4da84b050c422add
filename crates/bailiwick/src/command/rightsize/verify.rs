//! A certificate held against the files it is of, or against logs that came later.

use std::{collections::BTreeMap, fs, path::Path};

use bailiwick_insight::{CERTIFICATE, Certificate, Verified, verify as verify_all};
use bailiwick_model::{Digest, Json, JsonLimits};

use super::input::{Read, read, wrong};
use crate::{
    cli::AboutCertificate,
    exit::{CommandError, Exit, Outcome},
    output::Output,
};

/// Says whether a certificate holds.
pub(super) fn verify(about: &AboutCertificate, output: Output) -> Outcome {
    answer(about, output, true)
}

/// Says what the certified policies may deny of what other logs tell.
pub(super) fn shadow(about: &AboutCertificate, output: Output) -> Outcome {
    answer(about, output, false)
}

fn answer(about: &AboutCertificate, output: Output, same_files: bool) -> Outcome {
    let certificate = certificate(&about.certificate)?;
    let read = read(&about.logs, &about.ledger, &about.grants)?;
    let told = held(about, &certificate, &read, same_files)?;
    output.show(&told, |it| table(&certificate, it))?;
    Ok(if told.holds { Exit::Done } else { Exit::No })
}

fn certificate(path: &Path) -> Result<Certificate, CommandError> {
    let text = fs::read_to_string(path).map_err(|it| wrong(path, it))?;
    let read: Certificate = serde_json::from_str(&text)
        .map_err(|it| wrong(path, format!("this is no certificate: {it}")))?;
    if read.shape == CERTIFICATE {
        return Ok(read);
    }
    Err(wrong(path, format!("it is a `{}`, and `{CERTIFICATE}` is read", read.shape)))
}

fn held(
    about: &AboutCertificate,
    certificate: &Certificate,
    read: &Read,
    same_files: bool,
) -> Result<Verified, CommandError> {
    let folder = about.certificate.parent().unwrap_or(Path::new(""));
    let mut documents = BTreeMap::new();
    for it in certificate.decisions.iter().flat_map(|it| &it.documents).chain(&certificate.files) {
        let inside = Path::new(&it.file);
        // A certificate is anybody's text: it names files beside it, and no others.
        if !inside.components().all(|it| matches!(it, std::path::Component::Normal(_))) {
            let why = format!("`{}` does not lie beside it", it.file);
            return Err(wrong(&about.certificate, why));
        }
        let path = folder.join(inside);
        match fs::read(&path) {
            Ok(bytes) if path.extension().is_some_and(|it| it == "json") => {
                let json = Json::parse(&bytes, JsonLimits::default());
                documents.insert(it.file.clone(), json.map_err(|it| wrong(&path, it))?);
            }
            Ok(bytes) => {
                let text = String::from_utf8(bytes).map_err(|it| wrong(&path, it))?;
                documents.insert(it.file.clone(), Json::Text(text));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(&path, error)),
        }
    }
    for path in strays(folder)? {
        documents.entry(path).or_insert(Json::Null);
    }
    // Other logs are the point of a shadow; the grants must be what they were, which each policy's digest says.
    let inputs: Vec<Digest> = read.inputs.iter().map(|it| it.sha256).collect();
    let inputs = same_files.then_some(inputs.as_slice());
    if read.platform != certificate.platform {
        let why =
            format!("it is of {}, and these grants are of {}", certificate.platform, read.platform);
        return Err(wrong(&about.certificate, why));
    }
    let grants = read.grants_of(&certificate.identity)?;
    Ok(verify_all(certificate, &grants, &documents, inputs, &read.exercised))
}

/// Gives what lies where a plan's documents lie: whoever carries it out may take what was put there for a part of it.
fn strays(folder: &Path) -> Result<Vec<String>, CommandError> {
    let mut found = Vec::new();
    for inside in ["policies", "deny", "rollback"] {
        let path = folder.join(inside);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(wrong(&path, error)),
        };
        for entry in entries {
            let name = entry.map_err(|it| wrong(&path, it))?.file_name();
            found.push(format!("{inside}/{}", name.to_string_lossy()));
        }
    }
    if folder.join(super::PLAN_FILE).exists() {
        found.push(super::PLAN_FILE.to_owned());
    }
    Ok(found)
}

fn table(certificate: &Certificate, told: &Verified) -> String {
    let mut text = format!("{}\n", certificate.identity);
    for fault in told.files.iter().chain(&told.claims).chain(&told.gives_more) {
        text.push_str(&format!("  {fault}\n"));
    }
    for lost in &told.replay.lost {
        let on = if lost.resource.is_empty() { "" } else { " on " };
        text.push_str(&format!(
            "  may be denied: {} {}×{on}{}\n",
            lost.action, lost.count, lost.resource
        ));
    }
    let replay = &told.replay;
    text.push_str(&format!(
        "  {} pairs of action and resource were asked for again, {} of them given by something else\n",
        replay.asked, replay.given_otherwise
    ));
    text.push_str(if told.holds { "it holds\n" } else { "it does not hold\n" });
    text
}
