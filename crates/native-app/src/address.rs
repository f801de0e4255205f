//! The address that a server listens on, and what may be in the way.

use std::{io, net::SocketAddr};

use anyhow::anyhow;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 1024;

/// Takes the address. Nobody can connect before [`listen`], but one that is in use shows before
/// anything is written.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Elsewhere it would let two programs have one port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(|error| explain_address(address, error))
}

/// Opens what was taken.
pub(crate) fn listen(socket: TcpSocket, address: SocketAddr) -> anyhow::Result<TcpListener> {
    socket.listen(BACKLOG).map_err(|error| explain_address(address, error))
}

fn explain_address(address: SocketAddr, error: io::Error) -> anyhow::Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "it is in use: stop what listens there".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not: take a port above 1023".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    };
    anyhow!("cannot listen on {address}, {why}, or name another with --listen HOST:PORT")
}
