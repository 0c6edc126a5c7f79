//! Deliveries in the form Meta writes them, read straight off the socket.
//!
//! Nearly everything that ever comes in is one `POST` with a length, a signature and a small body.
//! Such a request is read, verified, recorded and answered here, with one read, one write and no
//! more of HTTP than it needs. Whatever else comes, a chunked body or an expectation, another path
//! or a head in crumbs, is not refused but handed over, byte for byte as it was read, to hyper,
//! which keeps the connection from then on.

mod answer;
mod head;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use hookline_meta::signature::UnverifiedDelivery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connection::{Host, guarded, internal_error};
use super::slot::Slot;
use crate::http::body::BodyProblem;
use crate::http::webhook::{Answer, Receipt, Webhook, api_version_of, started_now};
use answer::Answers;
use head::{Begun, Head, look_at};

/// What a connection reads into at first; a usual delivery is a third of it.
const BUFFER_BYTES: usize = 4 * 1024;

/// The largest body read here: of larger ones the [`BodyReader`](crate::http::body::BodyReader)
/// counts how many there are at once.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// In how many reads a head may come; one in smaller crumbs is hyper's.
const HEAD_READS_MAX: u32 = 2;

/// How a connection left here.
#[derive(Debug)]
pub(super) enum Left {
    /// It is over.
    Over,
    /// It goes on with hyper, which has to read this first.
    For(Vec<u8>),
}

/// A connection as long as only such deliveries come.
pub(super) struct Direct<'a> {
    stream: &'a mut TcpStream,
    slot: &'a Slot,
    host: &'a Host,
    /// Whether nothing is under way, so that the connection can be closed without a loss.
    is_unused: &'a AtomicBool,
    /// What was read and not yet looked after.
    buffer: Vec<u8>,
    answers: Answers,
}

/// A request's body.
enum Body {
    Whole(Bytes),
    /// The client went away.
    Broken,
    Late,
}

impl<'a> Direct<'a> {
    pub(super) fn new(
        stream: &'a mut TcpStream,
        slot: &'a Slot,
        host: &'a Host,
        is_unused: &'a AtomicBool,
    ) -> Self {
        Self {
            stream,
            slot,
            host,
            is_unused,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            answers: Answers::default(),
        }
    }

    /// Serves until the connection is over or something else comes.
    pub(super) async fn serve(mut self) -> io::Result<Left> {
        let mut reads = 0;
        loop {
            match look_at(&self.buffer) {
                Begun::Delivery(head) if head.body_length <= self.body_limit() => {
                    reads = 0;
                    self.slot.begin_request();
                    match self.body(&head).await? {
                        Body::Whole(body) => self.answer(head, body).await?,
                        Body::Broken => return Ok(Left::For(self.buffer)),
                        Body::Late => return self.refuse_late().await,
                    }
                    if self.slot.is_finishing() {
                        return Ok(Left::Over);
                    }
                }
                Begun::Unfinished if reads < HEAD_READS_MAX => {
                    reads += u32::from(!self.buffer.is_empty());
                    if self.read().await? == 0 {
                        return Ok(self.ended());
                    }
                }
                Begun::Unfinished | Begun::Delivery(_) | Begun::Other => {
                    return Ok(Left::For(self.buffer));
                }
            }
        }
    }

    fn webhook(&self) -> &'a Webhook {
        &self.host.site.webhook
    }

    fn body_limit(&self) -> usize {
        self.webhook().bodies().limit().min(BODY_BYTES_MAX)
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.is_unused
            .store(self.buffer.is_empty(), Ordering::Relaxed);
        let bytes = self.stream.read_buf(&mut self.buffer).await?;
        self.is_unused.store(false, Ordering::Relaxed);
        if bytes > 0 {
            self.slot.note_read();
        }
        Ok(bytes)
    }

    /// The client says nothing more: half a request is hyper's to complain about.
    fn ended(self) -> Left {
        if self.buffer.is_empty() {
            Left::Over
        } else {
            Left::For(self.buffer)
        }
    }

    /// The body behind `head`, which is taken out of the buffer with it.
    async fn body(&mut self, head: &Head) -> io::Result<Body> {
        let whole = head.length + head.body_length;
        if self.buffer.len() < whole {
            let time_limit = self.webhook().bodies().time_limit();
            match tokio::time::timeout(time_limit, self.fill(whole)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(Body::Broken),
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => return Ok(Body::Late),
            }
        }
        let body = self.buffer.get(head.length..whole).unwrap_or_default();
        let body = Bytes::copy_from_slice(body);
        self.buffer.drain(..whole);
        if self.buffer.is_empty() && self.buffer.capacity() > 2 * BUFFER_BYTES {
            self.buffer = Vec::with_capacity(BUFFER_BYTES);
        }
        Ok(Body::Whole(body))
    }

    /// Reads until there are so many bytes; false when no more come.
    async fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        self.buffer.reserve(bytes.saturating_sub(self.buffer.len()));
        while self.buffer.len() < bytes {
            if self.read().await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn answer(&mut self, head: Head, body: Bytes) -> io::Result<()> {
        let started_at: Instant = started_now();
        let unverified = UnverifiedDelivery {
            body,
            signature: head.signature,
            api_version: head.api_version.as_deref().and_then(api_version_of),
        };
        let receipt = guarded(self.webhook().take_in(unverified, started_at), || {
            Receipt::Refused(internal_error())
        });
        match receipt.await {
            Receipt::Durable if !self.slot.is_finishing() => {
                self.slot.end_request(false);
                let now = self.host.site.clock.now();
                self.stream.write_all(self.answers.received(now)).await?;
            }
            Receipt::Durable => self.send(crate::http::webhook::received(), false).await?,
            Receipt::Refused(answer) => self.send(answer, true).await?,
        }
        self.slot.note_write();
        Ok(())
    }

    async fn send(&mut self, answer: Answer, lingers: bool) -> io::Result<()> {
        self.slot.end_request(lingers);
        let answer = if self.slot.is_finishing() {
            answer::closing(answer)
        } else {
            answer
        };
        let bytes = answer::write(&answer, self.host.site.clock.now());
        self.stream.write_all(&bytes).await
    }

    /// What is left of the body cannot be told from the next request, so this is the end.
    async fn refuse_late(mut self) -> io::Result<Left> {
        let answer = self.webhook().refuse_body(BodyProblem::Timeout);
        self.send(answer, true).await?;
        Ok(Left::Over)
    }
}
