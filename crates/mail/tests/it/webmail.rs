//! The gateway over real mail servers, asked as a browser asks.

mod browser;
mod conversations;
mod dovecot;
mod postfix;
mod restart;
mod scripted;
mod unreadable;
mod vanished;
