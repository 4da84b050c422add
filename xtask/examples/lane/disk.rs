//! The bare disk: what one durable write costs, and what a plain file takes.

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

const BLOCK: usize = 4096;
/// How long the file is before anything is measured: no write makes it longer.
const LEN: u64 = 64 << 20;
const QUEUE: usize = 2048;

/// A file that is as long as it will ever be, on the disk, full of zeros.
#[derive(Debug)]
pub(crate) struct RawFile {
    file: File,
    at: u64,
}

/// What waits to be written, and who waits for it.
type Append<'a> = (&'a [u8], SyncSender<()>);

impl RawFile {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..LEN >> 20 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    /// Writes `bytes` behind what was written before, and waits until they are on the disk.
    fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let len = u64::try_from(bytes.len())?;
        if LEN < self.at.saturating_add(len) {
            self.at = 0;
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.at = self.at.saturating_add(len);
        Ok(())
    }

    /// Measures how long a block takes to the disk, `count` times.
    pub(crate) fn probe(&mut self, count: usize) -> anyhow::Result<Vec<Duration>> {
        let block = [0x5a; BLOCK];
        self.file.seek(SeekFrom::Start(0))?;
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            self.file.write_all(&block)?;
            let began = Instant::now();
            self.file.sync_data()?;
            took.push(began.elapsed());
        }
        Ok(took)
    }

    /// Lets `producers` append `bodies` in turns until `window` is over: what is queued becomes
    /// one write and one wait for the disk. Gives how many bodies were written.
    pub(crate) fn together(
        &mut self,
        producers: usize,
        bodies: &[Vec<u8>],
        window: Duration,
    ) -> anyhow::Result<u32> {
        let (queue, queued) = sync_channel::<Append<'_>>(QUEUE);
        thread::scope(|scope| {
            let writer = scope.spawn(move || self.write(queued));
            let running: Vec<_> = (0..producers)
                .map(|_| {
                    let queue = queue.clone();
                    scope.spawn(move || produce(&queue, bodies, window))
                })
                .collect();
            drop(queue);
            let counts = running.into_iter().map(|it| it.join().unwrap_or_default());
            let count = counts.fold(0, u32::saturating_add);
            let written = writer.join().map_err(|_| anyhow::anyhow!("the writer broke off"))?;
            written.context("the plain file cannot be written").map(|()| count)
        })
    }

    fn write(&mut self, queued: Receiver<Append<'_>>) -> anyhow::Result<()> {
        let mut batch = Vec::new();
        while let Ok((body, answer)) = queued.recv() {
            batch.clear();
            batch.extend_from_slice(body);
            let mut answers = vec![answer];
            for (body, answer) in queued.try_iter().take(QUEUE) {
                batch.extend_from_slice(body);
                answers.push(answer);
            }
            self.append(&batch)?;
            for answer in answers {
                // Each producer waits for its own answer.
                let _heard = answer.send(());
            }
        }
        Ok(())
    }
}

/// Appends until the time is over or nobody writes any more.
fn produce<'a>(queue: &SyncSender<Append<'a>>, bodies: &'a [Vec<u8>], window: Duration) -> u32 {
    let began = Instant::now();
    let mut count = 0_u32;
    for body in bodies.iter().cycle() {
        if window < began.elapsed() {
            break;
        }
        let (answer, answered) = sync_channel(1);
        if queue.send((body.as_slice(), answer)).is_err() || answered.recv().is_err() {
            break;
        }
        count = count.saturating_add(1);
    }
    count
}
