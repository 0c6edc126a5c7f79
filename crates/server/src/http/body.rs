//! Bodies under limits: of size, of time, and of memory all together.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::Sleep;

/// Bodies up to this size are read without asking; nearly every delivery is smaller.
const SMALL_BYTES: usize = 64 * 1024;

/// Larger ones share this much memory, so that strangers who send many at once, before any
/// signature could be checked, cannot use it up.
const LARGE_BYTES_TOTAL: usize = 128 * 1024 * 1024;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyProblem {
    /// It is larger than the limit, or says it will be.
    #[error("the body is larger than the limit")]
    TooLarge,
    /// It did not arrive within the time limit.
    #[error("the body did not arrive in time")]
    Timeout,
    /// The client went away, or sent something that is not HTTP.
    #[error("the body ended before its end")]
    Incomplete,
    /// Too many large bodies are being read at once.
    #[error("too many large bodies arrive at once")]
    Crowded,
}

/// Reads whole bodies within limits.
#[derive(Debug)]
pub struct BodyReader {
    limit: usize,
    time_limit: Duration,
    large: Semaphore,
}

impl BodyReader {
    /// Reads bodies of at most `limit` bytes that arrive within `time_limit`.
    pub fn new(limit: usize, time_limit: Duration) -> Self {
        let large_at_once = (LARGE_BYTES_TOTAL / limit.max(1)).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            limit,
            time_limit,
            large: Semaphore::new(large_at_once),
        }
    }

    /// Largest body, in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How long a body may take to arrive.
    pub(crate) fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// The body's bytes as received. One that announces more than the limit is refused before
    /// any of it is read.
    pub async fn read<B>(&self, body: B) -> Result<Bytes, BodyProblem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit {
            return Err(BodyProblem::TooLarge);
        }
        tokio::time::timeout(self.time_limit, self.read_all(body, announced))
            .await
            .unwrap_or(Err(BodyProblem::Timeout))
    }

    async fn read_all<B>(&self, mut body: B, announced: usize) -> Result<Bytes, BodyProblem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let first = next_data(&mut body).await?.unwrap_or_default();
        // The common case is one piece, which is handed on without a copy.
        let Some(second) = next_data(&mut body).await? else {
            return self.within_limit(first.len()).map(|()| first);
        };
        let mut permit = None;
        let mut whole = BytesMut::with_capacity(announced.min(SMALL_BYTES));
        let mut next = Some(second);
        whole.extend_from_slice(&first);
        while let Some(data) = next {
            let length = whole.len().saturating_add(data.len());
            self.within_limit(length)?;
            if length > SMALL_BYTES && permit.is_none() {
                let acquired = self.large.try_acquire();
                permit = Some(acquired.map_err(|_| BodyProblem::Crowded)?);
            }
            whole.extend_from_slice(&data);
            next = next_data(&mut body).await?;
        }
        Ok(whole.freeze())
    }

    fn within_limit(&self, length: usize) -> Result<(), BodyProblem> {
        if length > self.limit {
            return Err(BodyProblem::TooLarge);
        }
        Ok(())
    }
}

/// The next piece with bytes in it; trailers are passed over.
async fn next_data<B>(body: &mut B) -> Result<Option<Bytes>, BodyProblem>
where
    B: Body<Data = Bytes> + Unpin,
{
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else {
            return Ok(None);
        };
        let frame = frame.map_err(|_| BodyProblem::Incomplete)?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// A body that fails once its time is over; for handlers that read bodies themselves.
pub struct TimedBody {
    body: Incoming,
    time: Pin<Box<Sleep>>,
}

impl TimedBody {
    /// Gives `body` this long to arrive.
    pub fn new(body: Incoming, time_limit: Duration) -> Self {
        Self {
            body,
            time: Box::pin(tokio::time::sleep(time_limit)),
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.time
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(BodyProblem::Timeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A body of unknown length, in pieces.
    struct Pieces<'a>(std::slice::Iter<'a, &'static [u8]>);

    impl Body for Pieces<'_> {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
            let piece = self.0.next().copied().map(Bytes::from_static);
            Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn pieces<'a>(pieces: &'a [&'static [u8]]) -> Pieces<'a> {
        Pieces(pieces.iter())
    }

    #[tokio::test]
    async fn pieces_become_one_body() {
        let reader = BodyReader::new(10, SECOND);
        let read = reader.read(pieces(&[b"ab", b"", b"cd", b"e"])).await;
        assert_eq!(read.unwrap(), "abcde");
        assert_eq!(reader.read(pieces(&[])).await.unwrap(), "");
    }

    #[tokio::test]
    async fn the_limit_holds_for_announced_and_streamed_bodies() {
        let reader = BodyReader::new(4, SECOND);
        assert_eq!(reader.read(Full::from("abcd")).await.unwrap(), "abcd");
        let too_large = Err(BodyProblem::TooLarge);
        assert_eq!(reader.read(Full::from("abcde")).await, too_large);
        assert_eq!(reader.read(pieces(&[b"abcde"])).await, too_large);
        assert_eq!(reader.read(pieces(&[b"ab", b"cde"])).await, too_large);
    }

    #[tokio::test]
    async fn large_bodies_share_what_there_is() {
        static LARGE: [u8; SMALL_BYTES] = [b'x'; SMALL_BYTES];
        let reader = BodyReader::new(LARGE_BYTES_TOTAL, SECOND);
        assert!(reader.read(pieces(&[&LARGE, b"y"])).await.is_ok());
        let taken = reader.large.try_acquire().unwrap();
        let crowded = reader.read(pieces(&[&LARGE, b"y"])).await;
        assert_eq!(crowded, Err(BodyProblem::Crowded));
        assert!(reader.read(pieces(&[&LARGE])).await.is_ok());
        drop(taken);
        assert!(reader.read(pieces(&[&LARGE, b"y"])).await.is_ok());
    }
}
