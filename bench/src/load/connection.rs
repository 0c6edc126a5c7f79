//! One keep-alive connection.
//!
//! Written by hand over the socket: an HTTP client costs more for each request than a good server,
//! and what the generator spends it cannot generate with. One write and one read for each exchange.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{self, Answer};
use super::{LoadProblem, Target};
use crate::deliveries::Delivery;

/// The longest answer read; a webhook's has no body to speak of.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// An open connection with one request in flight at most.
pub(super) struct Connection {
    stream: TcpStream,
    /// The request line and the headers every delivery carries (contract 2.1), up to the value of
    /// the signature.
    head: Vec<u8>,
    request: Vec<u8>,
    answer: Box<[u8]>,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(target: &Target) -> Result<Self, LoadProblem> {
        let address = target.address();
        let connect = |source| LoadProblem::Connect { address, source };
        let stream = TcpStream::connect(address).await.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\n\
             accept-encoding: deflate, gzip\r\nuser-agent: facebookexternalua\r\n\
             content-type: application/json\r\nfacebook-api-version: v26.0\r\n\
             x-hub-signature-256: ",
            target.path(),
        );
        Ok(Self {
            stream,
            head: head.into_bytes(),
            request: Vec::new(),
            answer: vec![0; ANSWER_BYTES_MAX].into_boxed_slice(),
        })
    }

    /// Posts one delivery and reads the whole answer; gives its status.
    pub(super) async fn post(&mut self, delivery: &Delivery) -> Result<u16, LoadProblem> {
        let length = delivery.body.len().to_string();
        let parts: [&[u8]; 6] = [
            &self.head,
            delivery.signature.as_bytes(),
            b"\r\ncontent-length: ",
            length.as_bytes(),
            b"\r\n\r\n",
            &delivery.body,
        ];
        self.request.clear();
        for part in parts {
            self.request.extend_from_slice(part);
        }
        self.stream.write_all(&self.request).await?;
        self.read().await
    }

    async fn read(&mut self) -> Result<u16, LoadProblem> {
        let mut filled = 0;
        loop {
            let room = self.answer.get_mut(filled..).unwrap_or_default();
            if room.is_empty() {
                return Err(LoadProblem::NotAnAnswer("it is too long"));
            }
            let count = self.stream.read(room).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            filled += count;
            let bytes = self.answer.get(..filled).unwrap_or_default();
            match answer::read(bytes).map_err(LoadProblem::NotAnAnswer)? {
                Answer::Whole(status) => return Ok(status),
                Answer::Partial => {}
            }
        }
    }
}
