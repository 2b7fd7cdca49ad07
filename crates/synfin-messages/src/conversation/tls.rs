//! TLS in a conversation: one hello in each direction, or two where the server asks for another (RFC 8446, 2.1).

use synfin_wire::Side;

use super::{Active, Conversation, Direction, Out};
use crate::message::Detail;
use crate::tls::{Hello, TlsReader};
use crate::track::Track;

impl Conversation {
    /// A whole hello: what of the connection is worth reading then?
    pub(super) fn on_hello(
        &mut self,
        from: Side,
        mut reader: TlsReader,
        hello: Hello,
        track: Track,
        out: Out<'_>,
    ) -> Direction {
        let (is_answer, is_retry) = match &hello {
            Hello::Client(_) => (false, false),
            Hello::Server(hello) => (!hello.is_retry, hello.is_retry),
        };
        self.hand_out_hello(from, hello, track, true, out);
        let other = self.direction(from.other());
        let other_walks = matches!(&*other, Direction::Active(active) if matches!(&**active, Active::Tls(reader) if reader.is_walking()));
        if is_answer {
            if other_walks {
                *other = Direction::Deaf;
            }
            self.is_tls_answered = true;
            return Direction::Deaf;
        }
        if is_retry {
            if let Direction::Active(active) = other
                && let Active::Tls(other) = &mut **active
                && other_walks
            {
                other.expect_another();
            }
            reader.expect_another();
        } else if self.is_tls_answered {
            return Direction::Deaf;
        } else {
            reader.walk_on();
        }
        Direction::Active(Box::new(Active::Tls(reader)))
    }

    pub(super) fn hand_out_hello(
        &mut self,
        from: Side,
        hello: Hello,
        track: Track,
        complete: bool,
        out: Out<'_>,
    ) {
        let n = self.next_number();
        let detail = match hello {
            Hello::Client(hello) => Detail::TlsClientHello(hello),
            Hello::Server(hello) => Detail::TlsServerHello(hello),
        };
        out(track.into_message(n, from, complete, detail));
    }
}
