//! The transport contract on QUIC: quinn and rustls, mutual TLS bound to node ids.
