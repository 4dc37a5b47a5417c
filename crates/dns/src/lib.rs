//! DNS servers: authoritative, resolver; and the client side for other rooms.
#![forbid(unsafe_code)]
