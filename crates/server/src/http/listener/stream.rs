//! The socket under hyper, which tells its slot when bytes move.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::slot::Slot;

/// How long, and for how many bytes, a client may go on sending what nobody will read.
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A socket that hyper reads and writes, and whose end we keep in hand. What was read of it before
/// hyper came is read first.
///
/// hyper's shutdown does nothing here: [`linger`] closes, so that an answer which came before the
/// end of its request is not lost to the reset a plain close would send.
pub(super) struct WatchedStream {
    stream: TcpStream,
    begun: Cursor<Vec<u8>>,
    slot: Arc<Slot>,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, begun: Vec<u8>, slot: Arc<Slot>) -> Self {
        Self {
            stream,
            begun: Cursor::new(begun),
            slot,
        }
    }

    /// The socket, to be closed.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        if !self.begun.get_ref().is_empty() {
            let read = ready!(Pin::new(&mut self.begun).poll_read(cx, buffer));
            if buffer.filled().len() > filled {
                return Poll::Ready(read);
            }
            self.begun = Cursor::default();
        }
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if buffer.filled().len() > filled {
            self.slot.note_read();
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.slot.note_write();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.slot.note_write();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Says that we are done, and gives the client a moment to read that.
pub(super) async fn linger(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut unread).await? {
                0 => break,
                bytes => left = left.saturating_sub(bytes),
            }
        }
        io::Result::Ok(())
    };
    // The client is told all there is to tell; how it takes the end of it is its own affair.
    let _ = tokio::time::timeout(LINGER_TIME, drain).await;
}
