//! A conversation of somebody who looks and changes nothing: one transaction that only reads, and answers piece by piece.

use super::{
    Place, PostgresTrust,
    session::{Connection, Trouble},
};
use crate::{Secret, ServerTrust};

/// How many rows one answer brings.
const PIECE: usize = 10_000;
/// How many rows are taken of one question in all.
const ROWS_MAX: usize = 5_000_000;

/// Looks at one state of the database, and lets nobody else's tables or functions stand in for the system's.
const BEGIN: &str = "SET search_path = pg_catalog; SET statement_timeout = '60s'; \
SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '60s'; \
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Where somebody looks, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct LookedAt {
    /// A host, or the folder of a Unix socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) login: String,
    pub(crate) password: Option<Secret>,
    /// By whom the server is believed. Without, nothing is encrypted.
    pub(crate) trust: Option<PostgresTrust>,
}

/// The conversation.
pub(crate) struct Looking(Connection);

impl Looking {
    /// Signs in and begins.
    pub(crate) async fn open(at: &LookedAt) -> Result<Self, String> {
        let place = if at.host.starts_with('/') {
            Place::Socket(at.host.clone(), at.port)
        } else {
            Place::Tcp(at.host.clone(), at.port)
        };
        let trust = match &at.trust {
            Some(PostgresTrust::System) => Some(ServerTrust::system()),
            Some(PostgresTrust::File(path)) => Some(ServerTrust::of_file(path)),
            None => None,
        };
        let trust = trust.transpose().map_err(|it| it.to_string())?;
        let who = [at.login.as_str(), at.database.as_str()];
        let opened = Connection::open(&place, trust.as_ref(), who, at.password.as_ref()).await;
        let mut session = opened.map_err(said)?;
        session.ask(BEGIN).await.map_err(said)?;
        Ok(Self(session))
    }

    /// Asks one question, whose every row has `N` values.
    pub(crate) async fn rows<const N: usize>(
        &mut self,
        sql: &str,
    ) -> Result<Vec<[Option<String>; N]>, String> {
        let declared = format!("DECLARE looked NO SCROLL CURSOR FOR {sql}");
        self.0.ask(&declared).await.map_err(said)?;
        let mut all = Vec::new();
        loop {
            let piece = self.0.ask(&format!("FETCH {PIECE} FROM looked")).await.map_err(said)?;
            let is_last = piece.len() < PIECE;
            for row in piece {
                all.push(row.try_into().map_err(|_| "it answers another question".to_owned())?);
            }
            if is_last {
                break;
            }
            if ROWS_MAX < all.len() {
                return Err(format!("it has more than {ROWS_MAX} grants"));
            }
        }
        self.0.ask("CLOSE looked").await.map_err(said)?;
        Ok(all)
    }

    /// Takes leave. Nothing was changed, so nothing is lost with the transaction.
    pub(crate) async fn close(self) {
        self.0.close().await;
    }
}

fn said(trouble: Trouble) -> String {
    match trouble {
        Trouble::Away(why) => why,
        Trouble::Unproven(why) => why.to_owned(),
        Trouble::Complaint(it) => format!("{} (SQLSTATE {})", it.text, it.code),
    }
}
