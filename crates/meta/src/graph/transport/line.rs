//! One connection to a host of Meta's, moved along by whoever waits for its answer: no task of its
//! own has to be woken for a request and again for what comes back.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hookline_model::limits::GRAPH_ANSWER_BYTES_MAX;
use http_body_util::Full;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::{Request, Response};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Bytes both ways, encrypted or not.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A request with its body.
pub(super) type Asked = Request<Full<Bytes>>;

/// A connection that carries one request at a time. Dropping it closes it.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// None once it has ended: what waits for it hears so when it is dropped.
    connection: Option<Connection<Stream, Full<Bytes>>>,
}

impl Line {
    /// Speaks HTTP over a stream that is open.
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) = handshake(stream).await?;
        Ok(Self {
            sender,
            connection: Some(connection),
        })
    }

    /// Whether it can carry a request now; one the other side has closed meanwhile cannot.
    pub(super) async fn is_free(&mut self) -> bool {
        poll_fn(|cx| {
            self.move_on(cx);
            let is_ready = matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())));
            Poll::Ready(is_ready && self.connection.is_some())
        })
        .await
    }

    /// Carries a request. A failure holds it again if provably nothing of it was written.
    pub(super) async fn ask(
        &mut self,
        request: Asked,
    ) -> Result<Response<Incoming>, TrySendError<Asked>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            move_on(&mut self.connection, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// The whole body of the answer, or the stable word for why it is not whole.
    pub(super) async fn read(&mut self, mut body: Incoming) -> Result<Bytes, &'static str> {
        // Answers are short: nearly always one piece, which is then taken as it is.
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = self.frame(&mut body).await {
            let Ok(piece) = frame.map_err(|_| "answer_cut")?.into_data() else {
                continue;
            };
            if first.len() + whole.len() + piece.len() > GRAPH_ANSWER_BYTES_MAX {
                return Err("answer_too_long");
            }
            if first.is_empty() && whole.is_empty() {
                first = piece;
            } else {
                whole.extend_from_slice(&std::mem::take(&mut first));
                whole.extend_from_slice(&piece);
            }
        }
        Ok(if whole.is_empty() {
            first
        } else {
            whole.freeze()
        })
    }

    async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        poll_fn(|cx| {
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            self.move_on(cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
        .await
    }

    fn move_on(&mut self, cx: &mut Context<'_>) {
        move_on(&mut self.connection, cx);
    }
}

/// Writes and reads what can be. Why a connection ended is told to the request it ended under.
fn move_on(connection: &mut Option<Connection<Stream, Full<Bytes>>>, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && Pin::new(open).poll(cx).is_ready()
    {
        *connection = None;
    }
}
