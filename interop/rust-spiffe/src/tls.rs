//! Mutual TLS by rustls with a service of the other implementation.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{IpAddr, ServerName};
use spiffe::{SpiffeId, X509Source};
use spiffe_rustls::{authorizer, mtls_client, mtls_server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::report::{Outcome, Report, expect, refused};
use crate::subject::Subject;

const PATIENCE: Duration = Duration::from_secs(15);
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

pub async fn checks(report: &mut Report, s: &Subject) {
    report.check("peer: its server knows us by our SVID", known(s)).await;
    report.check("peer: its policy refuses us where only others may call", denied(s)).await;
    report.check("peer: we refuse it as another identity", wrong_server(s)).await;
    report.check("peer: it calls our server by mutual TLS", called(s, &s.id, "hello")).await;
    let refusal = called(s, &s.other_id, "ERR_CERTIFICATE_UNEXPECTED_PEER");
    report.check("peer: it refuses our server as another identity", refusal).await;
}

async fn known(s: &Subject) -> Outcome {
    let answer = ask(&s.peer_id, s.open_port, "/").await?;
    expect("status", status(&answer), "200")?;
    expect("answer", content(&answer), s.id.to_string())?;
    Ok(content(&answer))
}

async fn denied(s: &Subject) -> Outcome {
    let answer = ask(&s.peer_id, s.closed_port, "/").await?;
    expect("status", status(&answer), "403")?;
    Ok(content(&answer))
}

async fn wrong_server(s: &Subject) -> Outcome {
    refused("not authorized", ask(&s.other_id, s.open_port, "/").await)
}

/// Asks the peer to call a server of this program, and returns what the peer says came of it.
async fn called(s: &Subject, expected: &SpiffeId, want: &str) -> Outcome {
    let source = X509Source::new().await?;
    let config = mtls_server(source.clone()).authorize(authorizer::exact([s.peer_id.clone()])?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let serving = tokio::spawn(serve_one(listener, TlsAcceptor::from(Arc::new(config))));
    let answer = ask(&s.peer_id, s.open_port, &format!("/call?port={port}&peer={expected}")).await;
    serving.abort();
    source.shutdown().await;
    let answer = content(&answer?);
    expect("answer", answer.as_str(), want)?;
    Ok(answer)
}

/// A refusal is the peer's to tell.
async fn serve_one(listener: TcpListener, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let (plain, _) = listener.accept().await?;
    let mut connection = acceptor.accept(plain).await?;
    let mut request = [0; 4096];
    if connection.read(&mut request).await? > 0 {
        connection.write_all(HELLO).await?;
    }
    connection.shutdown().await
}

async fn ask(expected: &SpiffeId, port: u16, path: &str) -> Result<String, Box<dyn Error>> {
    let source = X509Source::new().await?;
    let config = mtls_client(source.clone()).authorize(authorizer::exact([expected.clone()])?).build()?;
    let answer = tokio::time::timeout(PATIENCE, exchange(TlsConnector::from(Arc::new(config)), port, path)).await;
    source.shutdown().await;
    Ok(answer??)
}

async fn exchange(connector: TlsConnector, port: u16, path: &str) -> std::io::Result<String> {
    let plain = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from([127, 0, 0, 1])));
    let mut connection = connector.connect(name, plain).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(16_384).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Of a short answer, which may be sent in one chunk.
fn content(answer: &str) -> String {
    let (head, content) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let line = if is_chunked { content.split("\r\n").nth(1) } else { Some(content) };
    line.unwrap_or_default().to_owned()
}
