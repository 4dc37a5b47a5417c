//! The gateway over real mail servers, asked as a browser asks.

mod browser;
mod dovecot;
mod postfix;
