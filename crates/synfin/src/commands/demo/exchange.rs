//! A real HTTP exchange over loopback.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Size of the page in bytes: enough for several segments, even with the large ones of loopback.
const PAGE_LEN: usize = 135_000;

/// A peer that hangs must not hang the demonstration.
const TIMEOUT: Duration = Duration::from_secs(2);

/// An HTTP server on loopback, for one page.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// What passed, as the client saw it.
pub(super) struct Exchange {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// When it began, in nanoseconds since the Unix epoch.
    pub(super) at_ns: u64,
    pub(super) request: Vec<u8>,
    pub(super) response: Vec<u8>,
}

impl Server {
    /// Listens on a free port.
    pub(super) fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Fetches the page, as curl would; the answer comes from a thread of its own, which begins only now: it has no more
    /// rights than this one.
    pub(super) fn exchange(&self) -> io::Result<Exchange> {
        let listener = self.listener.try_clone()?;
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || sender.send(listener.accept().and_then(|(stream, _)| answer(stream))));
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let client = stream.local_addr()?;
        let request = format!(
            "GET /page HTTP/1.1\r\nHost: {}\r\nUser-Agent: synfin-demo\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            self.address
        )
        .into_bytes();
        stream.write_all(&request)?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        drop(stream);
        requests.recv_timeout(TIMEOUT).map_err(io::Error::other)??;
        Ok(Exchange {
            client,
            server: self.address,
            at_ns: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
            request,
            response,
        })
    }
}

/// Reads a request to its empty line, sends the page and closes.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut request: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 || request.len() > buffer.len() {
            return Ok(());
        }
        request.extend(buffer.iter().take(count));
    }
    let page: String =
        "Every connection begins with a SYN and ends with a FIN.\n".chars().cycle().take(PAGE_LEN).collect();
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: synfin\r\nContent-Type: text/plain\r\nContent-Length: {PAGE_LEN}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(page.as_bytes())
}
