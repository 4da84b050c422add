//! One conversation with PostgreSQL: signing in, and plain questions one after the other.

use std::{io, net::IpAddr, path::Path};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use super::{
    Place,
    scram::{Login, MECHANISM},
    wire::{self, Complaint, MESSAGE_MAX, Said},
};
use crate::{Secret, ServerTrust};

/// As much as one answer may have: a hundred thousand names.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// What asks for TLS, before anything else is said.
const TLS_WANTED: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// One row of an answer.
pub(super) type Row = Vec<Option<String>>;

/// Why a conversation did not come to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server was not reached, or nobody could understand it.
    Away(String),
    /// We will not sign in at such a server.
    Unproven(&'static str),
    /// It said no.
    Complaint(Complaint),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Away(error.to_string())
    }
}

fn unreadable(what: &str) -> Trouble {
    Trouble::Away(format!("it said something that is not PostgreSQL: {what}"))
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A session that is signed in.
pub(super) struct Connection {
    wire: BufReader<Box<dyn Wire>>,
    /// How much of the present answer has come.
    taken: usize,
}

impl Connection {
    /// Connects and signs in.
    pub(super) async fn open(
        place: &Place,
        trust: Option<&ServerTrust>,
        [login, database]: [&str; 2],
        password: Option<&Secret>,
    ) -> Result<Self, Trouble> {
        let wire = BufReader::new(reached(place, trust).await?);
        let mut session = Self { wire, taken: 0 };
        session.begin(login, database).await?;
        session.prove(password, trust.is_some()).await?;
        while session.next_well().await? != Said::Ready {}
        Ok(session)
    }

    /// Asks one question of one statement or several, which then count together or not at all.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<Row>, Trouble> {
        self.say(Some(b'Q'), &[sql.as_bytes(), &[0]]).await?;
        self.taken = 0;
        let (mut rows, mut complaint) = (Vec::new(), None);
        loop {
            match self.next_or(complaint.as_ref()).await? {
                Said::Row(row) => rows.push(row),
                Said::Complaint(it) => complaint = complaint.or(Some(it)),
                Said::Ready => break,
                Said::Aside => {}
                Said::Welcome
                | Said::Sasl(_)
                | Said::SaslNext(_)
                | Said::SaslLast(_)
                | Said::OtherProof(_) => return Err(unreadable("it asks who we are once more")),
            }
        }
        complaint.map_or(Ok(rows), |it| Err(Trouble::Complaint(it)))
    }

    /// Takes leave, so that the server does not call us lost.
    pub(super) async fn close(mut self) {
        // What was asked is done, whether it hears this or not.
        let _unheard = self.say(Some(b'X'), &[]).await;
        let _unheard = self.wire.get_mut().shutdown().await;
    }

    async fn begin(&mut self, login: &str, database: &str) -> Result<(), Trouble> {
        // 3.0 is spelt as two numbers of two bytes.
        let mut words = vec![vec![0, 3, 0, 0]];
        for (name, value) in [
            ("user", login),
            ("database", database),
            ("application_name", "bailiwick"),
            ("client_encoding", "UTF8"),
        ] {
            words.push([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
        }
        words.push(vec![0]);
        let parts: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.say(None, &parts).await
    }

    /// Proves who we are. The server proves itself by that, too, unless its certificate has (`known`).
    async fn prove(&mut self, password: Option<&Secret>, known: bool) -> Result<(), Trouble> {
        match self.next().await? {
            Said::Welcome if password.is_none() || known => Ok(()),
            // Whoever holds the port while the server is away must not pass for it.
            Said::Welcome => Err(Trouble::Unproven(
                "it does not ask for the password that is configured, so it has not proved itself: say \
                 `scram-sha-256` for this login in pg_hba.conf, or configure `tls`",
            )),
            Said::Sasl(ways) if ways.iter().any(|it| it == MECHANISM) => match password {
                Some(password) => self.prove_by_scram(password).await,
                None => Err(Trouble::Unproven("it wants a password, and none is configured")),
            },
            Said::Sasl(_) | Said::OtherProof(_) => Err(Trouble::Unproven(
                "it wants the password in another way than SCRAM-SHA-256: set \
                 `password_encryption = 'scram-sha-256'`, set the login's password anew, and say \
                 `scram-sha-256` in pg_hba.conf",
            )),
            Said::Complaint(it) => Err(Trouble::Complaint(it)),
            Said::SaslNext(_) | Said::SaslLast(_) | Said::Row(_) | Said::Ready | Said::Aside => {
                Err(unreadable("it does not begin as a server does"))
            }
        }
    }

    async fn prove_by_scram(&mut self, password: &Secret) -> Result<(), Trouble> {
        let login = Login::new(password).map_err(|error| Trouble::Away(error.to_string()))?;
        let first = login.first();
        let len = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.say(Some(b'p'), &[MECHANISM.as_bytes(), &[0], &len, first.as_bytes()]).await?;
        let Said::SaslNext(theirs) = self.next_well().await? else {
            return Err(unreadable("it does not go on with SCRAM"));
        };
        let Some((line, expected)) = login.answer(&theirs) else {
            return Err(Trouble::Unproven("its SCRAM is not safe to answer"));
        };
        self.say(Some(b'p'), &[line.as_bytes()]).await?;
        let last = self.next_well().await?;
        if !matches!(last, Said::SaslLast(theirs) if expected.is(&theirs)) {
            return Err(Trouble::Unproven("it does not know the login's password itself"));
        }
        let done = self.next_well().await? == Said::Welcome;
        done.then_some(()).ok_or_else(|| unreadable("it does not end SCRAM"))
    }

    async fn say(&mut self, kind: Option<u8>, parts: &[&[u8]]) -> Result<(), Trouble> {
        let body = parts.concat();
        let len = u32::try_from(body.len().saturating_add(4)).unwrap_or(u32::MAX);
        let message = [kind.as_slice(), &len.to_be_bytes(), &body].concat();
        let wire = self.wire.get_mut();
        wire.write_all(&message).await?;
        Ok(wire.flush().await?)
    }

    /// Hears the next thing; a complaint is an error.
    async fn next_well(&mut self) -> Result<Said, Trouble> {
        let said = self.next().await?;
        if let Said::Complaint(it) = said { Err(Trouble::Complaint(it)) } else { Ok(said) }
    }

    /// Hears the next thing. Who hangs up after a complaint has said why.
    async fn next_or(&mut self, complaint: Option<&Complaint>) -> Result<Said, Trouble> {
        let heard = self.next().await;
        heard.map_err(|error| complaint.cloned().map_or(error, Trouble::Complaint))
    }

    async fn next(&mut self) -> Result<Said, Trouble> {
        let kind = self.wire.read_u8().await?;
        let len = self.wire.read_u32().await?;
        let len = usize::try_from(len).ok().and_then(|it| it.checked_sub(4));
        let Some(len) = len.filter(|it| *it <= MESSAGE_MAX) else {
            return Err(unreadable("a message of such a length"));
        };
        self.taken = self.taken.saturating_add(len);
        if ANSWER_MAX < self.taken {
            return Err(Trouble::Away("its answer has no end".into()));
        }
        let mut body = vec![0; len];
        self.wire.read_exact(&mut body).await?;
        wire::read(kind, &body).ok_or_else(|| unreadable("a message of another kind"))
    }
}

async fn reached(place: &Place, trust: Option<&ServerTrust>) -> Result<Box<dyn Wire>, Trouble> {
    let stream = match place {
        Place::Socket(folder, port) => {
            let path = Path::new(folder).join(format!(".s.PGSQL.{port}"));
            return Ok(Box::new(UnixStream::connect(path).await?));
        }
        Place::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).await?,
    };
    stream.set_nodelay(true)?;
    match (trust, place) {
        (Some(trust), Place::Tcp(host, _)) => Ok(Box::new(encrypted(stream, trust, host).await?)),
        (Some(_) | None, Place::Tcp(..) | Place::Socket(..)) => Ok(Box::new(stream)),
    }
}

async fn encrypted(
    mut stream: TcpStream,
    trust: &ServerTrust,
    host: &str,
) -> Result<impl Wire + use<>, Trouble> {
    stream.write_all(&TLS_WANTED).await?;
    // One byte and no more: what lies behind it must be TLS, not something said in the clear.
    if stream.read_u8().await? != b'S' {
        return Err(Trouble::Unproven("it has no TLS: set `ssl = on` there"));
    }
    let name = match host.parse::<IpAddr>() {
        Ok(address) => ServerName::from(address),
        Err(_) => ServerName::try_from(host.to_owned())
            .map_err(|_| Trouble::Away(format!("`{host}` is no name for TLS")))?,
    };
    let connector = TlsConnector::from(std::sync::Arc::new(trust.config()));
    Ok(connector.connect(name, stream).await?)
}
