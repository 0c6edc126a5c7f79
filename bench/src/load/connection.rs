//! One keep-alive connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{LoadProblem, Target};
use crate::deliveries::Delivery;

const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
const API_VERSION: HeaderName = HeaderName::from_static("facebook-api-version");

/// An open connection with one request in flight at most.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    path: String,
    /// The headers every delivery carries (contract 2.1).
    headers: HeaderMap,
}

impl Connection {
    /// Connects, and lets one of the drivers move the bytes from then on.
    pub(super) async fn open(
        target: &Target,
        drivers: &mut JoinSet<()>,
    ) -> Result<Self, LoadProblem> {
        let address = target.address();
        let connect = |source| LoadProblem::Connect { address, source };
        let stream = TcpStream::connect(address).await.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        drivers.spawn(async move {
            // When it breaks, the sender's next request says so.
            let _ = connection.await;
        });
        let host = HeaderValue::from_str(&address.to_string()).map_err(LoadProblem::generator)?;
        let headers = HeaderMap::from_iter([
            (header::HOST, host),
            (header::ACCEPT, HeaderValue::from_static("*/*")),
            (
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("deflate, gzip"),
            ),
            (
                header::USER_AGENT,
                HeaderValue::from_static("facebookexternalua"),
            ),
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            (API_VERSION, HeaderValue::from_static("v26.0")),
        ]);
        Ok(Self {
            sender,
            path: target.path().to_owned(),
            headers,
        })
    }

    /// Posts one delivery and reads the whole answer; gives its status.
    pub(super) async fn post(&mut self, delivery: &Delivery) -> Result<u16, LoadProblem> {
        let mut request = Request::post(&*self.path)
            .body(Full::new(delivery.body.clone()))
            .map_err(LoadProblem::generator)?;
        let signature =
            HeaderValue::from_str(&delivery.signature).map_err(LoadProblem::generator)?;
        request.headers_mut().clone_from(&self.headers);
        request.headers_mut().insert(SIGNATURE, signature);
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status().as_u16();
        response.into_body().collect().await?;
        Ok(status)
    }
}
