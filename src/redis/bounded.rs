//! A bound on what one answer of Redis may be.
//!
//! The protocol's parser holds a string until it is whole, and Redis lets anyone who may write or publish make one of
//! 512 MiB. Nothing that we ask for is longer than a hundred bytes, so what is announced to be longer ends the connection
//! before it is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest string or line that is read, in bytes.
const LONGEST: u64 = 16 * 1024;
/// The most elements an array, map, set or message may have.
const MOST: u64 = 64 * 1024;

/// A connection that ends where the other side says too much.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    position: Position,
}

/// Where in the protocol's text the bytes read so far end. Arrays need no memory: their elements follow one another.
#[derive(Clone, Copy, Debug)]
enum Position {
    /// In the line that opens each value.
    Line { length: u64, count: Count },
    /// In a string, with its line end, of which so much is to come.
    Text { left: u64 },
}

/// What the line announces.
#[derive(Clone, Copy, Debug)]
enum Count {
    /// Not known before its first byte.
    Unknown,
    /// Nothing: the line is the value.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// So many elements.
    Elements(u64),
}

const START: Position = Position::Line {
    length: 0,
    count: Count::Unknown,
};

impl Count {
    fn after(self, byte: u8) -> io::Result<Self> {
        let digit = || match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            // The minus of an absent value, and the carriage return.
            _ => 0,
        };
        let grown = |count: u64| {
            count
                .checked_mul(if byte.is_ascii_digit() { 10 } else { 1 })
                .and_then(|count| count.checked_add(digit()))
                .filter(|count| *count <= LONGEST.max(MOST))
                .ok_or_else(too_much)
        };
        Ok(match self {
            Self::Unknown => match byte {
                b'$' | b'=' | b'!' => Self::Bytes(0),
                b'*' | b'%' | b'~' | b'>' | b'|' => Self::Elements(0),
                _ => Self::Nothing,
            },
            Self::Nothing => Self::Nothing,
            // An absent value: nothing follows its line.
            Self::Bytes(_) if byte == b'-' => Self::Nothing,
            Self::Bytes(count) => Self::Bytes(grown(count)?),
            Self::Elements(count) => Self::Elements(grown(count)?),
        })
    }
}

impl Position {
    fn after(mut self, mut bytes: &[u8]) -> io::Result<Self> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self {
                Self::Text { left } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    let left = left.saturating_sub(here as u64);
                    self = if left == 0 {
                        START
                    } else {
                        Self::Text { left }
                    };
                }
                Self::Line { length, count } => {
                    bytes = rest;
                    self = if byte == b'\n' {
                        match count {
                            Count::Bytes(count) if count > LONGEST => return Err(too_much()),
                            Count::Elements(count) if count > MOST => return Err(too_much()),
                            Count::Bytes(count) => Self::Text { left: count + 2 },
                            _ => START,
                        }
                    } else if length >= LONGEST {
                        return Err(too_much());
                    } else {
                        Self::Line {
                            length: length + 1,
                            count: count.after(byte)?,
                        }
                    };
                }
            }
        }
        Ok(self)
    }
}

fn too_much() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "an answer longer than any that was asked for",
    )
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            position: START,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        self.position = self.position.after(new)?;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `text` passes, whole and byte by byte alike.
    fn passes(text: &[u8]) -> bool {
        let whole = START.after(text).is_ok();
        let mut position = Ok(START);
        for byte in text.chunks(1) {
            position = position.and_then(|position| position.after(byte));
        }
        assert_eq!(position.is_ok(), whole);
        whole
    }

    #[test]
    fn what_redis_says_passes_and_what_is_announced_too_long_does_not() {
        let long = "x".repeat(20_000);
        for (text, want) in [
            ("+OK\r\n", true),
            ("$-1\r\n_\r\n$0\r\n\r\n:-12\r\n", true),
            ("*2\r\n$3\r\n$99\r\n*1\r\n#t\r\n", true),
            (
                ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1000\r\n> 99999999999\r\n",
                true,
            ),
            ("%7\r\n$6\r\nserver\r\n", true),
            ("$16384\r\n", true),
            ("*65536\r\n", true),
            ("$16385\r\n", false),
            ("=536870912\r\n", false),
            (">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$536870912\r\n", false),
            ("*65537\r\n", false),
            ("*99999999999999999999999999\r\n", false),
        ] {
            assert_eq!(passes(text.as_bytes()), want, "{text}");
        }
        assert!(!passes(format!("+{long}").as_bytes()));
        assert!(!passes(format!("-{long}").as_bytes()));
        assert!(!passes(format!("${long}").as_bytes()));
    }

    #[test]
    fn a_string_is_stepped_over_whatever_it_holds() {
        // Were the text read as protocol, its announcement would end the connection.
        assert!(passes(b"$8\r\n$999999\n\r\n+OK\r\n"));
        assert!(!passes(b"$8\r\n$999999\n\r\n$999999\r\n"));
    }
}
